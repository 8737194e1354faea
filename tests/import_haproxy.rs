// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files of HAProxy, and what becomes of them.
//!
//! `tests/import/haproxy/NAME.cfg` becomes `NAME.yaml`, unless there is an error, and `NAME.said` is what is said about
//! its lines. `UPDATE_GOLDEN=1 cargo test --test import_haproxy` rewrites both.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops where something is wrong"
)]
#![allow(
    clippy::doc_markdown,
    reason = "names of messages, as the documentation of their protocols has them"
)]

#[path = "import/golden.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod golden;
#[path = "import/protocols.rs"]
mod protocols;

use std::fmt::Write as _;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use golden::{compare, said};
use lvs_director::config;
use lvs_director::diagnostic::{Diagnostic, Severity};
use lvs_director::import::{Imported, Included, Kind, Output, Room, Surroundings, import};
use lvs_director::model::ProbeKind;
use proptest::prelude::*;
use proptest::sample::select;

/// A host with some variables and, unless the file's name says otherwise, two virtual addresses.
struct Host {
    virtual_addresses: Vec<IpAddr>,
}

impl Surroundings for Host {
    fn include(&self, _: &str, _: &str, _: Room) -> Result<Vec<Included>, String> {
        Ok(Vec::new())
    }

    fn variable(&self, name: &str) -> Option<String> {
        match name {
            "VIP" => Some("192.0.2.77".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        }
    }

    fn host_name(&self) -> String {
        "host.example".to_owned()
    }

    fn virtual_addresses(&self) -> Vec<IpAddr> {
        self.virtual_addresses.clone()
    }
}

impl Host {
    fn with_addresses() -> Self {
        let addresses = ["192.0.2.10", "2001:db8::10"];
        Self {
            virtual_addresses: addresses.map(|it| it.parse().unwrap()).to_vec(),
        }
    }

    fn of(path: &Path) -> Self {
        if path
            .file_stem()
            .unwrap()
            .to_str()
            .unwrap()
            .ends_with("no-vip")
        {
            return Self {
                virtual_addresses: Vec::new(),
            };
        }
        Self::with_addresses()
    }
}

fn read(bytes: &[u8]) -> Imported {
    import(
        Some(Kind::Haproxy),
        "haproxy.cfg",
        bytes,
        &Host::with_addresses(),
    )
}

fn text_of(imported: &Imported) -> String {
    match &imported.output {
        Output::Director(document) => document.to_string(),
        Output::Text(text) => text.clone(),
    }
}

fn files() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import/haproxy");
    let entries = fs::read_dir(directory).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|end| end == "cfg"))
        .collect();
    files.sort();
    assert!(files.len() > 20);
    files
}

/// Our own reader takes what has no error.
fn usable(name: &str, imported: &Imported) -> Option<String> {
    if imported.diagnostics.has_errors() {
        return None;
    }
    let text = text_of(imported);
    let parsed = config::parse(name, text.as_bytes());
    assert!(parsed.is_ok(), "{name}:\n{text}\n{}", parsed.unwrap_err());
    Some(text)
}

#[test]
fn each_file_becomes_a_file_of_ours_and_nothing_is_left_out_silently() {
    for path in files() {
        let name = path.file_name().unwrap().to_str().unwrap();
        let bytes = fs::read(&path).unwrap();
        let imported = import(None, name, &bytes, &Host::of(&path));
        assert_eq!(imported.kind, Some(Kind::Haproxy), "{name}");
        let text = usable(name, &imported).unwrap_or_default();
        compare(&path.with_extension("yaml"), &text);
        compare(&path.with_extension("said"), &said(&imported));
    }
}

/// Corrections are made until there are none, and none comes back.
#[test]
fn corrections_come_to_an_end() {
    for path in files() {
        let mut bytes = fs::read(&path).unwrap();
        let mut rounds = 0;
        loop {
            let imported = import(None, "haproxy.cfg", &bytes, &Host::of(&path));
            let corrected = imported.corrected();
            let Some((_, text)) = corrected.texts.first() else {
                break;
            };
            bytes = text.clone().into_bytes();
            rounds += 1;
            assert!(rounds < 10, "{}", path.display());
        }
    }
}

