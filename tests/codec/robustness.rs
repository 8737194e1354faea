// SPDX-License-Identifier: MIT OR Apache-2.0
//! Wrong bytes: decoders report or ignore them, and never panic.

use lvs_director::codec::DecodeError;
use lvs_director::codec::ipvs::{
    Request, RequestedObjects, parse_info, parse_server, parse_service, parse_sync_daemon,
    parse_timeouts,
};
use lvs_director::codec::message::{Answer, Incoming, parse_all, parse_family};
use lvs_director::model::{AddressFamily, ForwardingMethod};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::samples::{plain, real, server, tcp};
use crate::strategies::{cases, real_server, server_key, service, sync_daemon};
use crate::wire::{Attribute, join};

/// Hands bytes to every decoder of attributes.
fn decode(attributes: &[u8]) {
    let _ = parse_service(attributes);
    let _ = parse_server(attributes, AddressFamily::Ipv4);
    let _ = parse_server(attributes, AddressFamily::Ipv6);
    let _ = parse_sync_daemon(attributes);
    let _ = parse_timeouts(attributes);
    let _ = parse_info(attributes);
    let _ = parse_family(attributes);
    let _ = RequestedObjects::parse(attributes);
}

/// Hands a datagram to every decoder there is.
fn decode_datagram(datagram: &[u8]) {
    for Incoming { kind, .. } in parse_all(datagram).flatten() {
        if let Some(attributes) = kind.genl_attributes() {
            decode(attributes);
        }
    }
}

proptest! {
    #![proptest_config(cases(1000))]

    #[test]
    fn no_bytes_make_a_decoder_panic(bytes in vec(any::<u8>(), 0..300)) {
        decode(&bytes);
        decode_datagram(&bytes);
    }

    #[test]
    fn no_attributes_make_a_decoder_panic(
        inner in vec((0..20_u16, vec(any::<u8>(), 0..24)), 0..12), outer in 0..8_u16,
    ) {
        let inner: Vec<Attribute> = inner;
        decode(&join(&[(outer, join(&inner))]));
        decode(&join(&inner));
    }

    #[test]
    fn no_change_of_good_messages_makes_a_decoder_panic(
        (key, settings) in service(), server in server_key(), real in real_server(), daemon in sync_daemon(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..6), cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = Vec::new();
        Request::AddService(&key, &settings).emit(28, 1, Answer::Plain, &mut bytes);
        Request::AddServer(&key, &server, &real).emit(28, 2, Answer::Plain, &mut bytes);
        Request::StartDaemon(&daemon).emit(28, 3, Answer::Plain, &mut bytes);
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        decode_datagram(&bytes);
        decode_datagram(&bytes[..cut.index(bytes.len())]);
    }
}

/// The attributes of a server, with another payload in the one of this number.
fn server_with(kind: u16, payload: &[u8]) -> Vec<u8> {
    let (key, at) = (tcp("192.0.2.10:80"), server("10.0.0.1:80"));
    let mut bytes = Vec::new();
    let real = real(ForwardingMethod::Masquerading, 1);
    Request::AddServer(&key, &at, &real).emit(28, 1, Answer::Plain, &mut bytes);
    let mut nests = crate::wire::attributes(&bytes);
    nests[1].1 = replaced(&nests[1].1, kind, payload);
    join(&nests)
}

fn service_with(kind: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    Request::AddService(&tcp("192.0.2.10:80"), &plain("rr")).emit(28, 1, Answer::Plain, &mut bytes);
    let mut nests = crate::wire::attributes(&bytes);
    nests[0].1 = replaced(&nests[0].1, kind, payload);
    join(&nests)
}

fn replaced(nest: &[u8], kind: u16, payload: &[u8]) -> Vec<u8> {
    let mut all = crate::wire::split(nest);
    all.retain(|(number, _)| *number != kind);
    all.push((kind, payload.to_vec()));
    join(&all)
}

