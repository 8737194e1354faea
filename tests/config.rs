// SPDX-License-Identifier: MIT OR Apache-2.0
//! Configuration files: the good, and the bad with what is said of them.
//!
//! `tests/config/NAME.yaml` must parse, unless `NAME.err` beside it holds what is said of it.
//! `UPDATE_GOLDEN=1 cargo test --test config` rewrites those.

use std::fs;
use std::path::{Path, PathBuf};

use lvs_director::config::{Diagnostics, SECTIONS, parse, to_yaml};
use lvs_director::model::Config;

fn files(directory: &str) -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    let entries = fs::read_dir(directory).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|end| end == "yaml"))
        .collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

fn parse_file(path: &Path) -> Result<Config, Diagnostics> {
    let name = path.file_name().unwrap().to_str().unwrap();
    parse(name, &fs::read(path).unwrap())
}

/// Without the blanks that the renderer leaves at the end of a line.
fn said(diagnostics: &Diagnostics) -> String {
    let text = diagnostics.render(false);
    text.lines()
        .map(|line| format!("{}\n", line.trim_end()))
        .collect()
}

#[test]
fn bad_files_are_told_what_is_wrong_and_good_files_parse() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    for path in files("tests/config") {
        let golden = path.with_extension("err");
        match parse_file(&path) {
            Ok(config) => {
                assert!(!golden.exists(), "{} parses", path.display());
                assert_eq!(parse("effective", to_yaml(&config).as_bytes()), Ok(config));
            }
            Err(diagnostics)
                if update && (golden.exists() || !path.to_string_lossy().contains("good-")) =>
            {
                fs::write(&golden, said(&diagnostics)).unwrap();
            }
            Err(diagnostics) => {
                let expected = fs::read_to_string(&golden).unwrap_or_default();
                assert_eq!(said(&diagnostics), expected, "{}", path.display());
            }
        }
    }
}

#[test]
fn the_examples_parse_and_survive_being_written_out() {
    for path in files("examples") {
        let config = parse_file(&path).unwrap();
        assert!(!config.services.is_empty(), "{}", path.display());
        assert_eq!(parse("effective", to_yaml(&config).as_bytes()), Ok(config));
    }
}

#[test]
fn every_key_is_documented() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    let page = fs::read_to_string(page).unwrap();
    for section in &SECTIONS {
        for key in section.keys() {
            let cell = format!("| `{key}` |");
            let title = format!("`{key}");
            let titled = page
                .lines()
                .any(|line| line.starts_with('#') && line.contains(&title));
            assert!(
                page.contains(&cell) || titled,
                "{key} of {} is not documented",
                section.name
            );
        }
    }
}
