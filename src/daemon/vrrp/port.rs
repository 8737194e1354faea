// SPDX-License-Identifier: MIT OR Apache-2.0
//! The interface with the hardware address of a virtual router, on top of the interface that it is on. It is there while
//! this host is master. Source: RFC 9568, section 7.3.

use std::io;
use std::net::IpAddr;

use crate::codec::ethernet::HardwareAddress;
use crate::codec::vrrp::virtual_mac;
use crate::kernel::{Macvlan, Route, RouteError, SysctlError, read_sysctl, set_sysctl};
use crate::model::{AddressFamily, ConfiguredRouter, Link, LinkLayerAddress, SysctlName};
use crate::net::{FrameSocket, VrrpSocket};

/// It is used while it exists; [`Port::close`] removes it.
#[derive(Debug)]
pub(super) struct Port {
    pub(super) index: u32,
    pub(super) name: String,
    pub(super) hardware: HardwareAddress,
    pub(super) advertisements: VrrpSocket,
    pub(super) frames: FrameSocket,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoPort {
    #[error(transparent)]
    Link(#[from] RouteError),
    #[error(transparent)]
    Setting(#[from] SysctlError),
    #[error("open its sockets on {0}: {1}")]
    Socket(String, io::Error),
    #[error("{0} was removed by somebody else")]
    Removed(String),
}

/// The name of the interface, on top of that with this number: `vrrp4.2.51`.
pub(super) fn name(router: &ConfiguredRouter, parent: u32) -> String {
    let family = match router.family() {
        AddressFamily::Ipv4 => 4,
        AddressFamily::Ipv6 => 6,
    };
    format!("vrrp{family}.{parent}.{}", router.vrid)
}

/// The interface, if it is there: also one that another process has left.
pub(super) fn find(
    route: &mut Route,
    router: &ConfiguredRouter,
    parent: u32,
) -> Result<Option<Link>, RouteError> {
    let hardware = virtual_mac(router.family(), router.vrid);
    let link = route.link(&name(router, parent))?;
    Ok(link.filter(|it| it.address == LinkLayerAddress::new(&hardware)))
}

impl Port {
    /// Makes the interface, or takes it as it is, and opens its sockets.
    pub(super) fn open(
        route: &mut Route,
        router: &ConfiguredRouter,
        parent: u32,
    ) -> Result<Self, NoPort> {
        let (family, name) = (router.family(), name(router, parent));
        let hardware = virtual_mac(family, router.vrid);
        let link = if let Some(link) = find(route, router, parent)? {
            link
        } else {
            let macvlan = Macvlan {
                name: &name,
                parent,
                hardware,
            };
            route.add_macvlan(&macvlan)?;
            let made = find(route, router, parent)?;
            made.ok_or_else(|| NoPort::Removed(name.clone()))?
        };
        tell_apart(family, &router.interface, &name)?;
        route.set_up(&link, true)?;
        let failed = |error| NoPort::Socket(name.clone(), error);
        Ok(Self {
            index: link.index,
            advertisements: VrrpSocket::open_to_send(family, &name, link.index).map_err(failed)?,
            frames: FrameSocket::open(link.index).map_err(failed)?,
            hardware,
            name,
        })
    }

    /// Removes the interface, with its addresses.
    pub(super) fn close(self, route: &mut Route) -> Result<(), RouteError> {
        route.remove_link(self.index, &self.name).map(drop)
    }

    /// Sends an advertisement to the group, from an address of the interface below.
    pub(super) fn advertise(&self, payload: &[u8], source: IpAddr, to: IpAddr) -> io::Result<()> {
        self.advertisements.send(payload, source, to)
    }
}

/// Each of the two interfaces answers for its own addresses only. Without this, both answer ARP for each address of this
/// host, and packets that come by the upper one are dropped as if from nowhere.
fn tell_apart(family: AddressFamily, parent: &str, port: &str) -> Result<(), SysctlError> {
    let ipv6 = |key: &str| SysctlName::net(&["ipv6", "conf", port, key]);
    match family {
        AddressFamily::Ipv4 => {
            raise(&SysctlName::ipv4_conf(parent, "arp_ignore"), 1)?;
            raise(&SysctlName::ipv4_conf(port, "arp_ignore"), 1)?;
            // Loose: the way back is by the interface below.
            set_sysctl(&SysctlName::ipv4_conf(port, "rp_filter"), 2)?;
            // A kernel without IPv6 has nothing to turn off.
            let _ = set_sysctl(&ipv6("disable_ipv6"), 1);
            Ok(())
        }
        AddressFamily::Ipv6 => {
            // No address of its own, by itself or by a router.
            set_sysctl(&ipv6("addr_gen_mode"), 1)?;
            set_sysctl(&ipv6("accept_ra"), 0)
        }
    }
}

/// Sets a setting that is lower.
fn raise(name: &SysctlName, value: i32) -> Result<(), SysctlError> {
    if read_sysctl(name)? < value {
        set_sysctl(name, value)?;
    }
    Ok(())
}
