// SPDX-License-Identifier: MIT OR Apache-2.0
//! Ethernet frames without a VLAN tag: the kernel takes the tag off what a packet socket receives.
//!
//! Source: RFC 894 (IPv4), RFC 2464 (IPv6).

use std::net::Ipv6Addr;

use crate::model::AddressFamily;

/// The address of an Ethernet interface.
pub type HardwareAddress = [u8; 6];

/// What a frame with ARP says that it carries: `ETH_P_ARP`.
pub const ETH_P_ARP: u16 = 0x0806;

/// What a frame with an IP packet says that it carries: `ETH_P_IP`, `ETH_P_IPV6`.
#[must_use]
pub const fn ether_type(family: AddressFamily) -> u16 {
    match family {
        AddressFamily::Ipv4 => 0x0800,
        AddressFamily::Ipv6 => 0x86dd,
    }
}

/// Everybody on the LAN.
pub const BROADCAST: HardwareAddress = [0xff; 6];

/// Both addresses, and the type.
const HEADER: usize = 14;

/// A frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// To whom.
    pub to: HardwareAddress,
    /// Who sent it.
    pub from: HardwareAddress,
    /// What it says that it carries, such as [`ETH_P_ARP`].
    pub kind: u16,
    /// What it carries, and what a short frame is filled up with.
    pub payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Reads a frame; `None` when its header is not complete.
    #[must_use]
    pub fn read(frame: &'a [u8]) -> Option<Self> {
        let (header, payload) = frame.split_first_chunk::<HEADER>()?;
        let [t0, t1, t2, t3, t4, t5, from @ .., high, low] = *header;
        Some(Self {
            to: [t0, t1, t2, t3, t4, t5],
            from,
            kind: u16::from_be_bytes([high, low]),
            payload,
        })
    }

    /// The bytes of the frame. The driver fills it up where it is too short for the wire.
    #[must_use]
    pub fn emit(&self) -> Vec<u8> {
        let mut frame = Vec::with_capacity(HEADER + self.payload.len());
        frame.extend_from_slice(&self.to);
        frame.extend_from_slice(&self.from);
        frame.extend_from_slice(&self.kind.to_be_bytes());
        frame.extend_from_slice(self.payload);
        frame
    }
}

/// The address that frames to an IPv6 group go to (RFC 2464, section 7).
#[must_use]
pub(super) const fn group_address(group: Ipv6Addr) -> HardwareAddress {
    let [.., a, b, c, d] = group.octets();
    [0x33, 0x33, a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_read_as_it_was_written() {
        let frame = Frame {
            to: BROADCAST,
            from: [2, 0, 0, 0, 0, 1],
            kind: ETH_P_ARP,
            payload: b"abc",
        };
        let bytes = frame.emit();
        assert_eq!(
            bytes,
            *b"\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x01\x08\x06abc"
        );
        assert_eq!(Frame::read(&bytes), Some(frame));
        assert_eq!(Frame::read(&bytes[..13]), None);
    }
}
