// SPDX-License-Identifier: MIT OR Apache-2.0
//! The packets of a TCP handshake that this program makes itself, without the kernel's TCP: a SYN, the answer to it, and
//! a RST (RFC 9293). What comes is hostile until read.

use std::net::{IpAddr, SocketAddr};

use super::ip::{IPV4_HEADER, Ipv4Packet, Ipv6Packet, checksum, octets, put, transport_checksum};
use crate::model::TunnelKind;

/// The longest part of a packet that [`Heard::read`] looks at: an IPv4 header with all options, and a TCP header.
pub const MOST_BYTES: usize = 128;

const TCP: u8 = 6;
const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;
const TCP_HEADER: usize = 20;

/// A handshake that we begin. Both ends are of one address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handshake {
    /// Our end.
    pub from: SocketAddr,
    /// The other end.
    pub to: SocketAddr,
    /// The first sequence number: its high half marks the handshakes of this program, [`Handshake::sequence`] makes it.
    pub sequence: u32,
    /// How many hosts a packet may reach (`TTL`, hop limit). With 1 no host passes it on.
    pub hops: u8,
}

impl Handshake {
    /// A first sequence number with this high half. What answers it has that half, too: the low one is never its last.
    #[must_use]
    pub fn sequence(tag: u16, low: u16) -> u32 {
        u32::from(tag) << 16 | u32::from(low.min(u16::MAX - 1))
    }

    /// What the other end acknowledges with its answer.
    #[must_use]
    pub const fn acknowledged(&self) -> u32 {
        self.sequence.wrapping_add(1)
    }

    /// The packet that begins it, from its IP header on.
    #[must_use]
    pub fn syn(&self) -> Vec<u8> {
        self.packet(self.sequence, SYN, &self.largest())
    }

    /// The option of the largest segment, as an Ethernet has it. Some firewalls drop a SYN that does not say it.
    const fn largest(&self) -> [u8; 4] {
        let largest: u16 = if self.to.is_ipv4() { 1460 } else { 1440 };
        let [high, low] = largest.to_be_bytes();
        [2, 4, high, low]
    }

    /// The same without its IP header.
    #[must_use]
    pub fn syn_segment(&self) -> Vec<u8> {
        self.segment(self.sequence, SYN, &self.largest())
    }

    /// The packet that ends it, whether it was answered or not: the server keeps nothing of it.
    #[must_use]
    pub fn reset(&self) -> Vec<u8> {
        self.packet(self.acknowledged(), RST, &[])
    }

    fn packet(&self, sequence: u32, flags: u8, options: &[u8]) -> Vec<u8> {
        let segment = self.segment(sequence, flags, options);
        if let (IpAddr::V6(source), IpAddr::V6(destination)) = (self.from.ip(), self.to.ip()) {
            let packet = Ipv6Packet {
                source,
                destination,
                hops: self.hops,
                next: TCP,
                payload: &segment,
            };
            return packet.emit();
        }
        let mut packet = Vec::with_capacity(IPV4_HEADER + segment.len());
        // A segment of ours has at most 24 bytes.
        let whole = u16::try_from(IPV4_HEADER + segment.len()).unwrap_or(u16::MAX);
        let [high, low] = whole.to_be_bytes();
        // Not to be fragmented, as the kernel's own TCP says.
        packet.extend_from_slice(&[0x45, 0, high, low, 0, 0, 0x40, 0]);
        packet.extend_from_slice(&[self.hops, TCP, 0, 0]);
        octets(self.from.ip(), &mut packet);
        octets(self.to.ip(), &mut packet);
        let sum = checksum(&packet);
        put(&mut packet, 10, sum);
        packet.extend_from_slice(&segment);
        packet
    }

    fn segment(&self, sequence: u32, flags: u8, options: &[u8]) -> Vec<u8> {
        let mut segment = Vec::with_capacity(TCP_HEADER + options.len());
        segment.extend_from_slice(&self.from.port().to_be_bytes());
        segment.extend_from_slice(&self.to.port().to_be_bytes());
        segment.extend_from_slice(&sequence.to_be_bytes());
        segment.extend_from_slice(&[0; 4]);
        let words = u8::try_from((TCP_HEADER + options.len()) / 4).unwrap_or(5);
        segment.extend_from_slice(&[words << 4, flags]);
        let window: u16 = if flags & SYN == 0 { 0 } else { u16::MAX };
        segment.extend_from_slice(&window.to_be_bytes());
        segment.extend_from_slice(&[0; 4]);
        segment.extend_from_slice(options);
        let sum = transport_checksum(self.from.ip(), self.to.ip(), TCP, &segment);
        put(&mut segment, 16, sum);
        segment
    }
}

