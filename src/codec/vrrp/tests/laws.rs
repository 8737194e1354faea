// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is true of all advertisements, and of all bytes.

use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// An advertisement of any kind, with who sends it to whom.
fn sent() -> impl Strategy<Value = (Advertisement, IpAddr, IpAddr)> {
    let what = (1_u8.., any::<u8>(), 1_u16..=4095, any::<Option<[u8; 8]>>());
    prop_oneof![
        (
            what.clone(),
            any::<bool>(),
            any::<[Ipv4Addr; 2]>(),
            vec(any::<Ipv4Addr>(), 1..=255)
        )
            .prop_map(|(what, is_v2, way, addresses)| {
                let version = if is_v2 {
                    VrrpVersion::V2
                } else {
                    VrrpVersion::V3
                };
                let addresses = addresses.into_iter().map(IpAddr::V4).collect();
                let [source, destination] = way.map(IpAddr::V4);
                (advertisement(version, what, addresses), source, destination)
            }),
        (
            what,
            any::<[Ipv6Addr; 2]>(),
            vec(any::<Ipv6Addr>(), 1..=255)
        )
            .prop_map(|(what, way, addresses)| {
                let addresses = addresses.into_iter().map(IpAddr::V6).collect();
                let [source, destination] = way.map(IpAddr::V6);
                let says = advertisement(VrrpVersion::V3, what, addresses);
                (says, source, destination)
            }),
    ]
}

fn advertisement(
    version: VrrpVersion,
    (vrid, priority, interval, password): (u8, u8, u16, Option<[u8; 8]>),
    addresses: Vec<IpAddr>,
) -> Advertisement {
    let (interval, password) = match version {
        VrrpVersion::V2 => (
            (interval % 255 + 1) * 100,
            password.map(VrrpPassword::received),
        ),
        VrrpVersion::V3 => (interval, None),
    };
    Advertisement {
        version,
        vrid: Vrid::new(vrid).unwrap(),
        priority: Priority(priority),
        interval: Centiseconds(interval),
        addresses,
        password,
    }
}

proptest! {
    #[test]
    fn an_advertisement_is_read_as_it_was_written(
        (says, source, destination) in sent(), form in 0..3_usize, is_signed: bool, sequence: u64,
    ) {
        let key = Key::new(9, &[3; 32]).unwrap();
        let signature = Signature { key: &key, sequence: Sequence(sequence) };
        let signature = Some(&signature).filter(|_| is_signed);
        let emit = |form| says.emit(source, destination, form, signature);
        let payload = emit(ChecksumForm::ALL[form]);
        let delivery = Delivery { source, destination, hops: HOPS };
        let keys = Keys::new(vec![key.clone()]).unwrap();
        let heard = parse(&payload, &delivery, &Terms::on_the_lan(&keys)).unwrap();
        // Two forms may have the same checksum.
        prop_assert_eq!(emit(heard.form), payload);
        prop_assert_eq!(heard.advertisement, says.clone());
        let proof = match signature {
            Some(_) => Proof::Signed { key: 9, sequence: Sequence(sequence) },
            None => Proof::Absent,
        };
        prop_assert_eq!(heard.proof, proof);
    }

    #[test]
    fn a_single_changed_bit_never_makes_a_signed_advertisement_say_something_else(
        (says, source, destination) in sent(), form in 0..3_usize, bit: prop::sample::Index,
    ) {
        let key = Key::new(9, &[3; 32]).unwrap();
        let signature = Signature { key: &key, sequence: Sequence(7) };
        let mut payload = says.emit(source, destination, ChecksumForm::ALL[form], Some(&signature));
        let bit = bit.index(payload.len() * 8);
        payload[bit / 8] ^= 1 << (bit % 8);
        let delivery = Delivery { source, destination, hops: HOPS };
        let keys = Keys::new(vec![key.clone()]).unwrap();
        if let Ok(heard) = parse(&payload, &delivery, &Terms::on_the_lan(&keys)) {
            // One of the count makes the trailer another one: the message is unsigned then. One of the checksum may turn
            // one form into another.
            prop_assert!(heard.advertisement == says || heard.proof == Proof::Absent);
        }
    }

    #[test]
    fn no_bytes_panic(
        payload in vec(any::<u8>(), 0..200), six: bool, first in 0..3_usize, hops: u8,
    ) {
        let mut payload = payload;
        if let Some(byte) = payload.first_mut() {
            *byte = [*byte, 0x21, 0x31][first];
        }
        let way = if six { ("fe80::10", "ff02::12") } else { ("192.0.2.1", "224.0.0.18") };
        let keys = Keys::new(vec![Key::new(1, &[1; 32]).unwrap()]).unwrap();
        for hops in [hops, HOPS] {
            let delivery = Delivery { hops, ..delivery(way.0, way.1) };
            let _ = parse(&payload, &delivery, &Terms::on_the_lan(&keys));
            let _ = read(&payload, &delivery);
        }
    }
}

#[test]
fn a_payload_longer_than_any_packet_is_read_without_a_panic() {
    for (first, way) in [
        (0x31, ("fe80::10", "ff02::12")),
        (0x21, ("192.0.2.1", "224.0.0.18")),
    ] {
        let mut payload = vec![0xff; 1 << 20];
        payload[0] = first;
        assert!(read(&payload, &delivery(way.0, way.1)).is_err());
    }
}
