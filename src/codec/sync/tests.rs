// SPDX-License-Identifier: MIT OR Apache-2.0
//! Golden bytes both ways, what is refused, and that reading is the reverse of writing.

use proptest::prelude::*;

use super::*;
use crate::model::Protocol;

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn established() -> SyncConnection<'static> {
    SyncConnection {
        protocol: 6,
        flags: SyncFlags(0x3) | SyncFlags::NO_OUTPUT,
        state: 1,
        client: at("192.168.0.100:37466"),
        service: at("192.168.0.10:80"),
        server: at("192.168.0.2:80"),
        mark: 0,
        timeout: 900,
        sequences: None,
        engine: None,
    }
}

fn template() -> SyncConnection<'static> {
    SyncConnection {
        protocol: 17,
        flags: SyncFlags::TEMPLATE | SyncFlags::INACTIVE,
        state: 0,
        client: at("[fd00::ff]:0"),
        service: at("[fd00::10]:5060"),
        server: at("[fd00::2]:5060"),
        mark: 7,
        timeout: 120,
        sequences: None,
        engine: Some((b"sip", b"abc12@h")),
    }
}

const ESTABLISHED: [u8; 36] = [
    0, 6, 0, 36, 0, 0, 0, 0x83, 0, 1, 0x92, 0x5a, 0, 80, 0, 80, 0, 0, 0, 0, 0, 0, 3, 0x84, 192,
    168, 0, 100, 192, 168, 0, 10, 192, 168, 0, 2,
];

fn message(connections: &[SyncConnection<'_>]) -> Vec<u8> {
    let mut message = SyncMessage::new(51, 1472);
    for connection in connections {
        assert!(message.push(connection));
    }
    message.bytes().to_vec()
}

fn read(bytes: &[u8]) -> Result<Vec<SyncConnection<'_>>, SyncError> {
    parse(bytes)?.1.collect()
}

#[test]
fn a_connection_is_written_as_the_kernel_writes_it() {
    let bytes = message(&[established()]);
    assert_eq!(bytes[..8], [0, 51, 0, 44, 1, 1, 0, 0]);
    assert_eq!(bytes[8..], ESTABLISHED);
    let (header, _) = parse(&bytes).unwrap();
    assert_eq!((header.sync_id, header.connections), (51, 1));
    assert_eq!(read(&bytes), Ok(vec![established()]));
}

#[test]
fn options_follow_the_addresses_and_connections_are_on_multiples_of_four() {
    let bytes = message(&[template(), established()]);
    let options = b"\x02\x07abc12@h\x03\x03sip";
    assert_eq!(bytes[8..12], [1, 17, 0, 72 + 14]);
    assert_eq!(bytes[80..94], *options);
    assert_eq!(bytes[94..96], [0, 0]);
    assert_eq!(bytes[96..], ESTABLISHED);
    assert_eq!(read(&bytes), Ok(vec![template(), established()]));
}

#[test]
fn a_full_message_takes_no_more_and_stays_as_it_is() {
    for (longest, most) in [(1472, 40), (20_000, 255)] {
        let mut message = SyncMessage::new(0, longest);
        while message.push(&established()) {}
        assert_eq!(message.connections(), most);
        assert_eq!(message.bytes().len(), 8 + 36 * usize::from(most));
        assert_eq!(read(message.bytes()).unwrap().len(), usize::from(most));
        message.clear();
        assert_eq!(message.bytes(), [0, 0, 0, 8, 0, 1, 0, 0]);
        assert!(message.push(&template()));
    }
}

#[test]
fn what_no_message_can_say_is_refused() {
    let mut message = SyncMessage::new(0, 1472);
    let mixed = SyncConnection {
        server: at("[fd00::2]:80"),
        ..established()
    };
    let long = [b'x'; 256];
    let engine = |engine| SyncConnection {
        engine: Some(engine),
        ..template()
    };
    for wrong in [
        mixed,
        engine((&long[..17], b"x")),
        engine((b"sip", &long)),
        engine((b"", b"x")),
        engine((b"sip", b"")),
    ] {
        assert!(!message.push(&wrong), "{wrong:?}");
        assert_eq!(message.bytes().len(), 8);
    }
}