/// What is between the outer header of a tunnel and the packet in it, with the packet.
///
/// IPVS writes the same (`ip_vs_tunnel_xmit`): GRE with its version 0 (RFC 2784), GUE with its version 0
/// (draft-ietf-intarea-gue), IP in IP with nothing (RFC 2003). `None` for a tunnel that nobody knows.
#[must_use]
pub fn wrapped(kind: TunnelKind, with_checksum: bool, packet: &[u8]) -> Option<Vec<u8>> {
    let is_ipv6 = packet.first().is_some_and(|first| first >> 4 == 6);
    let mut out = Vec::with_capacity(8 + packet.len());
    match kind {
        TunnelKind::Ipip => {}
        TunnelKind::Gue { .. } => out.extend_from_slice(&[0, inner_protocol(is_ipv6), 0, 0]),
        TunnelKind::Gre => {
            let [high, low] = if is_ipv6 { [0x86, 0xdd] } else { [0x08, 0x00] };
            let flags = if with_checksum { 0x80 } else { 0 };
            out.extend_from_slice(&[flags, 0, high, low]);
            if with_checksum {
                out.extend_from_slice(&[0; 4]);
            }
        }
        TunnelKind::Other(_) => return None,
    }
    out.extend_from_slice(packet);
    if kind == TunnelKind::Gre && with_checksum {
        let sum = checksum(&out);
        put(&mut out, 4, sum);
    }
    Some(out)
}

/// The protocol number of IP in IP: IPv4's, or IPv6's.
#[must_use]
pub const fn inner_protocol(is_ipv6: bool) -> u8 {
    if is_ipv6 { 41 } else { 4 }
}

/// What answers a SYN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// SYN and ACK: somebody listens.
    Accepted,
    /// RST: nobody does.
    Refused,
}

/// An answer to a SYN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// Who answers.
    pub from: SocketAddr,
    /// To whom.
    pub to: SocketAddr,
    /// The sequence number that is acknowledged.
    pub acknowledged: u32,
    /// The answer.
    pub reply: Reply,
}

impl Heard {
    /// Reads a packet from its IP header on; `None` for everything that is no answer to a SYN. Its checksum is not
    /// looked at: between virtual machines of one host nobody has filled it in.
    #[must_use]
    pub fn read(packet: &[u8]) -> Option<Self> {
        let (from, to, segment) = match packet.first()? >> 4 {
            4 => ipv4(packet)?,
            6 => ipv6(packet)?,
            _ => return None,
        };
        let [from_port, to_port] = [short(segment, 0)?, short(segment, 2)?];
        let acknowledged = segment
            .get(8..12)?
            .try_into()
            .ok()
            .map(u32::from_be_bytes)?;
        let reply = match segment.get(13)? & (FIN | SYN | RST | ACK) {
            flags if flags == SYN | ACK => Reply::Accepted,
            flags if flags == RST | ACK => Reply::Refused,
            _ => return None,
        };
        Some(Self {
            from: SocketAddr::new(from, from_port),
            to: SocketAddr::new(to, to_port),
            acknowledged,
            reply,
        })
    }

    /// Whether it answers the SYN of this handshake.
    #[must_use]
    pub fn answers(&self, handshake: &Handshake) -> bool {
        self.from == handshake.to
            && self.to == handshake.from
            && self.acknowledged == handshake.acknowledged()
    }
}

/// The addresses and the TCP segment of an IPv4 packet that is no later fragment.
fn ipv4(packet: &[u8]) -> Option<(IpAddr, IpAddr, &[u8])> {
    let packet = Ipv4Packet::read_start(packet)?;
    (packet.protocol == TCP && packet.offset == 0).then(|| {
        let [source, destination] = [packet.source, packet.destination].map(IpAddr::V4);
        (source, destination, packet.payload)
    })
}

