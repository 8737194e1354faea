// SPDX-License-Identifier: MIT OR Apache-2.0
//! A datagram of connection synchronisation: its connections mean the same when we write them again, and no more are read
//! than it says.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lvs_director::codec::sync::{SyncConnection, SyncMessage, parse};

fuzz_target!(|datagram: &[u8]| {
    let Ok((header, connections)) = parse(datagram) else {
        return;
    };
    let connections: Vec<_> = connections.collect();
    assert!(connections.len() <= usize::from(header.connections));
    let good: Vec<SyncConnection<'_>> = connections.into_iter().map_while(Result::ok).collect();
    let mut message = SyncMessage::new(header.sync_id, u16::MAX);
    for connection in &good {
        assert!(message.push(connection), "{connection:?}");
    }
    let (again, read) = parse(message.bytes()).expect("our own message");
    assert_eq!(again.sync_id, header.sync_id);
    let read: Vec<_> = read.map(|it| it.expect("our own connection")).collect();
    assert_eq!(read, good);
});
