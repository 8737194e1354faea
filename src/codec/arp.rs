// SPDX-License-Identifier: MIT OR Apache-2.0
//! ARP over Ethernet for IPv4: the announcement of an address, and what others say of theirs. What is heard is hostile.
//!
//! Source: RFC 826; RFC 5227 (announcements, conflicts); RFC 9568, errata 7947 and 7949 (what VRRP announces).

use std::net::Ipv4Addr;

use super::ethernet::{BROADCAST, ETH_P_ARP, Frame, HardwareAddress};

/// Ethernet and IPv4, with the lengths of their addresses.
const KIND: [u8; 6] = [0, 1, 0x08, 0x00, 6, 4];
/// The length of a packet.
const LENGTH: usize = 28;

/// What a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Who has the target's address? An announcement is one, too.
    Request,
    /// The sender has its address.
    Reply,
    /// Something else, such as reverse ARP.
    Other(u16),
}

impl Operation {
    const fn of(number: u16) -> Self {
        match number {
            1 => Self::Request,
            2 => Self::Reply,
            other => Self::Other(other),
        }
    }

    const fn number(self) -> u16 {
        match self {
            Self::Request => 1,
            Self::Reply => 2,
            Self::Other(other) => other,
        }
    }
}

/// Whom a packet speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Party {
    /// Its address on the LAN.
    pub hardware: HardwareAddress,
    /// Its IPv4 address.
    pub address: Ipv4Addr,
}

/// A packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arp {
    /// What it is.
    pub operation: Operation,
    /// Who says it.
    pub sender: Party,
    /// Of whom, or to whom.
    pub target: Party,
}

impl Arp {
    /// The announcement that an address is at this interface: a request for the address by who has it (RFC 5227, section
    /// 2.3). The target's hardware address is the sender's, as the errata say; receivers do not look at it.
    #[must_use]
    pub const fn announcement(address: Ipv4Addr, hardware: HardwareAddress) -> Self {
        let party = Party { hardware, address };
        Self {
            operation: Operation::Request,
            sender: party,
            target: party,
        }
    }

    /// The question whether anybody has an address, from somebody who does not say that he has one: nobody learns anything
    /// from it (RFC 5227, section 2.1.1).
    #[must_use]
    pub const fn probe(address: Ipv4Addr, hardware: HardwareAddress) -> Self {
        Self {
            operation: Operation::Request,
            sender: Party {
                hardware,
                address: Ipv4Addr::UNSPECIFIED,
            },
            target: Party {
                hardware: [0; 6],
                address,
            },
        }
    }

    /// The frame that brings it to everybody on the LAN.
    #[must_use]
    pub fn broadcast(&self) -> Vec<u8> {
        let frame = Frame {
            to: BROADCAST,
            from: self.sender.hardware,
            kind: ETH_P_ARP,
            payload: &self.bytes(),
        };
        frame.emit()
    }

    /// Reads a frame; `None` when it is no ARP over Ethernet for IPv4.
    #[must_use]
    pub fn read(frame: &[u8]) -> Option<Self> {
        let frame = Frame::read(frame)?;
        let packet = frame.payload.first_chunk::<LENGTH>()?;
        let (kind, rest) = packet.split_first_chunk::<6>()?;
        let (operation, rest) = rest.split_first_chunk::<2>()?;
        let (sender, rest) = rest.split_first_chunk::<10>()?;
        let target = rest.first_chunk::<10>()?;
        (frame.kind == ETH_P_ARP && *kind == KIND).then(|| Self {
            operation: Operation::of(u16::from_be_bytes(*operation)),
            sender: party(*sender),
            target: party(*target),
        })
    }

    /// Whether somebody else says that this address, which is at this interface of ours, is his (RFC 5227, section 2.4).
    #[must_use]
    pub fn disputes(&self, address: Ipv4Addr, ours: HardwareAddress) -> bool {
        self.sender.address == address && self.sender.hardware != ours
    }

    fn bytes(&self) -> Vec<u8> {
        let mut packet = Vec::with_capacity(LENGTH);
        packet.extend_from_slice(&KIND);
        packet.extend_from_slice(&self.operation.number().to_be_bytes());
        for party in [self.sender, self.target] {
            packet.extend_from_slice(&party.hardware);
            packet.extend_from_slice(&party.address.octets());
        }
        packet
    }
}

fn party(bytes: [u8; 10]) -> Party {
    let [h0, h1, h2, h3, h4, h5, address @ ..] = bytes;
    Party {
        hardware: [h0, h1, h2, h3, h4, h5],
        address: address.into(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const VIP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 100);
    const OURS: HardwareAddress = [0x02, 0, 0, 0, 0, 0x0a];
    const ANNOUNCEMENT: [u8; 42] = [
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0, 0, 0, 0, 0x0a, 0x08,
        0x06, // to, from, type
        0, 1, 0x08, 0, 6, 4, 0, 1, // Ethernet, IPv4, lengths, a request
        0x02, 0, 0, 0, 0, 0x0a, 192, 0, 2, 100, // the sender
        0x02, 0, 0, 0, 0, 0x0a, 192, 0, 2, 100, // the target
    ];

    #[test]
    fn golden_bytes_of_an_announcement() {
        let announcement = Arp::announcement(VIP, OURS);
        assert_eq!(announcement.broadcast(), ANNOUNCEMENT);
        assert_eq!(Arp::read(&ANNOUNCEMENT), Some(announcement));
    }

    #[test]
    fn a_probe_claims_no_address() {
        let frame = Arp::probe(VIP, OURS).broadcast();
        assert_eq!(frame[28..32], [0; 4]);
        assert_eq!(frame[38..42], VIP.octets());
        assert!(!Arp::read(&frame).unwrap().disputes(VIP, [0; 6]));
    }

    #[test]
    fn a_frame_that_was_filled_up_means_the_same() {
        let mut frame = ANNOUNCEMENT.to_vec();
        frame.resize(60, 0x5a);
        assert_eq!(Arp::read(&frame), Arp::read(&ANNOUNCEMENT));
    }

    #[test]
    fn what_is_cut_off_or_of_another_kind_is_no_arp() {
        for length in 0..ANNOUNCEMENT.len() {
            assert_eq!(Arp::read(&ANNOUNCEMENT[..length]), None);
        }
        for at in 12..20 {
            let mut other = ANNOUNCEMENT;
            other[at] ^= 0x10;
            assert_eq!(Arp::read(&other), None, "{at}");
        }
    }

    #[test]
    fn an_address_is_disputed_by_a_sender_with_another_hardware_address() {
        let theirs = Arp::announcement(VIP, [0x02, 0, 0, 0, 0, 0x0b]);
        assert!(theirs.disputes(VIP, OURS));
        assert!(!Arp::announcement(VIP, OURS).disputes(VIP, OURS));
        // Who asks for the address has another one.
        let asks = Arp {
            sender: Party {
                address: Ipv4Addr::new(192, 0, 2, 1),
                ..theirs.sender
            },
            ..theirs
        };
        assert!(!asks.disputes(VIP, OURS));
    }

    proptest! {
        #[test]
        fn a_packet_is_read_as_it_was_written(
            operation: u16, from: [u8; 10], to: [u8; 10],
        ) {
            let arp = Arp {
                operation: Operation::of(operation),
                sender: party(from),
                target: party(to),
            };
            prop_assert_eq!(Arp::read(&arp.broadcast()), Some(arp));
        }

        #[test]
        fn no_frame_panics(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = Arp::read(&bytes);
        }
    }
}
