// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is true for every file of keepalived.

use std::fmt::Write as _;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::keywords::{Block, samples};
use crate::import::refuse::REFUSED;
use crate::import::surroundings::Alone;
use crate::import::{Imported, Kind, Output, import};

fn of(text: &str) -> Imported {
    import(
        Some(Kind::Keepalived),
        "keepalived.conf",
        text.as_bytes(),
        &Alone,
    )
}

/// The file of ours.
fn yaml(imported: &Imported) -> String {
    match &imported.output {
        Output::Director(document) => document.to_string(),
        Output::Text(text) => text.clone(),
    }
}

/// A file in which this line stands in a block of this kind.
fn around(block: Block, line: &str) -> String {
    let service = |lines: &str, server: &str| {
        format!(
            "global_defs {{\n}}\ntrack_file f {{\n file /f\n}}\ntrack_file g {{\n file /g\n}}\nSSL {{\n}}\nvirtual_server 192.0.2.1 80 {{\n protocol TCP\n \
             lvs_sched mh\n lvs_method NAT\n delay_loop 7\n quorum 3\n{lines}\n real_server 10.0.0.2 80 {{\n{server}\n \
             }}\n}}\n"
        )
    };
    let checker = |name: &str, lines: &str| service("", &format!("{name} {{\n{lines}\n}}"));
    let http = format!("url {{\n path /\n}}\n{line}");
    match block {
        Block::GlobalDefs => {
            let program = checker("MISC_CHECK", "misc_path /x");
            // What is said for all virtual routers counts where there is one.
            let router = "vrrp_instance a {\n interface e\n virtual_router_id 1\n virtual_ipaddress {\n 192.0.2.9\n }\n}";
            format!("global_defs {{\n{line}\n}}\n{program}\n{router}")
        }
        Block::Ssl => format!(
            "SSL {{\n key /k\n certificate /c\n{line}\n}}\n{}",
            checker("SSL_GET", &http)
        ),
        Block::VirtualServer => service(line, "HTTP_GET {\nurl {\npath /\n}\n}"),
        Block::RealServer => service(
            "",
            &format!("uthreshold 7\nHTTP_GET {{\nurl {{\npath /\n}}\n}}\n{line}"),
        ),
        Block::TcpCheck => checker("TCP_CHECK", line),
        Block::HttpGet => checker("HTTP_GET", &http),
        Block::SslGet => checker("SSL_GET", &http),
        Block::Url => checker("HTTP_GET", &format!("url {{\n path /\n{line}\n}}")),
        Block::SmtpCheck => checker("SMTP_CHECK", line),
        Block::SmtpHost => checker("SMTP_CHECK", &format!("host {{\n{line}\n}}")),
        Block::DnsCheck => checker("DNS_CHECK", line),
        Block::MiscCheck => checker("MISC_CHECK", &format!("misc_path /x\nuser a\n{line}")),
        Block::BfdCheck => checker("BFD_CHECK", line),
        Block::PingCheck => checker("PING_CHECK", line),
        Block::UdpCheck => checker("UDP_CHECK", line),
        Block::FileCheck => checker("FILE_CHECK", &format!("track_file f\n{line}")),
        _ => String::new(),
    }
}

#[test]
fn no_keyword_is_dropped_in_silence() {
    let mut silent = Vec::new();
    // A checker that speaks BFD is named as a whole.
    for (block, keyword, value) in samples() {
        let with = of(&around(block, &format!("{keyword} {value}")));
        let without = of(&around(block, ""));
        let said = |imported: &Imported| imported.diagnostics.to_string();
        let is_known = !said(&with).contains("unknown keyword");
        let is_heard = yaml(&with) != yaml(&without) || said(&with) != said(&without);
        if block != Block::BfdCheck && !(is_known && is_heard) {
            silent.push((block, keyword));
        }
    }
    assert_eq!(silent, []);
}

/// A line of a block with its value, or a block.
fn line(block: Block) -> impl Strategy<Value = String> {
    let lines: Vec<_> = samples()
        .into_iter()
        .filter(|(of, ..)| *of == block)
        .collect();
    select(lines).prop_map(|(_, keyword, value)| format!("{keyword} {value}"))
}

fn checker() -> impl Strategy<Value = String> {
    let kinds = vec![
        (Block::TcpCheck, "TCP_CHECK", ""),
        (
            Block::HttpGet,
            "HTTP_GET",
            "url {\npath /a\nstatus_code 200\n}",
        ),
        (Block::SslGet, "SSL_GET", "url {\npath /a\n}"),
        (Block::SmtpCheck, "SMTP_CHECK", ""),
        (Block::DnsCheck, "DNS_CHECK", ""),
        (Block::MiscCheck, "MISC_CHECK", "misc_path \"/x 'a b'\""),
        (Block::PingCheck, "PING_CHECK", ""),
        (Block::UdpCheck, "UDP_CHECK", ""),
        (Block::FileCheck, "FILE_CHECK", "track_file f"),
    ];
    select(kinds).prop_flat_map(|(block, name, own)| {
        vec(line(block), 0..3)
            .prop_map(move |lines| format!("{name} {{\n{own}\n{}\n}}", lines.join("\n")))
    })
}

