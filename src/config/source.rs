// SPDX-License-Identifier: MIT OR Apache-2.0
//! The text of a configuration file, and places in it.

use std::borrow::Cow;

/// A range of bytes of the text.
///
/// 32 bits are enough: a longer file than [`super::MAX_BYTES`] is refused before anything looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(super) struct Span {
    /// The first byte.
    pub(super) start: u32,
    /// The byte after the last one.
    pub(super) end: u32,
}

impl Span {
    /// A span of two byte offsets; offsets above 4 GiB are cut.
    pub(super) fn new(start: usize, end: usize) -> Self {
        let cut = |offset| u32::try_from(offset).unwrap_or(u32::MAX);
        Self {
            start: cut(start),
            end: cut(end.max(start)),
        }
    }

    /// The offset of the first byte.
    pub(super) const fn start(self) -> usize {
        self.start as usize
    }

    /// The offset after the last byte.
    pub(super) const fn end(self) -> usize {
        self.end as usize
    }

    /// Whether `other` lies within this one.
    pub(super) const fn contains(self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }
}

/// A place as an editor shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    /// From 1.
    pub(super) line: usize,
    /// From 1, in characters.
    pub(super) column: usize,
}

/// The line and column of a byte offset. Lines end with a line feed, whatever stands before it.
pub(super) fn position(text: &str, offset: usize) -> Position {
    let offset = text.floor_char_boundary(offset);
    let before = text.get(..offset).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |feed| feed + 1);
    Position {
        line: 1 + before.bytes().filter(|byte| *byte == b'\n').count(),
        column: 1 + before.get(line_start..).unwrap_or_default().chars().count(),
    }
}

/// The line that holds a byte offset, without its line feed.
pub(super) fn line(text: &str, offset: usize) -> &str {
    let (before, after) = text.split_at(text.floor_char_boundary(offset));
    let start = before.rfind('\n').map_or(0, |feed| feed + 1);
    let end = before.len() + after.find('\n').unwrap_or(after.len());
    text.get(start..end).unwrap_or_default()
}

/// The part of one line that a diagnostic shows, and what of it is underlined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Excerpt {
    /// The text, cut with `...` where the line is long.
    pub(super) text: String,
    /// The bytes of `text` to underline, never empty.
    pub(super) mark: std::ops::Range<usize>,
}

/// How many characters are shown before the underlined ones.
const BEFORE: usize = 60;
/// How many characters are shown from the first underlined one on.
const AFTER: usize = 80;

impl Excerpt {
    /// The line in which `span` starts.
    pub(super) fn new(text: &str, span: Span) -> Self {
        let start = text.floor_char_boundary(span.start());
        let (before, after) = text.split_at(start);
        let before = before.rsplit('\n').next().unwrap_or_default();
        let after = after.split('\n').next().unwrap_or_default();
        let after = after.strip_suffix('\r').unwrap_or(after);

        let mut shown = String::new();
        let cut = before.char_indices().nth_back(BEFORE).map(|(cut, _)| cut);
        if cut.is_some() {
            shown.push_str("...");
        }
        shown.push_str(&harmless(
            before.get(cut.unwrap_or(0)..).unwrap_or_default(),
        ));

        let cut = after.char_indices().nth(AFTER).map(|(cut, _)| cut);
        let (after, dots) = match cut {
            Some(cut) => (after.get(..cut).unwrap_or_default(), "..."),
            None => (after, ""),
        };
        let first = after.chars().next().map_or(0, char::len_utf8);
        let width = span.end().saturating_sub(start).max(first);
        let (marked, rest) = after.split_at(after.floor_char_boundary(width.min(after.len())));
        let mark_start = shown.len();
        shown.push_str(&harmless(if marked.is_empty() { " " } else { marked }));
        let mark = mark_start..shown.len();
        shown.push_str(&harmless(rest));
        shown.push_str(dots);
        Self { text: shown, mark }
    }
}

/// The text with nothing in it that a terminal could obey; tabs stay.
pub(super) fn harmless(text: &str) -> Cow<'_, str> {
    let harmful = |c: char| c.is_control() && c != '\t';
    if text.contains(harmful) {
        Cow::Owned(text.replace(harmful, "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_may_end_with_crlf() {
        let text = "a: é\r\nbé: x\r\n";
        let at = text.find('x').unwrap();
        assert_eq!(position(text, at), Position { line: 2, column: 5 });
        let excerpt = Excerpt::new(text, Span::new(at, at + 1));
        assert_eq!((excerpt.text.as_str(), excerpt.mark), ("bé: x", 5..6));
    }

    #[test]
    fn a_long_line_is_cut_on_both_sides() {
        let text = format!("{}here{}", "é".repeat(5000), "y".repeat(5000));
        let excerpt = Excerpt::new(&text, Span::new(10_000, 10_004));
        assert_eq!(excerpt.text.get(excerpt.mark), Some("here"));
        assert!(excerpt.text.starts_with("...é") && excerpt.text.ends_with("y..."));
        assert!(excerpt.text.chars().count() < 160);
    }

    #[test]
    fn the_end_of_the_text_can_be_underlined() {
        for text in ["", "a", "a\n", "a\r\n"] {
            let excerpt = Excerpt::new(text, Span::new(text.len(), text.len()));
            assert_eq!(excerpt.mark.len(), 1, "{text:?}");
        }
    }
}
