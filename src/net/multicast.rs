// SPDX-License-Identifier: MIT OR Apache-2.0
//! UDP datagrams to a group of hosts on one link.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};
use std::time::Duration;

use nix::net::if_::if_nametoindex;
use nix::sys::socket::{setsockopt, sockopt};

/// A link that takes nothing for so long takes nothing at all.
const PATIENCE: Duration = Duration::from_secs(1);

/// Sends to one group from one interface. Receivers on this host do not get it.
#[derive(Debug)]
pub struct MulticastSocket {
    socket: UdpSocket,
}

impl MulticastSocket {
    /// A socket of the interface with this name, in the calling thread's network namespace. Its datagrams pass `hops - 1`
    /// routers.
    ///
    /// # Errors
    ///
    /// The kernel's: there is no such interface, it has no address of this family, or this process may not.
    pub fn open(group: SocketAddr, interface: &str, hops: u8) -> io::Result<Self> {
        let unspecified: IpAddr = match group {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((unspecified, 0))?;
        setsockopt(&socket, sockopt::BindToDevice, &interface.into())?;
        let group = match group {
            SocketAddr::V4(_) => {
                socket.set_multicast_ttl_v4(hops.into())?;
                socket.set_multicast_loop_v4(false)?;
                group
            }
            SocketAddr::V6(to) => {
                setsockopt(&socket, sockopt::Ipv6MulticastHops, &hops.into())?;
                socket.set_multicast_loop_v6(false)?;
                // A group of the link needs to know which link.
                let scope = if_nametoindex(interface)?;
                SocketAddrV6::new(*to.ip(), to.port(), 0, scope).into()
            }
        };
        socket.set_write_timeout(Some(PATIENCE))?;
        socket.connect(group)?;
        Ok(Self { socket })
    }

    /// Sends one datagram. It waits while the link is busy, for a second at most.
    ///
    /// # Errors
    ///
    /// The kernel's: the interface is down or gone, or the link has taken nothing for a second.
    pub fn send(&self, datagram: &[u8]) -> io::Result<()> {
        self.socket.send(datagram).map(drop)
    }
}
