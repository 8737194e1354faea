// SPDX-License-Identifier: MIT OR Apache-2.0
//! The IP packets that pass a host, coming and going.

use std::net::IpAddr;
use std::os::fd::{AsRawFd, OwnedFd};

use lab::netns::Host;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, socket};

const TCP: u8 = 6;
const UDP: u8 = 17;

/// Listens from the moment it is made, on every device but `lo`.
pub(super) struct Sniffer {
    socket: OwnedFd,
}

impl Sniffer {
    pub(super) fn on(host: &Host) -> Self {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let protocol = SockProtocol::EthAll;
        let open = || socket(AddressFamily::Packet, SockType::Datagram, flags, protocol);
        Self {
            socket: host.run(|| open().unwrap()),
        }
    }

    /// The source addresses of all TCP and UDP packets since it was made, or last asked.
    pub(super) fn sources(&self) -> Vec<IpAddr> {
        let mut packet = [0; 256];
        let mut sources = Vec::new();
        while let Ok(length) = recv(self.socket.as_raw_fd(), &mut packet, MsgFlags::empty()) {
            sources.extend(source(packet.get(..length).unwrap_or_default()));
        }
        sources
    }
}

/// The source address of a TCP or UDP packet that is not inside another.
fn source(packet: &[u8]) -> Option<IpAddr> {
    let (protocol, source): (u8, IpAddr) = match packet.first()? >> 4 {
        4 => {
            let source: [u8; 4] = packet.get(12..16)?.try_into().ok()?;
            (*packet.get(9)?, source.into())
        }
        6 => {
            let source: [u8; 16] = packet.get(8..24)?.try_into().ok()?;
            (*packet.get(6)?, source.into())
        }
        _ => return None,
    };
    [TCP, UDP].contains(&protocol).then_some(source)
}
