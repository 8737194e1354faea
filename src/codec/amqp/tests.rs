// SPDX-License-Identifier: MIT OR Apache-2.0
//! Golden bytes both ways, and what is true for any bytes.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// `Connection.Start` of a RabbitMQ without properties.
const START: &[u8] =
    b"\x01\0\0\0\0\0\x25\0\x0a\0\x0a\0\x09\0\0\0\0\0\0\0\x0ePLAIN AMQPLAIN\0\0\0\x05en_US\xce";
const TUNE: &[u8] = b"\x01\0\0\0\0\0\x0c\0\x0a\0\x1e\x07\xff\0\x02\0\0\0\x3c\xce";
const OPEN_OK: &[u8] = b"\x01\0\0\0\0\0\x05\0\x0a\0\x29\0\xce";
const CLOSE: &[u8] = b"\x01\0\0\0\0\0\x0d\0\x0a\0\x32\x02\x12\x02no\0\0\0\0\xce";
const CLOSE_OK: &[u8] = b"\x01\0\0\0\0\0\x04\0\x0a\0\x33\xce";
const BLOCKED: &[u8] = b"\x01\0\0\0\0\0\x12\0\x0a\0\x3c\x0dlow on memory\xce";
const UNBLOCKED: &[u8] = b"\x01\0\0\0\0\0\x04\0\x0a\0\x3d\xce";
const HEARTBEAT: &[u8] = b"\x08\0\0\0\0\0\0\xce";

#[test]
fn what_a_broker_sends_is_read() {
    use FromServer::{Blocked, Close, CloseOk, OpenOk, Other, Secure, Start, Tune, Unblocked};
    for (bytes, message) in [
        (START, Start { plain: true }),
        (
            b"\x01\0\0\0\0\0\x16\0\x0a\0\x0a\0\x09\0\0\0\0\0\0\0\x08EXTERNAL\xce",
            Start { plain: false },
        ),
        (b"\x01\0\0\0\0\0\x04\0\x0a\0\x14\xce", Secure),
        (
            TUNE,
            Tune {
                channel_max: 2047,
                frame_max: 131_072,
                heartbeat: 60,
            },
        ),
        (OPEN_OK, OpenOk),
        (
            CLOSE,
            Close {
                code: 530,
                text: "no".into(),
            },
        ),
        (CLOSE_OK, CloseOk),
        (
            BLOCKED,
            Blocked {
                reason: "low on memory".into(),
            },
        ),
        (UNBLOCKED, Unblocked),
        (HEARTBEAT, Other),
        // Of another class.
        (b"\x01\0\x01\0\0\0\x04\0\x14\0\x0a\xce", Other),
    ] {
        let read = AmqpAnswer::Complete(message, bytes.len());
        assert_eq!(AmqpAnswer::read(bytes), read);
        assert_eq!(AmqpAnswer::read(&[bytes, START].concat()), read);
        for end in 0..bytes.len() {
            assert_eq!(AmqpAnswer::read(&bytes[..end]), AmqpAnswer::Partial);
        }
    }
}

#[test]
fn what_a_client_sends_is_written() {
    assert_eq!(PROTOCOL_HEADER, b"AMQP\0\0\x09\x01");
    assert_eq!(
        tune_ok_and_open(2047, 131_072, 10, "/"),
        b"\x01\0\0\0\0\0\x0c\0\x0a\0\x1f\x07\xff\0\x02\0\0\0\x0a\xce\
          \x01\0\0\0\0\0\x08\0\x0a\0\x28\x01/\0\0\xce"
    );
    assert_eq!(
        close(),
        b"\x01\0\0\0\0\0\x1c\0\x0a\0\x32\0\xc8\x11health check done\0\0\0\0\xce"
    );
    assert_eq!(close_ok(), CLOSE_OK);
    assert_eq!(heartbeat(), HEARTBEAT);
    let start_ok = start_ok("lvs-director tripwire", "monitor", b"secret");
    let name = b"\x0fconnection_nameS\0\0\0\x15lvs-director tripwire";
    let capabilities = b"\x0ccapabilitiesF\0\0\0\x34\x1cauthentication_failure_closet\x01\
        \x12connection.blockedt\x01";
    assert!(start_ok.windows(name.len()).any(|it| it == name));
    let login = b"\x05PLAIN\0\0\0\x0f\0monitor\0secret\x05en_US\xce";
    assert!(start_ok.starts_with(b"\x01\0\0\0\0\0"));
    assert!(start_ok.ends_with(&[&capabilities[..], login].concat()));
    assert_eq!(usize::from(start_ok[6]), start_ok.len() - 8);
}

#[test]
fn what_is_no_frame_of_a_broker_is_told_for_what_it_is() {
    for (bytes, why) in [
        (
            &b"AMQP\0\x01\0\0"[..],
            "the server does not speak AMQP 0-9-1",
        ),
        (b"HTTP/1.1", "the answer is not AMQP"),
        (
            b"\x01\0\0\0\x01\0\0",
            "the answer has a frame of more than 64 KiB",
        ),
        (b"\x01\0\0\0\0\0\0\0", "a frame of the answer has no end"),
        (
            b"\x01\0\0\0\0\0\0\xce",
            "a frame of the answer ends too early",
        ),
    ] {
        assert_eq!(AmqpAnswer::read(bytes), AmqpAnswer::Wrong(why));
    }
}

fn frames() -> impl Strategy<Value = Vec<u8>> {
    let frame = prop::sample::select(vec![
        START, TUNE, OPEN_OK, CLOSE, CLOSE_OK, BLOCKED, UNBLOCKED, HEARTBEAT,
    ]);
    let piece = prop_oneof![frame.prop_map(<[u8]>::to_vec), vec(any::<u8>(), 0..12)];
    vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

proptest! {
    /// What has come stays what it is when more comes.
    #[test]
    fn a_frame_does_not_change_when_more_comes(bytes in frames(), cut: prop::sample::Index) {
        let cut = cut.index(bytes.len() + 1);
        let early = AmqpAnswer::read(&bytes[..cut]);
        if early != AmqpAnswer::Partial {
            prop_assert_eq!(AmqpAnswer::read(&bytes), early);
        }
    }

    #[test]
    fn any_bytes_are_read(bytes in vec(any::<u8>(), 0..300)) {
        if let AmqpAnswer::Complete(message, length) = AmqpAnswer::read(&bytes) {
            prop_assert!((8..=bytes.len()).contains(&length));
            if let FromServer::Close { text, .. } | FromServer::Blocked { reason: text } = message {
                prop_assert!(!text.chars().any(char::is_control));
            }
        }
    }
}
