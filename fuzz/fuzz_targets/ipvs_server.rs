// SPDX-License-Identifier: MIT OR Apache-2.0
//! The inside of a `DEST` nest: a value that we read, write and read again is the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lvs_director::codec::attribute::AttributeWriter;
use lvs_director::codec::ipvs::{Request, parse_server};
use lvs_director::codec::message::Answer;
use lvs_director::model::{AddressFamily, Fwmark, ServiceKey};

fuzz_target!(|nest: &[u8]| {
    if nest.len() > 4096 {
        return;
    }
    let mut attributes = Vec::new();
    AttributeWriter::new(&mut attributes).bytes(2, nest);
    for family in [AddressFamily::Ipv4, AddressFamily::Ipv6] {
        let Ok(entry) = parse_server(&attributes, family) else {
            continue;
        };
        let service = ServiceKey::Fwmark {
            mark: Fwmark::new(1).expect("not 0"),
            family,
        };
        let mut message = Vec::new();
        let request = Request::AddServer(&service, &entry.key, &entry.server);
        request.emit(28, 1, Answer::Plain, &mut message);
        let again = parse_server(&message[20..], family).expect("what we wrote");
        assert_eq!((again.key, again.server), (entry.key, entry.server));
    }
});
