// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bytes of files that come from editors and web pages of all kinds.

use std::ops::Range;

use super::MAX_BYTES;
use crate::diagnostic::{FileId, Finding, Findings, SourceMap};

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
