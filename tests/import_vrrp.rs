// SPDX-License-Identifier: MIT OR Apache-2.0
//! The VRRP side of keepalived's files: what they become, and what is said about them. `UPDATE_GOLDEN=1 cargo test --test
//! import_vrrp` rewrites the files.

#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "import/golden.rs"]
mod golden;

use std::fs;
use std::path::{Path, PathBuf};

use golden::Beside;

use lvs_director::config;
use lvs_director::import::{Imported, Kind, Output, import};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

fn files() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import/keepalived-vrrp");
    let paths = fs::read_dir(directory).unwrap();
    let paths = paths.map(|entry| entry.unwrap().path());
    let is_theirs = |path: &PathBuf| path.extension().is_some_and(|end| end == "conf");
    let mut files: Vec<_> = paths.filter(is_theirs).collect();
    files.sort();
    assert!(files.len() > 20);
    files
}

fn imported(path: &Path, bytes: &[u8]) -> Imported {
    let name = path.file_name().unwrap().to_str().unwrap();
    import(Some(Kind::Keepalived), name, bytes, &Beside(Path::new("")))
}

/// Whether it can be used.
fn is_usable(imported: &Imported) -> bool {
    let said = said(imported);
    // The last guard of the import: what it finds was overlooked, and has no place in the file.
    assert!(
        !said.contains("is no configuration of the director"),
        "{said}"
    );
    !imported.diagnostics.has_errors()
}

fn yaml(imported: &Imported) -> String {
    match &imported.output {
        Output::Director(document) => document.to_string(),
        Output::Text(text) => text.clone(),
    }
}

fn said(imported: &Imported) -> String {
    imported.diagnostics.render(false)
}

#[test]
fn each_file_becomes_what_stands_beside_it() {
    golden::check(Kind::Keepalived, "keepalived-vrrp", &["conf"]);
}

#[test]
fn no_secret_is_shown() {
    for path in files() {
        let bytes = fs::read(&path).unwrap();
        let imported = imported(&path, &bytes);
        for text in [yaml(&imported), said(&imported)] {
            assert!(!text.contains("S3cr3t"), "{}: {text}", path.display());
        }
    }
}

#[test]
fn corrections_come_to_an_end_and_leave_what_can_be_read() {
    for path in files() {
        let mut text = fs::read_to_string(&path).unwrap();
        for round in 0.. {
            assert!(round < 10, "{}", path.display());
            let imported = imported(&path, text.as_bytes());
            let corrected = imported.corrected();
            if corrected.made.is_empty() {
                break;
            }
            for (_, new) in corrected.texts {
                text = new;
            }
        }
        let imported = imported(&path, text.as_bytes());
        if is_usable(&imported) {
            let read = config::parse("made.yaml", yaml(&imported).as_bytes());
            assert!(read.is_ok(), "{}: {}", path.display(), read.unwrap_err());
        }
    }
}

/// The words that a password file is made by give the bytes that keepalived sends.
#[test]
fn the_command_beside_a_password_copies_it() {
    let directory = tempfile::tempdir().unwrap();
    for (line, password) in [
        ("auth_pass root123", "root123\n"),
        ("  auth_pass\t\"a b\" # c", "a b\n"),
        ("auth_pass longer-than-eight", "longer-t\n"),
        ("auth_pass 密码密码", "密码\u{fffd}\n"),
    ] {
        let path = directory.path().join("it's.conf");
        let text = format!(
            "vrrp_instance VI_1 {{\n interface eth0\n virtual_router_id 1\n authentication {{\n auth_type PASS\n{line}\n }}\n \
             virtual_ipaddress {{\n 192.0.2.1\n }}\n}}\n"
        );
        fs::write(&path, &text).unwrap();
        let name = path.to_str().unwrap();
        let imported = import(
            Some(Kind::Keepalived),
            name,
            text.as_bytes(),
            &Beside(Path::new("")),
        );
        let said = said(&imported);
        let (_, command) = said.split_once("umask 077; ").unwrap();
        let (command, _) = command
            .split_once(" > /etc/lvs-director/vrrp-VI_1.password")
            .unwrap();
        let mut shell = std::process::Command::new("sh");
        let output = shell.args(["-c", command]).output().unwrap();
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            password,
            "{command}"
        );
    }
}

