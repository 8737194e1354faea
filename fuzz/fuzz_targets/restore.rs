// SPDX-License-Identifier: MIT OR Apache-2.0
//! The input of `lvsadm -R`: it is refused with messages, or makes a table that is the same after it is saved and read
//! again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lvs_director::cli::listing::{ListedService, Listing};
use lvs_director::cli::{restore, save};
use lvs_director::codec::ipvs::{Info, ServerEntry, ServiceEntry};
use lvs_director::system::Names;
use lvs_director::ipvsadm::address::Nobody;
use lvs_director::ipvsadm::arguments::Context;
use lvs_director::ipvsadm::failure::Failure;
use lvs_director::ipvsadm::restore::read;
use lvs_director::model::{ConnectionCounts, Counters, IpvsTable};

fuzz_target!(|bytes: &[u8]| {
    if bytes.len() > 16 * 1024 {
        return;
    }
    let input = String::from_utf8_lossy(bytes);
    for compat in [false, true] {
        match table(&input, compat) {
            Err(failure) => {
                assert!(!failure.message.trim().is_empty());
                assert!(matches!(failure.status, 1 | 2 | 255), "{failure:?}");
            }
            // A name with this first character only works attached, `-s#x`, and no kernel has such a name.
            Ok(read) if names(&read).any(|name| name.starts_with('#')) => {}
            Ok(read) => {
                let mut saved = String::new();
                let listing = listing(&read);
                save::render(&mut saved, &listing, false, &Names::default()).expect("text");
                assert_eq!(table(&saved, false).as_ref(), Ok(&read), "{saved}");
                assert_eq!(table(&saved, true), Ok(read), "{saved}");
            }
        }
    }
});

fn table(input: &str, compat: bool) -> Result<IpvsTable, Failure> {
    let context = Context {
        program: "lvsadm",
        lookup: &Nobody,
        compat,
    };
    restore::table(&read(context, input.as_bytes())?)
}

/// Settings that are written as they were given.
fn names(table: &IpvsTable) -> impl Iterator<Item = &str> {
    table.services.values().flat_map(|service| {
        let settings = &service.settings;
        let engine = settings.engine.as_ref();
        [
            Some(settings.scheduler.name()),
            engine.map(|engine| engine.name()),
        ]
        .into_iter()
        .flatten()
    })
}

/// As the kernel would list it.
fn listing(table: &IpvsTable) -> Listing {
    let services = table.services.iter().map(|(key, service)| ListedService {
        service: ServiceEntry {
            key: *key,
            settings: service.settings.clone(),
            counters: Counters::default(),
        },
        servers: service
            .servers
            .iter()
            .map(|(key, server)| ServerEntry {
                key: *key,
                server: *server,
                connections: ConnectionCounts::default(),
                counters: Counters::default(),
            })
            .collect(),
    });
    Listing {
        info: Info {
            version: (1, 2, 1),
            connection_table_size: 4096,
        },
        whole: true,
        services: services.collect(),
    }
}
