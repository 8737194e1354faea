// SPDX-License-Identifier: MIT OR Apache-2.0
//! Neighbour advertisements of IPv6: the announcement of an address, and what others say of theirs. What is heard is
//! hostile.
//!
//! Source: RFC 4861, sections 4.4, 4.6.1, 7.1.2 and 7.2.6.

use std::net::{IpAddr, Ipv6Addr};

use super::ethernet::{Frame, HardwareAddress, ether_type, group_address};
use super::ip::{Ipv6Packet, put, transport_checksum};
use crate::model::AddressFamily;

/// All nodes of the LAN.
pub const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// What a frame with it carries.
const ETHER_TYPE: u16 = ether_type(AddressFamily::Ipv6);
/// `ICMPv6`.
const PROTOCOL: u8 = 58;
/// Its checksum, behind the type and the code.
const CHECKSUM_AT: usize = 2;
/// The type of a neighbour advertisement.
const ADVERTISEMENT: u8 = 136;
/// The head of the message, up to its options.
const HEAD: usize = 24;
/// No router passes a packet with this hop limit on.
const HOPS: u8 = 255;
const ROUTER: u8 = 0x80;
const SOLICITED: u8 = 0x40;
const OVERRIDE: u8 = 0x20;
/// The option with the hardware address of the target.
const TARGET_ADDRESS: u8 = 2;

/// What a neighbour says of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NeighbourAdvertisement {
    /// The address.
    pub target: Ipv6Addr,
    /// Whether the neighbour is a router.
    pub router: bool,
    /// Whether somebody asked.
    pub solicited: bool,
    /// Whether it is to replace what the receiver has in its cache.
    pub overrides: bool,
    /// Where the address is; an answer to one host may leave it out.
    pub hardware: Option<HardwareAddress>,
}

impl NeighbourAdvertisement {
    /// The announcement that an address is at this interface. Nobody asked for it, and it replaces what others have.
    #[must_use]
    pub const fn announcement(target: Ipv6Addr, hardware: HardwareAddress, router: bool) -> Self {
        Self {
            target,
            router,
            solicited: false,
            overrides: true,
            hardware: Some(hardware),
        }
    }

    /// The frame that brings it to all nodes of the LAN; its source is the address that it is about.
    #[must_use]
    pub fn to_all_nodes(&self, from: HardwareAddress) -> Vec<u8> {
        self.frame(from, ALL_NODES, group_address(ALL_NODES))
    }

    fn frame(&self, from: HardwareAddress, destination: Ipv6Addr, to: HardwareAddress) -> Vec<u8> {
        let mut message = self.message();
        let [source, everybody] = [self.target, destination].map(IpAddr::V6);
        let sum = transport_checksum(source, everybody, PROTOCOL, &message);
        put(&mut message, CHECKSUM_AT, sum);
        let packet = Ipv6Packet {
            source: self.target,
            destination,
            hops: HOPS,
            next: PROTOCOL,
            payload: &message,
        };
        let frame = Frame {
            to,
            from,
            kind: ETHER_TYPE,
            payload: &packet.emit(),
        };
        frame.emit()
    }

    /// The message with a checksum of 0.
    fn message(&self) -> Vec<u8> {
        let flag = |is_set, flag| if is_set { flag } else { 0 };
        let flags = flag(self.router, ROUTER)
            | flag(self.solicited, SOLICITED)
            | flag(self.overrides, OVERRIDE);
        let mut message = vec![ADVERTISEMENT, 0, 0, 0, flags, 0, 0, 0];
        message.extend_from_slice(&self.target.octets());
        if let Some(hardware) = self.hardware {
            // Its length is in units of 8 bytes.
            message.extend_from_slice(&[TARGET_ADDRESS, 1]);
            message.extend_from_slice(&hardware);
        }
        message
    }

