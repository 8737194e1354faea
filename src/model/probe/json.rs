// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a JSON answer must have where.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A place in a JSON document, and what must be there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct JsonMatch {
    /// A JSON pointer (RFC 6901).
    pub pointer: Box<str>,
    /// The value.
    pub value: JsonScalar,
}

/// A JSON value that has no parts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JsonScalar {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, as it is written.
    Number(Box<str>),
    /// A text.
    Text(Box<str>),
}

impl JsonMatch {
    /// Whether a text is a JSON pointer: nothing, or parts that begin with a slash, in which `~` begins `~0` or `~1`.
    #[must_use]
    pub fn is_pointer(text: &str) -> bool {
        let mut after_tildes = text.split('~').skip(1);
        let begins = text.is_empty() || text.starts_with('/');
        begins && after_tildes.all(|rest| rest.starts_with(['0', '1']))
    }
}

impl JsonScalar {
    /// What a text without quotes means.
    #[must_use]
    pub fn plain(text: &str) -> Self {
        match text {
            "true" => Self::Bool(true),
            "false" => Self::Bool(false),
            text if is_number(text) => Self::Number(text.into()),
            text => Self::Text(text.into()),
        }
    }
}

/// Whether this is a number of JSON (RFC 8259, section 6).
fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let (number, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let whole = whole.strip_prefix('-').unwrap_or(whole);
    let begins = whole == "0" || !whole.starts_with('0');
    digits(whole) && begins && digits(fraction) && digits(exponent)
}

impl fmt::Display for JsonScalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => value.fmt(f),
            Self::Number(number) => f.write_str(number),
            Self::Text(text) => write!(f, "{text:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_without_quotes_is_what_it_looks_like() {
        for number in ["0", "-1", "12.50", "1e9", "-0.1E-7"] {
            assert_eq!(JsonScalar::plain(number), JsonScalar::Number(number.into()));
        }
        for text in ["007", "+1", "1.", ".5", "1e", "-", "", "0x1", "ok", "True"] {
            assert_eq!(JsonScalar::plain(text), JsonScalar::Text(text.into()));
        }
        assert_eq!(JsonScalar::plain("true"), JsonScalar::Bool(true));
    }

    #[test]
    fn a_pointer_is_empty_or_begins_with_a_slash() {
        for pointer in ["", "/", "/a/0/~0~1", "/é b"] {
            assert!(JsonMatch::is_pointer(pointer), "{pointer}");
        }
        for wrong in ["a", "/~", "/~2", "~0"] {
            assert!(!JsonMatch::is_pointer(wrong), "{wrong}");
        }
    }
}
