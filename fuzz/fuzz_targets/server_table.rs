// SPDX-License-Identifier: MIT OR Apache-2.0
//! `/proc/net/ip_vs`: the servers that are read of it are the same after they were written as the kernel writes them.
#![no_main]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};

use libfuzzer_sys::fuzz_target;
use lvs_director::codec::table::{ServerLine, ServerTable};
use lvs_director::model::{Protocol, ServiceKey};

fuzz_target!(|bytes: &[u8]| {
    if bytes.len() > 16 * 1024 {
        return;
    }
    let text = String::from_utf8_lossy(bytes);
    let mut read = table(&text);
    let arrows = text.matches("  -> ").count();
    for key in text.lines().filter_map(service).collect::<BTreeSet<_>>() {
        let Some(servers) = read.servers(&key) else {
            continue;
        };
        assert!(servers.len() <= arrows);
        let written = written(&key, servers);
        let mut again = table(&written);
        assert_eq!(again.servers(&key), Some(servers), "{written}");
    }
});

fn table(text: &str) -> ServerTable {
    let mut table = ServerTable::default();
    for line in text.split_inclusive('\n') {
        table.read_line(line);
    }
    table
}

/// The service a line may be about.
fn service(line: &str) -> Option<ServiceKey> {
    let mut words = line.split_whitespace();
    let protocol = match words.next()? {
        "TCP" => Protocol::Tcp,
        "UDP" => Protocol::Udp,
        "SCTP" => Protocol::Sctp,
        _ => return None,
    };
    let (address, port) = words.next()?.rsplit_once(':')?;
    let address: IpAddr = match address.strip_prefix('[') {
        Some(v6) => v6.strip_suffix(']')?.parse().ok()?,
        None => Ipv4Addr::from_bits(u32::from_str_radix(address, 16).ok()?).into(),
    };
    Some(ServiceKey::Address {
        protocol,
        address,
        port: u16::from_str_radix(port, 16).ok()?,
    })
}

/// The lines that the kernel would write.
fn written(key: &ServiceKey, servers: &[ServerLine]) -> String {
    let ServiceKey::Address {
        protocol,
        address,
        port,
    } = *key
    else {
        unreachable!("marks are not read");
    };
    let mut text = format!("{protocol}  {} rr  \n", end(address, port));
    for server in servers {
        let ServerLine {
            key,
            method,
            weight,
            active,
            inactive,
        } = server;
        writeln!(
            text,
            "  -> {}      {method:<7} {weight:<6} {active:<10} {inactive:<10}",
            end(key.address, key.port)
        )
        .expect("text");
    }
    text
}

fn end(address: IpAddr, port: u16) -> String {
    match address {
        IpAddr::V4(v4) => format!("{:08X}:{port:04X}", v4.to_bits()),
        IpAddr::V6(v6) => {
            let groups = v6.segments().map(|group| format!("{group:04x}"));
            format!("[{}]:{port:04X}", groups.join(":"))
        }
    }
}