    /// Reads a frame; `None` when it is no neighbour advertisement, or one that a host must not believe: from another
    /// network, with a wrong checksum, or with options that lead behind its end.
    #[must_use]
    pub fn read(frame: &[u8]) -> Option<Self> {
        let frame = Frame::read(frame)?;
        let packet = Ipv6Packet::read(frame.payload)?;
        let is_icmp = frame.kind == ETHER_TYPE && packet.next == PROTOCOL && packet.hops == HOPS;
        let [source, destination] = [packet.source, packet.destination].map(IpAddr::V6);
        if !is_icmp || transport_checksum(source, destination, PROTOCOL, packet.payload) != 0 {
            return None;
        }
        Self::of(packet.payload).filter(|it| {
            // What goes to everybody answers nobody.
            let answers_everybody = it.solicited && packet.destination.is_multicast();
            !it.target.is_multicast() && !answers_everybody
        })
    }

    /// A message whose checksum is right.
    fn of(message: &[u8]) -> Option<Self> {
        let (head, options) = message.split_first_chunk::<HEAD>()?;
        let [kind, code, _, _, flags, _, _, _, target @ ..] = *head;
        if kind != ADVERTISEMENT || code != 0 {
            return None;
        }
        Some(Self {
            target: target.into(),
            router: flags & ROUTER != 0,
            solicited: flags & SOLICITED != 0,
            overrides: flags & OVERRIDE != 0,
            hardware: target_address(options)?,
        })
    }

    /// Whether somebody else says that this address, which is at this interface of ours, is his.
    #[must_use]
    pub fn disputes(&self, address: Ipv6Addr, ours: HardwareAddress) -> bool {
        self.target == address && self.hardware.is_some_and(|hardware| hardware != ours)
    }
}