/// What programs write, and nobody reads: each is far more than the square of its length could be looked at.
#[test]
fn long_lists_of_everything_come_to_an_end() {
    let many = |count: usize, line: &dyn Fn(usize) -> String| {
        (0..count).map(line).collect::<Vec<_>>().concat()
    };
    let count = 2_000;
    let instance = |name: usize, rest: &str| {
        format!("vrrp_instance i{name} {{\ninterface e\nvirtual_router_id 1\n{rest}}}\n")
    };
    let address = "virtual_ipaddress {\n10.0.0.1\n}\n";
    let within =
        |block: &str, lines: &str| instance(0, &format!("{address}{block} {{\n{lines}}}\n"));
    let octets = |it: usize| format!("10.1.{}.{}", it / 250, it % 250);
    for text in [
        within(
            "virtual_ipaddress_excluded",
            &many(count, &|it| format!("{}\n", octets(it))),
        ),
        within(
            "virtual_ipaddress_excluded",
            &many(count, &|it| format!("{} dev e{it}\n", octets(it))),
        ),
        within(
            "unicast_peer",
            &many(count, &|it| format!("{}\n", octets(it))),
        ),
        within("track_interface", &many(count, &|it| format!("e{it}\n"))),
        within("track_script", &many(count, &|it| format!("s{it}\n")))
            + &many(count, &|it| {
                format!("vrrp_script s{it} {{\nscript /s{it}\n}}\n")
            }),
        within("track_script", &many(count, &|it| format!("t{it}\n")))
            + &many(count, &|it| {
                format!("vrrp_script s{it} {{\nscript /s{it}\n}}\n")
            }),
        many(count, &|it| instance(it, address))
            + &format!(
                "vrrp_sync_group g {{\ngroup {{\n{}}}\n}}\n",
                many(count, &|it| format!("i{it} j{it}\n"))
            ),
    ] {
        let imported = import(
            Some(Kind::Keepalived),
            "long.conf",
            text.as_bytes(),
            &Beside(Path::new("")),
        );
        assert!(imported.diagnostics.count() > 0);
    }
}

/// Words behind keywords.
const WORDS: [&str; 47] = [
    "\"\"",
    "\"a\tb\"",
    "\"/a b\tc\"",
    "/",
    "averyveryveryverylongname",
    "::ffff:10.0.0.1",
    "0.0.0.0",
    "224.0.0.18",
    "reverse",
    "\u{a0}x",
    "-1",
    "4294967295",
    "unlim\u{9}",
    "VI_1",
    "VI_2",
    "VG",
    "eth0",
    "eth1",
    "1",
    "51",
    "255",
    "0",
    "0.5",
    "300",
    "-20",
    "weight",
    "reverse",
    "192.0.2.1",
    "192.0.2.2/24",
    "10.0.0.1/24",
    "2001:db8::1/64",
    "fe80::1",
    "dev",
    "MASTER",
    "BACKUP",
    "PASS",
    "S3cr3t",
    "hex:00",
    "file:/k",
    "/bin/true",
    "\"killall -0 x\"",
    "true",
    "id",
    "inst",
    "chk",
    "scope",
    "global",
];
/// Keywords, and what stands at the beginning of a line in a list.
const KEYWORDS: [&str; 42] = [
    "vrrp_instance",
    "vrrp_sync_group",
    "vrrp_script",
    "track_file",
    "vrrp_track_process",
    "global_defs",
    "lvs_sync_daemon",
    "interface",
    "virtual_router_id",
    "priority",
    "state",
    "nopreempt",
    "preempt_delay",
    "advert_int",
    "version",
    "virtual_ipaddress",
    "virtual_ipaddress_excluded",
    "authentication",
    "auth_type",
    "auth_pass",
    "auth_hmac",
    "key",
    "active_key",
    "track_interface",
    "track_script",
    "track_process",
    "group",
    "unicast_peer",
    "unicast_src_ip",
    "use_vmac",
    "garp_master_refresh",
    "script",
    "interval",
    "timeout",
    "weight",
    "file",
    "process",
    "user",
    "strict_mode",
    "eth0",
    "192.0.2.9",
    "chk",
];

/// A line that stands somewhere in the files of people.
fn line() -> impl Strategy<Value = String> {
    let ends = ["", "", "", " {", " {", "\n}", "\n}"];
    (
        select(&KEYWORDS[..]),
        vec(select(&WORDS[..]), 0..4),
        select(ends.to_vec()).prop_map(str::to_owned),
    )
        .prop_map(|(keyword, words, end)| format!("{keyword} {}{end}", words.join(" ")))
}

/// A virtual router that mostly works, with such lines in it.
fn router() -> impl Strategy<Value = String> {
    let address = (
        1_u8..6,
        select(vec!["", "/24", " dev eth1", "/24 dev eth0 label eth0:1"]),
    );
    let addresses = vec(
        address.prop_map(|(last, words)| format!("192.0.2.{last}{words}\n")),
        1..4,
    );
    let lines = vec(line(), 0..3);
    (1_u8..4, 1_u8..9, addresses, lines).prop_map(|(name, vrid, addresses, lines)| {
        format!(
            "vrrp_instance VI_{name} {{\ninterface eth0\nvirtual_router_id {vrid}\nvirtual_ipaddress {{\n{}}}\n{}\n}}\n",
            addresses.concat(),
            lines.join("\n")
        )
    })
}

