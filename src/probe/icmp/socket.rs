// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sockets for ICMP echo: one that needs no right where the kernel is told so, or else a raw one.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::sys::socket::{SockProtocol, SockType};

use crate::codec::icmp::{Echo, reply_type};
use crate::codec::ip::Ipv4Packet;
use crate::model::{AddressFamily, ProbePath};
use crate::probe::Answer;
use crate::probe::datagram::{Datagrams, made};
use crate::probe::tcp::describe;
use crate::system::pass_only_icmp;

/// A socket for echo requests to one host.
pub(super) struct Pinging {
    socket: Datagrams,
    kind: Kind,
    family: AddressFamily,
    id: u16,
}

/// What the kernel does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It chooses the identifier, and gives only replies that have it.
    Ping,
    /// It gives the replies to everybody's requests; by IPv4 with the IP header.
    Raw,
}

impl Pinging {
    /// A socket that is connected to `at`, whose port has no meaning.
    pub(super) fn open(at: SocketAddr, path: Option<&ProbePath>) -> Result<Self, Answer> {
        let family = AddressFamily::of(at.ip());
        let (socket, kind) =
            allowed(family, at).map_err(|errno| Answer::could_not_run(not_opened(errno)))?;
        let socket = Datagrams::connected(socket, at, path)?;
        let id = match kind {
            Kind::Ping => socket.local_port()?,
            Kind::Raw => fastrand::u16(..),
        };
        Ok(Self {
            socket,
            kind,
            family,
            id,
        })
    }

    /// The identifier that its requests must have.
    pub(super) const fn id(&self) -> u16 {
        self.id
    }

    pub(super) fn send(&self, echo: &Echo) -> Result<(), Answer> {
        self.socket.send(&echo.request(self.family))
    }

    /// Waits for the next message, and returns whether it answers this request.
    pub(super) async fn receives(&self, echo: &Echo) -> Result<bool, Answer> {
        let came = self.socket.receive().await?;
        let message = match (self.kind, self.family) {
            (Kind::Raw, AddressFamily::Ipv4) => {
                Ipv4Packet::read(&came).map(|packet| packet.payload)
            }
            (Kind::Raw, AddressFamily::Ipv6) | (Kind::Ping, _) => Some(&*came),
        };
        Ok(message.is_some_and(|message| echo.is_answered_by(message, self.family)))
    }
}

/// The first kind of socket that this process may have.
fn allowed(family: AddressFamily, at: SocketAddr) -> Result<(OwnedFd, Kind), Errno> {
    let protocol = match family {
        AddressFamily::Ipv4 => SockProtocol::Icmp,
        AddressFamily::Ipv6 => SockProtocol::IcmpV6,
    };
    match made(SockType::Datagram, Some(protocol), at) {
        Ok(socket) => Ok((socket, Kind::Ping)),
        // The group is not in the range, or the kernel has no such sockets.
        Err(Errno::EACCES | Errno::EPERM | Errno::EPROTONOSUPPORT) => {
            let socket = made(SockType::Raw, Some(protocol), at)?;
            pass_only_icmp(&socket, family, reply_type(family))?;
            Ok((socket, Kind::Raw))
        }
        Err(errno) => Err(errno),
    }
}

/// Why there is no socket, and what to do.
fn not_opened(errno: Errno) -> String {
    let why = describe("open a socket for ICMP", &errno.into());
    match errno {
        Errno::EACCES | Errno::EPERM => format!(
            "{why}; give the director CAP_NET_RAW, or put its group into the sysctl net.ipv4.ping_group_range"
        ),
        _ => why,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_not_is_told_what_to_do() {
        assert_eq!(
            not_opened(Errno::EPERM),
            "open a socket for ICMP: Operation not permitted (EPERM); give the director CAP_NET_RAW, or put its group into \
             the sysctl net.ipv4.ping_group_range"
        );
        let full = not_opened(Errno::EMFILE);
        assert!(!full.contains("CAP_NET_RAW"), "{full}");
    }
}
