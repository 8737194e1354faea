// SPDX-License-Identifier: MIT OR Apache-2.0
//! One netlink socket, blocking, for one family of requests in one network namespace (the opening thread's).
//!
//! One `sendmsg` sends many requests. Only an empty message after them asks for a confirmation. The kernel carries the
//! messages out in order inside the call and reports every refusal by itself. So everything that arrives before that
//! confirmation is a refusal, and its sequence number names the request. A confirmation for each request would overflow
//! the socket's buffer after some 256 of them, and take most of the time. The last request cannot ask for it, either:
//! the kernel does not confirm a request that ends in EINTR, such as stopping a sync daemon that has not run yet.

use std::io::{Error, ErrorKind, IoSliceMut};
use std::os::fd::AsRawFd;

use netlink_sys::{Socket, SocketAddr};
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, MultiHeaders, NetlinkAddr, recvmmsg, setsockopt, sockopt};
use nix::sys::time::TimeVal;

use crate::codec::DecodeError;
use crate::codec::message::{Answer, Incoming, IncomingKind, Refusal, emit_fence, parse_all};
use crate::system::entrusted;

/// The largest number of messages in one `sendmsg`. With more, a message takes no less time.
const BATCH: usize = 400;
/// The same for a socket with the default buffer, which has room for this many refusals.
const SMALL_BATCH: usize = 200;
/// Room for a batch of requests that make real servers, so that it need not be moved while it grows.
const SEND_BUFFER: usize = 64 * 1024;
/// Room for what the kernel sends in one datagram: dumps use up to 32 KiB. Every read offers all of it, because the
/// kernel remembers the largest buffer it saw and would cut what a smaller one cannot hold.
///
/// Two of them are more than the C library keeps in reserve, so that it takes them from the kernel, zeroed: what nobody
/// fills of them costs nothing.
const RECEIVE_BUFFER: usize = 72 * 1024;
/// Most datagrams in one `recvmmsg`: a short listing comes together with the datagram that says it is over. More of them
/// save calls of a long one and refusals, each a datagram of its own, and cost fresh memory in every process.
const DATAGRAMS: usize = 2;
/// The socket's own buffer: enough for the refusals of a whole batch, which take up to 1.5 KiB each.
const SOCKET_BUFFER: usize = 4 * 1024 * 1024;
/// The kernel answers within milliseconds; loading a scheduler's module takes tenths of a second.
const ANSWER_TIMEOUT_SECONDS: i64 = 10;
/// How often to read a dump again that somebody else's change interrupted.
const DUMP_TRIES: usize = 4;

/// A netlink socket with its buffers.
#[derive(Debug)]
pub struct Netlink {
    socket: Socket,
    batch: usize,
    sequence: u32,
    send: Vec<u8>,
    /// One buffer a datagram, one after the other.
    receive: Vec<u8>,
    /// How many bytes of each were filled last.
    received: Vec<usize>,
}

/// Why an exchange with the kernel broke off. Nobody knows which part of it the kernel did: read the table back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetlinkError {
    /// A system call failed.
    #[error("{operation}: {errno}")]
    Socket {
        /// The call.
        operation: &'static str,
        /// Why.
        errno: Errno,
    },
    /// The kernel sent more than the socket's buffer could hold.
    #[error("receive from netlink: messages were lost (ENOBUFS)")]
    Overrun,
    /// A datagram did not fit the buffer.
    #[error("receive from netlink: a message was cut off")]
    Truncated,
    /// An answer made no sense.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The kernel refused a question.
    #[error("the kernel refused: {}", Errno::from_raw(.0.errno))]
    Refused(Refusal),
    /// A listing changed under every attempt to read it.
    #[error("the listing kept changing while it was read")]
    Unsteady,
}

impl NetlinkError {
    /// The error number of the refusal or of the system call.
    #[must_use]
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::Refused(refusal) => Some(Errno::from_raw(refusal.errno)),
            Self::Socket { errno, .. } => Some(*errno),
            Self::Overrun | Self::Truncated | Self::Decode(_) | Self::Unsteady => None,
        }
    }
}

