// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a server sends to a DNS check, after our number and question: it is read to its end, and records of a type that is
//! known are as people write them. The first byte chooses the type.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lvs_director::codec::dns::{DnsAnswer, question};
use lvs_director::model::{DnsData, DnsName, DnsType};

const TYPES: [u16; 10] = [1, 2, 5, 6, 12, 15, 16, 28, 33, 99];

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, bytes)) = bytes.split_first() else {
        return;
    };
    let kind = DnsType(TYPES[usize::from(*choice) % TYPES.len()]);
    let Ok(name) = DnsName::parse("www.example") else {
        return;
    };
    for id in [0, 1] {
        let _ = DnsAnswer::read(bytes, id, &name, kind);
    }
    // The same as the flags, the numbers of records, and the records of an answer to our question.
    let mut message = question(7, &name, kind);
    let Some((head, records)) = bytes.split_first_chunk::<4>() else {
        return;
    };
    message[2..4].copy_from_slice(&head[..2]);
    message[6..8].copy_from_slice(&head[2..]);
    message.extend(records);
    let Ok(answer) = DnsAnswer::read(&message, 7, &name, kind) else {
        return;
    };
    let mut read = 0;
    for record in answer.records() {
        read += 1;
        // A record has 11 bytes at least.
        assert!(read <= records.len() / 11 + 1);
        let Some(record) = record else {
            continue;
        };
        // Names that nobody could write have a backslash.
        if kind.data() != DnsData::Unknown && !record.contains('\\') {
            let written = kind.written(&record);
            assert_eq!(written.as_deref(), Some(&*record), "{record:?}");
        }
    }
});
