// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which address belongs on which device.

use std::fmt;
use std::net::IpAddr;

use lvs_director::model::{AddressKey, TunnelDevice};
use serde::{Deserialize, Serialize};

/// A device for VIPs. These devices take no part in ARP or neighbour discovery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Device {
    /// Direct routing: the packet arrives as the client sent it.
    Lo,
    /// Tunneling, for an IPv4 VIP.
    Tunl0,
    /// Tunneling, for an IPv6 VIP.
    Ip6tnl0,
}

impl Device {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Lo, Self::Tunl0, Self::Ip6tnl0];

    /// The interface's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lo => "lo",
            Self::Tunl0 => TunnelDevice::Tunl0.name(),
            Self::Ip6tnl0 => TunnelDevice::Ip6tnl0.name(),
        }
    }

    /// The kind of tunnel device that it is; `None` for `lo`, which always exists.
    #[must_use]
    pub const fn tunnel(self) -> Option<TunnelDevice> {
        match self {
            Self::Lo => None,
            Self::Tunl0 => Some(TunnelDevice::Tunl0),
            Self::Ip6tnl0 => Some(TunnelDevice::Ip6tnl0),
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A VIP on a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Placement {
    /// The virtual address.
    pub vip: IpAddr,
    /// The device for it.
    pub device: Device,
}

impl Placement {
    /// Of a VIP that is reached by direct routing.
    #[must_use]
    pub const fn direct(vip: IpAddr) -> Self {
        let device = Device::Lo;
        Self { vip, device }
    }

    /// Of a VIP that is reached through a tunnel of its own family.
    #[must_use]
    pub const fn tunneled(vip: IpAddr) -> Self {
        let device = match vip {
            IpAddr::V4(_) => Device::Tunl0,
            IpAddr::V6(_) => Device::Ip6tnl0,
        };
        Self { vip, device }
    }

    /// A VIP is one address, not a network: 32 or 128.
    #[must_use]
    pub const fn prefix(self) -> u8 {
        match self.vip {
            IpAddr::V4(_) => 32,
            IpAddr::V6(_) => 128,
        }
    }

    /// The same as an address of an interface.
    #[must_use]
    pub fn key(self) -> AddressKey {
        AddressKey::new(self.device.name(), self.vip, self.prefix())
    }

    /// This address of an interface as a VIP; `None` when the interface is not one of our devices.
    #[must_use]
    pub fn of(key: &AddressKey) -> Option<Self> {
        let mut devices = Device::ALL.into_iter();
        let device = devices.find(|device| device.name() == key.interface)?;
        let vip = key.address;
        Some(Self { vip, device })
    }
}

impl fmt::Display for Placement {
    /// `192.0.2.10/32 on lo`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.key().fmt(f)
    }
}