impl Netlink {
    /// A socket for this protocol (`NETLINK_GENERIC`, `NETLINK_ROUTE`), in the calling thread's network namespace.
    pub fn open(protocol: isize) -> Result<Self, NetlinkError> {
        let failed = |operation| move |error| socket_error(operation, &error);
        let mut socket = Socket::new(protocol).map_err(failed("open a netlink socket"))?;
        socket
            .bind_auto()
            .map_err(failed("bind a netlink socket"))?;
        socket
            .connect(&SocketAddr::new(0, 0))
            .map_err(failed("connect a netlink socket"))?;
        socket
            .set_cap_ack(true)
            .map_err(failed("set NETLINK_CAP_ACK"))?;
        socket
            .set_ext_ack(true)
            .map_err(failed("set NETLINK_EXT_ACK"))?;
        // Refused without CAP_NET_ADMIN.
        let forced = setsockopt(&socket, sockopt::RcvBufForce, &SOCKET_BUFFER);
        let batch = if forced.is_ok() { BATCH } else { SMALL_BATCH };
        let timeout = TimeVal::new(ANSWER_TIMEOUT_SECONDS, 0);
        setsockopt(&socket, sockopt::ReceiveTimeout, &timeout).map_err(|errno| {
            NetlinkError::Socket {
                operation: "set SO_RCVTIMEO",
                errno,
            }
        })?;
        Ok(Self {
            socket,
            batch,
            sequence: 0,
            send: Vec::with_capacity(SEND_BUFFER),
            receive: vec![0; DATAGRAMS * RECEIVE_BUFFER],
            received: Vec::with_capacity(DATAGRAMS),
        })
    }

    /// Sends `count` requests in as few calls as possible and waits until the kernel has seen all of them.
    ///
    /// `emit` writes the request of an index, with this sequence number and this answer flag. Returns the refused
    /// requests, by index: all others were carried out.
    pub fn execute(
        &mut self,
        count: usize,
        mut emit: impl FnMut(usize, u32, Answer, &mut Vec<u8>),
    ) -> Result<Vec<(usize, Refusal)>, NetlinkError> {
        let mut refusals = Vec::new();
        let mut start = 0;
        while start < count {
            let end = count.min(start + self.batch);
            let first = self.sequence.wrapping_add(1);
            self.send.clear();
            for index in start..end {
                self.sequence = self.sequence.wrapping_add(1);
                emit(index, self.sequence, Answer::Plain, &mut self.send);
            }
            self.sequence = self.sequence.wrapping_add(1);
            emit_fence(&mut self.send, self.sequence);
            self.transmit()?;
            self.collect_refusals(first, start, end - start, &mut refusals)?;
            start = end;
        }
        Ok(refusals)
    }

