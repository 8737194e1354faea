// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which VRRP packets are likely to be an advertisement of a virtual router. The kernel sorts them, so that a flood of
//! others does not take the room of the master's advertisements.

use super::bpf::{
    ADD, IF_ABOVE_X, IF_ANY_BIT, IF_EQUAL, IF_NOT_LESS, LOAD_BYTE, LOAD_BYTE_BEHIND_X,
    LOAD_HALF_BEHIND_X, LOAD_LENGTH, MULTIPLY, NETWORK, RETURN, STORE, SUBTRACT_X, X_IS,
    X_IS_IPV4_HEADER, X_IS_STORED, line,
};
use crate::codec::vrrp::HOPS;
use crate::model::{AddressFamily, Vrid, VrrpVersion};

/// Which packets a socket hears. Nothing is decided by this: what is likely is read with the same care as the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hears {
    /// What seems to be an advertisement of this version, of this virtual router, from this LAN.
    Likely(VrrpVersion, Vrid),
    /// Everything else.
    Rest(VrrpVersion, Vrid),
}

/// A program that lets nothing through.
pub(super) fn deaf() -> Vec<libc::sock_filter> {
    vec![line(RETURN, 0, 0, 0)]
}

/// So many bytes of a packet: all.
const WHOLE: u32 = u32::MAX;

/// A program of the kernel's packet filter (`Documentation/networking/filter.rst`). Likely is: it has the hop limit of
/// this LAN, the version, the type, the virtual router, an interval, an address, and all that it says that it has. A load
/// behind the end of a packet would drop it, so its length is looked at first.
pub(super) fn filter(family: AddressFamily, hears: Hears) -> Vec<libc::sock_filter> {
    let (version, vrid, likely, rest) = match hears {
        Hears::Likely(version, vrid) => (version, vrid, WHOLE, 0),
        Hears::Rest(version, vrid) => (version, vrid, 0, WHOLE),
    };
    // A raw socket of IPv4 hands the header over, one of IPv6 does not.
    let (header, hops, address) = match family {
        AddressFamily::Ipv4 => (X_IS_IPV4_HEADER, 8, 4),
        AddressFamily::Ipv6 => (X_IS, NETWORK + 7, 16),
    };
    // Version 2 ends with authentication data.
    let (first, around) = match version {
        VrrpVersion::V2 => (0x21, 16),
        VrrpVersion::V3 => (0x31, 8),
    };
    vec![
        line(header, 0, 0, 0),
        line(LOAD_LENGTH, 0, 0, 0),
        line(SUBTRACT_X, 0, 0, 0),
        line(STORE, 0, 0, 0),
        line(IF_NOT_LESS, 0, 15, 8),
        line(LOAD_BYTE, 0, 0, hops),
        line(IF_EQUAL, 0, 13, HOPS.into()),
        line(LOAD_BYTE_BEHIND_X, 0, 0, 0),
        line(IF_EQUAL, 0, 11, first),
        line(LOAD_BYTE_BEHIND_X, 0, 0, 1),
        line(IF_EQUAL, 0, 9, vrid.get().into()),
        line(LOAD_HALF_BEHIND_X, 0, 0, 4),
        line(IF_ANY_BIT, 0, 7, 0x0fff),
        line(LOAD_BYTE_BEHIND_X, 0, 0, 3),
        line(IF_EQUAL, 5, 0, 0),
        line(MULTIPLY, 0, 0, address),
        line(ADD, 0, 0, around),
        line(X_IS_STORED, 0, 0, 0),
        line(IF_ABOVE_X, 1, 0, 0),
        line(RETURN, 0, 0, likely),
        line(RETURN, 0, 0, rest),
    ]
}
