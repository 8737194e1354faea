// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sockets of probes by datagrams: connected, so that only the server's answers come, and the kernel tells its errors.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd as _, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrStorage, connect, recv,
    send, setsockopt, socket, sockopt,
};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use super::tcp::{describe, failed, not_connected};
use super::{Answer, path, unreachable};
use crate::model::ProbePath;

/// The longest datagram.
const MOST_BYTES: usize = 64 * 1024;

/// A socket for questions to one server.
pub(super) struct Datagrams {
    socket: UdpSocket,
    /// Whom it is connected to.
    at: SocketAddr,
}

impl Datagrams {
    /// A UDP socket that is connected to `at`, from a port that the kernel chooses by chance.
    pub(super) fn udp(at: SocketAddr, path: Option<&ProbePath>) -> Result<Self, Answer> {
        let socket = made(SockType::Datagram, None, at)
            .map_err(|errno| Answer::could_not_run(describe("open a socket", &errno.into())))?;
        let open = Self::connected(socket, at, path)?;
        if open.socket.local_addr().is_ok_and(|own| own == at) {
            return Err(Answer::down("nobody listens: the probe met itself"));
        }
        Ok(open)
    }

    /// Connects a socket to `at` by `path`, or as the kernel routes.
    pub(super) fn connected(
        socket: OwnedFd,
        at: SocketAddr,
        path: Option<&ProbePath>,
    ) -> Result<Self, Answer> {
        if let Some(path) = path {
            path::set_out(&socket, path).map_err(Answer::could_not_run)?;
        }
        // Otherwise the kernel keeps to itself that nobody is at the address.
        let told = match at {
            SocketAddr::V4(_) => setsockopt(&socket, sockopt::Ipv4RecvErr, &true),
            SocketAddr::V6(_) => setsockopt(&socket, sockopt::Ipv6RecvErr, &true),
        };
        told.map_err(|errno| {
            Answer::could_not_run(describe("ask for errors of the network", &errno.into()))
        })?;
        connect(socket.as_raw_fd(), &SockaddrStorage::from(at))
            .map_err(|errno| not_connected(&errno.into(), path))?;
        // It sends and receives as any socket of datagrams does.
        UdpSocket::from_std(socket.into())
            .map(|socket| Self { socket, at })
            .map_err(|error| Answer::could_not_run(describe("watch a socket", &error)))
    }

    /// The port that the kernel has chosen on this side.
    pub(super) fn local_port(&self) -> Result<u16, Answer> {
        let own = self.socket.local_addr();
        own.map(|own| own.port())
            .map_err(|error| Answer::could_not_run(describe("look at a socket", &error)))
    }

    /// Sends a datagram.
    pub(super) fn send(&self, bytes: &[u8]) -> Result<(), Answer> {
        match send(self.socket.as_raw_fd(), bytes, MsgFlags::empty()) {
            Ok(_) => Ok(()),
            Err(errno @ Errno::EAGAIN) => {
                Err(Answer::could_not_run(describe("send", &errno.into())))
            }
            Err(errno) => Err(failed("send", &errno.into())),
        }
    }

    /// The next datagram, or the error that came in its place. Memory is taken only when it is there.
    pub(super) async fn receive(&self) -> Result<Vec<u8>, Answer> {
        // An error does not wake one who waits only for what can be read.
        const COMES: Interest = Interest::READABLE.add(Interest::ERROR);
        loop {
            let ready = self.socket.ready(COMES).await;
            let ready =
                ready.map_err(|error| Answer::could_not_run(describe("watch a socket", &error)))?;
            let came = if ready.is_error() {
                Interest::ERROR
            } else {
                Interest::READABLE
            };
            let socket = self.socket.as_raw_fd();
            let read = self.socket.try_io(came, || {
                if ready.is_error()
                    && let Some(told) = unreachable::told(socket, self.at.ip())
                {
                    return Ok(Err(told));
                }
                let mut bytes = vec![0; MOST_BYTES];
                let length = recv(socket, &mut bytes, MsgFlags::empty())?;
                bytes.truncate(length);
                Ok(Ok(bytes))
            });
            match read {
                Ok(read) => return read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(failed("ask", &error)),
            }
        }
    }
}

/// A socket of this kind for the family of `at`.
pub(super) fn made(
    kind: SockType,
    protocol: Option<SockProtocol>,
    at: SocketAddr,
) -> Result<OwnedFd, Errno> {
    let family = match at {
        SocketAddr::V4(_) => AddressFamily::Inet,
        SocketAddr::V6(_) => AddressFamily::Inet6,
    };
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    socket(family, kind, flags, protocol)
}
