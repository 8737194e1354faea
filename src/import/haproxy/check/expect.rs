// SPDX-License-Identifier: MIT OR Apache-2.0
//! `expect` of `tcp-check` and `http-check`: what an answer must have.

use crate::diagnostic::{Finding, Findings, Span};
use crate::import::statement::Word;

/// What is expected.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expect<'a> {
    pub(super) negated: bool,
    /// `string`, `status`, `binary`, ...
    pub(super) kind: &'a str,
    pub(super) pattern: &'a str,
    pub(super) span: Span,
}

/// Words with a value that say how a result is told, not what it is.
pub(in crate::import::haproxy) const TOLD: [&str; 8] = [
    "comment",
    "min-recv",
    "ok-status",
    "error-status",
    "tout-status",
    "on-success",
    "on-error",
    "status-code",
];

impl<'a> Expect<'a> {
    /// Reads what follows the word `expect`.
    pub(super) fn read(words: &'a [Word], span: Span, out: &mut Findings) -> Option<Self> {
        let mut rest = words;
        while let [word, value, after @ ..] = rest
            && TOLD.contains(&&*word.text)
        {
            if &*word.text == "ok-status" && &*value.text == "L7OKC" {
                let finding =
                    Finding::warning(value.span, "a conditional success counts as a success");
                out.push(finding.help("HAProxy would give the server no new connections"));
            }
            rest = after;
        }
        let mut negated = false;
        let mut first = rest.split_first();
        if let Some((word, after)) = first
            && &*word.text == "!"
        {
            negated = true;
            first = after.split_first();
        }
        let (kind, after) = first?;
        let kind = match kind.text.strip_prefix('!') {
            Some(kind) => {
                negated = true;
                kind
            }
            None => &kind.text,
        };
        Some(Self {
            negated,
            kind,
            // That it is missing is told already.
            pattern: &after.first()?.text,
            span,
        })
    }
}

/// The text that a regular expression stands for, if it stands for one text only, wherever that is.
pub(super) fn literal(expression: &str) -> Option<String> {
    let mut text = String::new();
    let mut rest = expression.chars();
    while let Some(character) = rest.next() {
        match character {
            '\\' => {
                let next = rest.next()?;
                if next.is_ascii_alphanumeric() {
                    return None;
                }
                text.push(next);
            }
            '.' | '*' | '+' | '?' | '[' | ']' | '(' | ')' | '{' | '}' | '|' | '^' | '$' => {
                return None;
            }
            other => text.push(other),
        }
    }
    (!text.is_empty()).then_some(text)
}

/// What is said of an expectation that cannot be carried over.
pub(super) fn without(expect: &Expect<'_>) -> Finding {
    let not = if expect.negated { "! " } else { "" };
    let message = format!(
        "not carried over: expect {not}{}",
        crate::diagnostic::Shown(expect.kind)
    );
    let help = match (expect.kind, expect.negated) {
        ("rstring" | "rstatus" | "rbinary", _) => {
            "there are no regular expressions; write a part of the answer that is always the same"
        }
        ("status", _) => "a check looks at one list of statuses, of 200 to 599",
        (_, true) => "a check waits for something, and not for something to be missing",
        _ => "write an exec check for this",
    };
    Finding::warning(expect.span, message).help(help)
}
