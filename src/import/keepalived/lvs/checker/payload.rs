// SPDX-License-Identifier: MIT OR Apache-2.0
//! `UDP_CHECK`: bytes in hexadecimal.

use std::fmt::Write as _;

use super::{Around, Check, Draft};
use crate::diagnostic::{Finding, Findings, Severity, Shown};
use crate::import::document::Value;
use crate::import::keepalived::keywords::{Block, look, not_carried_over};
use crate::import::keepalived::value::only;
use crate::import::statement::{Statement, Word};
use crate::model::Payload;

pub(super) fn read(
    statement: &Statement,
    around: &Around<'_>,
    out: &mut Findings,
) -> Option<Check> {
    let mut draft = Draft::new("udp", statement, around);
    for line in statement.block.iter().flatten() {
        let Some(keyword) = look(line, Block::UdpCheck, out) else {
            continue;
        };
        match keyword.name {
            "payload" => {
                let bytes = sent(only(line, out)?, out)?;
                draft.key("send", text(&bytes)?);
            }
            "require_reply" => {
                let bytes = expected(line, out)?;
                if !bytes.is_empty() {
                    draft.key("expect", text(&bytes)?);
                }
            }
            "min_reply_length" | "max_reply_length" => {
                let why = "the length of an answer is not looked at";
                out.push(not_carried_over(line, Severity::Warning, why));
            }
            _ => {
                draft.common.take(keyword, line, out);
            }
        }
    }
    draft.over_port(out)
}

/// Bytes as our configuration has them.
fn text(bytes: &[u8]) -> Option<Value> {
    let mut escaped = String::new();
    for byte in bytes {
        // A string takes everything.
        let _ = write!(escaped, "\\x{byte:02x}");
    }
    Payload::parse(&escaped).ok().map(Value::text)
}

fn sent(word: &Word, out: &mut Findings) -> Option<Vec<u8>> {
    let bytes = bytes(&word.text).and_then(|bytes| bytes.into_iter().collect());
    bytes.or_else(|| wrong(word, out))
}

fn wrong<T>(word: &Word, out: &mut Findings) -> Option<T> {
    let what = format!("{} are no bytes in hexadecimal", Shown(&word.text));
    out.push(Finding::new(word.span, what).help("two digits for each byte: 70696e67"));
    None
}

/// What must come somewhere in the answer; empty when nothing must.
fn expected(line: &Statement, out: &mut Findings) -> Option<Vec<u8>> {
    let Some(word) = line.words.first() else {
        let why = "an answer must have something in it here: write what, after the import";
        out.push(not_carried_over(line, Severity::Warning, why));
        return Some(Vec::new());
    };
    let word = only(line, out).unwrap_or(word);
    let Some(bytes) = bytes(&word.text) else {
        return wrong(word, out);
    };
    // What stands between places that may be anything.
    let runs = bytes.split(Option::is_none);
    let longest = runs.max_by_key(|run| run.len()).unwrap_or_default();
    let fixed: Vec<u8> = longest.iter().copied().flatten().collect();
    if fixed.len() < bytes.len() {
        let what = "an answer is searched for the longest run of bytes without a wildcard";
        out.push(Finding::warning(word.span, what).help("there are no wildcards here"));
    }
    Some(fixed)
}

/// Two digits for each byte; `None` in the list is a byte with a digit that may be anything.
fn bytes(text: &str) -> Option<Vec<Option<u8>>> {
    let digits: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
    let is_digit = |c: &char| c.is_ascii_hexdigit() || matches!(c, 'X' | 'x');
    if digits.is_empty() || !digits.len().is_multiple_of(2) || !digits.iter().all(is_digit) {
        return None;
    }
    let byte = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16).ok();
    Some(digits.chunks(2).map(byte).collect())
}
