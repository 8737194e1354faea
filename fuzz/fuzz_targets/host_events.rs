// SPDX-License-Identifier: MIT OR Apache-2.0
//! A datagram about changes of links, addresses, neighbours and routes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lvs_director::kernel::parse_host_events;
use lvs_director::model::{Host, HostEvent};

fuzz_target!(|datagram: &[u8]| {
    let events = parse_host_events(datagram);
    assert!(events.len() <= datagram.len() / 16 + 1);
    assert!(!events.contains(&HostEvent::Lost) || events.len() == 1);
    for event in events {
        let mut once = Host::default();
        once.update(&event);
        let mut twice = once.clone();
        twice.update(&event);
        assert_eq!(once, twice);
        let text = serde_json::to_string(&event).expect("an event is written");
        let read: HostEvent = serde_json::from_str(&text).expect("an event is read");
        assert_eq!(read, event);
    }
});
