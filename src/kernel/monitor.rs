// SPDX-License-Identifier: MIT OR Apache-2.0
//! Changes of links, addresses, neighbours and routes, as the kernel reports them.

use std::collections::VecDeque;
use std::io::IoSliceMut;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, NetlinkAddr, recvmsg, setsockopt, sockopt};

use super::netlink::{NetlinkError, socket_error};
use super::route::RouteError;
use super::route::message::parse_event;
use crate::codec::message::{IncomingKind, parse_all};
use crate::model::HostEvent;

/// `RTNLGRP_LINK`, `_NEIGH`, `_IPV4_IFADDR`, `_IPV4_ROUTE`, `_IPV6_IFADDR`, `_IPV6_ROUTE`.
const GROUPS: [u32; 6] = [1, 3, 5, 7, 9, 11];
/// `RTNLGRP_LINK`, `_IPV4_IFADDR`, `_IPV6_IFADDR`.
const LINKS_AND_ADDRESSES: [u32; 3] = [1, 5, 9];
/// `RTNLGRP_LINK`, `_NEIGH`.
const LINKS_AND_NEIGHBOURS: [u32; 2] = [1, 3];
/// Room for one datagram. An interface with all data of its driver takes a few KiB.
const RECEIVE_BUFFER: usize = 64 * 1024;
/// The socket's own buffer: some thousand events. Events that do not fit are lost, and the kernel says so.
const SOCKET_BUFFER: usize = 1024 * 1024;
/// Far more datagrams than the socket's buffer holds.
const MOST_QUEUED: usize = 64 * 1024;

/// A socket on which the kernel reports changes of the links, addresses, neighbours and routes of one network
/// namespace: that of the thread that opened it. Needs no privilege.
///
/// To know the host's state, open the monitor first, then read everything ([`LocalHost`](super::LocalHost)), then apply
/// the events with [`Host::update`](crate::model::Host::update). After [`HostEvent::Lost`] read everything again: the
/// socket's buffer was full. The monitor throws away the rest of the buffer, so every event after that one is newer.
///
/// The kernel reports a neighbour when it knows something about it. It does not report that it asks for one, but it
/// reports that nobody answered.
///
/// You can wait for it: its descriptor is readable when there are events. Then call [`Self::next_if_any`] until it
/// returns `None`. For tokio there is `AsyncMonitor` (feature `daemon`).
#[derive(Debug)]
pub struct Monitor {
    socket: Socket,
    receive: Vec<u8>,
    pending: VecDeque<HostEvent>,
}

impl Monitor {
    /// Begins to listen.
    pub fn open() -> Result<Self, RouteError> {
        Self::open_for(&GROUPS)
    }

    /// Begins to listen for changes of links and addresses only.
    pub fn open_for_links_and_addresses() -> Result<Self, RouteError> {
        Self::open_for(&LINKS_AND_ADDRESSES)
    }

    /// Begins to listen for changes of links and neighbours only.
    pub fn open_for_links_and_neighbours() -> Result<Self, RouteError> {
        Self::open_for(&LINKS_AND_NEIGHBOURS)
    }

    fn open_for(groups: &[u32]) -> Result<Self, RouteError> {
        let socket =
            listen(groups).map_err(|cause| RouteError::new("listen to rtnetlink", cause))?;
        Ok(Self {
            socket,
            receive: vec![0; RECEIVE_BUFFER],
            pending: VecDeque::new(),
        })
    }

    /// The next event. Waits until there is one.
    pub fn wait(&mut self) -> Result<HostEvent, RouteError> {
        loop {
            if let Some(event) = self.pending.pop_front() {
                return Ok(event);
            }
            self.read(MsgFlags::empty())?;
        }
    }

    /// The next event, or `None` if there is none yet. Never waits.
    pub fn next_if_any(&mut self) -> Result<Option<HostEvent>, RouteError> {
        loop {
            if let Some(event) = self.pending.pop_front() {
                return Ok(Some(event));
            }
            if !self.read(MsgFlags::MSG_DONTWAIT)? {
                return Ok(None);
            }
        }
    }

    /// Takes the events of one datagram; `false` if there is no datagram.
    fn read(&mut self, flags: MsgFlags) -> Result<bool, RouteError> {
        match self.receive(flags) {
            Ok(Some(length)) => {
                let datagram = self.receive.get(..length).unwrap_or_default();
                self.pending.extend(parse_host_events(datagram));
                if self.pending.contains(&HostEvent::Lost) {
                    self.lose();
                }
                Ok(true)
            }
            Ok(None) | Err(Errno::EINTR) => Ok(true),
            Err(Errno::EAGAIN) => Ok(false),
            Err(Errno::ENOBUFS) => {
                self.lose();
                Ok(true)
            }
            Err(errno) => {
                let operation = "receive from rtnetlink";
                let cause = NetlinkError::Socket { operation, errno };
                Err(RouteError::new("listen to rtnetlink", cause))
            }
        }
    }

