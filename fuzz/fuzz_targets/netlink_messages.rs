// SPDX-License-Identifier: MIT OR Apache-2.0
//! A datagram from the kernel: messages with IPVS's answers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lvs_director::codec::ipvs::{
    RequestedObjects, parse_info, parse_server, parse_service, parse_sync_daemon, parse_timeouts,
};
use lvs_director::codec::message::{parse_all, parse_family};
use lvs_director::model::AddressFamily;

fuzz_target!(|datagram: &[u8]| {
    let mut messages = 0;
    for message in parse_all(datagram) {
        messages += 1;
        let Ok(message) = message else { continue };
        let Some(attributes) = message.kind.genl_attributes() else {
            continue;
        };
        let _ = parse_service(attributes);
        let _ = parse_server(attributes, AddressFamily::Ipv4);
        let _ = parse_server(attributes, AddressFamily::Ipv6);
        let _ = parse_sync_daemon(attributes);
        let _ = parse_timeouts(attributes);
        let _ = parse_info(attributes);
        let _ = parse_family(attributes);
        let _ = RequestedObjects::parse(attributes);
    }
    // Each has a header of 16 bytes; a broken one ends the walk.
    assert!(messages <= datagram.len() / 16 + 1);
});
