// SPDX-License-Identifier: MIT OR Apache-2.0
//! An IPv4 packet, or what an IPv6 packet carries, with an advertisement of VRRP: it is refused with plain words, or
//! means the same when we write it again.
#![no_main]

use std::net::{IpAddr, Ipv6Addr};

use libfuzzer_sys::fuzz_target;
use lvs_director::codec::ip::Ipv4Packet;
use lvs_director::codec::vrrp::{
    Delivery, GROUP_V6, HOPS, Key, Keys, Proof, Signature, Terms, parse,
};

/// The checksum of RFC 1071, which the fuzzer does not find by itself.
fn checksum(bytes: &[u8]) -> [u8; 2] {
    let words = bytes.chunks(2).map(|pair| match *pair {
        [high, low] => u64::from(u16::from_be_bytes([high, low])),
        [high] => u64::from(high) << 8,
        _ => 0,
    });
    let mut sum: u64 = words.sum();
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (!(sum as u16)).to_be_bytes()
}

/// The payload with the right checksum over the message of as many IPv4 addresses as it says, or over all of an IPv6
/// packet and its pseudo-header.
fn summed(payload: &[u8], delivery: &Delivery) -> Option<Vec<u8>> {
    let mut payload = payload.to_vec();
    payload.get_mut(6..8)?.fill(0);
    let password = if payload[0] >> 4 == 2 { 8 } else { 0 };
    let sum = match (delivery.source, delivery.destination) {
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let length = u32::try_from(payload.len()).ok()?.to_be_bytes();
            let parts = [
                &source.octets()[..],
                &destination.octets(),
                &length,
                &[0, 0, 0, 112],
            ];
            checksum(&[&parts.concat(), &*payload].concat())
        }
        _ => checksum(payload.get(..8 + usize::from(payload[3]) * 4 + password)?),
    };
    payload[6..8].copy_from_slice(&sum);
    Some(payload)
}

fn read(payload: &[u8], delivery: &Delivery) {
    // The key of the draft's vectors, which are in the corpus.
    let secret: Vec<u8> = (0..32).collect();
    let key = Key::new(1, &secret).expect("a key of 32 bytes");
    let keys = Keys::new(vec![key.clone()]).expect("one key");
    let none = Keys::default();
    for keys in [&keys, &none] {
        let terms = Terms {
            least_hops: 1,
            keys,
        };
        let heard = match parse(payload, delivery, &terms) {
            Ok(heard) => heard,
            Err(refused) => {
                assert!(!refused.to_string().is_empty() && !refused.name().is_empty());
                continue;
            }
        };
        let sequence = match heard.proof {
            Proof::Signed { sequence, .. } => Some(sequence),
            Proof::Absent | Proof::Unchecked => None,
        };
        let signature = sequence.map(|sequence| Signature {
            key: &key,
            sequence,
        });
        let (source, destination) = (delivery.source, delivery.destination);
        let says = &heard.advertisement;
        let again = says.emit(source, destination, heard.form, signature.as_ref());
        let again = parse(&again, delivery, &terms).expect("we read what we write");
        assert_eq!(again.advertisement, *says);
    }
}

fuzz_target!(|packet: &[u8]| {
    let (delivery, payload) = match Ipv4Packet::read(packet) {
        Some(ip) => (Delivery::from(&ip), ip.payload),
        None => {
            let delivery = Delivery {
                source: Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x10).into(),
                destination: GROUP_V6.into(),
                hops: HOPS,
            };
            (delivery, packet)
        }
    };
    read(payload, &delivery);
    if let Some(payload) = summed(payload, &delivery) {
        read(&payload, &delivery);
    }
});
