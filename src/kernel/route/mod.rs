// SPDX-License-Identifier: MIT OR Apache-2.0
//! Links, addresses and routes of one network namespace.

mod failure;
pub(super) mod message;

use std::net::IpAddr;

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use netlink_sys::protocols::NETLINK_ROUTE;
use nix::errno::Errno;

use super::netlink::{Netlink, NetlinkError};
use crate::codec::DecodeError;
use crate::codec::message::{Envelope, IncomingKind, emit};
use crate::model::{
    AddressFamily, Fwmark, InterfaceAddress, Link, Neighbour, NextHop, Probe, ProbePath,
    RouteEntry, RouteKind, SeenLink, TunnelDevice, Way,
};

pub use failure::RouteError;
pub use message::Macvlan;

/// A connection to the kernel's links, addresses and routes: one long-lived socket in the network namespace of the
/// thread that opened it. Calls block; the kernel answers within milliseconds.
#[derive(Debug)]
pub struct Route {
    netlink: Netlink,
}

impl Route {
    /// Connects. Needs no privilege; changes need CAP_NET_ADMIN.
    pub fn open() -> Result<Self, RouteError> {
        let netlink = Netlink::open(NETLINK_ROUTE);
        let netlink = netlink.map_err(|cause| RouteError::new("open rtnetlink", cause))?;
        Ok(Self { netlink })
    }

    /// Whether we may change anything here. The kernel checks this first. So we try to remove an address from an
    /// interface that cannot exist: that changes nothing, and the error tells.
    pub fn may_change(&mut self) -> Result<bool, RouteError> {
        let nothing = InterfaceAddress::new(0, IpAddr::from([192, 0, 2, 1]), 32);
        let asked = self.change(message::RTM_DELADDR, 0, |out| {
            message::emit_address(out, &nothing);
        });
        match asked {
            Err(NetlinkError::Refused(refusal)) => Ok(refusal.errno != libc::EPERM),
            Ok(()) => Ok(true),
            Err(cause) => Err(RouteError::new(
                "ask for permission to change addresses",
                cause,
            )),
        }
    }

    /// All interfaces.
    pub fn links(&mut self) -> Result<Vec<Link>, RouteError> {
        let seen = self.seen_links()?.into_iter();
        Ok(seen.map(|seen| seen.link).collect())
    }

    /// All interfaces, each with the number of changes of its carrier.
    pub fn seen_links(&mut self) -> Result<Vec<SeenLink>, RouteError> {
        self.list(
            "list the interfaces",
            message::RTM_GETLINK,
            message::emit_all_links,
            message::parse_seen_link,
        )
    }

    /// The way by which a probe would leave now. `links` has the interfaces of this host.
    pub fn way(&mut self, probe: &Probe, links: &[SeenLink]) -> Result<Way, RouteError> {
        let named = |name: &str| links.iter().find(|seen| seen.link.name == name);
        let path = probe.path.as_deref();
        let interface = path.and_then(|path| path.interface.as_deref());
        let by = interface.and_then(named).map(|seen| seen.link.index);
        let family = AddressFamily::of(probe.target.ip());
        let answer = self.route_to(probe.target.ip(), path, by, |payload| {
            message::parse_way(payload, family)
        });
        match answer {
            Err(NetlinkError::Refused(refusal)) => Ok(refused(Errno::from_raw(refusal.errno))),
            answer => answer.map_err(|cause| Self::no_way_to(probe.target.ip(), cause)),
        }
    }

    /// The next host on the way by which packets to this address would leave by this path, whose interface has this
    /// number; `None` when there is no way.
    pub fn next_hop(
        &mut self,
        to: IpAddr,
        path: Option<&ProbePath>,
        by: Option<u32>,
    ) -> Result<Option<NextHop>, RouteError> {
        let family = AddressFamily::of(to);
        let answer = self.route_to(to, path, by, |payload| message::parse_hop(payload, family));
        match answer {
            Err(NetlinkError::Refused(_)) => Ok(None),
            answer => answer.map_err(|cause| Self::no_way_to(to, cause)),
        }
    }

    /// What the kernel knows of a neighbour by the interface of this number; `None` when it knows nothing.
    pub fn neighbour(
        &mut self,
        link: u32,
        address: IpAddr,
    ) -> Result<Option<Neighbour>, RouteError> {
        let answer = self.ask(
            message::RTM_GETNEIGH,
            |out| message::emit_neighbour_question(out, link, address),
            message::parse_neighbour,
        );
        match answer {
            Err(NetlinkError::Refused(refusal)) if refusal.errno == libc::ENOENT => Ok(None),
            answer => answer.map_err(|cause| {
                RouteError::new(format!("ask for the neighbour {address}"), cause)
            }),
        }
    }

