// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which packets are thrown away, and with which words.

use super::*;
use crate::codec::ip::{Ipv4Packet, checksum, put};

/// A packet of version 3 over IPv4 with another byte somewhere, and its right checksum.
fn changed(at: usize, byte: u8) -> Vec<u8> {
    let mut payload = bytes("3133c801 00640000 c0000264");
    payload[at] = byte;
    summed(payload)
}

fn summed(mut payload: Vec<u8>) -> Vec<u8> {
    payload[6..8].fill(0);
    let sum = checksum(&payload);
    put(&mut payload, 6, sum);
    payload
}

fn refused(payload: &[u8]) -> Refused {
    read(payload, &delivery("192.0.2.1", "224.0.0.18")).unwrap_err()
}

#[test]
fn every_reason_is_found() {
    for (payload, reason) in [
        (
            bytes("3133c80100644402")[..7].to_vec(),
            Refused::TooShort { length: 7 },
        ),
        (Vec::new(), Refused::TooShort { length: 0 }),
        (
            changed(3, 2),
            Refused::CutOff {
                count: 2,
                length: 12,
            },
        ),
        (changed(0, 0x41), Refused::Version(4)),
        (changed(0, 0x11), Refused::Version(1)),
        (changed(0, 0x32), Refused::Kind(2)),
        (changed(0, 0x30), Refused::Kind(0)),
        (bytes("3133c801 00644403 c0000264"), Refused::Checksum),
        (changed(1, 0), Refused::VridZero),
        (summed(bytes("3133c800 00640000")), Refused::NoAddress),
        (changed(5, 0), Refused::IntervalZero),
        (
            // Version 2 without the place for a password.
            summed(bytes("21336401 00010000 c0000264")),
            Refused::CutOff {
                count: 1,
                length: 12,
            },
        ),
        (
            summed(bytes("21336401 02010000 c0000264 0000000000000000")),
            Refused::AuthenticationKind(2),
        ),
        (
            summed(bytes("21336401 00000000 c0000264 0000000000000000")),
            Refused::IntervalZero,
        ),
    ] {
        assert_eq!(refused(&payload), reason);
    }
}

#[test]
fn version_2_does_not_exist_over_ipv6() {
    let payload = bytes("21336401 0001b865 c0000264 0000000000000000");
    let verdict = read(&payload, &delivery("fe80::10", "ff02::12"));
    assert_eq!(verdict, Err(Refused::Version2OverIpv6));
}

#[test]
fn a_packet_that_a_router_passed_on_is_refused_unless_the_peer_is_behind_routers() {
    let payload = bytes("3133c801 00644402 c0000264");
    let far = Delivery {
        hops: 253,
        ..delivery("192.0.2.1", "198.51.100.1")
    };
    let refused = Refused::Hops {
        hops: 253,
        least: 255,
    };
    assert_eq!(read(&payload, &far), Err(refused));
    let keys = Keys::default();
    for (least_hops, is_accepted) in [(254, false), (253, true), (1, true)] {
        let terms = Terms {
            least_hops,
            keys: &keys,
        };
        assert_eq!(parse(&payload, &far, &terms).is_ok(), is_accepted);
    }
}

#[test]
fn the_reserved_bits_of_version_3_are_ignored() {
    let lan = delivery("192.0.2.1", "224.0.0.18");
    let heard = read(&changed(4, 0xf0), &lan).unwrap();
    assert_eq!(heard.advertisement, version3(&["192.0.2.100"]));
}

#[test]
fn a_frame_that_was_filled_up_means_the_same() {
    let lan = delivery("192.0.2.1", "224.0.0.18");
    for payload in [
        "3133c801 00644402 c0000264",
        "3133c801 0064a171 c0000264",
        "21336401 0001b865 c0000264 0000000000000000",
    ] {
        let mut payload = bytes(payload);
        let heard = read(&payload, &lan).unwrap();
        payload.resize(26, 0x5a);
        assert_eq!(read(&payload, &lan), Ok(heard));
    }
    let link_local = delivery("fe80::10", "ff02::12");
    let form = ChecksumForm::PseudoHeader;
    let says = version3(&["fe80::100"]);
    let mut payload = says.emit(link_local.source, link_local.destination, form, None);
    payload.extend([0x5a; 4]);
    assert_eq!(read(&payload, &link_local).unwrap().advertisement, says);
}

#[test]
fn an_ip_packet_of_a_raw_socket_is_read_with_its_header() {
    let mut packet = bytes("45c0 0020 0001 0000 ff70 0000 c0000201 e0000012");
    packet.extend(bytes("3133c801 0064a171 c0000264"));
    packet.resize(46, 0);
    let ip = Ipv4Packet::read(&packet).unwrap();
    assert_eq!(ip.protocol, PROTOCOL);
    let delivery = Delivery::from(&ip);
    assert_eq!(delivery, super::delivery("192.0.2.1", "224.0.0.18"));
    let heard = read(ip.payload, &delivery).unwrap();
    assert_eq!(heard.form, ChecksumForm::PseudoHeader);
    assert_eq!(heard.advertisement, version3(&["192.0.2.100"]));
}

/// Every single bit of every message is under its checksum.
#[test]
fn a_single_changed_bit_is_always_noticed() {
    for (payload, way) in [
        ("3133c801 00644402 c0000264", ("192.0.2.1", "224.0.0.18")),
        ("3133c801 0064a171 c0000264", ("192.0.2.1", "224.0.0.18")),
        ("3133c801 0064a171 c0000264", ("192.0.2.1", "192.0.2.2")),
        (
            "21336402 0101b8b2 c0000264 c0000265 7365637265740000",
            ("192.0.2.1", "224.0.0.18"),
        ),
        (
            "3133c802 0ffffb0a fe800000000000000000000000000100 fd000000000000000000000000000100",
            ("fe80::10", "ff02::12"),
        ),
    ] {
        let payload = bytes(payload);
        let delivery = delivery(way.0, way.1);
        assert!(read(&payload, &delivery).is_ok());
        for bit in 0..payload.len() * 8 {
            let mut other = payload.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(read(&other, &delivery).is_err(), "{payload:02x?} bit {bit}");
        }
        for length in 0..payload.len() {
            assert!(read(&payload[..length], &delivery).is_err());
        }
    }
}

#[test]
fn every_reason_has_a_name_and_plain_words() {
    let stale = |seconds| Refused::Stale { seconds };
    for (reason, name, words) in [
        (
            Refused::Hops {
                hops: 64,
                least: 255,
            },
            "ttl",
            "its TTL or hop limit is 64, below 255: it may come from another network",
        ),
        (
            stale(100),
            "hmac_stale",
            "by its sender's clock it was made 100 s ago: it is a recording, or the clocks differ",
        ),
        (
            stale(-100),
            "hmac_stale",
            "by its sender's clock it was made 100 s in the future: it is a recording, or the clocks differ",
        ),
    ] {
        assert_eq!(reason.name(), name);
        assert_eq!(reason.to_string(), words);
    }
}
