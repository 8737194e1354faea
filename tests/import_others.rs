// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files of ipvsadm, ldirectord and realserver.sh, what becomes of them, and what is said about them.
//!
//! `tests/import/KIND/NAME.EXT` becomes `NAME.yaml` (`NAME.conf` for realserver), unless it has errors, and `NAME.said` has
//! what is said, if anything is. `UPDATE_GOLDEN=1 cargo test --test import_others` rewrites those files.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::path::{Path, PathBuf};

use lvs_director::config;
use lvs_director::diagnostic::Diagnostics;
use lvs_director::import::{Imported, Included, Kind, Output, Surroundings, import};

/// The folders, and how the names of their inputs end.
const KINDS: [(&str, &str, Kind); 3] = [
    ("ipvsadm", "save", Kind::Ipvsadm),
    ("ldirectord", "cf", Kind::Ldirectord),
    ("realserver_sh", "sh", Kind::RealserverSh),
];

struct Alone;

impl Surroundings for Alone {
    fn include(&self, _: &str, _: &str) -> Vec<Included> {
        Vec::new()
    }

    fn variable(&self, _: &str) -> Option<String> {
        None
    }

    fn host_name(&self) -> String {
        "host.example".to_owned()
    }
}

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

/// Without the blanks that the renderer leaves at the end of a line.
fn said(diagnostics: &Diagnostics) -> String {
    let text = diagnostics.render(false);
    let lines: Vec<_> = text.lines().map(str::trim_end).collect();
    lines.join("\n") + "\n"
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
        let said = (imported.diagnostics.count() > 0).then(|| said(&imported.diagnostics));
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
