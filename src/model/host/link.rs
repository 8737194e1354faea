// SPDX-License-Identifier: MIT OR Apache-2.0
//! Interfaces.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Its number; the kernel knows interfaces by it.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Whether it is administratively up (`IFF_UP`).
    pub up: bool,
    /// Whether packets can pass: it is up, and has a carrier (`IFF_RUNNING`).
    pub running: bool,
    /// The largest packet in bytes; 0 where the kernel does not say.
    pub mtu: u32,
    /// Its own link-layer address, if it has one.
    pub address: Option<LinkLayerAddress>,
}

impl Link {
    /// An interface that is down, with nothing known but its number and its name.
    #[must_use]
    pub fn new(index: u32, name: &str) -> Self {
        Self {
            index,
            name: name.to_owned(),
            up: false,
            running: false,
            mtu: 0,
            address: None,
        }
    }
}

/// An address of the link layer, such as a MAC address: `02:00:5e:10:00:01`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkLayerAddress(Vec<u8>);

impl LinkLayerAddress {
    /// The longest that Linux has (`MAX_ADDR_LEN`).
    pub const MAX_BYTES: usize = 32;

    /// An address of these bytes; `None` for no bytes and for more than [`Self::MAX_BYTES`].
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        (1..=Self::MAX_BYTES)
            .contains(&bytes.len())
            .then(|| Self(bytes.to_vec()))
    }

    /// The bytes: six of an Ethernet interface.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for LinkLayerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            let colon = if index == 0 { "" } else { ":" };
            write!(f, "{colon}{byte:02x}")?;
        }
        Ok(())
    }
}

/// A text that is no address of a link layer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read link-layer address \"{0}\": expected up to 32 bytes like 02:00:5e:10:00:01")]
pub struct LinkLayerAddressError(String);

impl FromStr for LinkLayerAddress {
    type Err = LinkLayerAddressError;

    fn from_str(text: &str) -> Result<Self, LinkLayerAddressError> {
        let byte = |byte: &str| {
            let digits = byte.chars().all(|digit| digit.is_ascii_hexdigit());
            (digits && byte.len() <= 2)
                .then(|| u8::from_str_radix(byte, 16).ok())
                .flatten()
        };
        let bytes: Option<Vec<u8>> = text.split(':').map(byte).collect();
        bytes
            .and_then(|bytes| Self::new(&bytes))
            .ok_or_else(|| LinkLayerAddressError(text.to_owned()))
    }
}

impl Serialize for LinkLayerAddress {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for LinkLayerAddress {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A device that unwraps what arrives for this host from any sender. The kernel makes it with its module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
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

impl fmt::Display for TunnelDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_layer_address_reads_as_it_prints() {
        let address = LinkLayerAddress::new(&[2, 0, 0x5e, 0x10, 0, 1]).unwrap();
        assert_eq!(address.to_string(), "02:00:5e:10:00:01");
        assert_eq!(address.to_string().parse(), Ok(address));
    }

    #[test]
    fn what_is_no_link_layer_address_is_refused() {
        let long = ["00"; 33].join(":");
        for text in [
            "",
            ":",
            "02:00:",
            "2000",
            "+1:00",
            "0g",
            "1 :2",
            long.as_str(),
        ] {
            assert!(text.parse::<LinkLayerAddress>().is_err(), "{text:?}");
        }
    }
}
