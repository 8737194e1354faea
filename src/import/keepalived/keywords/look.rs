// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is to be said about a keyword where it stands.

use super::{Block, Fate, Keyword, homes};
use crate::diagnostic::{Finding, Findings, Fix, Severity, Shown, nearest};
use crate::import::statement::{Statement, Word};

/// Names that people write where another one is right, or that were right in another block.
const MEANT: &[(&str, &str)] = &[
    ("nb_get_retry", "retry"),
    ("lb_kind", "lvs_method"),
    ("lb_algo", "lvs_sched"),
    ("nb_sock_retry", "retry"),
    ("connect_retry", "retry"),
];

/// The keyword of a statement in a block, if it is to be read. Else what is to be said about it is said.
pub(in super::super) fn look(
    statement: &Statement,
    block: Block,
    out: &mut Findings,
) -> Option<&'static Keyword> {
    let word = &statement.keyword;
    // A block without a keyword: that is said already.
    if word.text.is_empty() {
        return None;
    }
    let Some(keyword) = block.find(&word.text) else {
        // What is only counted costs no search for what was meant.
        out.push(if out.is_full() {
            Finding::new(word.span, "unknown keyword")
        } else {
            unknown(statement, block)
        });
        return None;
    };
    match (&statement.block, keyword.block) {
        (Some(_), None) => {
            let what = format!("{} has no block", keyword.name);
            let finding = Finding::new(word.span, what);
            out.push(finding.help(SWALLOWS));
            return None;
        }
        (None, Some(_)) => {
            let what = format!("{} without its block", keyword.name);
            out.push(Finding::new(statement.span(), what).help("write { and } behind it"));
            return None;
        }
        (Some(_), Some(_)) | (None, None) => {}
    }
    let (severity, why) = match keyword.fate {
        Fate::Read => return Some(keyword),
        Fate::Lost(why) => (Severity::Warning, why),
        Fate::Needless(why) => (Severity::Note, why),
    };
    out.push(not_carried_over(statement, severity, why));
    None
}

/// What is to be said about a statement that is not carried over.
pub(in super::super) fn not_carried_over(
    statement: &Statement,
    severity: Severity,
    why: &'static str,
) -> Finding {
    word_not_carried_over(&statement.keyword, severity, why)
}

/// What is to be said about a word that is not carried over.
pub(in super::super) fn word_not_carried_over(
    word: &Word,
    severity: Severity,
    why: &'static str,
) -> Finding {
    let what = format!("{} is not carried over", Shown(&word.text));
    match severity {
        Severity::Error => Finding::new(word.span, what),
        Severity::Warning => Finding::warning(word.span, what),
        Severity::Note => Finding::note(word.span, what),
    }
    .help(why)
}

/// What keepalived does with a block that it does not know.
const SWALLOWS: &str = "keepalived gives the lines in its braces to the block around them, and ends that one with its }";

/// What is to be said about a keyword that this block does not know.
fn unknown(statement: &Statement, block: Block) -> Finding {
    let word = &statement.keyword;
    let name = &*word.text;
    let meant = MEANT.iter().find(|(wrong, _)| *wrong == name);
    let meant = meant.and_then(|(_, right)| block.find(right));
    let elsewhere = homes(name);
    let shown = Shown(name);
    let is_of_others = meant.is_none() && !elsewhere.is_empty();
    if let Some(right) = longer_or_shorter(statement, block).filter(|_| is_of_others) {
        let what = format!("{shown} does not belong into {}", block.name());
        let help = format!("keepalived leaves it out; did you mean {right}?");
        let finding = Finding::new(word.span, what).help(help);
        return finding.fix(Fix::replace(word.span, right));
    }
    if meant.is_some() || !elsewhere.is_empty() {
        let what = format!("{shown} does not belong into {}", block.name());
        let finding = Finding::new(word.span, what);
        return if let Some(right) = meant {
            let help = format!("keepalived leaves it out; write {}", right.name);
            finding.help(help).fix(Fix::replace(word.span, right.name))
        } else {
            let help = format!("it belongs into {}", elsewhere.join(", "));
            finding.help(help + "; is a } missing above, or one too many?")
        };
    }
    let what = format!("unknown keyword {shown} in {}", block.name());
    let finding = Finding::new(word.span, what);
    let names = block.keywords().map(|keyword| keyword.name);
    match nearest(name, names) {
        Some(right) => {
            let what = match statement.block {
                Some(_) => SWALLOWS,
                None => "keepalived leaves it out",
            };
            let help = format!("{what}; did you mean {right}?");
            finding.help(help).fix(Fix::replace(word.span, right))
        }
        None if statement.block.is_some() => finding.help(SWALLOWS),
        None => finding.help("keepalived leaves it out"),
    }
}

/// The keyword of this block that one of another block differs from by its end only, as `interfaces`.
fn longer_or_shorter(statement: &Statement, block: Block) -> Option<&'static str> {
    let name = &*statement.keyword.text;
    let is_meant = |it: &&Keyword| {
        let (short, long) = (it.name.len().min(name.len()), it.name.len().max(name.len()));
        let begins = it.name.get(..short) == name.get(..short);
        begins && long - short <= 1 && it.block.is_some() == statement.block.is_some()
    };
    Some(block.keywords().find(is_meant)?.name)
}
