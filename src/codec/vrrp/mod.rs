// SPDX-License-Identifier: MIT OR Apache-2.0
//! Advertisements of VRRP: version 2 and 3, over IPv4 and IPv6. What is heard is hostile until read.
//!
//! [`parse`] says what a packet means, and whether it arrived as it was sent. Whether it is for a virtual router of
//! ours, and whether that router believes it, is not said here: that needs a configuration.
//!
//! Source: RFC 9568 and its errata 8298 to 8301; RFC 5798, section 5.2.8 (the other checksum); RFC 3768 and RFC 2338
//! (version 2); draft-cassen-vrrp-auth-hmac-00 (the trailer).

mod advertisement;
mod form;
mod heard;
mod hmac;
mod refused;
mod replay;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub use advertisement::{Advertisement, Signature};
pub use heard::{Delivery, Heard, Proof, Terms, parse};
pub use hmac::{Key, Keys, Sequence, TRAILER};
pub use refused::Refused;
pub use replay::{AntiReplay, Numbering, ReplayGuard};

use super::ethernet::HardwareAddress;
use crate::model::{AddressFamily, Vrid, VrrpVersion};

/// The protocol's number in the IP header.
pub const PROTOCOL: u8 = 112;
/// The time to live, or hop limit, of an advertisement on a LAN: no router passes it on with this value, so it proves
/// that the sender is on the LAN (RFC 5082).
pub const HOPS: u8 = 255;
/// The group that advertisements go to over IPv4.
pub const GROUP_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);
/// The group that advertisements go to over IPv6.
pub const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12);
/// The longest message with a trailer: 255 IPv6 addresses. A receive buffer needs no more than this and an IPv4 header.
pub const MOST_BYTES: usize = HEAD + 255 * 16 + TRAILER;

/// What every version begins with: version and type, virtual router, priority, count, interval, checksum.
const HEAD: usize = 8;
/// The type of the only message there is.
const ADVERTISEMENT: u8 = 1;
/// Where the checksum is.
const CHECKSUM_AT: usize = 6;
/// The authentication data at the end of a message of version 2.
const PASSWORD: usize = crate::model::VrrpPassword::BYTES;

/// The group that advertisements go to.
#[must_use]
pub const fn group(family: AddressFamily) -> IpAddr {
    match family {
        AddressFamily::Ipv4 => IpAddr::V4(GROUP_V4),
        AddressFamily::Ipv6 => IpAddr::V6(GROUP_V6),
    }
}

/// The hardware address of a virtual router. Source: RFC 9568, section 7.3.
#[must_use]
pub const fn virtual_mac(family: AddressFamily, vrid: Vrid) -> HardwareAddress {
    let block = match family {
        AddressFamily::Ipv4 => 1,
        AddressFamily::Ipv6 => 2,
    };
    [0x00, 0x00, 0x5e, 0x00, block, vrid.get()]
}

/// How many bytes a message has, without a trailer.
fn length(version: VrrpVersion, family: AddressFamily, count: u8) -> usize {
    let address = usize::from(family.bits() / 8);
    let password = match version {
        VrrpVersion::V2 => PASSWORD,
        VrrpVersion::V3 => 0,
    };
    HEAD + usize::from(count) * address + password
}
