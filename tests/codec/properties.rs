// SPDX-License-Identifier: MIT OR Apache-2.0
//! `parse(emit(x)) == x`, and the parts of a message that do not matter.

use lvs_director::codec::ipvs::{
    Request, RequestedObjects, parse_server, parse_service, parse_sync_daemon, parse_timeouts,
};
use lvs_director::codec::message::Answer;
use lvs_director::model::Timeouts;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::strategies::{
    cases, real_server, server_key, service, service_key, sync_daemon, timeouts,
};
use crate::wire::{Attribute, attributes, join, split};

/// The attributes of a request, as a parser gets them.
fn emitted(request: Request<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    request.emit(28, 7, Answer::Acknowledge, &mut bytes);
    bytes.split_off(20)
}

/// The same attributes in another order, mixed with others of unknown numbers, and with flags on their types. The nests
/// around them change in the same way.
fn shuffled(bytes: &[u8], noise: &[Attribute], seed: usize, flags: u16) -> Vec<u8> {
    let within = |bytes: &[u8]| {
        let mut all = split(bytes);
        all.extend_from_slice(noise);
        let half = seed % all.len();
        all.rotate_left(half);
        if seed.is_multiple_of(2) {
            all.reverse();
        }
        all
    };
    let nests = within(bytes).into_iter().map(|(kind, payload)| {
        let known = kind & 0x3fff <= 3;
        let payload = if known {
            join(&within(&payload))
        } else {
            payload
        };
        (kind & 0x3fff | flags, payload)
    });
    join(&nests.collect::<Vec<_>>())
}

fn noise() -> impl Strategy<Value = Vec<Attribute>> {
    // 16 and more: no nest of the family has as many.
    vec((16..0x3fff_u16, vec(any::<u8>(), 0..40)), 0..4)
}

fn flags() -> impl Strategy<Value = u16> {
    prop_oneof![Just(0), Just(0x8000), Just(0x4000), Just(0xc000)]
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn services_read_back_as_they_were_written((key, settings) in service()) {
        for request in [Request::AddService(&key, &settings), Request::EditService(&key, &settings)] {
            let entry = parse_service(&emitted(request)).unwrap();
            prop_assert_eq!((entry.key, &entry.settings), (key, &settings));
        }
        for request in [Request::DeleteService(&key), Request::GetService(&key), Request::ListServers(&key), Request::ZeroService(&key)] {
            let objects = RequestedObjects::parse(&emitted(request)).unwrap();
            prop_assert_eq!(objects.service, Some(key));
        }
    }

    #[test]
    fn servers_read_back_as_they_were_written(
        service in service_key(), key in server_key(), real in real_server(),
    ) {
        for request in [Request::AddServer(&service, &key, &real), Request::EditServer(&service, &key, &real)] {
            let entry = parse_server(&emitted(request), service.family()).unwrap();
            prop_assert_eq!((entry.key, entry.server), (key, real));
        }
        let expected = RequestedObjects { service: Some(service), server: Some(key), daemon: None };
        let objects = RequestedObjects::parse(&emitted(Request::DeleteServer(&service, &key)));
        prop_assert_eq!(objects, Ok(expected));
    }

    #[test]
    fn sync_daemons_read_back_as_they_were_written(daemon in sync_daemon()) {
        prop_assert_eq!(parse_sync_daemon(&emitted(Request::StartDaemon(&daemon))), Ok(daemon.clone()));
        let objects = RequestedObjects::parse(&emitted(Request::StopDaemon(daemon.role))).unwrap();
        prop_assert_eq!(objects.daemon, Some(daemon.role));
    }

    #[test]
    fn timeouts_read_back_as_they_were_written(timeouts in timeouts()) {
        let read: Timeouts = parse_timeouts(&emitted(Request::SetTimeouts(timeouts))).unwrap();
        prop_assert_eq!(read, timeouts);
    }

    #[test]
    fn neither_order_nor_flags_nor_unknown_attributes_change_what_is_read(
        (key, settings) in service(), server in server_key(), real in real_server(), daemon in sync_daemon(),
        noise in noise(), seed in any::<usize>(), flags in flags(),
    ) {
        let change = |request| shuffled(&emitted(request), &noise, seed, flags);
        let entry = parse_service(&change(Request::AddService(&key, &settings))).unwrap();
        prop_assert_eq!((entry.key, &entry.settings), (key, &settings));
        let entry = parse_server(&change(Request::AddServer(&key, &server, &real)), key.family()).unwrap();
        prop_assert_eq!((entry.key, entry.server), (server, real));
        prop_assert_eq!(parse_sync_daemon(&change(Request::StartDaemon(&daemon))), Ok(daemon.clone()));
        let objects = RequestedObjects::parse(&change(Request::DeleteServer(&key, &server))).unwrap();
        prop_assert_eq!((objects.service, objects.server), (Some(key), Some(server)));
    }

    #[test]
    fn a_server_that_says_no_family_is_of_its_services(
        service in service_key(), key in server_key(), other in server_key(), real in real_server(),
    ) {
        let fitting = [key, other].into_iter().find(|key| key.family() == service.family());
        let Some(key) = fitting else { return Ok(()) };
        let bytes = emitted(Request::AddServer(&service, &key, &real));
        for family in [None, Some(0_u16)] {
            let mut nests = split(&bytes);
            let mut server = split(&nests[1].1);
            server.retain(|(kind, _)| *kind != 11);
            server.extend(family.map(|zero| (11, zero.to_ne_bytes().to_vec())));
            nests[1].1 = join(&server);
            let entry = parse_server(&join(&nests), service.family()).unwrap();
            prop_assert_eq!((entry.key, entry.server), (key, real));
        }
    }

    #[test]
    fn every_message_is_as_long_as_it_says_and_four_bytes_aligned(
        (key, settings) in service(), server in server_key(), real in real_server(),
    ) {
        let mut bytes = Vec::new();
        Request::AddService(&key, &settings).emit(28, 1, Answer::Plain, &mut bytes);
        let second = bytes.len();
        Request::AddServer(&key, &server, &real).emit(28, 2, Answer::Acknowledge, &mut bytes);
        let length = |at: usize| u32::from_ne_bytes(*bytes[at..].first_chunk().unwrap());
        prop_assert_eq!(length(0), u32::try_from(second).unwrap());
        prop_assert_eq!(length(second), u32::try_from(bytes.len() - second).unwrap());
        prop_assert_eq!((second % 4, bytes.len() % 4), (0, 0));
        // As the comment in the writer says.
        prop_assert!(bytes.len() < 600);
        prop_assert_eq!(attributes(&bytes[second..]).len(), 2);
    }
}
