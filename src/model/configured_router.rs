// SPDX-License-Identifier: MIT OR Apache-2.0
//! A virtual router as a configuration has it.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    AddressFamily, Centiseconds, Preempt, Priority, RouterAuthentication, Seconds, Tracked,
    TrackedObject, VirtualRouter, Vrid, VrrpVersion,
};

/// One virtual router as configured: which addresses, on which interface, and how they are shared with other hosts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfiguredRouter {
    /// Where it speaks VRRP and has its addresses.
    pub interface: Box<str>,
    /// Its number on the LAN.
    pub vrid: Vrid,
    /// The version of the protocol. Version 2 is for IPv4 only.
    pub version: VrrpVersion,
    /// 1 to 255.
    pub priority: Priority,
    /// How often this host advertises as master.
    pub interval: Centiseconds,
    /// Whether this host takes over from a master of lower priority.
    pub preempt: Preempt,
    /// How long it is no master after its start while nothing is heard on the link.
    pub hold: Duration,
    /// How often a master announces its addresses again.
    pub refresh: Option<Duration>,
    /// The address that advertisements come from; `None` is the first one of the interface.
    pub source: Option<IpAddr>,
    /// The other routers, when they are told one by one; none when advertisements are multicast.
    pub peers: Vec<IpAddr>,
    /// At least one, all of one family.
    pub addresses: Vec<VirtualAddress>,
    /// How it proves who it is; `None` when it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authentication: Option<RouterAuthentication>,
    /// What it watches beside its peers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub track: Vec<Tracked>,
    /// The sync group that it moves with. All of one group have the same priority, and track the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Box<str>>,
    /// Whether the addresses have a hardware address of their own, which goes with them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub virtual_mac: bool,
}

/// A virtual address, and the network that it is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct VirtualAddress {
    /// The address.
    pub address: IpAddr,
    /// How many bits name the network: 1 to 32, or to 128.
    pub prefix_length: u8,
}

impl fmt::Display for VirtualAddress {
    /// As `ip address` shows it: `192.0.2.10/24`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_length)
    }
}

impl ConfiguredRouter {
    /// The family of its addresses.
    #[must_use]
    pub fn family(&self) -> AddressFamily {
        let first = self.addresses.first();
        first.map_or(AddressFamily::Ipv4, |it| AddressFamily::of(it.address))
    }

    /// Whether it is the same virtual router as another one: it may prove in another way who it is, and watch something
    /// else.
    #[must_use]
    pub fn is_as(&self, other: &Self) -> bool {
        let alike = Self {
            authentication: self.authentication.clone(),
            track: self.track.clone(),
            ..other.clone()
        };
        *self == alike
    }

    /// The objects that it watches.
    pub fn tracked(&self) -> impl Iterator<Item = &TrackedObject> {
        self.track.iter().map(|it| &it.object)
    }

    /// How long the kernel keeps an address that nobody renews: a little longer than the peers wait for an advertisement.
    /// So a director that was killed or hangs does not keep what another host has taken over.
    #[must_use]
    pub fn lifetime(&self) -> Seconds {
        // Three intervals, and less than one for the skew.
        let longest = self.interval.0.saturating_mul(4);
        Seconds(u32::from(longest.div_ceil(100)) + 1)
    }

    /// What the machine works with, once it is known where advertisements come from.
    #[must_use]
    pub fn from_source(&self, name: &str, source: IpAddr) -> VirtualRouter {
        VirtualRouter {
            name: name.into(),
            version: self.version,
            vrid: self.vrid,
            priority: self.priority,
            interval: self.interval,
            preempt: self.preempt,
            hold: self.hold,
            source,
            peers: self.peers.clone(),
            addresses: self.addresses.iter().map(|it| it.address).collect(),
            refresh: self.refresh,
        }
    }
}
