// SPDX-License-Identifier: MIT OR Apache-2.0
//! A frame that may be ARP: what it says is the same when we write it again, and its sender disputes no address of his
//! own.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lvs_director::codec::arp::Arp;

fuzz_target!(|frame: &[u8]| {
    if let Some(arp) = Arp::read(frame) {
        assert_eq!(Arp::read(&arp.broadcast()), Some(arp));
        assert!(!arp.disputes(arp.sender.address, arp.sender.hardware));
    }
});
