// SPDX-License-Identifier: MIT OR Apache-2.0
//! The way of clients' packets to a server: to its link-layer address, or through a tunnel.

use std::cell::RefCell;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd as _, OwnedFd};

use nix::net::if_::if_nametoindex;
use nix::sys::socket::{MsgFlags, SockType, SockaddrStorage, sendto};

use super::super::Answer;
use super::super::datagram::made;
use super::super::path::{by_interface, set_out};
use super::super::tcp::{describe, failed};
use super::ears::Ears;
use crate::codec::handshake::{inner_protocol, wrapped};
use crate::kernel::{Route, RouteError};
use crate::model::{
    AddressFamily, LinkLayerAddress, NeighbourState, NextHop, ProbePath, Tunnel, TunnelChecksum,
    TunnelKind, VipProbe,
};
use crate::net::raw_socket;

thread_local! {
    /// Opened at the first use, and again after an error.
    static ROUTE: RefCell<Option<Route>> = const { RefCell::new(None) };
}

/// A way that packets can take now.
pub(super) struct Way {
    /// Our address.
    pub(super) source: IpAddr,
    /// How many hosts a packet may reach: the server, and before it the router if there is one. A server that does not
    /// have the virtual address, and passes packets on, must not pass it to one that has it.
    pub(super) hops: u8,
    by: By,
}

enum By {
    Link {
        index: u32,
        next: Neighbour,
    },
    Tunnel {
        socket: OwnedFd,
        tunnel: Tunnel,
        to: SocketAddr,
    },
}

/// The next host on the link.
enum Neighbour {
    /// It has this address of the link layer.
    At(LinkLayerAddress),
    /// Hosts have none on this link.
    Only,
}

impl Way {
    /// The way to this server; `None` when there is no route, or the kernel does not know the next host on it yet.
    pub(super) fn find(
        vip: &VipProbe,
        server: IpAddr,
        path: Option<&ProbePath>,
    ) -> Result<Option<Self>, Answer> {
        let Some(hop) = next_hop(server, path)? else {
            return Ok(None);
        };
        if !hop.leaves {
            return Err(Answer::could_not_run(format!(
                "{server} is this host itself: no packet takes the way to a server; leave the vip check out there"
            )));
        }
        let chosen = path.and_then(|path| path.source);
        let Some(source) = chosen.or(hop.source) else {
            return Err(Answer::could_not_run(format!(
                "this host has no address to ask {server} from"
            )));
        };
        if source == vip.address {
            return Err(Answer::could_not_run(format!(
                "the probe would leave from {source}, the virtual address, which the server has, too; write source: \
                 ADDRESS beside the check, with another address of this host"
            )));
        }
        if let Some(tunnel) = vip.tunnel {
            let (by, hops) = (By::tunnel(tunnel, server, path)?, 1);
            return Ok(Some(Self { source, hops, by }));
        }
        let next = hop.router.unwrap_or(server);
        let hops = 1 + u8::from(hop.router.is_some());
        let Some(next) = neighbour(hop.link, next)? else {
            return Ok(None);
        };
        let index = hop.link;
        let by = By::Link { index, next };
        Ok(Some(Self { source, hops, by }))
    }

    /// Sends a packet.
    pub(super) fn send(&self, ears: &Ears, packet: &[u8]) -> Result<(), Answer> {
        match &self.by {
            By::Link { index, next } => ears
                .socket
                .send(packet, *index, next.address())
                .map_err(|error| Answer::could_not_run(describe("send a packet", &error))),
            By::Tunnel { socket, tunnel, to } => {
                let full = tunnel.checksum == TunnelChecksum::Full;
                let Some(packet) = wrapped(tunnel.kind, full, packet) else {
                    return Err(Answer::could_not_run("nobody knows this kind of tunnel"));
                };
                let to = SockaddrStorage::from(*to);
                let flags = MsgFlags::MSG_DONTWAIT;
                let sent = sendto(socket.as_raw_fd(), &packet, &to, flags);
                sent.map(drop)
                    .map_err(|errno| failed("send a packet by the tunnel", &errno.into()))
            }
        }
    }
}

impl Neighbour {
    const fn address(&self) -> Option<&LinkLayerAddress> {
        match self {
            Self::At(address) => Some(address),
            Self::Only => None,
        }
    }
}

impl By {
    /// A socket whose packets the kernel sends to the server, with what is in the tunnel as their content.
    fn tunnel(tunnel: Tunnel, server: IpAddr, path: Option<&ProbePath>) -> Result<Self, Answer> {
        // The packet in the tunnel is of the server's family, too.
        let inner = inner_protocol(server.is_ipv6());
        let (socket, port) = match tunnel.kind {
            TunnelKind::Ipip => (raw_socket(AddressFamily::of(server), inner), 0),
            TunnelKind::Gre => (raw_socket(AddressFamily::of(server), GRE), 0),
            TunnelKind::Gue { port } => {
                let socket = made(SockType::Datagram, None, SocketAddr::new(server, port));
                (socket.map_err(io::Error::from), port)
            }
            TunnelKind::Other(_) => {
                return Err(Answer::could_not_run("nobody knows this kind of tunnel"));
            }
        };
        let socket = socket.map_err(|error| not_opened("open a socket for the tunnel", &error))?;
        if let Some(path) = path {
            set_out(&socket, path).map_err(Answer::could_not_run)?;
        }
        let to = SocketAddr::new(server, port);
        Ok(Self::Tunnel { socket, tunnel, to })
    }
}

const GRE: u8 = 47;

/// A socket that not everybody may open.
pub(super) fn not_opened(operation: &str, error: &io::Error) -> Answer {
    let reason = describe(operation, error);
    if error.kind() == io::ErrorKind::PermissionDenied {
        return Answer::could_not_run(format!("{reason}; a vip check needs CAP_NET_RAW"));
    }
    Answer::could_not_run(reason)
}

fn next_hop(server: IpAddr, path: Option<&ProbePath>) -> Result<Option<NextHop>, Answer> {
    let interface = path.and_then(|path| path.interface.as_deref());
    let index = interface.map(|name| {
        let index = if_nametoindex(name);
        index.map_err(|errno| Answer::could_not_run(by_interface(name, errno)))
    });
    let index = index.transpose()?;
    with_route(|route| route.next_hop(server, path, index))
}

/// A neighbour; `None` when the kernel does not know its link-layer address yet.
fn neighbour(link: u32, address: IpAddr) -> Result<Option<Neighbour>, Answer> {
    let known = with_route(|route| route.neighbour(link, address))?;
    Ok(known.and_then(|known| match known.state {
        NeighbourState::None
        | NeighbourState::Incomplete
        | NeighbourState::Failed
        | NeighbourState::Other(_) => None,
        NeighbourState::NoArp => Some(known.link_layer.map_or(Neighbour::Only, Neighbour::At)),
        NeighbourState::Reachable
        | NeighbourState::Stale
        | NeighbourState::Delay
        | NeighbourState::Probe
        | NeighbourState::Permanent => known.link_layer.map(Neighbour::At),
    }))
}

fn with_route<T>(ask: impl FnOnce(&mut Route) -> Result<T, RouteError>) -> Result<T, Answer> {
    let answer = ROUTE.with_borrow_mut(|open| {
        if open.is_none() {
            *open = Some(Route::open()?);
        }
        let answer = open.as_mut().map(ask).transpose();
        if answer.is_err() {
            *open = None;
        }
        answer
    });
    let answer = answer.map_err(|error| Answer::could_not_run(error.to_string()))?;
    answer.ok_or_else(|| Answer::could_not_run("rtnetlink is not open"))
}
