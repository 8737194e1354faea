// SPDX-License-Identifier: MIT OR Apache-2.0
//! Texts that are sent and expected.

use crate::diagnostic::{Finding, Findings, Shown};
use crate::import::document::Value;
use crate::import::ldirectord::wanted::Said;
use crate::model::Payload;

/// The bytes of a text, as our keys have them.
pub(super) fn payload(text: &str) -> Value {
    // A text whose backslashes are doubled has no wrong escape.
    let payload = Payload::parse(&text.replace('\\', "\\\\")).unwrap_or_default();
    Value::text(payload)
}

/// The text that a regular expression stands for, when it stands for one; else it is said.
pub(super) fn literal(said: &Said, out: &mut Findings) -> Option<String> {
    let mut text = String::new();
    let mut has_dot = false;
    let mut rest = said.text.chars();
    while let Some(character) = rest.next() {
        let plain = match character {
            '\\' => rest.next().filter(|next| !next.is_ascii_alphanumeric()),
            '^' | '$' | '*' | '+' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '|' => None,
            other => {
                has_dot |= other == '.';
                Some(other)
            }
        };
        let Some(plain) = plain else {
            let message = format!("the pattern \"{}\" is not looked for", Shown(&said.text));
            let help =
                "expect takes a plain text, no regular expression; write one that is always there";
            out.push(Finding::warning(said.at, message).help(help));
            return None;
        };
        text.push(plain);
    }
    if has_dot {
        let message = "a dot stands for itself here, and for any character in ldirectord";
        out.push(Finding::note(said.at, message));
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Span;

    fn plain(pattern: &str) -> Option<String> {
        let said = Said {
            text: pattern.to_owned(),
            at: Span::default(),
        };
        literal(&said, &mut Findings::default())
    }

    #[test]
    fn a_pattern_that_stands_for_one_text_is_that_text() {
        assert_eq!(plain("Test Page").as_deref(), Some("Test Page"));
        assert_eq!(plain("a\\.b\\/c").as_deref(), Some("a.b/c"));
        for pattern in ["^ok", "a.*b", "(a|b)", "\\d+", "a\\", "[ab]"] {
            assert_eq!(plain(pattern), None, "{pattern}");
        }
    }
}