    fn route_to<T>(
        &mut self,
        to: IpAddr,
        path: Option<&ProbePath>,
        by: Option<u32>,
        parse: impl Fn(&[u8]) -> Result<T, DecodeError>,
    ) -> Result<T, NetlinkError> {
        let question = message::Question {
            to,
            from: path.and_then(|path| path.source),
            by,
            mark: path.and_then(|path| path.mark).map(Fwmark::get),
        };
        let body = |out: &mut Vec<u8>| message::emit_question(out, question);
        self.ask(message::RTM_GETROUTE, body, parse)
    }

    fn no_way_to(to: IpAddr, cause: NetlinkError) -> RouteError {
        RouteError::new(format!("ask for the way to {to}"), cause)
    }

    /// A question with one answer.
    fn ask<T>(
        &mut self,
        message_type: u16,
        body: impl Fn(&mut Vec<u8>),
        parse: impl Fn(&[u8]) -> Result<T, DecodeError>,
    ) -> Result<T, NetlinkError> {
        self.netlink.ask(
            |sequence, answer, out| {
                let envelope = Envelope {
                    message_type,
                    sequence,
                    answer,
                };
                emit(out, envelope, 0, body);
            },
            |kind| match kind {
                IncomingKind::Data { payload, .. } => parse(payload),
                IncomingKind::Done
                | IncomingKind::Acknowledged
                | IncomingKind::Refused(_)
                | IncomingKind::Noop
                | IncomingKind::Overrun => Err(DecodeError::Missing("answer")),
            },
        )
    }

    /// The interface of this name.
    pub fn link(&mut self, name: &str) -> Result<Option<Link>, RouteError> {
        Ok(self.links()?.into_iter().find(|link| link.name == name))
    }

    /// All addresses of all interfaces.
    pub fn addresses(&mut self) -> Result<Vec<InterfaceAddress>, RouteError> {
        self.list(
            "list the addresses",
            message::RTM_GETADDR,
            message::emit_all_addresses,
            message::parse_address,
        )
    }

    /// All neighbours of all interfaces that have an IP address.
    pub fn neighbours(&mut self) -> Result<Vec<Neighbour>, RouteError> {
        self.list(
            "list the neighbours",
            message::RTM_GETNEIGH,
            message::emit_all_neighbours,
            message::parse_neighbour,
        )
    }

    /// All IPv4 and IPv6 routes of all tables.
    pub fn routes(&mut self) -> Result<Vec<RouteEntry>, RouteError> {
        self.list(
            "list the routes",
            message::RTM_GETROUTE,
            message::emit_all_routes,
            message::parse_route,
        )
    }

    /// Adds an address; one that is there already is an error (EEXIST). `interface` is for error messages.
    pub fn add_address(
        &mut self,
        interface: &str,
        address: &InterfaceAddress,
    ) -> Result<(), RouteError> {
        self.put_address("add", "to", interface, address, NLM_F_CREATE | NLM_F_EXCL)
    }

    /// Renews the lifetime of an address, and adds the address if it is missing. Its label and its scope stay.
    pub fn renew_address(
        &mut self,
        interface: &str,
        address: &InterfaceAddress,
    ) -> Result<(), RouteError> {
        let flags = NLM_F_CREATE | NLM_F_REPLACE;
        self.put_address("renew", "on", interface, address, flags)
    }

    fn put_address(
        &mut self,
        verb: &str,
        preposition: &str,
        interface: &str,
        address: &InterfaceAddress,
        flags: u16,
    ) -> Result<(), RouteError> {
        let done = self.change(message::RTM_NEWADDR, flags, |out| {
            message::emit_address(out, address);
        });
        done.map_err(|cause| {
            let InterfaceAddress {
                address, prefix, ..
            } = address;
            let operation = format!("{verb} {address}/{prefix} {preposition} {interface}");
            RouteError::new(operation, cause)
        })
    }

    /// Removes an address; `false` when it was not there.
    pub fn remove_address(
        &mut self,
        interface: &str,
        address: &InterfaceAddress,
    ) -> Result<bool, RouteError> {
        let removed = self.change(message::RTM_DELADDR, 0, |out| {
            message::emit_address(out, address);
        });
        unless(removed, &[Errno::EADDRNOTAVAIL, Errno::ENODEV]).map_err(|cause| {
            let InterfaceAddress {
                address, prefix, ..
            } = address;
            RouteError::new(format!("remove {address}/{prefix} from {interface}"), cause)
        })
    }