/// Files in which each word between brackets can be another one.
const FILES: [&str; 6] = [
    "vrrp_script chk {\nscript [/bin/true] [x]\nuser [root]\ninterval [2]\ntimeout [2]\nrise [1]\nweight [5]\n}\n\
     vrrp_instance [a] {\ninterface [eth0]\nvirtual_router_id [1]\npriority [9]\nadvert_int [1]\nversion [2]\n\
     virtual_ipaddress {\n[192.0.2.1]\n}\ntrack_script {\nchk\n}\npreempt_delay [5]\n}\n",
    "track_file f {\nfile [/f]\nweight [2]\n}\nvrrp_track_process p {\nprocess [p]\nweight [2]\n}\nvrrp_instance a {\n\
     interface eth0\nvirtual_router_id 1\nvirtual_ipaddress {\n192.0.2.1\n}\ntrack_file {\nf weight [3]\n}\n\
     track_process {\np\n}\ntrack_interface {\n[eth1] weight [4]\n}\n}\n",
    "global_defs {\nscript_user [root]\nlvs_sync_daemon [eth1] [a] id [1] maxlen [900] ttl [1] group [224.0.0.81]\n\
     vrrp_garp_master_refresh [60]\nvrrp_startup_delay [5]\nvrrp_version [2]\n}\nvrrp_script chk {\nscript /bin/true\n}\n\
     vrrp_instance a {\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress {\n192.0.2.1\n}\ntrack_script {\nchk\n}\n}\n",
    "vrrp_instance a {\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress {\n192.0.2.1 dev [eth1]\n[192.0.2.2]\n}\n\
     virtual_ipaddress_excluded {\n[2001:db8::1]\n}\nauthentication {\nauth_type [PASS]\nauth_pass [x]\n}\n\
     mcast_src_ip [192.0.2.9]\nuse_vmac [x]\n}\n",
    "vrrp_instance a {\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress {\n192.0.2.1\n}\nauth_hmac {\nkey [1] [x]\n\
     key [2] [file:/k]\nactive_key [1]\nmode [enforce]\nanti_replay [time]\n}\nunicast_src_ip [192.0.2.9]\n\
     unicast_peer {\n[192.0.2.8]\n[192.0.2.7]\n}\n}\n",
    "vrrp_sync_group [g] {\ngroup {\n[a]\n[b]\n}\ntrack_interface {\neth7 weight [5]\n}\n}\n\
     vrrp_instance a {\ninterface eth0\nvirtual_router_id 1\npriority [9]\nvirtual_ipaddress {\n192.0.2.1\n}\n}\n\
     vrrp_instance b {\ninterface [eth0]\nvirtual_router_id 2\nvirtual_ipaddress {\n192.0.2.2\n}\n}\n",
];

#[test]
fn whatever_word_stands_in_a_good_file_our_own_reader_takes_what_becomes_of_it() {
    let mut usable = 0;
    for file in FILES {
        let parts: Vec<&str> = file.split(['[', ']']).collect();
        for place in (1..parts.len()).step_by(2) {
            for word in WORDS {
                let mut parts = parts.clone();
                parts[place] = word;
                let text = parts.concat();
                let imported = import(
                    Some(Kind::Keepalived),
                    "word.conf",
                    text.as_bytes(),
                    &Beside(Path::new("")),
                );
                if is_usable(&imported) {
                    let yaml = yaml(&imported);
                    let read = config::parse("made.yaml", yaml.as_bytes());
                    assert!(read.is_ok(), "{text}\n{yaml}\n{}", read.unwrap_err());
                    usable += 1;
                }
            }
        }
    }
    assert!(usable > 500, "{usable}");
}

/// Mostly none: one mistake is enough to hide the others.
fn few(one: impl Strategy<Value = String>) -> impl Strategy<Value = Vec<String>> {
    prop_oneof![4 => Just(Vec::new()), 1 => vec(one, 1..3)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_has_no_error_is_read_by_our_own_reader(
        globals in few(line()), routers in vec(router(), 0..3), rest in few(line()),
    ) {
        let text = [globals.join("\n"), routers.concat(), rest.join("\n")].join("\n");
        let imported = import(Some(Kind::Keepalived), "random.conf", text.as_bytes(), &Beside(Path::new("")));
        if is_usable(&imported) {
            let yaml = yaml(&imported);
            let read = config::parse("made.yaml", yaml.as_bytes());
            prop_assert!(read.is_ok(), "{text}\n{yaml}\n{}", read.unwrap_err());
        }
    }
}
