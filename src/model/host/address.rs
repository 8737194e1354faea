// SPDX-License-Identifier: MIT OR Apache-2.0
//! Addresses on interfaces.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::model::Seconds;

/// An address on an interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterfaceAddress {
    /// The interface's number.
    pub index: u32,
    /// The host's own address.
    pub address: IpAddr,
    /// The length of its network's prefix.
    pub prefix: u8,
    /// IPv4 only: the name that ifconfig(8) shows it under, such as `lo:0`.
    pub label: Option<String>,
    /// How far away it may be used. Of an IPv6 address the kernel decides it.
    pub scope: AddressScope,
    /// How long it stays.
    pub lifetime: AddressLifetime,
    /// IPv6 only: no duplicate address detection.
    pub nodad: bool,
    /// IPv6 only: duplicate address detection has not ended yet, and nothing answers.
    pub tentative: bool,
    /// IPv6 only: another host has the address, so this host does not use it.
    pub duplicate: bool,
}

impl InterfaceAddress {
    /// An address of global scope that stays for ever; everything else is the kernel's default.
    #[must_use]
    pub const fn new(index: u32, address: IpAddr, prefix: u8) -> Self {
        Self {
            index,
            address,
            prefix,
            label: None,
            scope: AddressScope::Global,
            lifetime: AddressLifetime::FOREVER,
            nodad: false,
            tentative: false,
            duplicate: false,
        }
    }

    /// Whether others can be in its network.
    #[must_use]
    pub const fn has_neighbours(&self) -> bool {
        match self.address {
            IpAddr::V4(_) => self.prefix < 32,
            IpAddr::V6(_) => self.prefix < 128,
        }
    }

    /// Whether the other address is in its network. An address that stands alone (`/32`, `/128`) has none.
    #[must_use]
    pub fn is_on_link(&self, other: IpAddr) -> bool {
        let prefix = u32::from(self.prefix);
        if !self.has_neighbours() {
            return false;
        }
        match (self.address, other) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let differs = own.to_bits() ^ other.to_bits();
                differs.leading_zeros() >= prefix
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let differs = own.to_bits() ^ other.to_bits();
                differs.leading_zeros() >= prefix
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

/// How far away an address may be used (`RT_SCOPE_*`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AddressScope {
    /// Everywhere.
    Global,
    /// Within the site.
    Site,
    /// On this link.
    Link,
    /// On this host.
    Host,
    /// Any other number.
    Other(u8),
}

/// How long an address stays. `None` is for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AddressLifetime {
    /// The kernel removes it after this time.
    pub valid: Option<Seconds>,
    /// After this time the kernel no longer chooses it as a source ("deprecated"). 0 seconds means at once.
    pub preferred: Option<Seconds>,
}

impl AddressLifetime {
    /// Stays, and is a source of connections.
    pub const FOREVER: Self = Self {
        valid: None,
        preferred: None,
    };
    /// Stays, but the kernel does not choose it as a source of connections: right for an IPv6 VIP.
    pub const DEPRECATED: Self = Self {
        valid: None,
        preferred: Some(Seconds(0)),
    };

    /// Whether the time left is enough for the time wanted: for ever when that is wanted, otherwise at least half of
    /// it.
    #[must_use]
    pub fn is_served_by(self, left: Self) -> bool {
        serves(self.valid, left.valid) && serves(self.preferred, left.preferred)
    }
}

fn serves(wanted: Option<Seconds>, left: Option<Seconds>) -> bool {
    match (wanted, left) {
        (None, None) => true,
        (Some(wanted), Some(left)) => left <= wanted && left.0 >= wanted.0.div_ceil(2),
        (None, Some(_)) | (Some(_), None) => false,
    }
}

/// An address and the name of its interface: `192.0.2.10/32 on lo`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AddressKey {
    /// The interface's name.
    pub interface: String,
    /// The address.
    pub address: IpAddr,
    /// The length of its network's prefix.
    pub prefix: u8,
}

impl AddressKey {
    /// An address on an interface.
    #[must_use]
    pub fn new(interface: &str, address: IpAddr, prefix: u8) -> Self {
        Self {
            interface: interface.to_owned(),
            address,
            prefix,
        }
    }
}

impl fmt::Display for AddressKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} on {}", self.address, self.prefix, self.interface)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn lasting(valid: u32, preferred: u32) -> AddressLifetime {
        AddressLifetime {
            valid: Some(Seconds(valid)),
            preferred: Some(Seconds(preferred)),
        }
    }

    #[test]
    fn a_lifetime_does_until_half_of_it_is_over() {
        assert!(lasting(10, 10).is_served_by(lasting(5, 10)));
        assert!(!lasting(10, 10).is_served_by(lasting(4, 10)));
        assert!(!lasting(10, 10).is_served_by(lasting(10, 11)));
        assert!(lasting(1, 0).is_served_by(lasting(1, 0)));
        assert!(!lasting(1, 0).is_served_by(lasting(0, 0)));
    }

    #[test]
    fn the_network_of_an_address_is_what_its_prefix_says() {
        let table = [
            ("192.0.2.1", 24, "192.0.2.254", true),
            ("192.0.2.1", 24, "192.0.3.1", false),
            ("192.0.2.1", 0, "10.0.0.1", true),
            ("192.0.2.1", 32, "192.0.2.1", false),
            ("192.0.2.1", 24, "2001:db8::1", false),
            ("2001:db8::1", 64, "2001:db8::ffff", true),
            ("2001:db8::1", 64, "2001:db8:0:1::1", false),
            ("2001:db8::1", 128, "2001:db8::1", false),
        ];
        for (own, prefix, other, expected) in table {
            let address = InterfaceAddress::new(1, own.parse().unwrap(), prefix);
            let is = address.is_on_link(other.parse().unwrap());
            assert_eq!(is, expected, "{other} at {own}/{prefix}");
        }
    }

    #[test]
    fn for_ever_is_nothing_but_for_ever() {
        assert!(AddressLifetime::FOREVER.is_served_by(AddressLifetime::FOREVER));
        assert!(!AddressLifetime::FOREVER.is_served_by(AddressLifetime::DEPRECATED));
        assert!(!lasting(10, 10).is_served_by(AddressLifetime::FOREVER));
        assert!(AddressLifetime::DEPRECATED.is_served_by(AddressLifetime::DEPRECATED));
    }
}