    /// Removes the route to one address through an interface from the main table; `false` when there is none.
    pub fn remove_host_route(
        &mut self,
        interface: &str,
        index: u32,
        address: IpAddr,
    ) -> Result<bool, RouteError> {
        let removed = self.change(message::RTM_DELROUTE, 0, |out| {
            message::emit_host_route(out, index, address);
        });
        unless(removed, &[Errno::ESRCH]).map_err(|cause| {
            let operation = format!("remove the route to {address} through {interface}");
            RouteError::new(operation, cause)
        })
    }

    /// Sets an interface up or down.
    pub fn set_up(&mut self, link: &Link, up: bool) -> Result<(), RouteError> {
        let set = self.change(message::RTM_NEWLINK, 0, |out| {
            message::emit_link_state(out, link.index, up);
        });
        set.map_err(|cause| {
            let state = if up { "up" } else { "down" };
            RouteError::new(format!("set {} {state}", link.name), cause)
        })
    }

    /// Makes an interface with a hardware address of its own. The kernel loads its module.
    pub fn add_macvlan(&mut self, macvlan: &Macvlan<'_>) -> Result<(), RouteError> {
        let flags = NLM_F_CREATE | NLM_F_EXCL;
        let made = self.change(message::RTM_NEWLINK, flags, |out| {
            message::emit_macvlan(out, macvlan);
        });
        made.map_err(|cause| RouteError::new(format!("make interface {}", macvlan.name), cause))
    }

    /// Removes an interface that somebody made; `false` when there is none.
    pub fn remove_link(&mut self, index: u32, name: &str) -> Result<bool, RouteError> {
        let removed = self.change(message::RTM_DELLINK, 0, |out| {
            message::emit_link(out, index);
        });
        unless(removed, &[Errno::ENODEV])
            .map_err(|cause| RouteError::new(format!("remove interface {name}"), cause))
    }

    /// Makes the tunnel device: the kernel loads its module, and the module makes the device. A network namespace may
    /// get none that way (`net.core.fb_tunnels_only_for_init_net`); then this makes an equal one.
    pub fn add_tunnel(&mut self, device: TunnelDevice) -> Result<(), RouteError> {
        let flags = NLM_F_CREATE | NLM_F_EXCL;
        let made = self.change(message::RTM_NEWLINK, flags, |out| {
            message::emit_tunnel(out, device);
        });
        let there = unless(made, &[Errno::EEXIST]);
        there
            .map(|_| ())
            .map_err(|cause| RouteError::tunnel(device, cause))
    }

    fn change(
        &mut self,
        message_type: u16,
        flags: u16,
        body: impl Fn(&mut Vec<u8>),
    ) -> Result<(), NetlinkError> {
        let refusals = self.netlink.execute(1, |_, sequence, answer, out| {
            let envelope = Envelope {
                message_type,
                sequence,
                answer,
            };
            emit(out, envelope, flags, &body);
        })?;
        match refusals.into_iter().next() {
            None => Ok(()),
            Some((_, refusal)) => Err(NetlinkError::Refused(refusal)),
        }
    }

    fn list<T>(
        &mut self,
        operation: &str,
        message_type: u16,
        body: impl Fn(&mut Vec<u8>),
        parse: impl Fn(&[u8]) -> Result<Option<T>, DecodeError>,
    ) -> Result<Vec<T>, RouteError> {
        let listed = self.netlink.dump(
            |sequence, answer, out| {
                let envelope = Envelope {
                    message_type,
                    sequence,
                    answer,
                };
                emit(out, envelope, 0, &body);
            },
            |all: &mut Vec<T>, kind| {
                if let IncomingKind::Data { payload, .. } = kind {
                    all.extend(parse(payload)?);
                }
                Ok(())
            },
        );
        listed.map_err(|cause| RouteError::new(operation, cause))
    }
}

/// What the error of a question for a way means.
fn refused(errno: Errno) -> Way {
    match errno {
        Errno::ENETUNREACH => Way::NoRoute,
        Errno::EHOSTUNREACH => Way::Closed(RouteKind::Unreachable),
        Errno::EINVAL => Way::Closed(RouteKind::Blackhole),
        Errno::EACCES => Way::Closed(RouteKind::Prohibit),
        _ => Way::Unknown,
    }
}

/// `false` when the kernel refused for one of these reasons: there was nothing to change.
fn unless(done: Result<(), NetlinkError>, harmless: &[Errno]) -> Result<bool, NetlinkError> {
    match done {
        Ok(()) => Ok(true),
        Err(NetlinkError::Refused(refusal))
            if harmless.contains(&Errno::from_raw(refusal.errno)) =>
        {
            Ok(false)
        }
        Err(cause) => Err(cause),
    }
}
