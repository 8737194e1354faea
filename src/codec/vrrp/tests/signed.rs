// SPDX-License-Identifier: MIT OR Apache-2.0
//! Signed advertisements: the vectors of the draft, and what is no signature.

use super::*;
use crate::codec::vrrp::hmac::Trailer;

/// The sequence number of the vectors.
const SEQUENCE: Sequence = Sequence(0x6800_0000_8000_0000);
/// From 198.51.100.10.
const IPV4: &str = "3133c801 00644402 c0000264
    010100006800000080000000 1b84bc4e8e43892dc6d98448f8ee2265";
/// From `fe80::10` to `fe80::20`.
const IPV6: &str = "3133c801 0064a2e9 fe800000000000000000000000000100
    010100006800000080000000 c8c56146ebfd66ee10ec4d8186461b78";
/// How long the message of the IPv6 vector is.
const IPV6_MESSAGE: usize = 24;

fn key(id: u8) -> Key {
    let secret: Vec<u8> = (id - 1..id + 31).collect();
    Key::new(id, &secret).unwrap()
}

fn keys() -> Keys {
    Keys::new(vec![key(2), key(1)]).unwrap()
}

/// Only the trailer of an IPv6 packet: its checksum is not looked at.
fn verdict(payload: &[u8], source: &str) -> Result<(), Refused> {
    let (message, trailer) = payload.split_at(IPV6_MESSAGE);
    let trailer = Trailer::read(trailer.first_chunk().unwrap())?;
    trailer.verify(ip(source), message, &keys())
}

#[test]
fn the_vectors_of_the_draft_both_ways() {
    for (payload, way, address, form) in [
        (
            IPV4,
            ("198.51.100.10", "224.0.0.18"),
            "192.0.2.100",
            ChecksumForm::Message,
        ),
        (
            IPV6,
            ("fe80::10", "fe80::20"),
            "fe80::100",
            ChecksumForm::PseudoHeader,
        ),
    ] {
        let payload = bytes(payload);
        let delivery = delivery(way.0, way.1);
        let says = version3(&[address]);
        let (key, keys) = (key(1), keys());
        let signature = Signature {
            key: &key,
            sequence: SEQUENCE,
        };
        let emitted = says.emit(
            delivery.source,
            delivery.destination,
            form,
            Some(&signature),
        );
        assert_eq!(emitted, payload);
        let heard = parse(&payload, &delivery, &Terms::on_the_lan(&keys)).unwrap();
        assert_eq!(heard.advertisement, says);
        assert_eq!(heard.form, form);
        let proof = Proof::Signed {
            key: 1,
            sequence: SEQUENCE,
        };
        assert_eq!(heard.proof, proof);
        assert_eq!(read(&payload, &delivery).unwrap().proof, Proof::Unchecked);
    }
}

#[test]
fn the_ten_mutations_of_the_draft_have_their_verdicts() {
    let payload = bytes(IPV6);
    assert_eq!(verdict(&payload, "fe80::10"), Ok(()));
    for (what, at, expected) in [
        ("priority", 2, Err(Refused::Signature)),
        ("interval", 4, Err(Refused::Signature)),
        ("checksum", 6, Ok(())),
        ("address", 8 + 15, Err(Refused::Signature)),
        ("kind", IPV6_MESSAGE, Err(Refused::Trailer(0))),
        ("key", IPV6_MESSAGE + 1, Err(Refused::KeyUnknown(0))),
        ("reserved", IPV6_MESSAGE + 2, Err(Refused::Trailer(1))),
        ("seconds", IPV6_MESSAGE + 4, Err(Refused::Signature)),
        ("counter", IPV6_MESSAGE + 10, Err(Refused::Signature)),
        ("signature", IPV6_MESSAGE + 12, Err(Refused::Signature)),
    ] {
        let mut other = payload.clone();
        other[at] ^= 1;
        assert_eq!(verdict(&other, "fe80::10"), expected, "{what}");
    }
}

#[test]
fn a_signature_is_of_its_sender_and_of_its_virtual_router() {
    let payload = bytes(IPV6);
    assert_eq!(verdict(&payload, "fe80::20"), Err(Refused::Signature));
    let mut other = payload.clone();
    other[1] = 52;
    assert_eq!(verdict(&other, "fe80::10"), Err(Refused::Signature));
    let mut other = payload;
    other[IPV6_MESSAGE + 1] = 2;
    assert_eq!(verdict(&other, "fe80::10"), Err(Refused::Signature));
}

#[test]
fn every_bit_of_a_signed_packet_is_protected() {
    for (payload, way, unprotected_without_keys) in [
        // The trailer of IPv4 is under no checksum.
        (IPV4, ("198.51.100.10", "224.0.0.18"), 12..40),
        (IPV6, ("fe80::10", "fe80::20"), 0..0),
    ] {
        let payload = bytes(payload);
        let delivery = delivery(way.0, way.1);
        let keys = keys();
        for bit in 0..payload.len() * 8 {
            let mut other = payload.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            let signed = parse(&other, &delivery, &Terms::on_the_lan(&keys));
            assert!(signed.is_err(), "{bit}");
            let is_free = unprotected_without_keys.contains(&(bit / 8));
            assert_eq!(read(&other, &delivery).is_ok(), is_free, "{bit}");
        }
    }
}

#[test]
fn a_packet_without_a_trailer_says_so_to_who_has_keys() {
    let payload = bytes("3133c801 00644402 c0000264 5a5a5a5a");
    let delivery = delivery("198.51.100.10", "224.0.0.18");
    let heard = parse(&payload, &delivery, &Terms::on_the_lan(&keys())).unwrap();
    assert_eq!(heard.proof, Proof::Absent);
    let mut cut = bytes(IPV4);
    cut.pop();
    let heard = parse(&cut, &delivery, &Terms::on_the_lan(&keys())).unwrap();
    assert_eq!(heard.proof, Proof::Absent);
}

#[test]
fn keys_have_32_to_64_bytes_and_numbers_of_their_own() {
    for (length, is_one) in [(31, false), (32, true), (64, true), (65, false)] {
        assert_eq!(Key::new(1, &vec![7; length]).is_some(), is_one, "{length}");
    }
    assert!(Keys::new(vec![key(1), key(1)]).is_none());
    let secret = b"0123456789abcdef0123456789abcdef";
    let shown = format!("{:?}", Key::new(1, secret));
    assert!(!shown.contains("30") && !shown.contains("0123"), "{shown}");
    assert!(keys().get(3).is_none());
}

#[test]
fn a_sequence_number_has_seconds_a_fraction_and_a_counter() {
    let half = std::time::Duration::new(0x6800_0000, 500_000_000);
    assert_eq!(Sequence::at(half), SEQUENCE);
    assert_eq!(SEQUENCE.next().0, 0x6800_0000_8000_0001);
    assert_eq!(SEQUENCE.to_string(), "0x6800000080000000");
    assert_eq!(Sequence(u64::MAX).next(), Sequence(0));
    assert!(Sequence(0).is_after(Sequence(u64::MAX)));
}
