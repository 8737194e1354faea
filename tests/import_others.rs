// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files of ipvsadm, ldirectord and realserver.sh, what becomes of them, and what is said about them.
//!
//! `tests/import/KIND/NAME.EXT` becomes `NAME.yaml` (`NAME.conf` for realserver), unless it has errors, and `NAME.said` has
//! what is said, if anything is. `UPDATE_GOLDEN=1 cargo test --test import_others` rewrites those files.

#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "import/golden.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod golden;

use std::fs;
use std::path::{Path, PathBuf};

use golden::said;
use lvs_director::config;
use lvs_director::import::{Alone, Imported, Kind, Output, import};
use proptest::prelude::*;

/// The folders, and how the names of their inputs end.
const KINDS: [(&str, &str, Kind); 3] = [
    ("ipvsadm", "save", Kind::Ipvsadm),
    ("ldirectord", "cf", Kind::Ldirectord),
    ("realserver_sh", "sh", Kind::RealserverSh),
];

fn inputs() -> Vec<(PathBuf, Kind)> {
    let mut inputs = Vec::new();
    for (folder, end, kind) in KINDS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/import/{folder}"));
        let entries = fs::read_dir(folder).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let files = paths.filter(|path| path.extension().is_some_and(|it| it == end));
        inputs.extend(files.map(|path| (path, kind)));
    }
    inputs.sort_by(|one, other| one.0.cmp(&other.0));
    inputs
}

fn read(path: &Path) -> Imported {
    let name = path.file_name().unwrap().to_str().unwrap();
    import(None, name, &fs::read(path).unwrap(), &Alone)
}

/// Compares a file with what it should have, which is written anew when that is asked for.
fn compare(path: &Path, text: Option<&str>) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        match text {
            Some(text) => fs::write(path, text).unwrap(),
            None if path.exists() => fs::remove_file(path).unwrap(),
            None => {}
        }
    }
    let known = fs::read_to_string(path).ok();
    assert_eq!(text, known.as_deref(), "{}", path.display());
}

#[test]
fn each_file_becomes_what_is_written_beside_it() {
    for (path, kind) in inputs() {
        let imported = read(&path);
        assert_eq!(imported.kind, Some(kind), "{}", path.display());
        let is_usable = !imported.diagnostics.has_errors();
        let (yaml, conf) = match &imported.output {
            Output::Director(document) => (Some(document.to_string()), None),
            Output::Text(text) => (None, Some(text.clone())),
        };
        let made = |text: Option<String>| text.filter(|_| is_usable);
        compare(&path.with_extension("yaml"), made(yaml).as_deref());
        compare(&path.with_extension("conf"), made(conf).as_deref());
        let said = (imported.diagnostics.count() > 0).then(|| said(&imported));
        compare(&path.with_extension("said"), said.as_deref());
    }
}

#[test]
fn what_was_made_passes_our_own_reader() {
    for (path, _) in inputs() {
        let imported = read(&path);
        if imported.diagnostics.has_errors() {
            continue;
        }
        if let Output::Director(document) = &imported.output {
            let text = document.to_string();
            let config = config::parse("made", text.as_bytes());
            assert!(
                config.is_ok(),
                "{}: {}",
                path.display(),
                config.unwrap_err()
            );
        }
    }
}

/// Whatever a text is, the answer is short, and without an error it passes our own reader.
fn is_bounded(kind: Kind, bytes: &[u8]) {
    let imported = import(Some(kind), "hostile", bytes, &Alone);
    let said = imported.diagnostics.render(false);
    assert!(said.len() < 4 << 20, "{} bytes", said.len());
    match &imported.output {
        Output::Text(text) => assert!(text.len() < 1 << 20),
        Output::Director(document) if !imported.diagnostics.has_errors() => {
            let text = document.to_string();
            let config = config::parse("made", text.as_bytes());
            assert!(config.is_ok(), "{text}\n{}", config.unwrap_err());
        }
        Output::Director(_) => {}
    }
}

#[test]
fn hostile_texts_have_a_bounded_answer() {
    let mut noise = Vec::new();
    let mut state = 1_u32;
    while noise.len() < 1 << 17 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        noise.extend(state.to_be_bytes());
    }
    let long = |text: &str, count: usize| text.repeat(count).into_bytes();
    let texts = [
        noise,
        long("{", 100_000),
        long("virtual=192.0.2.1:80\n", 20_000),
        long("\treal=10.0.0.1:80 gate\n", 20_000),
        [
            b"virtual=7\n".to_vec(),
            long("\treal=10.0.0.0->10.0.255.255 gate\n\tservice=http\n", 8),
        ]
        .concat(),
        [
            b"virtual=7\n".to_vec(),
            long("\treal=10.0.0.1 gate \"", 9_000),
        ]
        .concat(),
        long("x", 2_000),
        long("-A -t 10.0.0.1:80\n", 20_000),
        [b"-A -f 1\n".to_vec(), long("-a -f 1 -r 10.0.0.1\n", 20_000)].concat(),
        long("case $1 in a) b() {\n", 20_000),
        long("A=$A$A;", 50_000),
        long("for i in $i a b; do ifconfig lo:$i $i$i$i; ", 2_000),
        [b"VIP='".to_vec(), long("192.0.2.1 ", 50_000)].concat(),
        b"checktimeout=\xff\xfe\x00\x1b[31m\nvirtual=\xe3\x80\x80192.0.2.1:80".to_vec(),
        "\u{feff}virtual=192.0.2.1:80\r\n\treal=10.0.0.1:80\u{a0}gate\r\n".into(),
    ];
    for text in texts {
        for (.., kind) in KINDS {
            is_bounded(kind, &text);
        }
    }
}

proptest! {
    /// Lines of good files in any order, with a piece taken out.
    #[test]
    fn pieces_of_good_files_are_refused_or_usable(
        kind in 0..3_usize,
        order in prop::collection::vec(0..200_usize, 0..40),
        cut in prop::option::of((0..2_000_usize, 0..9_usize)),
    ) {
        let (folder, end, kind) = KINDS[kind];
        let all = inputs().into_iter().filter(|(path, _)| path.extension().is_some_and(|it| it == end));
        let texts: Vec<String> = all
            .map(|(path, _)| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned())
            .collect();
        let lines: Vec<&str> = texts.iter().flat_map(|text| text.lines()).collect();
        prop_assert!(!lines.is_empty(), "{folder}");
        let chosen = order.iter().filter_map(|at| lines.get(*at));
        let mut text = chosen.copied().collect::<Vec<_>>().join("\n");
        if let Some((at, count)) = cut {
            let at = text.floor_char_boundary(at.min(text.len()));
            let to = text.ceil_char_boundary((at + count).min(text.len()));
            text.replace_range(at..to, "");
        }
        is_bounded(kind, text.as_bytes());
    }
}