#[test]
fn numbers_with_too_few_bytes_are_errors() {
    for (kind, width) in [
        (2, 2),
        (3, 4),
        (4, 4),
        (5, 4),
        (6, 4),
        (7, 4),
        (8, 4),
        (9, 4),
        (11, 2),
        (13, 1),
        (14, 2),
        (15, 2),
    ] {
        let read = parse_server(&server_with(kind, &vec![0; width - 1]), AddressFamily::Ipv4);
        assert!(
            matches!(read, Err(DecodeError::WrongLength { length, .. }) if length == width - 1),
            "DEST {kind}: {read:?}"
        );
    }
    for (kind, width) in [(1, 2), (2, 2), (4, 2), (5, 4), (7, 4), (8, 4)] {
        let read = parse_service(&service_with(kind, &vec![0; width - 1]));
        assert!(
            matches!(read, Err(DecodeError::WrongLength { length, .. }) if length == width - 1),
            "SVC {kind}: {read:?}"
        );
    }
}

#[test]
fn numbers_with_too_many_bytes_are_cut_as_the_kernel_does() {
    let read = |kind, payload: &[u8]| {
        parse_server(&server_with(kind, payload), AddressFamily::Ipv4).unwrap()
    };
    assert_eq!(read(2, &[0x1f, 0x90, 9, 9]).key.port, 8080);
    let mut weight = 77_u32.to_ne_bytes().to_vec();
    weight.extend([9; 4]);
    assert_eq!(read(4, &weight).server.weight.get(), 77);
    let entry = parse_service(&service_with(6, b"wrr\0what comes after the end")).unwrap();
    assert_eq!(entry.settings.scheduler.name(), "wrr");
}

#[test]
fn addresses_have_4_to_16_bytes() {
    let read = |payload: &[u8]| parse_server(&server_with(1, payload), AddressFamily::Ipv4);
    assert_eq!(read(&[10, 0, 0, 9]).unwrap().key, server("10.0.0.9:80"));
    assert!(read(&[10, 0, 0]).is_err());
    assert!(read(&[10; 17]).is_err());
}

#[test]
fn impossible_values_are_errors_that_name_the_attribute() {
    let name = |error: DecodeError| match error {
        DecodeError::Impossible { name, value } => (name, value),
        other => panic!("{other:?}"),
    };
    let weight = parse_server(
        &server_with(4, &2_147_483_648_u32.to_ne_bytes()),
        AddressFamily::Ipv4,
    );
    assert_eq!(name(weight.unwrap_err()), ("WEIGHT", 2_147_483_648));
    let family = parse_service(&service_with(1, &7_u16.to_ne_bytes()));
    assert_eq!(name(family.unwrap_err()), ("AF", 7));
    let family = parse_server(&server_with(11, &7_u16.to_ne_bytes()), AddressFamily::Ipv4);
    assert_eq!(name(family.unwrap_err()), ("ADDR_FAMILY", 7));
}

#[test]
fn the_wide_statistics_win_over_the_narrow_ones_wherever_they_stand() {
    let narrow = join(&[
        (1, 5_u32.to_ne_bytes().to_vec()),
        (4, 9_u64.to_ne_bytes().to_vec()),
    ]);
    let wide = join(&[
        (11, Vec::new()),
        (1, (1_u64 << 40).to_ne_bytes().to_vec()),
        (99, vec![1; 8]),
    ]);
    for first in [10, 12] {
        let mut all = crate::wire::split(&server_with(
            first,
            if first == 10 { &narrow } else { &wide },
        ));
        let other = if first == 10 {
            (12, wide.clone())
        } else {
            (10, narrow.clone())
        };
        let mut nest = crate::wire::split(&all[1].1);
        nest.push(other);
        all[1].1 = join(&nest);
        let entry = parse_server(&join(&all), AddressFamily::Ipv4).unwrap();
        assert_eq!(entry.counters.connections, 1 << 40);
    }
    let entry = parse_server(&server_with(10, &narrow), AddressFamily::Ipv4).unwrap();
    assert_eq!(
        (entry.counters.connections, entry.counters.in_bytes),
        (5, 9)
    );
}
