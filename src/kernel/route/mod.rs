// SPDX-License-Identifier: MIT OR Apache-2.0
//! Links, addresses and routes of one network namespace.

mod failure;
mod message;

use std::net::IpAddr;

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_sys::protocols::NETLINK_ROUTE;
use nix::errno::Errno;

use super::netlink::{Netlink, NetlinkError};
use crate::codec::DecodeError;
use crate::codec::message::{Envelope, IncomingKind, emit};

pub use failure::RouteError;

/// An interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its number, by which the kernel tells interfaces apart.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Whether it is administratively up.
    pub up: bool,
}

/// An address on an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InterfaceAddress {
    /// The interface's number.
    pub index: u32,
    /// The host's own address.
    pub address: IpAddr,
    /// The length of its network's prefix.
    pub prefix: u8,
    /// IPv4 only: the name that ifconfig(8) shows it under, such as `lo:0`.
    pub label: Option<String>,
    /// IPv6 only: no duplicate address detection.
    pub nodad: bool,
    /// IPv6 only: duplicate address detection has not ended yet, and nothing answers.
    pub tentative: bool,
    /// IPv6 only: another host has it, and this one does not use it.
    pub duplicate: bool,
}

/// A device that takes whatever arrives wrapped for this host, from anywhere. The kernel makes it with its module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TunnelDevice {
    /// `tunl0`, of module `ipip`: IPv4 in IPv4.
    Tunl0,
    /// `ip6tnl0`, of module `ip6_tunnel`: IPv6 in IPv6.
    Ip6tnl0,
}

impl TunnelDevice {
    /// The interface's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tunl0 => "tunl0",
            Self::Ip6tnl0 => "ip6tnl0",
        }
    }

    /// The kernel module it comes with.
    #[must_use]
    pub const fn module(self) -> &'static str {
        match self {
            Self::Tunl0 => "ipip",
            Self::Ip6tnl0 => "ip6_tunnel",
        }
    }
}

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

    /// Whether changes are permitted here. The kernel looks at that before anything else, so that removing an address
    /// from an interface that cannot exist tells, and changes nothing.
    pub fn may_change(&mut self) -> Result<bool, RouteError> {
        let nothing = InterfaceAddress {
            index: 0,
            address: IpAddr::from([192, 0, 2, 1]),
            prefix: 32,
            label: None,
            nodad: false,
            tentative: false,
            duplicate: false,
        };
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
        self.list(
            "list the interfaces",
            message::RTM_GETLINK,
            message::emit_all_links,
            |payload| message::parse_link(payload).map(Some),
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

    /// Adds an address; one that is there already is an error (EEXIST). `interface` is for error messages.
    pub fn add_address(
        &mut self,
        interface: &str,
        address: &InterfaceAddress,
    ) -> Result<(), RouteError> {
        let flags = NLM_F_CREATE | NLM_F_EXCL;
        let added = self.change(message::RTM_NEWADDR, flags, |out| {
            message::emit_address(out, address);
        });
        added.map_err(|cause| {
            let InterfaceAddress {
                address, prefix, ..
            } = address;
            RouteError::new(format!("add {address}/{prefix} to {interface}"), cause)
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

    /// Makes the tunnel device: the kernel loads its module, and the device comes with it. Where a network namespace
    /// gets none of its own that way (`net.core.fb_tunnels_only_for_init_net`), this makes an equal one.
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

/// `false` when the kernel refused for one of these reasons: what was asked for is so already.
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
