// SPDX-License-Identifier: MIT OR Apache-2.0
//! A file of HAProxy: it is refused with plain words, or becomes a configuration that our own reader takes.
#![no_main]

use std::net::IpAddr;

use libfuzzer_sys::fuzz_target;
use lvs_director::import::{Included, Kind, Room, Surroundings};

#[path = "imported/mod.rs"]
mod imported;

/// A host with one virtual address of each family.
struct Host;

impl Surroundings for Host {
    fn include(&self, _: &str, _: &str, _: Room) -> Result<Vec<Included>, String> {
        Ok(Vec::new())
    }

    fn variable(&self, name: &str) -> Option<String> {
        (name == "VIP").then(|| "192.0.2.77".to_owned())
    }

    fn host_name(&self) -> String {
        "host.example".to_owned()
    }

    fn virtual_addresses(&self) -> Vec<IpAddr> {
        ["192.0.2.10", "2001:db8::10"]
            .iter()
            .filter_map(|address| address.parse().ok())
            .collect()
    }
}

fuzz_target!(|bytes: &[u8]| imported::check(Kind::Haproxy, bytes, &Host));