    /// Throws away the queued events: somebody who reads everything now would think that they are newer.
    fn lose(&mut self) {
        for _ in 0..MOST_QUEUED {
            if self.receive(MsgFlags::MSG_DONTWAIT) == Err(Errno::EAGAIN) {
                break;
            }
        }
        self.pending.clear();
        self.pending.push_back(HostEvent::Lost);
    }

    /// The length of one datagram; `None` for one that did not come from the kernel. A datagram that does not fit
    /// counts as lost.
    fn receive(&mut self, flags: MsgFlags) -> Result<Option<usize>, Errno> {
        let mut buffers = [IoSliceMut::new(&mut self.receive)];
        let fd = self.socket.as_raw_fd();
        let message = recvmsg::<NetlinkAddr>(fd, &mut buffers, None, flags)?;
        if message.flags.contains(MsgFlags::MSG_TRUNC) {
            return Err(Errno::ENOBUFS);
        }
        let from_kernel = message.address.is_none_or(|sender| sender.pid() == 0);
        Ok(from_kernel.then_some(message.bytes))
    }
}

impl AsFd for Monitor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for Monitor {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

/// The events of an rtnetlink datagram. What makes no sense counts as [`HostEvent::Lost`], once: nobody knows what it
/// was.
#[must_use]
pub fn parse_host_events(datagram: &[u8]) -> Vec<HostEvent> {
    let mut events = Vec::new();
    for message in parse_all(datagram) {
        let event = match message.map(|message| message.kind) {
            Ok(IncomingKind::Data {
                message_type,
                payload,
                ..
            }) => parse_event(message_type, payload),
            Ok(IncomingKind::Overrun) => Ok(Some(HostEvent::Lost)),
            Ok(
                IncomingKind::Done
                | IncomingKind::Acknowledged
                | IncomingKind::Refused(_)
                | IncomingKind::Noop,
            ) => Ok(None),
            Err(error) => Err(error),
        };
        match event {
            Ok(event) => events.extend(event),
            Err(_) => events.push(HostEvent::Lost),
        }
    }
    if events.contains(&HostEvent::Lost) {
        return vec![HostEvent::Lost];
    }
    events
}

fn listen(groups: &[u32]) -> Result<Socket, NetlinkError> {
    let failed = |operation| move |error| socket_error(operation, &error);
    let mut socket = Socket::new(NETLINK_ROUTE).map_err(failed("open a netlink socket"))?;
    socket
        .bind(&SocketAddr::new(0, 0))
        .map_err(failed("bind a netlink socket"))?;
    // Refused without CAP_NET_ADMIN: then there is less room, and more is lost.
    let _ = setsockopt(&socket, sockopt::RcvBufForce, &SOCKET_BUFFER);
    for group in groups {
        socket
            .add_membership(*group)
            .map_err(failed("join a netlink group"))?;
    }
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::codec::message::{Answer, Envelope, emit};
    use crate::model::Link;

    fn message(message_type: u16, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let envelope = Envelope {
            message_type,
            sequence: 0,
            answer: Answer::Plain,
        };
        emit(&mut out, envelope, 0, |out| out.extend(payload));
        out
    }

    const LO: [u8; 24] = [
        0, 0, 4, 3, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, // family, kind, index, flags, mask
        7, 0, 3, 0, b'l', b'o', 0, 0, // IFLA_IFNAME
    ];

    #[test]
    #[cfg(target_endian = "little")]
    fn every_message_of_a_datagram_is_an_event() {
        let lo = Link::new(1, "lo");
        let mut datagram = message(16, &LO);
        datagram.extend(message(4711, &[1, 2, 3, 4]));
        datagram.extend(message(17, &LO));
        assert_eq!(
            parse_host_events(&datagram),
            [HostEvent::LinkChanged(lo.clone()), HostEvent::LinkGone(lo)]
        );
    }

    #[test]
    fn what_makes_no_sense_is_lost_once() {
        let mut datagram = message(16, &LO);
        datagram.extend(message(16, &LO[..10]));
        datagram.extend(message(20, &[2]));
        assert_eq!(parse_host_events(&datagram), [HostEvent::Lost]);
        assert_eq!(parse_host_events(&datagram[..50]), [HostEvent::Lost]);
        assert_eq!(parse_host_events(&[]), []);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(
            message_type in 14..34_u16,
            mut payload in proptest::collection::vec(any::<u8>(), 0..120),
            known in any::<bool>(),
        ) {
            if known && !payload.is_empty() {
                payload[0] = [0, 2, 10][usize::from(payload[0]) % 3];
            }
            let events = parse_host_events(&message(message_type, &payload));
            prop_assert!(events.len() <= 1);
            prop_assert!(parse_host_events(&payload).len() <= payload.len());
        }
    }
}
