// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a JSON body has where. It is hostile until read: `serde_json` refuses what is nested more than 128 times.

use serde_json::Value;

use crate::codec::shown;
use crate::model::{JsonMatch, JsonScalar};

/// As much of a value or a pointer is shown, in characters.
const LONGEST: usize = 60;

/// Whether a body is JSON and has all of these; the error says what it has.
pub(super) fn has(body: &[u8], wanted: &[JsonMatch]) -> Result<(), String> {
    let document: Value = serde_json::from_slice(body).map_err(|error| {
        let why = shown(&error.to_string(), LONGEST);
        format!("the answer is not JSON: {why}")
    })?;
    wanted.iter().try_for_each(|it| has_one(&document, it))
}

fn has_one(document: &Value, wanted: &JsonMatch) -> Result<(), String> {
    let pointer = match shown(&wanted.pointer, LONGEST) {
        whole if whole.is_empty() => "the whole".to_owned(),
        pointer => pointer,
    };
    match document.pointer(&wanted.pointer) {
        None => Err(format!("the answer has no {pointer}")),
        Some(found) if is(found, &wanted.value) => Ok(()),
        Some(found) => {
            let found = shown(&start_of(found), LONGEST);
            let value = shown(&wanted.value.to_string(), LONGEST);
            Err(format!("{pointer} of the answer is {found}, not {value}"))
        }
    }
}

/// A value for a person. Nobody wants to read all of a list or of an object.
fn start_of(found: &Value) -> String {
    match found {
        Value::Array(items) => format!("a list of {}", items.len()),
        Value::Object(members) => format!("an object of {}", members.len()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => found.to_string(),
    }
}

fn is(found: &Value, wanted: &JsonScalar) -> bool {
    match (found, wanted) {
        (Value::Null, JsonScalar::Null) => true,
        (Value::Bool(found), JsonScalar::Bool(wanted)) => found == wanted,
        (Value::String(found), JsonScalar::Text(wanted)) => **found == **wanted,
        (Value::Number(found), JsonScalar::Number(wanted)) => {
            let wanted: Result<serde_json::Number, _> = serde_json::from_str(wanted);
            wanted.is_ok_and(|wanted| {
                let fractions = found.is_f64() || wanted.is_f64();
                *found == wanted || fractions && found.as_f64() == wanted.as_f64()
            })
        }
        (
            Value::Null
            | Value::Bool(_)
            | Value::String(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_),
            JsonScalar::Null | JsonScalar::Bool(_) | JsonScalar::Text(_) | JsonScalar::Number(_),
        ) => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wanted(pointer: &str, value: JsonScalar) -> JsonMatch {
        JsonMatch {
            pointer: pointer.into(),
            value,
        }
    }

    fn plain(pointer: &str, value: &str) -> JsonMatch {
        wanted(pointer, JsonScalar::plain(value))
    }

    #[test]
    fn every_pointer_must_be_there_and_have_its_value() {
        let body =
            br#"{"status":"ok","nodes":[{"running":true,"load":1.0}],"a/b":{"~":null},"n":3}"#;
        for right in [
            plain("/status", "ok"),
            plain("/nodes/0/running", "true"),
            plain("/nodes/0/load", "1"),
            plain("/n", "3.0"),
            wanted("/a~1b/~0", JsonScalar::Null),
        ] {
            assert_eq!(has(body, std::slice::from_ref(&right)), Ok(()), "{right:?}");
        }
        for (wrong, why) in [
            (
                plain("/status", "up"),
                "/status of the answer is \"ok\", not \"up\"",
            ),
            (plain("/n", "4"), "/n of the answer is 3, not 4"),
            (
                wanted("/n", JsonScalar::Text("3".into())),
                "/n of the answer is 3, not \"3\"",
            ),
            (
                plain("/nodes", "true"),
                "/nodes of the answer is a list of 1, not true",
            ),
            (plain("/nodes/1", "true"), "the answer has no /nodes/1"),
            (plain("/nodes/00", "true"), "the answer has no /nodes/00"),
            (
                plain("", "1"),
                "the whole of the answer is an object of 4, not 1",
            ),
        ] {
            assert_eq!(has(body, &[plain("/n", "3"), wrong]), Err(why.to_owned()));
        }
    }

    #[test]
    fn hostile_bodies_are_refused_and_what_is_shown_is_printable_and_short() {
        let deep = "[".repeat(60_000);
        let why = has(deep.as_bytes(), &[]).unwrap_err();
        assert!(
            why.starts_with("the answer is not JSON: recursion limit"),
            "{why}"
        );
        for body in ["", "{", "<html>", "{\"a\":1} x", "\"\u{1b}[31m\""] {
            assert!(has(body.as_bytes(), &[]).is_err(), "{body}");
        }
        assert!(has(b"\"\xff\"", &[]).is_err());
        let long = format!("{{\"a\":\"\\u001b{}\"}}", "é\u{202e}b".repeat(999));
        let why = has(long.as_bytes(), &[plain("/a", "1")]).unwrap_err();
        assert!(
            why.len() < 120 && why.is_ascii() && !why.contains('\u{1b}'),
            "{why}"
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Err(why) = has(&bytes, &[plain("/a", "1")]) {
                prop_assert!(!why.chars().any(char::is_control));
            }
        }
    }
}
