// SPDX-License-Identifier: MIT OR Apache-2.0
//! How findings are shown and serialised.

use super::*;

fn shown(sources: &SourceMap, findings: Findings) -> Vec<String> {
    let text = Diagnostics::new(sources, findings).to_string();
    text.lines()
        .map(|line| line.trim_end().to_owned())
        .collect()
}

#[test]
fn a_diagnostic_shows_place_line_caret_and_help() {
    let sources = SourceMap::of("director.yaml", "a: 1\n  weight: -1\n");
    let mut findings = Findings::default();
    findings.push(
        Finding::new(Span::new(15, 17), "weight must be 0 to 2147483647, got -1")
            .help("0 quiesces the server"),
    );
    assert_eq!(
        shown(&sources, findings),
        [
            "director.yaml:2:11: weight must be 0 to 2147483647, got -1",
            "  |",
            "2 |   weight: -1",
            "  |           ^^",
            "  |",
            "  = help: 0 quiesces the server",
        ]
    );
}

#[test]
fn many_are_counted_and_control_characters_are_not_sent_to_the_terminal() {
    let hostile = "\0\x1b[31m\u{202e}".repeat(10);
    let sources = SourceMap::of("a\x1bb", hostile.as_str());
    let mut findings = Findings::default();
    for at in 0..70 {
        let finding = Finding::warning(Span::new(at, at), hostile.as_str());
        findings.push(
            finding
                .label(Span::new(at, at), hostile.as_str())
                .help(hostile.clone()),
        );
    }
    let diagnostics = Diagnostics::new(&sources, findings);
    assert_eq!(diagnostics.count(), 70);
    assert!(!diagnostics.has_errors());
    let text = diagnostics.render(false);
    assert!(text.ends_with("\nand 20 more\n"));
    assert!(!text.contains(['\0', '\x1b', '\u{202e}']));
}

/// `main.conf` includes `checks.conf` on its second line.
fn included() -> (SourceMap, Findings) {
    let mut sources = SourceMap::default();
    let main = sources.add("main.conf", "track chk\ninclude checks.conf\n");
    let from = sources.span(main, 10..17);
    let checks = sources.include("checks.conf", "vrrp_script chk {}\nretyr 3\n", from);
    let mut findings = Findings::default();
    let key = sources.span(checks, 19..24);
    findings.push(
        Finding::warning(key, "unknown keyword \"retyr\"")
            .label(sources.span(main, 6..9), "tracked here")
            .help("did you mean retry?")
            .fix(Fix::replace(key, "retry")),
    );
    findings.push(Finding::note(sources.span(checks, 12..15), "a second chk").first(from));
    (sources, findings)
}

#[test]
fn a_text_that_another_includes_says_from_where() {
    let (sources, findings) = included();
    assert_eq!(
        shown(&sources, findings),
        [
            "checks.conf:1:13: note: a second chk, first at main.conf:2:1",
            "  |",
            "1 | vrrp_script chk {}",
            "  |             ^^^",
            "  |",
            "  = note: included from main.conf:2:1",
            "",
            "checks.conf:2:1: warning: unknown keyword \"retyr\"",
            "  |",
            "2 | retyr 3",
            "  | ^^^^^",
            "  |",
            "  = note: main.conf:1:7: tracked here",
            "  |",
            " :::",
            "1 | track chk",
            "  |       ^^^",
            "  |",
            "  = note: included from main.conf:2:1",
            "  = help: did you mean retry?",
        ]
    );
}

#[test]
fn a_program_reads_every_part_of_a_diagnostic() {
    let (sources, findings) = included();
    let json = serde_json::to_value(Diagnostics::new(&sources, findings)).unwrap();
    let place = |file: &str, line, columns: (usize, usize), start: usize| {
        serde_json::json!({
            "file": file, "line": line, "column": columns.0, "end_line": line,
            "end_column": columns.1,
            "bytes": {"start": start, "end": start + columns.1 - columns.0},
        })
    };
    let with = |mut object: serde_json::Value, key: &str, value: serde_json::Value| {
        object[key] = value;
        object
    };
    let include = place("main.conf", 2, (1, 8), 10);
    let key = place("checks.conf", 2, (1, 6), 19);
    let second = &json["diagnostics"][1];
    assert_eq!(second["severity"], "warning");
    assert_eq!(second["message"], "unknown keyword \"retyr\"");
    assert_eq!(second["help"], "did you mean retry?");
    for (field, value) in key.as_object().unwrap() {
        assert_eq!(&second[field], value, "{field}");
    }
    assert_eq!(second["included_from"], serde_json::json!([include]));
    let tracked = with(
        place("main.conf", 1, (7, 10), 6),
        "text",
        "tracked here".into(),
    );
    assert_eq!(second["notes"], serde_json::json!([tracked]));
    let replacement = with(key, "text", "retry".into());
    assert_eq!(
        second["fix"],
        serde_json::json!({"title": "write retry", "replacements": [replacement]})
    );
    assert_eq!(
        (&json["errors"], &json["warnings"], &json["more"]),
        (&0.into(), &1.into(), &0.into())
    );
}
