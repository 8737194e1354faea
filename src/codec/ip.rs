// SPDX-License-Identifier: MIT OR Apache-2.0
//! Headers of IP packets, and the checksum that the protocols in them share. What is read is hostile.
//!
//! Source: RFC 791 (IPv4), RFC 8200 (IPv6), RFC 1071 (checksum).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The shortest IPv4 header.
pub(super) const IPV4_HEADER: usize = 20;
/// The IPv6 header.
pub(super) const IPV6_HEADER: usize = 40;

/// An IPv4 packet, as a raw socket receives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ipv4Packet<'a> {
    /// Who sent it.
    pub source: Ipv4Addr,
    /// To whom.
    pub destination: Ipv4Addr,
    /// What is left of its time to live.
    pub hops: u8,
    /// The number of the protocol that it carries.
    pub protocol: u8,
    /// Where this fragment stands in the whole, in units of 8 bytes. A packet that is no fragment has 0.
    pub offset: u16,
    /// What it carries: no byte more than the header says.
    pub payload: &'a [u8],
}

impl<'a> Ipv4Packet<'a> {
    /// Reads a packet from its first byte on; `None` when it is no IPv4 packet, or not all of it is there.
    #[must_use]
    pub fn read(packet: &'a [u8]) -> Option<Self> {
        let (packet, is_whole) = Self::begun(packet)?;
        is_whole.then_some(packet)
    }

    /// Reads a packet of which the end may be missing.
    #[must_use]
    pub fn read_start(packet: &'a [u8]) -> Option<Self> {
        Self::begun(packet).map(|(packet, _)| packet)
    }

    /// The packet, and whether it is there to its end.
    fn begun(packet: &'a [u8]) -> Option<(Self, bool)> {
        let head = packet.first_chunk::<IPV4_HEADER>()?;
        // The length of the header, in words of 32 bits, is in the lower half of its first byte.
        let header = usize::from(head[0] & 0x0f) * 4;
        if head[0] >> 4 != 4 || header < IPV4_HEADER {
            return None;
        }
        let total = usize::from(u16::from_be_bytes([head[2], head[3]]));
        let it = Self {
            source: Ipv4Addr::new(head[12], head[13], head[14], head[15]),
            destination: Ipv4Addr::new(head[16], head[17], head[18], head[19]),
            hops: head[8],
            protocol: head[9],
            offset: u16::from_be_bytes([head[6], head[7]]) & 0x1fff,
            // Ethernet fills a short frame up: that is no part of the packet.
            payload: packet.get(header..total.min(packet.len()))?,
        };
        Some((it, total <= packet.len()))
    }
}

/// An IPv6 packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ipv6Packet<'a> {
    /// Who sent it.
    pub source: Ipv6Addr,
    /// To whom.
    pub destination: Ipv6Addr,
    /// What is left of its hop limit.
    pub hops: u8,
    /// The number of the protocol, or of the extension header, behind the header.
    pub next: u8,
    /// What is behind the header: no byte more than the header says.
    pub payload: &'a [u8],
}

impl<'a> Ipv6Packet<'a> {
    /// Reads a packet from its first byte on; `None` when it is no IPv6 packet, or not all of it is there.
    #[must_use]
    pub fn read(packet: &'a [u8]) -> Option<Self> {
        let (packet, is_whole) = Self::begun(packet)?;
        is_whole.then_some(packet)
    }

    /// Reads a packet of which the end may be missing.
    #[must_use]
    pub fn read_start(packet: &'a [u8]) -> Option<Self> {
        Self::begun(packet).map(|(packet, _)| packet)
    }

    /// The packet, and whether it is there to its end.
    fn begun(packet: &'a [u8]) -> Option<(Self, bool)> {
        let (head, behind) = packet.split_first_chunk::<IPV6_HEADER>()?;
        if head[0] >> 4 != 6 {
            return None;
        }
        let address = |at| Some(Ipv6Addr::from(*head.get(at..)?.first_chunk::<16>()?));
        let length = usize::from(u16::from_be_bytes([head[4], head[5]]));
        let it = Self {
            source: address(8)?,
            destination: address(24)?,
            hops: head[7],
            next: head[6],
            payload: behind.get(..length).unwrap_or(behind),
        };
        Some((it, length <= behind.len()))
    }

    /// The bytes of the packet. At most 65,535 bytes of the payload are in it.
    #[must_use]
    pub fn emit(&self) -> Vec<u8> {
        let length = u16::try_from(self.payload.len()).unwrap_or(u16::MAX);
        let mut packet = Vec::with_capacity(IPV6_HEADER + self.payload.len());
        packet.extend_from_slice(&[0x60, 0, 0, 0]);
        packet.extend_from_slice(&length.to_be_bytes());
        packet.extend_from_slice(&[self.next, self.hops]);
        packet.extend_from_slice(&self.source.octets());
        packet.extend_from_slice(&self.destination.octets());
        packet.extend(self.payload.iter().take(usize::from(length)));
        packet
    }
}