fn server() -> impl Strategy<Value = String> {
    let port = select(vec!["80", "81", "", "0"]);
    let lines = vec(line(Block::RealServer), 0..3);
    (1..6_u8, port, lines, vec(checker(), 0..3)).prop_map(|(host, port, lines, checkers)| {
        let (lines, checkers) = (lines.join("\n"), checkers.join("\n"));
        format!("real_server 10.0.0.{host} {port} {{ # {host}\n{lines}\n{checkers}\n}}")
    })
}

fn service() -> impl Strategy<Value = String> {
    let heads = [
        "192.0.2.1 80",
        "192.0.2.2",
        "fwmark 7",
        "group g",
        "192.0.2.3 53",
    ];
    let lines = vec(line(Block::VirtualServer), 0..6);
    let protocol = select(vec!["protocol TCP", "protocol UDP", "protocol SCTP", ""]);
    (select(heads.to_vec()), protocol, lines, vec(server(), 0..5)).prop_map(
        |(head, protocol, lines, servers)| {
            let (lines, servers) = (lines.join("\n"), servers.join("\n"));
            format!("# {head}\nvirtual_server {head} {{\n{protocol}\n{lines}\n{servers}\n}}")
        },
    )
}

fn file() -> impl Strategy<Value = String> {
    vec(service(), 0..4).prop_map(|services| {
        let group = "virtual_server_group g {\n 192.0.2.9-11 80\n 192.0.2.16/31 81\n fwmark 9\n}";
        format!(
            "track_file f {{\n file /f\n}}\ntrack_file g {{\n file /g\n}}\n{group}\n{}\n",
            services.join("\n")
        )
    })
}

proptest! {
    /// Our own reader takes what has no error, and a file with its corrections made has no more errors.
    #[test]
    fn what_is_made_is_a_configuration(text in file()) {
        let imported = of(&text);
        let said = imported.diagnostics.render(false);
        prop_assert!(!said.contains(REFUSED), "{}\n{}\n{}", text, yaml(&imported), said);
    }

    /// Words in any order: there is an answer, and corrections come to an end.
    #[test]
    fn any_words_have_an_answer(
        words in vec(select(vec![
            "virtual_server", "real_server", "{", "}", "\n", "192.0.2.1", "80", "TCP_CHECK", "protocol", "TCP", "\"", "#",
            "$A=", "$A", "~SEQ(A,1,3)", "@host", "\\\n", "url", "path", "/", "weight", "-1", "1", "include", "x", "group",
        ]), 0..80),
    ) {
        let text = words.join(" ");
        let mut imported = of(&text);
        for _ in 0..4 {
            let Some((_, text)) = imported.corrected().texts.into_iter().next() else { break };
            imported = of(&text);
        }
        prop_assert!(imported.diagnostics.render(false).len() < 1 << 20);
    }
}

#[test]
fn what_is_hostile_has_a_short_answer() {
    let mut random = 1_u64;
    let bytes: Vec<u8> = std::iter::repeat_with(|| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        random.to_le_bytes()[7]
    })
    .take(1 << 20)
    .collect();
    for text in [
        bytes,
        b"virtual_server {".repeat(100_000),
        b"}".repeat(100_000),
        b"x\n".repeat(1 << 19),
    ] {
        let imported = import(Some(Kind::Keepalived), "a", &text, &Alone);
        assert!(imported.diagnostics.has_errors());
        assert!(imported.diagnostics.render(false).len() < 1 << 20);
    }
}

#[test]
fn a_few_lines_with_large_groups_and_a_server_with_many_checks_have_an_answer() {
    let group = "virtual_server_group g {\n10.0.0.0/16 80\n}\n";
    let servers = |count: usize| "real_server 192.0.2.1 80 {\n}\n".repeat(count);
    let service = |lines: &str| format!("virtual_server group g {{\nprotocol TCP\n{lines}}}\n");
    let many = format!("{group}{}", service("").repeat(10_000));
    let much = format!("{group}{}", service(&servers(50_000)));
    let mut checks = String::new();
    for port in 1..=20_000 {
        let _ = writeln!(checks, "TCP_CHECK {{\nconnect_port {port}\n}}");
    }
    let checked = format!(
        "virtual_server 192.0.2.1 80 {{\nprotocol TCP\nreal_server 10.0.0.1 80 {{\n{checks}}}\n}}\n"
    );
    for text in [many, much, checked] {
        let imported = of(&text);
        assert!(imported.diagnostics.has_errors());
        assert!(imported.diagnostics.render(false).len() < 1 << 20);
    }
}
