// SPDX-License-Identifier: MIT OR Apache-2.0
//! A packet that may answer a SYN of ours: what is behind its TCP header means nothing, and it answers no other handshake.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lvs_director::codec::handshake::{Handshake, Heard, MOST_BYTES};

fuzz_target!(|packet: &[u8]| {
    let Some(heard) = Heard::read(packet) else {
        return;
    };
    let cut = packet.get(..MOST_BYTES).unwrap_or(packet);
    assert_eq!(Heard::read(cut), Some(heard));
    let mut handshake = Handshake {
        from: heard.to,
        to: heard.from,
        sequence: heard.acknowledged.wrapping_sub(1),
        hops: 1,
    };
    assert!(heard.answers(&handshake));
    assert_eq!(Heard::read(&handshake.syn()), None);
    assert_eq!(Heard::read(&handshake.reset()), None);
    handshake.sequence = handshake.sequence.wrapping_add(1);
    assert!(!heard.answers(&handshake));
});
