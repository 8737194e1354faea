// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a broker sends to an AMQP check: it is read in any pieces with the same end, and what is shown is printable.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lvs_director::codec::amqp::{AmqpAnswer, FromServer};

fuzz_target!(|bytes: &[u8]| {
    let whole = AmqpAnswer::read(bytes);
    if let AmqpAnswer::Complete(message, length) = &whole {
        assert!((8..=bytes.len()).contains(length));
        if let FromServer::Close { text, .. } | FromServer::Blocked { reason: text } = message {
            assert!(!text.chars().any(char::is_control), "{text:?}");
        }
    }
    // What has come first decides, and more does not change it.
    let middle = bytes.get(..bytes.len() / 2).unwrap_or_default();
    let early = AmqpAnswer::read(middle);
    if early != AmqpAnswer::Partial {
        assert_eq!(early, whole);
    }
});
