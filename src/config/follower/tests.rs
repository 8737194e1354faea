// SPDX-License-Identifier: MIT OR Apache-2.0
//! A file that changes means what it would mean alone, and only what changed is read.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::super::parse;
use super::*;

const NAME: &str = "director.yaml";

/// Comments, quotes and sections of every kind around the services.
const BLOCK: &str = "\
director: {repair_interval: 10s}
checks: {web: {http: {path: /up}, interval: 5s}}
pools:
  rabbit: [10.0.0.2, {address: 10.0.0.3, weight: 2}]
virtual_services:
  # The brokers.
  - address: 10.0.0.1:5672
    pool: rabbit
    check: web
    scheduler: wlc

  - address: '10.0.0.1:5671'   # TLS
    servers:
    - {address: 10.0.0.2,
       weight: 3}
    - 10.0.0.3
  - {address: 10.0.0.1:80, servers: [10.0.0.4]}
  -   fwmark: 7
      servers: []
defaults:
  scheduler: rr
  check: {interval: 2s}
";
/// The dashes in the first column, and the services last.
const LAST: &str = "\
defaults: {check: {tcp: {}, source: 10.9.9.9}}
virtual_services:
- address: 10.0.0.1:1
  servers: [10.0.0.2]
- address: \"10.0.0.1:2\"
  servers:
  - address: 10.0.0.2
    weight: 4
    check: none
- address: 10.0.0.1:3
  persistence:
    timeout: 50s
  servers: [10.0.0.2]";

/// The root is indented, between the marks of a document.
const INDENTED: &str = "\
---
  pools: {a: [10.0.0.2]}
  virtual_services:
  - address: 10.0.0.1:1
    servers: []
  - address: 10.0.0.1:2
    pool: a
  defaults: {scheduler: rr}
...
";
/// Keys with a question mark.
const EXPLICIT: &str = "\
virtual_services:
- {address: 10.0.0.1:1, servers: []}
- address: 10.0.0.1:2
  servers: [10.0.0.2]
?
  defaults
: {scheduler: rr}
";

fn followed(texts: &[&str]) -> Follower {
    let mut follower = Follower::default();
    for text in texts {
        follower.read(NAME, (*text).into()).unwrap();
    }
    follower
}

/// Whether this change of the file is read alone.
fn is_read_alone(old: &str, new: &str) -> bool {
    let follower = followed(&[old]);
    let changed = follower.last.unwrap().changed_to(new.as_bytes());
    let Some((config, parts)) = changed else {
        return false;
    };
    assert_eq!(Ok(&*config), parse(NAME, new.as_bytes()).as_ref());
    let whole = followed(&[new]).last.unwrap().parts.unwrap();
    assert_eq!(parts.outline, whole.outline);
    true
}

#[test]
fn a_change_within_the_services_is_read_alone() {
    let new = "  - address: 10.0.0.9:1\n    servers: [10.0.0.2, 10.0.0.3]\n";
    let before = |line: &str| BLOCK.replace(line, &format!("{new}{line}"));
    for text in [
        BLOCK.to_owned(),
        BLOCK.replace("wlc", "wrr"),
        BLOCK.replace("weight: 3", "weight: 30"),
        BLOCK.replace("check: web", "check: {each: [tcp, web]}"),
        BLOCK.replace("weight: 3", "weight: 3, check: web"),
        BLOCK.replace("fwmark: 7", "fwmark: 8"),
        BLOCK.replace("10.0.0.1:80", "10.0.0.8:80"),
        BLOCK
            .replace("wlc", "wrr")
            .replace("fwmark: 7", "fwmark: 8"),
        BLOCK.replace("wlc\n\n", "wlc\n\n    # Soon more.\n"),
        before("  - address: '10.0.0.1:5671'"),
        before("  - {address: 10.0.0.1"),
        before("defaults:"),
        BLOCK.replace("  - {address: 10.0.0.1:80, servers: [10.0.0.4]}\n", ""),
        BLOCK.replace("  -   fwmark: 7\n      servers: []\n", ""),
    ] {
        assert!(is_read_alone(BLOCK, &text), "{text}");
    }
    for text in [
        LAST.replace("50s", "60s"),
        format!("{LAST}\n"),
        format!("{LAST}\n- {{address: 10.0.0.1:4, servers: []}}\n"),
        LAST.replace("weight: 4", "weight: 5"),
    ] {
        assert!(is_read_alone(LAST, &text), "{text}");
    }
}