    /// Sends one request with one answer, and hands the answer to `read`.
    pub fn ask<T>(
        &mut self,
        emit: impl FnOnce(u32, Answer, &mut Vec<u8>),
        mut read: impl FnMut(&IncomingKind<'_>) -> Result<T, DecodeError>,
    ) -> Result<T, NetlinkError> {
        self.begin(|sequence, out| emit(sequence, Answer::Plain, out))?;
        let mut answer = None;
        self.until_answered(|kind| {
            if let IncomingKind::Data { .. } = kind {
                answer = Some(read(kind)?);
                return Ok(true);
            }
            Ok(false)
        })?;
        answer.ok_or(NetlinkError::Decode(DecodeError::Missing("answer")))
    }

    /// Asks for a listing and hands every object to `read`. When the listing changed meanwhile, it starts again with a
    /// fresh `T`.
    pub fn dump<T: Default>(
        &mut self,
        emit: impl Fn(u32, Answer, &mut Vec<u8>),
        mut read: impl FnMut(&mut T, &IncomingKind<'_>) -> Result<(), DecodeError>,
    ) -> Result<T, NetlinkError> {
        for _ in 0..DUMP_TRIES {
            self.begin(|sequence, out| emit(sequence, Answer::Dump, out))?;
            let (mut all, mut steady, mut outcome) = (T::default(), true, Ok(()));
            self.until_answered(|kind| {
                if let IncomingKind::Data { interrupted, .. } = kind {
                    steady &= !interrupted;
                    // Read to the end even after an error: until then the kernel refuses the next listing (EBUSY).
                    if outcome.is_ok() {
                        outcome = read(&mut all, kind);
                    }
                }
                Ok(false)
            })?;
            if steady {
                return Ok(outcome.map(|()| all)?);
            }
        }
        Err(NetlinkError::Unsteady)
    }

    /// Sends one request under a fresh sequence number.
    fn begin(&mut self, emit: impl FnOnce(u32, &mut Vec<u8>)) -> Result<(), NetlinkError> {
        self.sequence = self.sequence.wrapping_add(1);
        self.send.clear();
        emit(self.sequence, &mut self.send);
        self.transmit()
    }

    /// Reads until the kernel confirms the fence after `count` requests. The first of them had sequence number `first`
    /// and index `start`.
    fn collect_refusals(
        &mut self,
        first: u32,
        start: usize,
        count: usize,
        refusals: &mut Vec<(usize, Refusal)>,
    ) -> Result<(), NetlinkError> {
        loop {
            self.receive()?;
            for message in self.datagrams().flat_map(parse_all) {
                let Incoming { sequence, kind } = message?;
                if sequence == self.sequence {
                    return Ok(());
                }
                let offset = usize::try_from(sequence.wrapping_sub(first)).unwrap_or(usize::MAX);
                if offset >= count {
                    // A late answer to an exchange that was given up.
                    continue;
                }
                match kind {
                    IncomingKind::Refused(refusal) => refusals.push((start + offset, refusal)),
                    IncomingKind::Overrun => return Err(NetlinkError::Overrun),
                    IncomingKind::Data { .. }
                    | IncomingKind::Done
                    | IncomingKind::Acknowledged
                    | IncomingKind::Noop => {}
                }
            }
        }
    }

    /// Hands every message that answers the latest request to `take`, until `take` has seen enough or the kernel sends
    /// no more.
    fn until_answered(
        &mut self,
        mut take: impl FnMut(&IncomingKind<'_>) -> Result<bool, NetlinkError>,
    ) -> Result<(), NetlinkError> {
        loop {
            self.receive()?;
            for message in self.datagrams().flat_map(parse_all) {
                let Incoming { sequence, kind } = message?;
                if sequence != self.sequence {
                    continue;
                }
                match kind {
                    IncomingKind::Refused(refusal) => return Err(NetlinkError::Refused(refusal)),
                    IncomingKind::Overrun => return Err(NetlinkError::Overrun),
                    IncomingKind::Done | IncomingKind::Acknowledged => return Ok(()),
                    IncomingKind::Data { .. } => {
                        if take(&kind)? {
                            return Ok(());
                        }
                    }
                    IncomingKind::Noop => {}
                }
            }
        }
    }

    fn transmit(&self) -> Result<(), NetlinkError> {
        loop {
            match entrusted(|| self.socket.send(&self.send, 0)) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(socket_error("send to netlink", &error)),
            }
        }
    }

    /// Datagrams from the kernel, at least one; drops what another process sent.
    fn receive(&mut self) -> Result<(), NetlinkError> {
        let (fd, flags) = (self.socket.as_raw_fd(), MsgFlags::MSG_WAITFORONE);
        self.received.clear();
        while self.received.is_empty() {
            let mut headers = MultiHeaders::<NetlinkAddr>::preallocate(DATAGRAMS, None);
            let chunks = self.receive.chunks_exact_mut(RECEIVE_BUFFER);
            let mut buffers: Vec<_> = chunks.map(|chunk| [IoSliceMut::new(chunk)]).collect();
            let received =
                entrusted(|| recvmmsg(fd, &mut headers, buffers.iter_mut(), flags, None));
            match received {
                Ok(messages) => {
                    for message in messages {
                        if message.flags.contains(MsgFlags::MSG_TRUNC) {
                            return Err(NetlinkError::Truncated);
                        }
                        let ours = message.address.is_none_or(|sender| sender.pid() == 0);
                        self.received.push(if ours { message.bytes } else { 0 });
                    }
                }
                Err(Errno::EINTR) => {}
                Err(Errno::ENOBUFS) => return Err(NetlinkError::Overrun),
                Err(errno) => {
                    return Err(NetlinkError::Socket {
                        operation: "receive from netlink",
                        errno,
                    });
                }
            }
        }
        Ok(())
    }

    /// The datagrams of the latest [`Self::receive`].
    fn datagrams(&self) -> impl Iterator<Item = &[u8]> {
        let buffers = self.receive.chunks_exact(RECEIVE_BUFFER);
        let filled = buffers.zip(&self.received);
        filled.map(|(buffer, length)| buffer.get(..*length).unwrap_or_default())
    }
}

pub(super) fn socket_error(operation: &'static str, error: &Error) -> NetlinkError {
    let errno = error
        .raw_os_error()
        .map_or(Errno::UnknownErrno, Errno::from_raw);
    NetlinkError::Socket { operation, errno }
}
