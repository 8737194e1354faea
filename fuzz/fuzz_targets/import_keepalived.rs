// SPDX-License-Identifier: MIT OR Apache-2.0
//! A file of keepalived: it is refused with messages, or becomes a configuration of ours. Its corrections can be made.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lvs_director::import::{Included, Kind, Room, Surroundings};

#[path = "imported/mod.rs"]
mod imported;

/// A host with one file, which is whatever is asked for.
struct Host;

impl Surroundings for Host {
    fn include(&self, from: &str, pattern: &str, _: Room) -> Result<Vec<Included>, String> {
        let bytes = Ok(b"weight 1 # from a file\n".to_vec());
        let name = format!("{from}/{pattern}");
        Ok(vec![Included { name, bytes }])
    }

    fn variable(&self, _: &str) -> Option<String> {
        Some("value".to_owned())
    }

    fn host_name(&self) -> String {
        "host.example".to_owned()
    }
}

fuzz_target!(|bytes: &[u8]| imported::check(Kind::Keepalived, bytes, &Host));