/// Appends the bytes of an address.
pub(super) fn octets(address: IpAddr, out: &mut Vec<u8>) {
    match address {
        IpAddr::V4(v4) => out.extend_from_slice(&v4.octets()),
        IpAddr::V6(v6) => out.extend_from_slice(&v6.octets()),
    }
}

/// Writes a number of 16 bits into bytes that have a place for it.
pub(super) fn put(bytes: &mut [u8], at: usize, value: u16) {
    if let Some(field) = bytes.get_mut(at..at + 2) {
        field.copy_from_slice(&value.to_be_bytes());
    }
}

/// The checksum over at most 65,535 bytes. It is 0 over bytes with their own right checksum among them.
pub(super) fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|pair| match *pair {
        [high, low] => u32::from(u16::from_be_bytes([high, low])),
        [high] => u32::from(high) << 8,
        _ => 0,
    });
    let mut sum: u32 = words.sum();
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    // Folded into 16 bits above.
    !u16::try_from(sum).unwrap_or(u16::MAX)
}

/// The checksum over a payload of at most 65,000 bytes and the pseudo-header before it: both addresses, the protocol,
/// the length (RFC 793, section 3.1; RFC 8200, section 8.1: its wider fields give the same sum).
pub(super) fn transport_checksum(
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    payload: &[u8],
) -> u16 {
    let mut summed = Vec::with_capacity(36 + payload.len());
    octets(source, &mut summed);
    octets(destination, &mut summed);
    summed.extend_from_slice(&[0, protocol]);
    let length = u16::try_from(payload.len()).unwrap_or(u16::MAX);
    summed.extend_from_slice(&length.to_be_bytes());
    summed.extend_from_slice(payload);
    checksum(&summed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        // The example of RFC 1071, section 3.
        let example = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(checksum(&example), !0xddf2);
        assert_eq!(checksum(&[0xff; 9]), 0x00ff);
    }

    #[test]
    fn an_ipv4_header_may_have_options_and_may_lie() {
        let mut packet: Vec<u8> = [0x45, 0, 0, 40].into_iter().chain(4..40).collect();
        let payload = |packet: &[u8]| Ipv4Packet::read(packet).map(|it| it.payload.to_vec());
        assert_eq!(payload(&packet), Some(packet[20..].to_vec()));
        packet[0] = 0x46;
        assert_eq!(payload(&packet), Some(packet[24..].to_vec()));
        for first in [0x44, 0x65, 0x4f] {
            packet[0] = first;
            assert_eq!(payload(&packet), None);
        }
        assert_eq!(payload(&[0x45; 19]), None);
        assert_eq!(payload(&[]), None);
    }

    #[test]
    fn what_an_ethernet_frame_is_filled_up_with_is_no_part_of_the_packet() {
        let mut four = [7_u8; 46];
        four[0] = 0x45;
        four[2..4].copy_from_slice(&[0, 28]);
        assert_eq!(Ipv4Packet::read(&four).unwrap().payload.len(), 8);
        four[2..4].copy_from_slice(&[0, 19]);
        assert_eq!(Ipv4Packet::read_start(&four), None);
        let mut six = [7_u8; 60];
        six[0] = 0x60;
        six[4..6].copy_from_slice(&[0, 8]);
        assert_eq!(Ipv6Packet::read(&six).unwrap().payload.len(), 8);
    }

    #[test]
    fn a_packet_that_was_cut_off_has_a_start_only() {
        let mut four = [7_u8; 46];
        four[0] = 0x45;
        four[2..4].copy_from_slice(&[0, 47]);
        assert_eq!(Ipv4Packet::read(&four), None);
        assert_eq!(Ipv4Packet::read_start(&four).unwrap().payload.len(), 26);
        let mut six = [7_u8; 60];
        six[0] = 0x60;
        six[4..6].copy_from_slice(&[0, 21]);
        assert_eq!(Ipv6Packet::read(&six), None);
        assert_eq!(Ipv6Packet::read_start(&six).unwrap().payload.len(), 20);
    }

    proptest! {
        #[test]
        fn an_ipv6_packet_is_read_as_it_was_written(
            source: Ipv6Addr, destination: Ipv6Addr, hops: u8, next: u8,
            payload in proptest::collection::vec(any::<u8>(), 0..100),
        ) {
            let packet = Ipv6Packet { source, destination, hops, next, payload: &payload };
            let bytes = packet.emit();
            prop_assert_eq!(Ipv6Packet::read(&bytes), Some(packet));
        }

        #[test]
        fn no_packet_panics(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = (Ipv4Packet::read(&bytes), Ipv4Packet::read_start(&bytes));
            let _ = (Ipv6Packet::read(&bytes), Ipv6Packet::read_start(&bytes));
        }
    }
}
