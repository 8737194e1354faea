// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bytes of files that come from editors and web pages of all kinds.

use std::ops::Range;

use super::MAX_BYTES;
use crate::diagnostic::{FileId, Finding, Findings, Fix, SourceMap, Span};

/// A text, and what was odd about its bytes.
#[derive(Debug, Default)]
pub(super) struct Decoded {
    /// Without a byte order mark. What is not UTF-8 is replaced.
    pub(super) text: String,
    odd: Option<Odd>,
}

#[derive(Debug)]
enum Odd {
    TooLong(usize),
    Utf16,
    /// The first place that is no UTF-8.
    NotUtf8(usize),
}

/// Reads bytes as text.
pub(super) fn decode(bytes: &[u8]) -> Decoded {
    let odd = |odd| Decoded {
        text: String::new(),
        odd: Some(odd),
    };
    if bytes.len() > MAX_BYTES {
        return odd(Odd::TooLong(bytes.len()));
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return odd(Odd::Utf16);
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match str::from_utf8(bytes) {
        Ok(text) => Decoded {
            text: text.to_owned(),
            odd: None,
        },
        Err(error) => Decoded {
            text: String::from_utf8_lossy(bytes).into_owned(),
            odd: Some(Odd::NotUtf8(error.valid_up_to())),
        },
    }
}

impl Decoded {
    /// Says what was odd.
    pub(super) fn tell(&self, sources: &SourceMap, file: FileId, out: &mut Findings) {
        let at = |range: Range<usize>| sources.span(file, range);
        match self.odd {
            None => {}
            Some(Odd::TooLong(length)) => out.error(
                at(0..0),
                format!("longer than {} MiB: {length} bytes", MAX_BYTES >> 20),
            ),
            Some(Odd::Utf16) => {
                out.push(Finding::new(at(0..0), "this is UTF-16").help("save it as UTF-8"));
            }
            Some(Odd::NotUtf8(place)) => out.push(
                Finding::warning(at(place..place + 1), "not UTF-8")
                    .help("what could not be read is replaced; save the file as UTF-8"),
            ),
        }
    }
}

/// A character that looks like another one, and comes from web pages and word processors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Oddity {
    /// It looks like a blank.
    Blank(&'static str),
    /// It looks like a double quote.
    DoubleQuote,
    /// It looks like a single quote.
    SingleQuote,
    /// It cannot be seen at all.
    Unseen,
}

/// What is odd about a character. `None` for blanks, tabs, and everything that can be seen.
pub(super) fn oddity(character: char) -> Option<Oddity> {
    Some(match character {
        '\u{a0}' => Oddity::Blank("a no-break space"),
        '\u{3000}' => Oddity::Blank("a full-width space"),
        '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' => Oddity::Blank("an odd space"),
        '\u{201c}'..='\u{201f}' | '\u{2033}' | '\u{ff02}' => Oddity::DoubleQuote,
        '\u{2018}'..='\u{201b}' | '\u{2032}' | '\u{ff07}' => Oddity::SingleQuote,
        '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' => Oddity::Unseen,
        '\t' | '\n' | '\r' => return None,
        other if other.is_control() => Oddity::Unseen,
        _ => return None,
    })
}

impl Oddity {
    /// The character that was meant; none for one that cannot be seen.
    pub(super) const fn meant(self) -> Option<char> {
        match self {
            Self::Blank(_) => Some(' '),
            Self::DoubleQuote => Some('"'),
            Self::SingleQuote => Some('\''),
            Self::Unseen => None,
        }
    }

    /// What is to be said about it: a program that is no web browser takes it for a letter.
    pub(super) fn finding(self, span: Span) -> Finding {
        let fix = self.meant().map(String::from).unwrap_or_default();
        let finding = match self {
            Self::Blank(name) => Finding::warning(span, format!("{name} is read as a space"))
                .help("the other program takes it for a letter; write a plain space"),
            Self::DoubleQuote => Finding::new(span, "this is no double quote, only similar to one")
                .help("the other program takes it for a letter; write \""),
            Self::SingleQuote => Finding::new(span, "this is no single quote, only similar to one")
                .help("the other program takes it for a letter; write '"),
            Self::Unseen => Finding::new(span, "a character that cannot be seen")
                .help("the other program takes it for a letter; remove it"),
        };
        let title = match self {
            Self::Blank(_) => "write a plain space",
            Self::DoubleQuote => "write a plain double quote",
            Self::SingleQuote => "write a plain single quote",
            Self::Unseen => "remove the character that cannot be seen",
        };
        finding.fix(Fix {
            title: title.to_owned(),
            ..Fix::replace(span, fix)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_web_pages_put_into_files_is_known() {
        let meant = |character| oddity(character).map(Oddity::meant);
        assert_eq!(meant('\u{a0}'), Some(Some(' ')));
        assert_eq!(meant('\u{3000}'), Some(Some(' ')));
        assert_eq!(meant('\u{201d}'), Some(Some('"')));
        assert_eq!(meant('\u{2019}'), Some(Some('\'')));
        assert_eq!(meant('\0'), Some(None));
        for plain in [' ', '\t', '\r', 'a', '"', '主'] {
            assert_eq!(meant(plain), None, "{plain:?}");
        }
    }
}
