// SPDX-License-Identifier: MIT OR Apache-2.0
//! The part of a line that is shown, safe for a terminal.

use std::borrow::Cow;
use std::ops::Range;

/// The part of one line that a diagnostic shows, and which characters it underlines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Excerpt {
    /// The text, cut with `...` where the line is long.
    pub(super) text: String,
    /// The bytes of `text` to underline, never empty.
    pub(super) mark: Range<usize>,
}

/// How many characters are shown before the underlined ones.
const BEFORE: usize = 60;
/// How many characters are shown from the first underlined one on.
const AFTER: usize = 80;

impl Excerpt {
    /// Of a line that nobody may read.
    pub(super) const fn nothing() -> Self {
        Self {
            text: String::new(),
            mark: 0..0,
        }
    }

    /// The line in which a range of bytes of `text` starts.
    pub(super) fn new(text: &str, range: &Range<usize>) -> Self {
        let start = text.floor_char_boundary(range.start);
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
        let width = range.end.saturating_sub(start).max(first);
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
    fn a_line_may_end_with_crlf() {
        let text = "a: é\r\nbé: x\r\n";
        let at = text.find('x').unwrap();
        let excerpt = Excerpt::new(text, &(at..at + 1));
        assert_eq!((excerpt.text.as_str(), excerpt.mark), ("bé: x", 5..6));
    }

    #[test]
    fn a_long_line_is_cut_on_both_sides() {
        let text = format!("{}here{}", "é".repeat(5000), "y".repeat(5000));
        let excerpt = Excerpt::new(&text, &(10_000..10_004));
        assert_eq!(excerpt.text.get(excerpt.mark), Some("here"));
        assert!(excerpt.text.starts_with("...é") && excerpt.text.ends_with("y..."));
        assert!(excerpt.text.chars().count() < 160);
    }

    #[test]
    fn the_end_of_the_text_can_be_underlined() {
        for text in ["", "a", "a\n", "a\r\n"] {
            let excerpt = Excerpt::new(text, &(text.len()..text.len()));
            assert_eq!(excerpt.mark.len(), 1, "{text:?}");
        }
    }
}