#[test]
fn misspelt_words_are_corrected() {
    let good = "defaults\n  mode tcp\nlisten a\n  bind 192.0.2.1:80\n  balance leastconn\n  server s 10.0.0.1:80 check inter 3s\n";
    let clean = text_of(&read(good.as_bytes()));
    for (right, wrong) in [
        ("balance", "balnce"),
        ("leastconn", "leastcon"),
        ("server s", "sever s"),
        ("listen", "lisen"),
        ("check inter", "chek inter"),
        ("inter 3s", "intr 3s"),
        (" 10.0.0.1", "\u{3000}10.0.0.1"),
    ] {
        let bad = good.replace(right, wrong);
        let imported = read(bad.as_bytes());
        let corrected = imported.corrected();
        let (_, text) = corrected.texts.first().unwrap();
        assert_eq!(text_of(&read(text.as_bytes())), clean, "{wrong}");
    }
}

#[test]
fn hostile_files_have_an_answer() {
    let server = "  server a 10.0.0.1:80 check\n";
    let listen = "listen a\n  bind 192.0.2.1:80\n";
    let many = |line: &str, times: usize| line.repeat(times);
    let mut state = 1_u64;
    let random: Vec<u8> = (0..1 << 20)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            u8::try_from(state >> 56).unwrap()
        })
        .collect();
    let texts: Vec<Vec<u8>> = vec![
        random,
        Vec::new(),
        many(".if 1\n", 100_000).into_bytes(),
        many(".endif\n", 100_000).into_bytes(),
        many("{", 100_000).into_bytes(),
        format!("{listen}{}", many(server, 20_000)).into_bytes(),
        format!("listen a\n  bind :1-65535\n{}", many(server, 100)).into_bytes(),
        format!("{listen}  server a 10.0.0.1:80 \"{}", many("x", 1 << 20)).into_bytes(),
        format!("{listen}{}", many("  banana 1\n", 100_000)).into_bytes(),
        format!(
            "{listen}  option tcp-check\n{}{server}",
            many("  tcp-check send x\n", 50_000)
        )
        .into_bytes(),
        many(
            "listen a\n  bind 192.0.2.1:80\n  server a 10.0.0.1:80 track a/a\n",
            5_000,
        )
        .into_bytes(),
        format!(
            "global\n  setenv A {}\ndefaults\n{}",
            many("x", 100_000),
            many("  log \"${A}\"\n", 50_000)
        )
        .into_bytes(),
        format!("{listen}  server a 10.0.0.1:80 {}", many("check ", 400_000)).into_bytes(),
        format!(
            "{listen}  server a 10.0.0.1:80 #{}\n",
            many("\u{4e3b}", 2_000)
        )
        .into_bytes(),
        b"listen a\n  bind \x00:\x01\xff\xfe\n  server \xe4 \\x".to_vec(),
    ];
    for bytes in texts {
        let imported = read(&bytes);
        usable("hostile", &imported);
        let said = imported.diagnostics.render(false);
        assert!(!said.contains('\x1b'));
        let notes = imported.diagnostics.iter().count();
        assert!(notes <= 1_000, "{notes}");
    }
}

#[test]
fn a_warning_says_what_runs_otherwise_and_an_error_what_cannot_run() {
    let severity = |text: &str, part: &str| {
        let imported = read(text.as_bytes());
        let found = imported
            .diagnostics
            .iter()
            .find(|it| it.message().contains(part));
        found.map(Diagnostic::severity)
    };
    let with =
        |line: &str| format!("listen a\n bind 192.0.2.1:80\n server s 10.0.0.1:80\n {line}\n");
    assert_eq!(severity(&with("log global"), "log"), Some(Severity::Note));
    assert_eq!(
        severity(&with("retries 3"), "retries"),
        Some(Severity::Warning)
    );
    assert_eq!(severity(&with("sever s"), "sever"), Some(Severity::Error));
}

