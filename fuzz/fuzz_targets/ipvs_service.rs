// SPDX-License-Identifier: MIT OR Apache-2.0
//! The inside of a `SERVICE` nest: a value that we read, write and read again is the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lvs_director::codec::attribute::AttributeWriter;
use lvs_director::codec::ipvs::{Request, parse_service};
use lvs_director::codec::message::Answer;

fuzz_target!(|nest: &[u8]| {
    if nest.len() > 4096 {
        return;
    }
    let mut attributes = Vec::new();
    AttributeWriter::new(&mut attributes).bytes(1, nest);
    let Ok(entry) = parse_service(&attributes) else {
        return;
    };
    let mut message = Vec::new();
    Request::AddService(&entry.key, &entry.settings).emit(28, 1, Answer::Plain, &mut message);
    let again = parse_service(&message[20..]).expect("what we wrote");
    assert_eq!((again.key, again.settings), (entry.key, entry.settings));
});
