// SPDX-License-Identifier: MIT OR Apache-2.0
//! The IP packets that pass a host, coming and going.

use std::net::{IpAddr, SocketAddr};
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
        self.senders().iter().map(SocketAddr::ip).collect()
    }

    /// The same with their ports.
    pub(super) fn senders(&self) -> Vec<SocketAddr> {
        let mut packet = [0; 256];
        let mut senders = Vec::new();
        while let Ok(length) = recv(self.socket.as_raw_fd(), &mut packet, MsgFlags::empty()) {
            senders.extend(sender(packet.get(..length).unwrap_or_default()));
        }
        senders
    }
}

/// The source of a TCP or UDP packet that is not inside another.
fn sender(packet: &[u8]) -> Option<SocketAddr> {
    let first = packet.first()?;
    let (protocol, source, header): (u8, IpAddr, usize) = match first >> 4 {
        4 => {
            let source: [u8; 4] = packet.get(12..16)?.try_into().ok()?;
            (*packet.get(9)?, source.into(), usize::from(first & 0xf) * 4)
        }
        6 => {
            let source: [u8; 16] = packet.get(8..24)?.try_into().ok()?;
            (*packet.get(6)?, source.into(), 40)
        }
        _ => return None,
    };
    let port = packet.get(header..header + 2)?.try_into().ok()?;
    let sender = SocketAddr::new(source, u16::from_be_bytes(port));
    [TCP, UDP].contains(&protocol).then_some(sender)
}