/// The same of an IPv6 packet without headers of extensions: an answer to a SYN has none.
fn ipv6(packet: &[u8]) -> Option<(IpAddr, IpAddr, &[u8])> {
    let packet = Ipv6Packet::read_start(packet)?;
    (packet.next == TCP).then(|| {
        let [source, destination] = [packet.source, packet.destination].map(IpAddr::V6);
        (source, destination, packet.payload)
    })
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    let two = bytes.get(at..at + 2)?.try_into().ok()?;
    Some(u16::from_be_bytes(two))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::codec::ip::IPV6_HEADER;

    fn handshake(from: &str, to: &str) -> Handshake {
        Handshake {
            from: from.parse().unwrap(),
            to: to.parse().unwrap(),
            sequence: Handshake::sequence(0xabcd, 0x1234),
            hops: 1,
        }
    }

    /// What a server answers to this packet of ours: the ends change places.
    fn answer(of: &Handshake, flags: u8) -> Vec<u8> {
        let back = Handshake {
            from: of.to,
            to: of.from,
            ..*of
        };
        let mut packet = back.packet(7, flags, &[]);
        let at = packet.len() - TCP_HEADER + 8;
        packet[at..at + 4].copy_from_slice(&of.acknowledged().to_be_bytes());
        packet
    }

    #[test]
    fn golden_bytes_of_a_syn() {
        let syn = handshake("192.168.0.11:40000", "192.168.0.10:5672").syn();
        let expected = [
            0x45, 0, 0, 44, 0, 0, 0x40, 0, 1, 6, 0xf8, 0x66, // version to checksum
            192, 168, 0, 11, 192, 168, 0, 10, // the addresses
            0x9c, 0x40, 0x16, 0x28, 0xab, 0xcd, 0x12, 0x34, 0, 0, 0, 0, // ports, numbers
            0x60, 0x02, 0xff, 0xff, 0xa6, 0x56, 0, 0, 2, 4, 5,
            0xb4, // flags to the largest segment
        ];
        assert_eq!(syn, expected);
    }

    #[test]
    fn both_families_have_right_checksums() {
        for (from, to) in [
            ("192.168.0.11:40000", "192.168.0.10:5672"),
            ("[fd00::11]:40000", "[fd00::10]:5672"),
        ] {
            let it = handshake(from, to);
            for packet in [it.syn(), it.reset()] {
                let header = if it.to.is_ipv4() {
                    IPV4_HEADER
                } else {
                    IPV6_HEADER
                };
                let mut summed = Vec::new();
                octets(it.from.ip(), &mut summed);
                octets(it.to.ip(), &mut summed);
                let segment = &packet[header..];
                summed.extend_from_slice(&[0, TCP, 0, u8::try_from(segment.len()).unwrap()]);
                summed.extend_from_slice(segment);
                assert_eq!(checksum(&summed), 0, "{it:?}");
            }
        }
    }

    #[test]
    fn an_answer_is_known_by_its_ends_and_by_what_it_acknowledges() {
        for (from, to) in [
            ("192.168.0.11:40000", "192.168.0.10:5672"),
            ("[fd00::11]:40000", "[fd00::10]:5672"),
        ] {
            let it = handshake(from, to);
            let accepted = Heard::read(&answer(&it, SYN | ACK)).unwrap();
            assert_eq!(accepted.reply, Reply::Accepted);
            assert!(accepted.answers(&it));
            let refused = Heard::read(&answer(&it, RST | ACK)).unwrap();
            assert_eq!(refused.reply, Reply::Refused);
            assert!(refused.answers(&it));
            let other = Handshake {
                sequence: it.sequence + 1,
                ..it
            };
            assert!(!accepted.answers(&other));
            assert_eq!(Heard::read(&answer(&it, ACK)), None);
            assert_eq!(Heard::read(&it.syn()), None);
        }
    }

    #[test]
    fn the_tag_of_a_sequence_number_is_in_what_acknowledges_it() {
        for low in [0, 1, u16::MAX - 1, u16::MAX] {
            let it = Handshake {
                sequence: Handshake::sequence(0xffff, low),
                ..handshake("192.0.2.1:1", "192.0.2.2:2")
            };
            assert_eq!(it.acknowledged() >> 16, 0xffff);
        }
    }

    #[test]
    fn a_tunnel_has_its_header_before_the_packet() {
        let four = handshake("192.0.2.1:1", "192.0.2.2:2").syn();
        let six = handshake("[fd00::1]:1", "[fd00::2]:2").syn();
        let head = |kind, sum, packet: &[u8]| {
            let out = wrapped(kind, sum, packet).unwrap();
            out[..out.len() - packet.len()].to_vec()
        };
        let gue = TunnelKind::Gue { port: 6080 };
        assert!(head(TunnelKind::Ipip, false, &four).is_empty());
        assert_eq!(head(gue, false, &four), [0, 4, 0, 0]);
        assert_eq!(head(gue, false, &six), [0, 41, 0, 0]);
        assert_eq!(head(TunnelKind::Gre, false, &four), [0, 0, 8, 0]);
        assert_eq!(head(TunnelKind::Gre, false, &six), [0, 0, 0x86, 0xdd]);
        let summed = wrapped(TunnelKind::Gre, true, &four).unwrap();
        assert_eq!(summed[..4], [0x80, 0, 8, 0]);
        assert_eq!(checksum(&summed), 0);
        assert_eq!(wrapped(TunnelKind::Other(9), false, &four), None);
    }

    proptest! {
        #[test]
        fn no_packet_panics(bytes in proptest::collection::vec(any::<u8>(), 0..100), six: bool) {
            let _ = Heard::read(&bytes);
            let mut bytes = bytes;
            if let Some(first) = bytes.first_mut() {
                *first = if six { 0x60 } else { 0x45 };
            }
            let _ = Heard::read(&bytes);
        }
    }
}
