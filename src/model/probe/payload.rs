// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bytes that a probe sends or waits for, as text with escapes.

use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};

/// Any bytes. As text, `\r`, `\n`, `\t`, `\0`, `\\` and `\xNN` stand for those that cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Payload(Box<[u8]>);

/// A backslash that begins no escape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a backslash begins one of \\r \\n \\t \\0 \\\\ \\xNN")]
pub struct WrongEscape;

impl Payload {
    /// Reads a text with escapes.
    pub fn parse(text: &str) -> Result<Self, WrongEscape> {
        let mut bytes = Vec::with_capacity(text.len());
        let mut rest = text.bytes();
        while let Some(byte) = rest.next() {
            if byte != b'\\' {
                bytes.push(byte);
                continue;
            }
            bytes.push(match rest.next() {
                Some(b'r') => b'\r',
                Some(b'n') => b'\n',
                Some(b't') => b'\t',
                Some(b'0') => 0,
                Some(b'\\') => b'\\',
                Some(b'x') => digit(rest.next())? << 4 | digit(rest.next())?,
                Some(_) | None => return Err(WrongEscape),
            });
        }
        Ok(Self(bytes.into()))
    }

    /// These bytes.
    pub fn new(bytes: impl Into<Box<[u8]>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes themselves.
    #[must_use]
    pub const fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether they are somewhere in these.
    #[must_use]
    pub fn is_in(&self, bytes: &[u8]) -> bool {
        self.0.is_empty() || bytes.windows(self.0.len()).any(|it| it == &*self.0)
    }
}

/// A hexadecimal digit.
fn digit(byte: Option<u8>) -> Result<u8, WrongEscape> {
    let digit = byte.and_then(|byte| char::from(byte).to_digit(16));
    let digit = digit.and_then(|digit| u8::try_from(digit).ok());
    digit.ok_or(WrongEscape)
}

impl fmt::Display for Payload {
    /// The text that is read as the same bytes: visible ASCII and blanks.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in &self.0 {
            match byte {
                b'\r' => f.write_str("\\r")?,
                b'\n' => f.write_str("\\n")?,
                b'\t' => f.write_str("\\t")?,
                0 => f.write_str("\\0")?,
                b'\\' => f.write_str("\\\\")?,
                b' '..=b'~' => f.write_char(char::from(*byte))?,
                _ => write!(f, "\\x{byte:02x}")?,
            }
        }
        Ok(())
    }
}

impl From<Payload> for String {
    fn from(payload: Payload) -> Self {
        payload.to_string()
    }
}

impl TryFrom<String> for Payload {
    type Error = WrongEscape;

    fn try_from(text: String) -> Result<Self, WrongEscape> {
        Self::parse(&text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escapes_stand_for_bytes() {
        for (text, bytes) in [
            ("PING\\r\\n", &b"PING\r\n"[..]),
            ("\\0\\t\\\\\\xfF", b"\0\t\\\xff"),
            ("é", b"\xc3\xa9"),
            ("", b""),
        ] {
            assert_eq!(Payload::parse(text).unwrap().bytes(), bytes, "{text}");
        }
        for text in ["\\", "\\q", "\\x", "\\x1", "\\x1g", "\\x+1", "a\\"] {
            assert_eq!(Payload::parse(text), Err(WrongEscape), "{text}");
        }
    }

    #[test]
    fn a_part_is_found_wherever_it_is() {
        let part = Payload::parse("b\\0").unwrap();
        assert!(part.is_in(b"ab\0c"));
        assert!(!part.is_in(b"b"));
        assert!(Payload::default().is_in(b""));
    }

    proptest! {
        #[test]
        fn every_payload_is_printable_and_reads_back(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let payload = Payload(bytes.into());
            let text = payload.to_string();
            prop_assert!(text.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{}", text);
            prop_assert_eq!(Payload::parse(&text), Ok(payload));
        }
    }
}
