// SPDX-License-Identifier: MIT OR Apache-2.0
//! The nouns of VRRP: versions, numbers and units.

use std::fmt;
use std::num::NonZeroU8;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The version of the protocol that a virtual router speaks.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum VrrpVersion {
    /// RFC 3768: IPv4 only, intervals of whole seconds.
    V2,
    /// RFC 5798 and RFC 9568: IPv4 and IPv6, intervals of hundredths of a second.
    #[default]
    V3,
}

impl fmt::Display for VrrpVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V2 => "2",
            Self::V3 => "3",
        })
    }
}

/// The number of a virtual router on its LAN: 1 to 255. Source: RFC 9568, section 5.2.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Vrid(NonZeroU8);

impl Vrid {
    /// A number, or `None` for 0.
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        match NonZeroU8::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0.get()
    }
}

impl fmt::Display for Vrid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who wins an election: the higher one. Source: RFC 9568, section 5.2.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Priority(pub u8);

impl Priority {
    /// The master says that it leaves.
    pub const LEAVES: Self = Self(0);
    /// The lowest priority that a router can have.
    pub const LOWEST: Self = Self(1);
    /// What a router has when nobody says otherwise.
    pub const USUAL: Self = Self(100);
    /// The highest priority of a router that does not own the addresses.
    pub const HIGHEST: Self = Self(254);
    /// The addresses are this host's own.
    pub const OWNER: Self = Self(255);
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How often a master sends an advertisement, in hundredths of a second: 1 to 4095 (40.95 s). 0 is no interval
/// (RFC 9568, errata 8301). In version 2 it is a multiple of 100, up to 25500.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Centiseconds(pub u16);

impl Centiseconds {
    /// A second.
    pub const SECOND: Self = Self(100);
    /// The longest interval of version 3.
    pub const MAX_V3: Self = Self(4095);

    /// As a duration.
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.0 as u64 * 10)
    }
}

impl fmt::Display for Centiseconds {
    /// In seconds: `0.1s`, `1s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}s", f64::from(self.0) / 100.0)
    }
}

/// What the checksum of an advertisement is over. Only version 3 over IPv4 has a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChecksumForm {
    /// Over the message alone: version 2, and version 3 over IPv4 by RFC 9568, section 5.2.8. keepalived's
    /// `v3_checksum_as_v2`.
    Message,
    /// Over a pseudo-header, too: always over IPv6; over IPv4 by RFC 5798, as keepalived sends it unless told otherwise.
    PseudoHeader,
    /// Over a pseudo-header with the multicast group in it, though the packet was sent to one host: version 3 over IPv4
    /// of an old keepalived, or of a new one with `old_unicast_checksum`.
    GroupInPseudoHeader,
}

impl ChecksumForm {
    /// All of them, in the order in which a receiver tries them.
    pub const ALL: [Self; 3] = [Self::Message, Self::PseudoHeader, Self::GroupInPseudoHeader];
}

impl fmt::Display for ChecksumForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Message => "over the message",
            Self::PseudoHeader => "with a pseudo-header",
            Self::GroupInPseudoHeader => "with the multicast group in the pseudo-header",
        })
    }
}

/// What version 2 calls a simple text password: it stands readable in every advertisement. Source: RFC 2338, section
/// 5.3.6; versions after it know none.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct VrrpPassword([u8; Self::BYTES]);

impl VrrpPassword {
    /// How many bytes it has on the wire. A shorter one is filled up with zeros.
    pub const BYTES: usize = 8;

    /// A password of these bytes; `None` for none, and for more than [`Self::BYTES`].
    #[must_use]
    pub fn new(text: &[u8]) -> Option<Self> {
        let mut bytes = [0; Self::BYTES];
        bytes.get_mut(..text.len())?.copy_from_slice(text);
        (!text.is_empty()).then_some(Self(bytes))
    }

    /// As it was received.
    #[must_use]
    pub const fn received(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// The bytes on the wire.
    #[must_use]
    pub const fn bytes(self) -> [u8; Self::BYTES] {
        self.0
    }
}

impl fmt::Debug for VrrpPassword {
    /// Without the password: it goes into no log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VrrpPassword(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_has_one_to_eight_bytes_and_is_never_printed() {
        let password = VrrpPassword::new(b"secret").unwrap();
        assert_eq!(password.bytes(), *b"secret\0\0");
        assert_eq!(format!("{password:?}"), "VrrpPassword(..)");
        assert_eq!(
            VrrpPassword::new(b"12345678").unwrap().bytes(),
            *b"12345678"
        );
        assert_eq!(VrrpPassword::new(b""), None);
        assert_eq!(VrrpPassword::new(b"123456789"), None);
    }

    #[test]
    fn an_interval_is_shown_in_seconds() {
        for (interval, shown) in [(1, "0.01s"), (10, "0.1s"), (100, "1s"), (4095, "40.95s")] {
            assert_eq!(Centiseconds(interval).to_string(), shown);
        }
        assert_eq!(Centiseconds(7).duration(), Duration::from_millis(70));
    }
}