#[test]
fn no_secret_is_printed_and_those_of_comments_are_left_out() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import/haproxy");
    for name in ["secrets.cfg", "secrets-wrong.cfg"] {
        let bytes = fs::read(directory.join(name)).unwrap();
        let imported = read(&bytes);
        let printed = said(&imported);
        for secret in [
            "commented",
            "sent-2",
            "c2VjcmV0",
            "secret-7",
            "secret-8",
            "wrong-1",
            "wrong-2",
            "77726f6e",
        ] {
            assert!(!printed.contains(secret), "{name}: {secret}\n{printed}");
        }
        let ours = text_of(&imported);
        assert!(!ours.contains("commented"), "{ours}");
        assert!(!ours.contains("c2VjcmV0"), "{ours}");
    }
}

/// What the check of an option says, and waits for.
fn talk_of(option: &str) -> (Vec<u8>, Vec<u8>) {
    let text =
        format!("listen a\n bind 192.0.2.1:80\n option {option}\n server s 10.0.0.1:80 check\n");
    let imported = read(text.as_bytes());
    let ours = usable(option, &imported).unwrap();
    let config = config::parse(option, ours.as_bytes()).unwrap();
    let service = config.services.values().next().unwrap();
    let server = service.servers.values().next().unwrap();
    let check = server.checks.each.iter().next().unwrap();
    match &check.probe.kind {
        ProbeKind::TcpTalk(talk) => (talk.send.bytes().to_vec(), talk.expect.bytes().to_vec()),
        other => panic!("{option}: {other:?}"),
    }
}

/// Whether a check of this option passes at a server.
fn passes(option: &str, server: impl Fn(&[u8]) -> Option<Vec<u8>>) -> bool {
    let (send, expect) = talk_of(option);
    let answer = server(&send).unwrap_or_else(|| panic!("{option}: {send:?} is no message"));
    answer.windows(expect.len()).any(|part| part == expect)
}

#[test]
fn a_check_of_a_known_protocol_passes_at_a_server_of_it_and_fails_at_one_that_refuses() {
    use protocols::{ldap, mysql, mysql_greeting, postgresql, redis};
    for version in ["", " post-41", " pre-41"] {
        assert!(passes(&format!("mysql-check user haproxy{version}"), mysql));
        assert!(!passes(&format!("mysql-check user nobody{version}"), mysql));
    }
    assert!(passes("mysql-check", |_| Some(mysql_greeting(false))));
    assert!(!passes("mysql-check", |_| Some(mysql_greeting(true))));
    assert!(passes("pgsql-check user haproxy", postgresql));
    assert!(!passes("pgsql-check user nobody", postgresql));
    for is_long in [false, true] {
        assert!(passes("ldap-check", |said| ldap(said, 0, is_long)));
        // inappropriateAuthentication: no anonymous binds.
        assert!(!passes("ldap-check", |said| ldap(said, 48, is_long)));
    }
    assert!(passes("redis-check", |said| redis(said, false)));
    assert!(!passes("redis-check", |said| redis(said, true)));
}

/// What HAProxy 2.6.12 was seen to send.
#[test]
fn a_check_of_a_known_protocol_sends_what_haproxy_sends() {
    let login = b"\x29\0\0\x01\0\x82\0\0\0\x80\0\x01\x21\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0haproxy\0\0\x01\0\0\0\x01";
    for (option, bytes) in [
        ("mysql-check user haproxy", login.as_slice()),
        ("mysql-check user haproxy post-41", login),
        (
            "mysql-check user haproxy pre-41",
            b"\x0e\0\0\x01\0\x80\0\0\x01haproxy\0\0\x01\0\0\0\x01",
        ),
        ("mysql-check", b""),
        (
            "pgsql-check user haproxy",
            b"\0\0\0\x16\0\x03\0\0user\0haproxy\0\0",
        ),
        (
            "ldap-check",
            b"0\x0c\x02\x01\x01`\x07\x02\x01\x03\x04\0\x80\0",
        ),
        ("redis-check", b"*1\r\n$4\r\nPING\r\n"),
    ] {
        assert_eq!(talk_of(option).0, bytes, "{option}");
    }
}

