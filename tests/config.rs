// SPDX-License-Identifier: MIT OR Apache-2.0
//! Configuration files: good ones, and bad ones with their messages.
//!
//! `tests/config/NAME.yaml` must parse, unless `NAME.err` beside it has its messages. `NAME.warn` has the warnings of one
//! that parses. `UPDATE_GOLDEN=1 cargo test --test config` rewrites those files.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use lvs_director::config::{SECTIONS, parse, parse_warning, to_yaml};
use lvs_director::diagnostic::{Diagnostics, SourceMap, apply};
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
    parse_file_warning(path).map(|(config, _)| config)
}

fn parse_file_warning(path: &Path) -> Result<(Config, Option<Diagnostics>), Diagnostics> {
    let name = path.file_name().unwrap().to_str().unwrap();
    parse_warning(name, &fs::read(path).unwrap())
}

/// Without the blanks that the renderer leaves at the end of a line.
fn said(diagnostics: &Diagnostics) -> String {
    let text = diagnostics.render(false);
    let lines: Vec<_> = text.lines().map(str::trim_end).collect();
    lines.join("\n") + "\n"
}

#[test]
fn bad_files_are_told_what_is_wrong_and_good_files_parse() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    for path in files("tests/config") {
        let golden = path.with_extension("err");
        match parse_file_warning(&path) {
            Ok((config, warnings)) => {
                assert!(!golden.exists(), "{} parses", path.display());
                let golden = path.with_extension("warn");
                let warnings = warnings.as_ref().map(said).unwrap_or_default();
                if update && !warnings.is_empty() {
                    fs::write(&golden, &warnings).unwrap();
                }
                let expected = fs::read_to_string(&golden).unwrap_or_default();
                assert_eq!(warnings, expected, "{}", path.display());
                assert_eq!(parse("effective", to_yaml(&config).as_bytes()), Ok(config));
            }
            Err(diagnostics) if update => {
                fs::write(&golden, said(&diagnostics)).unwrap();
            }
            Err(diagnostics) => {
                let expected = fs::read_to_string(&golden).unwrap_or_default();
                assert_eq!(said(&diagnostics), expected, "{}", path.display());
            }
        }
    }
}

/// The messages of `director check` for a text, and the text with all fixes made.
fn fixed(text: &str) -> (Diagnostics, String) {
    let diagnostics = parse("fixed.yaml", text.as_bytes()).unwrap_err();
    let mut sources = SourceMap::default();
    let file = sources.add("fixed.yaml", text);
    let applied = apply(&sources, diagnostics.fixes());
    let text = applied.text(file).unwrap_or(text).to_owned();
    assert!(applied.left.is_empty(), "{diagnostics}");
    (diagnostics, text)
}

#[test]
fn a_misspelt_key_is_mended() {
    let path = files("tests/config")[0].with_file_name("good-everything.yaml");
    let good = fs::read_to_string(path).unwrap();
    for (right, wrong) in [
        ("scheduler:", "schedular:"),
        ("weight:", "\"wieght\":"),
        ("servers:", "servres:"),
        ("persistence:", "persistance:"),
        ("repair_interval:", "repair_intervall:"),
    ] {
        let bad = good.replace(right, wrong);
        let (diagnostics, mended) = fixed(&bad);
        assert!(!diagnostics.fixes().is_empty(), "{wrong}: {diagnostics}");
        assert_eq!(mended, good, "{wrong}");
    }
}

#[test]
fn what_is_not_clear_is_left_to_people() {
    let service = "virtual_services:\n  - address: 10.0.0.1:80\n    servers: []\n";
    for (line, mended) in [
        ("ipsv: {}\n", "ipvs: {}\n"),
        ("virtual_service: []\n", "virtual_service: []\n"),
        ("banana: 1\n", "banana: 1\n"),
        (
            "pools: {&name ipsv: []}\n*name : {}\n",
            "pools: {&name ipsv: []}\n*name : {}\n",
        ),
    ] {
        let (_, text) = fixed(&format!("{line}{service}"));
        assert_eq!(text, format!("{mended}{service}"));
    }
}

