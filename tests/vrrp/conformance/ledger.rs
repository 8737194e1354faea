// SPDX-License-Identifier: MIT OR Apache-2.0
//! `docs/vrrp-conformance.md`: which rule is shown by which case.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use serde::Deserialize;

use super::case::{Case, FILES, Shows, read};

const HEAD: &str = "\
# What RFC 9568 asks for, and what shows it

This file is made of `tests/vrrp/*.jsonl` by a test, which fails when the two differ:
`UPDATE_GOLDEN=1 cargo test --test vrrp conformance` writes it. The rules are those of RFC 9568 and its errata, by section, in our words;
`v2` are those of RFC 3768 that version 2 has of its own. A letter counts the rules of a section.

*Kept* names what shows that the rule is kept, *refused* what shows that the opposite is refused, or not done. A name without a
file is a case in `tests/vrrp/`: its packet in hexadecimal digits, and what must come of it.
";

/// One rule, as it stands in a line of `requirements.jsonl`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    /// The section, and a letter.
    #[serde(rename = "rule")]
    name: String,
    /// MUST, SHOULD, ...
    level: String,
    /// What it asks for, in our words.
    says: String,
    /// Tests elsewhere that show it kept: `FILE: NAME`.
    #[serde(default)]
    kept: Vec<String>,
    /// Tests elsewhere that show its violation refused.
    #[serde(default)]
    refused: Vec<String>,
    /// Why nothing can show a violation refused.
    one_way: Option<String>,
    /// Why it does not apply.
    no: Option<String>,
    /// Where we do otherwise.
    deviates: Option<String>,
}

/// What another program makes of the packet of a case, as it stands in a line of `others.jsonl`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Other {
    program: String,
    case: String,
    sees: String,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The cases of all files.
fn cases() -> Vec<Case> {
    FILES.into_iter().flat_map(read).collect()
}

/// What shows a rule: the cases, and the tests elsewhere.
fn evidence(rule: &Rule, cases: &[Case], shows: Shows) -> Vec<String> {
    let elsewhere = match shows {
        Shows::Kept => &rule.kept,
        Shows::Refused => &rule.refused,
    };
    let its = |case: &&Case| case.shows == shows && case.rules.contains(&rule.name);
    let names = cases.iter().filter(its).map(|case| &case.name);
    names.chain(elsewhere).cloned().collect()
}

#[test]
fn every_rule_that_applies_is_shown_kept_and_refused() {
    let (rules, cases) = (read::<Rule>("requirements"), cases());
    for case in &cases {
        for name in &case.rules {
            let known = rules.iter().any(|it| it.name == *name && it.no.is_none());
            assert!(known, "{}: no rule {name}", case.name);
        }
    }
    for rule in rules.iter().filter(|it| it.no.is_none()) {
        let kept = evidence(rule, &cases, Shows::Kept);
        assert!(!kept.is_empty(), "{} is not shown", rule.name);
        let refused = evidence(rule, &cases, Shows::Refused);
        assert!(
            refused.is_empty() == rule.one_way.is_some(),
            "{}: refused by {refused:?}, and {:?}",
            rule.name,
            rule.one_way
        );
    }
}

#[test]
fn the_tests_that_the_ledger_names_are_there() {
    for rule in read::<Rule>("requirements") {
        for named in rule.kept.iter().chain(&rule.refused) {
            let (file, name) = named.split_once(": ").unwrap();
            let text = fs::read_to_string(root().join(file)).unwrap();
            let [function, listed] = [format!("fn {name}("), format!("\"{name}\"")];
            assert!(
                text.contains(&function) || text.contains(&listed),
                "{named}"
            );
        }
    }
    let mut names: Vec<_> = cases().into_iter().map(|case| case.name).collect();
    names.sort();
    assert!(names.is_sorted_by(|one, two| one < two), "a name twice");
}

#[test]
fn the_conformance_ledger_is_what_the_cases_make_of_it() {
    let path = root().join("docs/vrrp-conformance.md");
    let made = ledger();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &made).unwrap();
    }
    let there = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        made == there,
        "docs/vrrp-conformance.md is old: UPDATE_GOLDEN=1 cargo test --test vrrp conformance"
    );
}