/// Lines of which random files are made.
const LINES: &[&str] = &[
    "global",
    "defaults",
    "defaults d2",
    "listen a",
    "listen b from d2",
    "frontend f",
    "backend g",
    "  bind 192.0.2.1:80",
    "  bind :81-84",
    "  bind [::]:81 v6only",
    "  bind 192.0.2.1:85,192.0.2.2:85 name x",
    "  mode tcp",
    "  mode http",
    "  balance leastconn",
    "  balance source",
    "  balance first",
    "  balance random(2)",
    "  hash-type consistent",
    "  default_backend g",
    "  use_backend g",
    "  use_backend a if x",
    "  option tcp-check",
    "  tcp-check connect port 26379 ssl",
    "  tcp-check send PING\\r\\n",
    "  tcp-check send-binary 00ff",
    "  tcp-check expect string +PONG",
    "  tcp-check expect ! rstring ^a|b",
    "  option httpchk",
    "  option httpchk HEAD /x HTTP/1.1\\r\\nHost:\\ a.example\\r\\nX-A:\\ 1",
    "  http-check send meth POST uri /y hdr A 'b \"c' hdr a d",
    "  http-check expect status 200-201,403",
    "  http-check expect ! status 500",
    "  http-check expect rstatus ^(2|3)..",
    "  http-check expect string '\"ok\": 1'",
    "  http-check connect ssl sni a.example",
    "  option mysql-check user m",
    "  option pgsql-check user p",
    "  option redis-check",
    "  option ldap-check",
    "  option smtpchk EHLO a.example",
    "  option ssl-hello-chk",
    "  option allbackups",
    "  no option allbackups",
    "  timeout check 500",
    "  timeout connect 2s",
    "  timeout client 3h",
    "  timeout tunnel 40d",
    "  stick-table type ip size 1m expire 30m",
    "  stick on src",
    "  stick on dst",
    "  source 10.0.0.254",
    "  default-server check inter 1s fastinter 500 downinter 10m rise 1 fall 200 slowstart 90s",
    "  default-server agent-check agent-port 9999 agent-send \"x\\n\" observe layer4",
    "  server s1 10.0.0.1:80 check weight 10",
    "  server s2 10.0.0.2:8080 check port 81 addr 10.0.0.9 on-marked-down shutdown-sessions maxconn 100",
    "  server s3 10.0.0.3 backup check inter 1 rise 2",
    "  server s4 10.0.0.4:+1000 disabled track a/s1",
    "  server s5 10.0.0.5:80 backup check-ssl verify none check-sni b.example",
    "  server s6 10.0.0.6:80 weight 0 check check-ssl ca-file /etc/ca.pem crt /etc/me.pem",
    "  server s7 2001:db8::7:80 check on-marked-up shutdown-backup-sessions",
    "  server s8 192.0.2.1:80 check",
    "  server s9 127.0.0.1:80 check addr 192.0.2.1 port 80",
    "  source 192.0.2.9 interface eth0",
    "  server s10 10.0.0.10:80 check source 10.0.0.254 addr 2001:db8::1",
    "  stats uri /stats",
    "  # remark: {x} \"y",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn what_has_no_error_is_a_configuration_of_ours(lines in prop::collection::vec(select(LINES), 0..24)) {
        let mut text = "listen z\n bind 192.0.2.9:80\n server z 10.0.0.99:80\n".to_owned();
        for line in lines {
            let _ = writeln!(text, "{line}");
        }
        usable("random", &read(text.as_bytes()));
    }

    #[test]
    fn any_text_has_an_answer(text in "(listen|server|bind|\"|'|\\\\|#|\\$|\\{|[ \\n\\t:a-z0-9*]){0,60}") {
        usable("any", &read(text.as_bytes()));
    }
}