#[test]
fn mending_comes_to_an_end() {
    for path in files("tests/config") {
        let mut text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
        let mut rounds = 0;
        while let Err(diagnostics) = parse("mended.yaml", text.as_bytes())
            && !diagnostics.fixes().is_empty()
        {
            let (_, mended) = fixed(&text);
            assert_ne!(mended, text);
            text = mended;
            rounds += 1;
            assert!(rounds < 10, "{}", path.display());
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
    let sample =
        fs::read_to_string(files("tests/config")[0].with_file_name("director.err")).unwrap();
    assert!(
        page.contains(&sample),
        "the sample on the page is tests/config/director.err"
    );
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

/// 1,000 virtual services with 10 real servers each: 12,001 lines, 900 kB.
fn large_file() -> String {
    // Free nothing on the way: the peak below must be the parser's own.
    let mut text = String::with_capacity(1 << 20);
    text.push_str("virtual_services:\n");
    for service in 0..1000 {
        let (high, low) = (service / 250, service % 250);
        writeln!(
            text,
            "  - address: 10.1.{high}.{low}:5672\n    scheduler: wrr\n    servers:"
        )
        .unwrap();
        for server in 1..=10 {
            let limits = "upper_threshold: 10000, lower_threshold: 8000";
            writeln!(
                text,
                "      - {{address: 10.2.{server}.{low}, weight: 100, {limits}}}"
            )
            .unwrap();
        }
    }
    text
}

/// `cargo test --release --test config -- --ignored --nocapture` prints both.
#[test]
#[ignore = "measures; run it alone and in release"]
fn a_large_file_is_small_in_memory() {
    let text = large_file();
    let before = peak_kib();
    #[allow(clippy::disallowed_methods, reason = "measures")]
    let start = std::time::Instant::now();
    let config = parse("large.yaml", text.as_bytes()).unwrap();
    let elapsed = start.elapsed();
    let (lines, kib) = (text.lines().count(), peak_kib() - before);
    println!(
        "{lines} lines, {} bytes: {elapsed:?}, {kib} KiB at the peak",
        text.len()
    );
    assert_eq!(
        config
            .services
            .values()
            .map(|it| it.servers.len())
            .sum::<usize>(),
        10_000
    );
    assert!(kib < 8 * 1024, "{kib} KiB");
}

/// The most memory this process ever had.
fn peak_kib() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.unwrap()
        .split_whitespace()
        .next()
        .unwrap()
        .parse()
        .unwrap()
}

/// Files made to cost as much as they can.
#[test]
#[ignore = "measures; run it alone and in release"]
fn a_hostile_file_is_refused_in_time() {
    let shapes = [
        "[",
        "{",
        "- ",
        "? ",
        "a: ",
        "a,",
        "[a,",
        "[],",
        "\n",
        "a\n",
        "a: b\n",
        "- a\n",
        "\t",
        " ",
        "#",
        "# a\n",
        "\"",
        "'",
        "\\",
        "&a ",
        "*a ",
        "!a ",
        "|\n",
        ">\n a\n",
        "%a\n",
        "---\n",
        "...\n",
        "é",
        "é: é\n",
        "a b ",
        "[é,é],",
        "{a: b}, ",
        "- {a: b}\n",
        ":",
        "-",
        "0x",
        "\u{85}",
        "\r",
        "\r\n",
    ];
    for shape in shapes {
        for head in [
            "",
            "a: [",
            "virtual_services: [",
            "a: \"",
            "a: |\n ",
            "pools: {a: [x]}\nb: [",
        ] {
            let mut text = head.to_owned();
            text.push_str(&shape.repeat((4 << 20) / shape.len()));
            #[allow(clippy::disallowed_methods, reason = "measures")]
            let start = std::time::Instant::now();
            assert!(
                !parse("hostile.yaml", text.as_bytes())
                    .unwrap_err()
                    .to_string()
                    .is_empty()
            );
            let elapsed = start.elapsed();
            if elapsed.as_millis() > 400 {
                println!("{head:?} {shape:?}: {elapsed:?}");
            }
            assert!(elapsed.as_secs() < 20, "{head:?} {shape:?}: {elapsed:?}");
        }
    }
}
