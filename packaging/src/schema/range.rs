// SPDX-License-Identifier: MIT OR Apache-2.0
//! The values that a key may have, from the words that say so in the documentation: `` `dr`, `nat`, `tun` ``,
//! `1 to 65535`, `` `1s` to `1h`, or `none` ``, `an absolute path`.

use serde_json::{Value, json};

const DURATION: &str = "^([0-9]+(d|h|m|s|ms))+$";

/// The schema of these values and the default; `None` when the words say something else, so that any value is allowed.
pub(super) fn read(range: &str, default: &str) -> Option<Value> {
    let range = range.strip_prefix("whole seconds, ").unwrap_or(range);
    let parts = range.split(", ");
    let mut values: Vec<Value> = parts
        .map(|part| values(part.strip_prefix("or ").unwrap_or(part)))
        .collect::<Option<_>>()?;
    if let Some(default) = default.strip_prefix('`').and_then(|it| it.split_once('`')) {
        let default = values_of_word(default.0);
        if default.get("const").is_some() {
            values.push(default);
        }
    }
    let mut unique: Vec<Value> = Vec::new();
    for value in values {
        if !unique.contains(&value) {
            unique.push(value);
        }
    }
    if unique.iter().all(|it| it.get("const").is_some()) {
        let words: Vec<_> = unique
            .iter()
            .filter_map(|it| it.get("const").cloned())
            .collect();
        return Some(json!({ "enum": words }));
    }
    match unique.as_slice() {
        [only] => Some(only.clone()),
        _ => Some(json!({ "anyOf": unique })),
    }
}

/// The values of one part of the list.
fn values(part: &str) -> Option<Value> {
    if part == "an absolute path" {
        return Some(json!({"type": "string", "pattern": "^/"}));
    }
    if let Some((from, to)) = part.split_once(" to ") {
        let (from, to) = (word(from)?, word(to)?);
        if is_duration(from) && is_duration(to) {
            return Some(json!({"type": "string", "pattern": DURATION}));
        }
        let (from, to): (i64, i64) = (from.parse().ok()?, to.parse().ok()?);
        return Some(json!({"type": "integer", "minimum": from, "maximum": to}));
    }
    let word = part.strip_prefix('`')?.strip_suffix('`')?;
    // Whatever else is in marks is an example: an address, a map.
    let plain = |it: u8| it.is_ascii_alphanumeric() || it == b'_' || it == b'-';
    word.bytes().all(plain).then(|| values_of_word(word))
}

fn values_of_word(word: &str) -> Value {
    match (word, word.parse::<i64>()) {
        ("true", _) => json!({"const": true}),
        ("false", _) => json!({"const": false}),
        (_, Ok(number)) => json!({"const": number}),
        (word, Err(_)) if is_duration(word) => json!({"type": "string", "pattern": DURATION}),
        (word, Err(_)) => json!({"const": word}),
    }
}

/// A number or a duration, with marks or without.
fn word(text: &str) -> Option<&str> {
    let marked = text.strip_prefix('`').and_then(|it| it.strip_suffix('`'));
    let word = marked.unwrap_or(text);
    word.bytes()
        .all(|it| it.is_ascii_alphanumeric() || it == b'-')
        .then_some(word)
}

fn is_duration(word: &str) -> bool {
    word.starts_with(|it: char| it.is_ascii_digit()) && word.ends_with(['s', 'm', 'h', 'd'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_words_say_is_read_and_other_words_allow_anything() {
        let duration = json!({"type": "string", "pattern": DURATION});
        for (range, default, said) in [
            ("`dr`, `nat`", "`dr`", Some(json!({"enum": ["dr", "nat"]}))),
            (
                "`true`, `false`",
                "`true`",
                Some(json!({"enum": [true, false]})),
            ),
            (
                "1 to 65535",
                "the port",
                Some(json!({"type": "integer", "minimum": 1, "maximum": 65_535})),
            ),
            ("`1s` to `1h`", "", Some(duration.clone())),
            (
                "`1m` to `31d`, or `none`",
                "`1h`",
                Some(json!({"anyOf": [duration, {"const": "none"}]})),
            ),
            (
                "whole seconds, `1s` to `31d`",
                "`keep` (9 s)",
                Some(json!({"anyOf": [duration, {"const": "keep"}]})),
            ),
            (
                "an absolute path",
                "`/run/x`",
                Some(json!({"anyOf": [{"type": "string", "pattern": "^/"}, {"const": "/run/x"}]})),
            ),
            ("a mask", "none", None),
            ("", "", None),
            ("`x` for `y`", "", None),
            ("`192.168.0.2`", "", None),
        ] {
            assert_eq!(read(range, default), said, "{range}");
        }
    }
}