fn ledger() -> String {
    let (rules, cases) = (read::<Rule>("requirements"), cases());
    let mut text = HEAD.to_owned();
    text.push_str(&totals(&rules, &cases));
    text.push_str("\n## The rules that apply\n");
    for rule in rules.iter().filter(|it| it.no.is_none()) {
        text.push_str(&entry(rule, &cases));
    }
    text.push_str(
        "\n## The rules that do not apply\n\n| rule | | says | why not |\n|---|---|---|---|\n",
    );
    for rule in &rules {
        if let Some(why) = &rule.no {
            let Rule {
                name, level, says, ..
            } = rule;
            writeln!(text, "| {name} | {level} | {says} | {why} |").unwrap();
        }
    }
    text.push_str(&others(&cases));
    text.push_str(&seen_to_fail(&cases));
    text
}

fn totals(rules: &[Rule], cases: &[Case]) -> String {
    let applies = rules.iter().filter(|it| it.no.is_none()).count();
    let both = rules.iter().filter(|it| it.no.is_none());
    let both = both.filter(|it| it.one_way.is_none()).count();
    let failed = cases.iter().filter(|it| it.fails_when.is_some()).count();
    format!(
        "\n{applies} of {} rules apply; {both} of these are shown both ways. {} cases, {failed} of them seen to fail.\n",
        rules.len(),
        cases.len()
    )
}

fn entry(rule: &Rule, cases: &[Case]) -> String {
    let quoted = |names: Vec<String>| {
        let quoted: Vec<String> = names.iter().map(|it| format!("`{it}`")).collect();
        quoted.join("; ")
    };
    let mut text = format!("\n**{}** {}: {}.\n\n", rule.name, rule.level, rule.says);
    let kept = quoted(evidence(rule, cases, Shows::Kept));
    writeln!(text, "- kept: {kept}").unwrap();
    let refused = match &rule.one_way {
        Some(why) => format!("nothing to show: {why}"),
        None => quoted(evidence(rule, cases, Shows::Refused)),
    };
    writeln!(text, "- refused: {refused}").unwrap();
    if let Some(deviates) = &rule.deviates {
        writeln!(text, "- **otherwise**: {deviates}").unwrap();
    }
    text
}

/// What the programs beside us do otherwise.
fn others(cases: &[Case]) -> String {
    let mut text = "\n## What others do otherwise\n\n".to_owned();
    text.push_str(
        "The packets of these cases came to a usual router of the program, and the wire showed what it did \
         (`tests/kernel/director/vrrp_cases.rs`). Where a packet is not named they did as the case says.\n\n",
    );
    text.push_str("| program | rule | case | what it does |\n|---|---|---|---|\n");
    for other in read::<Other>("others") {
        let named = cases.iter().find(|it| it.name == other.case);
        let rules = named.unwrap().rules.join(", ");
        let Other {
            program,
            case,
            sees,
        } = other;
        writeln!(text, "| {program} | {rules} | {case} | {sees} |").unwrap();
    }
    text
}

/// What was broken by hand, and which cases failed then.
fn seen_to_fail(cases: &[Case]) -> String {
    let mut text = "\n## Seen to fail\n\nEach line was broken in the source by hand once, and these cases failed.\n\n".to_owned();
    let mut broken: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for case in cases {
        if let Some(what) = &case.fails_when {
            broken.entry(what).or_default().push(&case.name);
        }
    }
    text.push_str("| broken | cases that failed |\n|---|---|\n");
    for (what, failed) in broken {
        writeln!(text, "| {what} | {} |", failed.join("; ")).unwrap();
    }
    let never: Vec<&str> = cases
        .iter()
        .filter(|case| case.fails_when.is_none())
        .map(|case| &*case.name)
        .collect();
    if !never.is_empty() {
        writeln!(text, "\nNot yet seen to fail: {}.", never.join("; ")).unwrap();
    }
    text
}
