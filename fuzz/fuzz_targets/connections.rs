// SPDX-License-Identifier: MIT OR Apache-2.0
//! `/proc/net/ip_vs_conn`: a connection is the same after we write it as the kernel does and read it again. The list is
//! printed up to the first line that is not a connection, in every format, filtered or not, and all of it is counted.
#![no_main]

use std::net::{IpAddr, SocketAddr};

use libfuzzer_sys::fuzz_target;
use lvs_director::cli::connections::{ConnectionFormat, Nameable, render};
use lvs_director::cli::top::{Counted, Document, Wanted, render as render_top};
use lvs_director::codec::connection::Connection;
use lvs_director::system::Names;
use lvs_director::ipvsadm::filter::{Filter, Network};

const FORMATS: [ConnectionFormat; 3] = [
    ConnectionFormat::Plain,
    ConnectionFormat::WithEngines,
    ConnectionFormat::Json,
];

fuzz_target!(|bytes: &[u8]| {
    if bytes.len() > 16 * 1024 {
        return;
    }
    let text = String::from_utf8_lossy(bytes);
    for line in text.lines() {
        if let Ok(connection) = Connection::parse(line) {
            let again = written(&connection);
            assert_eq!(Connection::parse(&again), Ok(connection), "{again}");
        }
    }
    let filter = Filter {
        states: vec!["ESTABLISHED".to_owned(), "UDP".to_owned()],
        client: Network::read("10.0.0.0/8").ok(),
        ..Filter::NONE
    };
    for format in FORMATS {
        let (all, whole) = print(bytes, format, &Filter::NONE);
        let (some, _) = print(bytes, format, &filter);
        assert!(some.len() <= all.len());
        if format == ConnectionFormat::Plain {
            counted(bytes, &Filter::NONE, &all, whole);
            counted(bytes, &filter, &some, whole);
        }
        // Every field of a line takes less room there than names of keys take here.
        assert!(all.len() <= 1024 + 64 * bytes.len());
        if whole && format == ConnectionFormat::Json {
            for text in [all, some] {
                let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
                assert!(json["connections"].is_array(), "{text}");
            }
        }
    }
});

/// The listed connections are the counted ones.
fn counted(bytes: &[u8], filter: &Filter, listed: &str, whole: bool) {
    let wanted = Wanted {
        clients: true,
        servers: true,
        services: true,
        rows: 3,
        filter: filter.clone(),
    };
    let counted = Counted::read(bytes, &wanted);
    assert_eq!(counted.is_ok(), whole);
    let Ok(counted) = counted else { return };
    let lines = u64::from(counted.connections.total()) + counted.templates;
    // The list has two lines of title.
    assert_eq!(lines + 2, listed.lines().count() as u64);
    let mut text = String::new();
    render_top(&mut text, &counted, wanted.rows).expect("text");
    assert!(text.lines().count() <= 20, "{text}");
    serde_json::to_string(&Document::new(&counted, wanted.rows)).expect("JSON");
}

/// The output, and whether it is complete.
fn print(bytes: &[u8], format: ConnectionFormat, filter: &Filter) -> (String, bool) {
    let mut out = String::new();
    let names: Option<fn(Nameable) -> Names> = None;
    let whole = render(&mut out, bytes, format, filter, names).is_ok();
    (out, whole)
}

/// The line that the kernel would write.
fn written(connection: &Connection<'_>) -> String {
    let end = |end: SocketAddr| match end.ip() {
        IpAddr::V4(v4) => format!("{:08X} {:04X}", v4.to_bits(), end.port()),
        IpAddr::V6(v6) => {
            let groups = v6.segments().map(|group| format!("{group:04x}"));
            format!("{} {:04X}", groups.join(":"), end.port())
        }
    };
    let Connection {
        protocol,
        client,
        service,
        server,
        state,
        expires,
        engine,
    } = connection;
    let engine = engine.map_or_else(String::new, |(name, data)| format!(" {name} {data}"));
    format!(
        "{protocol:<3} {} {} {} {state:<11} {expires:>7}{engine}\n",
        end(*client),
        end(*service),
        end(*server)
    )
}