#[test]
fn what_a_kernel_would_drop_is_an_error() {
    let good = message(&[template(), established()]);
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    for (bytes, expected) in [
        (good[..7].to_vec(), SyncError::Size),
        (good[..100].to_vec(), SyncError::Size),
        (with(0, 1), SyncError::Version),
        (with(5, 0), SyncError::Version),
        (with(6, 1), SyncError::Version),
        (with(8, 2), SyncError::Type),
        (with(10, 0x10), SyncError::Type),
        (with(11, 71), SyncError::Cut),
        (with(10, 0x0f), SyncError::Cut),
        (with(80, 4), SyncError::Option),
        (with(80, 3), SyncError::Option),
        (with(81, 0), SyncError::Option),
        (with(89, 2), SyncError::Option),
        (with(4, 3), SyncError::Cut),
    ] {
        assert_eq!(read(&bytes), Err(expected), "{bytes:?}");
    }
}

#[test]
fn an_option_that_may_be_passed_over_is() {
    let mut bytes = message(&[template()]);
    // The data of the engine becomes something that nobody knows; a name alone means nothing.
    bytes[80] = 0x45;
    let read = read(&bytes).unwrap();
    assert_eq!(read[0].engine, None);
}

#[test]
fn states_have_the_kernels_numbers() {
    for (protocol, name, number) in [
        (Some(Protocol::Tcp), "ESTABLISHED", Some(1)),
        (Some(Protocol::Tcp), "SYNACK", Some(10)),
        (Some(Protocol::Udp), "UDP", Some(0)),
        (Some(Protocol::Udp), "ESTABLISHED", None),
        (Some(Protocol::Sctp), "ESTABLISHED", Some(8)),
        (Some(Protocol::Sctp), "CLOSED", Some(13)),
        (None, "ASSURED", Some(1)),
        (None, "ESTABLISHED", None),
        (Some(Protocol::Other(50)), "NONE", None),
    ] {
        assert_eq!(state_number(protocol, name), number, "{protocol:?} {name}");
    }
}

/// Owned, with the parts that a connection borrows beside it.
type Parts = (SyncConnection<'static>, Option<(Vec<u8>, Vec<u8>)>);

fn connection() -> impl Strategy<Value = Parts> {
    let ends = prop_oneof![
        any::<[[u8; 4]; 3]>().prop_map(|it| it.map(IpAddr::from)),
        any::<[[u8; 16]; 3]>().prop_map(|it| it.map(IpAddr::from)),
    ];
    let numbers = any::<(u8, u32, u16, u32, u32, [u16; 3])>();
    let bytes = |most| prop::collection::vec(any::<u8>(), 1..=most);
    let engine = prop::option::of((bytes(16), bytes(255)));
    (ends, numbers, any::<Option<[u32; 6]>>(), engine).prop_map(
        |(ends, (protocol, flags, state, mark, timeout, ports), sequences, engine)| {
            let [client, service, server] =
                [0, 1, 2].map(|it| SocketAddr::new(ends[it], ports[it]));
            let flags = SyncFlags(flags);
            let connection = SyncConnection {
                protocol,
                flags,
                state,
                client,
                service,
                server,
                mark,
                timeout,
                sequences,
                engine: None,
            };
            (connection, engine)
        },
    )
}

proptest! {
    #[test]
    fn reading_is_the_reverse_of_writing(all in prop::collection::vec(connection(), 0..8)) {
        let all: Vec<SyncConnection<'_>> = all
            .iter()
            .map(|(connection, engine)| SyncConnection {
                engine: engine.as_ref().map(|(name, data)| (&name[..], &data[..])),
                ..connection.clone()
            })
            .collect();
        let mut message = SyncMessage::new(3, 8000);
        for connection in &all {
            prop_assert!(message.push(connection));
        }
        prop_assert_eq!(read(message.bytes()), Ok(all));
    }

    #[test]
    fn nothing_panics_on_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&bytes);
    }
}