#[test]
fn a_named_check_that_changes_changes_all_that_name_it() {
    let old = BLOCK.replace("weight: 3", "weight: 3, check: web");
    let new = old.replace("path: /up", "path: /down");
    let probes = |config: &Config| -> String {
        let servers = config.services.values().flat_map(|it| it.servers.values());
        let checks = servers.flat_map(|it| it.checks.each.iter());
        checks.map(|it| it.probe.to_string() + "\n").collect()
    };
    let mut follower = followed(&[&old]);
    let before = follower.read(NAME, old.into()).unwrap();
    let after = follower.read(NAME, new.into()).unwrap();
    assert_eq!(probes(&before).matches("/up").count(), 3);
    assert_eq!(probes(&after), probes(&before).replace("/up", "/down"));
}

#[test]
fn what_reaches_beyond_a_service_is_read_whole() {
    for text in [
        // Outside the services.
        BLOCK.replace("10s", "11s"),
        BLOCK.replace("path: /up", "path: /down"),
        BLOCK.replace("{web:", "{web: tcp, other:"),
        BLOCK.replace("10.0.0.3, weight", "10.0.0.7, weight"),
        BLOCK.replace("scheduler: rr", "scheduler: wrr"),
        BLOCK.replace("# The brokers.", "# Brokers."),
        format!("{BLOCK}# The end.\n"),
        // Another column.
        BLOCK.replace("  - {address", "    - {address"),
        // Wrong.
        BLOCK.replace("10.0.0.1:80", "10.0.0.1:5671"),
        BLOCK.replace("weight: 3}", "weight: 3"),
        BLOCK.replace("scheduler: wlc", "scheduler: best"),
        BLOCK.replace("check: web", "check: wbe"),
        BLOCK.replace("pool: rabbit", "pool: *rabbit"),
        // YAML breaks lines here, too.
        BLOCK.replace("servers: [10.0.0.4]}\n", "servers: [10.0.0.4]}\r...\n"),
        BLOCK.replace("defaults:", "\u{feff} # More.\ndefaults:"),
        // It could be read alone, but not what refers to it.
        BLOCK.replace("10.0.0.1:80", "&a 10.0.0.1:80"),
        BLOCK.replace("scheduler: wlc", "scheduler: >\n      wlc"),
    ] {
        assert!(!is_read_alone(BLOCK, &text), "{text}");
    }
    // A new virtual address may be the source of a check somewhere else.
    let text = LAST.replace("10.0.0.1:2", "10.9.9.9:2");
    assert!(!is_read_alone(LAST, &text));
    let escaped = LAST.replace("source:", "\"s\\x6furce\":");
    assert!(!is_read_alone(
        &escaped,
        &escaped.replace("10.0.0.1:2", "10.9.9.9:2")
    ));
    assert!(!is_read_alone(EXPLICIT, &EXPLICIT.replace("?\n", "")));
    let told = parse(NAME, text.as_bytes()).unwrap_err();
    assert_eq!(followed(&[LAST]).read(NAME, text.into()).unwrap_err(), told);
    for text in [
        "virtual_services: [{address: 10.0.0.1:1, servers: []}]",
        "virtual_services: []",
        "virtual_services:\n-\n  address: 10.0.0.1:1\n  servers: []\n",
        "pools: {a: &a [10.0.0.2]}\nvirtual_services:\n- {address: 10.0.0.1:1, servers: *a}\n",
    ] {
        assert!(followed(&[text]).last.unwrap().parts.is_none(), "{text}");
    }
}

#[test]
fn a_file_with_errors_is_forgotten() {
    let mut follower = followed(&[BLOCK]);
    let before = Arc::clone(&follower.last.as_ref().unwrap().config);
    follower
        .read(NAME, b"virtual_services".to_vec())
        .unwrap_err();
    follower.read(NAME, vec![0xff]).unwrap_err();
    let again = follower.read(NAME, BLOCK.into()).unwrap();
    assert!(Arc::ptr_eq(&before, &again));
}

