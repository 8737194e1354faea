// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files of keepalived, and what becomes of them. `UPDATE_GOLDEN=1 cargo test --test import` rewrites the files.
//! `cargo test --release --test import -- --nocapture` says how long the largest one takes.

#![allow(clippy::unwrap_used, reason = "a test")]
#![allow(
    clippy::disallowed_methods,
    reason = "how long a file takes is told, not tested"
)]

#[path = "import/golden.rs"]
mod golden;

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Instant;

use golden::Beside;
use lvs_director::config;
use lvs_director::import::{Kind, Output, import};

#[test]
fn files_of_keepalived_become_ours() {
    golden::check(Kind::Keepalived, "keepalived", &["conf"]);
}

/// The size of which somebody has complained that keepalived takes minutes.
#[test]
fn a_file_of_2277_services_with_37205_servers_becomes_ours() {
    const SERVICES: u32 = 2_277;
    const SERVERS: u32 = 37_205;
    let (mut text, mut server) = (String::new(), 0);
    for service in 0..SERVICES {
        let address = Ipv4Addr::from_bits(0x0a00_0001 + service);
        let head = "delay_loop 6\n lb_algo wrr\n lb_kind NAT\n protocol TCP";
        writeln!(text, "virtual_server {address} 80 {{\n {head}").unwrap();
        while server < SERVERS * (service + 1) / SERVICES {
            let address = Ipv4Addr::from_bits(0xac10_0001 + server);
            let check = "weight 1\n  TCP_CHECK {\n   connect_timeout 3\n  }";
            writeln!(text, " real_server {address} 80 {{\n  {check}\n }}").unwrap();
            server += 1;
        }
        text.push_str("}\n");
    }
    let begun = Instant::now();
    let imported = import(None, "large.conf", text.as_bytes(), &Beside(Path::new(".")));
    println!("{} bytes in {:.2?}", text.len(), begun.elapsed());
    assert!(
        !imported.diagnostics.has_errors(),
        "{}",
        imported.diagnostics
    );
    let Output::Director(document) = imported.output else {
        panic!("it is a file of another kind");
    };
    let config = config::parse("made", document.to_string().as_bytes()).unwrap();
    let servers = config.services.values().map(|it| it.servers.len());
    let found = (config.services.len(), servers.sum::<usize>());
    assert_eq!(found, (SERVICES as usize, SERVERS as usize));
}