/// The hardware address in the options; `None` when an option has no length, or leads behind the end.
#[allow(
    clippy::option_option,
    reason = "options that are broken, and options without an address, are two things"
)]
fn target_address(mut options: &[u8]) -> Option<Option<HardwareAddress>> {
    let mut found = None;
    while !options.is_empty() {
        let [kind, units] = *options.first_chunk::<2>()?;
        let (option, rest) = options.split_at_checked(usize::from(units) * 8)?;
        // Of a length of 0 there would be no end.
        let value = option.get(2..)?;
        if kind == TARGET_ADDRESS && found.is_none() {
            // Another length is that of another kind of link.
            found = value.try_into().ok();
        }
        options = rest;
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OURS: HardwareAddress = [0x02, 0, 0, 0, 0, 0x0a];
    const VIP: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 0x100);

    fn announcement() -> NeighbourAdvertisement {
        NeighbourAdvertisement::announcement(VIP, OURS, true)
    }

    /// A frame to all nodes with this message, and its right checksum.
    fn frame_of(mut message: Vec<u8>) -> Vec<u8> {
        message[2..4].fill(0);
        let [source, destination] = [VIP, ALL_NODES].map(IpAddr::V6);
        let sum = transport_checksum(source, destination, PROTOCOL, &message);
        put(&mut message, CHECKSUM_AT, sum);
        let packet = Ipv6Packet {
            source: VIP,
            destination: ALL_NODES,
            hops: HOPS,
            next: PROTOCOL,
            payload: &message,
        };
        let frame = Frame {
            to: group_address(ALL_NODES),
            from: OURS,
            kind: ETHER_TYPE,
            payload: &packet.emit(),
        };
        frame.emit()
    }

    #[test]
    fn golden_bytes_of_an_announcement() {
        let frame = announcement().to_all_nodes(OURS);
        let mut expected = vec![0x33, 0x33, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0x0a, 0x86, 0xdd];
        expected.extend([0x60, 0, 0, 0, 0, 32, 58, 255]);
        expected.extend(*b"\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0");
        expected.extend(*b"\xff\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\x01");
        expected.extend([136, 0, 0xd8, 0x93, 0xa0, 0, 0, 0]);
        expected.extend(*b"\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0");
        expected.extend([2, 1, 2, 0, 0, 0, 0, 0x0a]);
        assert_eq!(frame, expected);
        assert_eq!(NeighbourAdvertisement::read(&frame), Some(announcement()));
        let host = NeighbourAdvertisement::announcement(VIP, OURS, false);
        assert_eq!(host.to_all_nodes(OURS)[58], 0x20);
    }

    #[test]
    fn a_frame_that_was_filled_up_means_the_same() {
        let mut frame = announcement().to_all_nodes(OURS);
        frame.extend([0x5a; 4]);
        assert_eq!(NeighbourAdvertisement::read(&frame), Some(announcement()));
    }

    #[test]
    fn a_single_changed_bit_is_noticed_where_it_counts() {
        let frame = announcement().to_all_nodes(OURS);
        // Hardware addresses, traffic class and flow label are under no checksum, and mean nothing here.
        let free = |at| at < 12 || (14 < at && at < 18);
        for bit in 0..frame.len() * 8 {
            let mut other = frame.clone();
            let at = bit / 8;
            other[at] ^= 1 << (bit % 8);
            let is_free = free(at) || (at == 14 && bit % 8 < 4);
            let read = NeighbourAdvertisement::read(&other);
            assert_eq!(read.is_some(), is_free, "bit {bit}");
        }
        for length in 0..frame.len() {
            assert_eq!(NeighbourAdvertisement::read(&frame[..length]), None);
        }
    }

    #[test]
    fn what_the_standard_forbids_is_not_believed() {
        let message = announcement().message();
        let read = |message| NeighbourAdvertisement::read(&frame_of(message));
        assert_eq!(read(message.clone()), Some(announcement()));
        for (what, at, byte) in [
            ("another type", 0, 135),
            ("a code", 1, 1),
            ("an answer to everybody", 4, 0xe0),
            ("a group as the target", 8, 0xff),
            ("an option without a length", 25, 0),
            ("an option behind the end", 25, 2),
        ] {
            let mut other = message.clone();
            other[at] = byte;
            assert_eq!(read(other), None, "{what}");
        }
        assert_eq!(read([&*message, &[1]].concat()), None);
    }

    #[test]
    fn the_address_is_found_among_other_options() {
        let bare = NeighbourAdvertisement {
            hardware: None,
            ..announcement()
        };
        let with = |options: &[u8]| {
            let message = [&bare.message(), options].concat();
            NeighbourAdvertisement::read(&frame_of(message)).map(|it| it.hardware)
        };
        assert_eq!(with(&[]), Some(None));
        let other = [14, 1, 0, 0, 0, 0, 0, 0];
        let ours = [2, 1, 2, 0, 0, 0, 0, 0x0a];
        let theirs = [2, 1, 2, 0, 0, 0, 0, 0x0b];
        assert_eq!(with(&[other, ours].concat()), Some(Some(OURS)));
        assert_eq!(with(&[ours, theirs].concat()), Some(Some(OURS)));
        let long = [[2, 2, 1, 1, 1, 1, 1, 1], [1; 8]].concat();
        assert_eq!(with(&long), Some(None));
    }

    #[test]
    fn an_address_is_disputed_by_another_hardware_address() {
        let theirs = NeighbourAdvertisement::announcement(VIP, [0x02, 0, 0, 0, 0, 0x0b], true);
        assert!(theirs.disputes(VIP, OURS));
        assert!(!announcement().disputes(VIP, OURS));
        assert!(!theirs.disputes(ALL_NODES, OURS));
    }

    proptest! {
        #[test]
        fn an_advertisement_is_read_as_it_was_written(
            target: Ipv6Addr, router: bool, solicited: bool, overrides: bool,
            hardware: Option<HardwareAddress>, from: HardwareAddress,
        ) {
            prop_assume!(!target.is_multicast());
            let advertisement =
                NeighbourAdvertisement { target, router, solicited, overrides, hardware };
            let frame = advertisement.frame(from, VIP, OURS);
            prop_assert_eq!(NeighbourAdvertisement::read(&frame), Some(advertisement));
            let read = NeighbourAdvertisement::read(&advertisement.to_all_nodes(from));
            prop_assert_eq!(read, Some(advertisement).filter(|_| !solicited));
        }

        #[test]
        fn no_message_panics(message in proptest::collection::vec(any::<u8>(), 4..80)) {
            let mut message = message;
            message[0] = ADVERTISEMENT;
            let _ = NeighbourAdvertisement::read(&frame_of(message.clone()));
            let _ = NeighbourAdvertisement::read(&message);
        }
    }
}