#[test]
fn the_limits_of_a_file_hold_for_its_parts() {
    let list = |servers: usize| {
        let servers =
            (0..servers).map(|at| format!("127.{}.{}.{}", at >> 16, at >> 8 & 255, at & 255));
        servers.collect::<Vec<_>>().join(", ")
    };
    let most = super::super::service::MOST_SERVERS;
    let text = |pools: usize, servers: usize| {
        let pools = (0..pools)
            .map(|port| format!("- {{address: 10.0.0.1:{port}, pool: p}}\n").replace(":0,", ":9,"));
        format!(
            "pools: {{p: [{}]}}\nvirtual_services:\n- {{address: 10.0.0.2:1, servers: [{}]}}\n{}",
            list(most / 4),
            list(servers),
            pools.collect::<String>()
        )
    };
    assert!(is_read_alone(&text(3, 1), &text(4, 0)));
    let mut follower = followed(&[&text(3, 1)]);
    let told = follower.read(NAME, text(4, 1).into()).unwrap_err();
    assert!(
        told.to_string()
            .contains("more than 200000 real servers in all"),
        "{told}"
    );
}

/// Pieces of YAML that are easily read in another way beside others.
const PIECES: [&str; 48] = [
    "\r",
    "\r...\n",
    "\r---\n",
    "\u{feff}",
    "?\n",
    "? pools\n",
    "defaults\n",
    ": {}\n",
    "\"s\\x6furce\": 10.0.0.1\n",
    "\u{2028}",
    "  - {address: 10.0.0.1:81, servers: []}\n",
    "  - address: 10.0.0.1:82\n    servers: [10.0.0.2]\n",
    "- {address: 10.0.0.1:83, servers: []}\n",
    "  - address: 10.0.0.1:84\n    servers:\n",
    "    - 10.0.0.9\n",
    "    - {address: 10.0.0.9,\n",
    "      weight: 6}\n",
    "    weight: 6\n",
    "    scheduler: |\n",
    "    scheduler: >-\n",
    "    scheduler: \"r\\\n",
    "      r\"\n",
    "    scheduler: 'rr\n",
    "    scheduler:\n",
    "      wrr\n",
    "      sh\n",
    "    # a comment\n",
    "# a comment\n",
    "\n",
    "      \n",
    "---\n",
    "...\n",
    "%YAML 1.2\n",
    "  -\n",
    "  - \n",
    "  - - 1\n",
    "  - ? address\n    : 10.0.0.1:85\n    servers: []\n",
    "   - {address: 10.0.0.1:86, servers: []}\n",
    "defaults: {}\n",
    "pools: {}\n",
    "checks: {web: tcp}\n",
    "    check: web\n",
    "    ",
    "&a ",
    "*a",
    "\r\n",
    "\u{85}",
    "é",
];

fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => select(PIECES.as_slice()).prop_map(str::to_owned),
        1 => "[-?:,\\[\\]{}#&*!|>'\"%@`\t\r\n a0-9]{0,3}",
    ]
}

/// Replaces some whole lines, or some bytes, by a piece.
fn edited(text: &str, at: Index, length: usize, lines: bool, piece: &str) -> String {
    let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    let places: Vec<usize> = ends
        .filter(|at| !lines || *at == 0 || text[..*at].ends_with('\n'))
        .collect();
    let first = at.index(places.len());
    let end = places[(first + length).min(places.len() - 1)];
    format!("{}{piece}{}", &text[..places[first]], &text[end..])
}

proptest! {
    #[test]
    fn a_file_means_the_same_whatever_it_was_before(
        base in select(vec![BLOCK, LAST, INDENTED, EXPLICIT]),
        edits in vec((any::<Index>(), 0_usize..5, any::<bool>(), piece()), 1..8),
    ) {
        let mut text = base.to_owned();
        let mut follower = followed(&[base]);
        for (at, length, lines, piece) in edits {
            text = edited(&text, at, length, lines, &piece);
            let alone = parse(NAME, text.as_bytes());
            let result = follower.read(NAME, text.clone().into_bytes());
            prop_assert_eq!(result.map(Arc::unwrap_or_clone), alone, "{}", text);
            // An outline is that of the text, too.
            if let Ok(Some(last)) = follower.last.as_ref().map(|last| (*last.text == text).then_some(last)).ok_or(()) {
                let whole = followed(&[&text]).last.unwrap();
                let outlines = [last, &whole].map(|it| it.parts.as_ref().map(|it| &it.outline));
                if let [Some(last), Some(whole)] = outlines {
                    prop_assert_eq!(last, whole, "{}", text);
                }
            }
        }
    }
}
