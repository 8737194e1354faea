// SPDX-License-Identifier: MIT OR Apache-2.0
//! Corrections that can be carried out.

use std::collections::BTreeMap;

use super::source::{FileId, SourceMap, Span};

/// A new text for a range of bytes; for an empty range, a text to insert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    /// The old text's range.
    pub span: Span,
    /// The new text.
    pub text: String,
}

/// A correction: all of its replacements are made, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// What it does, as a command: lower case, no full stop.
    pub title: String,
    /// How.
    pub replacements: Vec<Replacement>,
}

impl Fix {
    /// A correction of several replacements.
    pub fn new(title: impl Into<String>, replacements: Vec<Replacement>) -> Self {
        let title = title.into();
        Self {
            title,
            replacements,
        }
    }

    /// `text` instead of what stands at `span`.
    pub fn replace(span: Span, text: impl Into<String>) -> Self {
        let text = text.into();
        Self::new(format!("write {text}"), vec![Replacement { span, text }])
    }
}

/// The result of applying fixes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied<'f> {
    /// The texts that change, as they are now.
    pub texts: Vec<(FileId, String)>,
    /// The fixes that were made.
    pub made: Vec<&'f Fix>,
    /// The fixes that were not made: another fix changes the same bytes, or they belong to other texts. Read the texts
    /// again to see whether they are still needed.
    pub left: Vec<&'f Fix>,
}

impl Applied<'_> {
    /// A text as it is now; `None` when it did not change.
    #[must_use]
    pub fn text(&self, file: FileId) -> Option<&str> {
        let mut texts = self.texts.iter();
        let changed = texts.find(|(changed, _)| *changed == file);
        changed.map(|(_, text)| text.as_str())
    }
}

/// Makes all fixes that do not conflict with an earlier one.
pub fn apply<'f>(sources: &SourceMap, fixes: impl IntoIterator<Item = &'f Fix>) -> Applied<'f> {
    let mut edits = Edits::default();
    let (mut made, mut left) = (Vec::new(), Vec::new());
    for fix in fixes {
        if edits.add(sources, fix) {
            made.push(fix);
        } else {
            left.push(fix);
        }
    }
    let texts = edits.texts(sources);
    Applied { texts, made, left }
}

/// Replacements that do not overlap, by the offset of their first byte.
#[derive(Default)]
struct Edits<'f> {
    by_start: BTreeMap<usize, &'f Replacement>,
}

impl<'f> Edits<'f> {
    /// Adds all replacements of a fix, or none; returns whether it did.
    fn add(&mut self, sources: &SourceMap, fix: &'f Fix) -> bool {
        let mut added = Vec::new();
        for replacement in &fix.replacements {
            let start = replacement.span.start();
            if self.by_start.get(&start) == Some(&replacement) {
                continue;
            }
            if !is_within(sources, replacement.span) || self.overlaps(replacement.span) {
                for start in added {
                    self.by_start.remove(&start);
                }
                return false;
            }
            self.by_start.insert(start, replacement);
            added.push(start);
        }
        true
    }

    fn overlaps(&self, span: Span) -> bool {
        let before = self.by_start.range(..span.start()).next_back();
        let behind = self.by_start.range(span.start()..).next();
        before.is_some_and(|(_, before)| before.span.end() > span.start())
            || behind.is_some_and(|(start, _)| *start == span.start() || *start < span.end())
    }

    /// The texts with all replacements made.
    fn texts(&self, sources: &SourceMap) -> Vec<(FileId, String)> {
        let mut by_file: BTreeMap<FileId, (String, usize)> = BTreeMap::new();
        for replacement in self.by_start.values() {
            let Some((file, range)) = sources.locate(replacement.span) else {
                continue;
            };
            let source = sources.text(file);
            let (text, copied) = by_file.entry(file).or_default();
            text.push_str(source.get(*copied..range.start).unwrap_or_default());
            text.push_str(&replacement.text);
            *copied = range.end;
        }
        let whole = |(file, (mut text, copied)): (FileId, (String, usize))| {
            text.push_str(sources.text(file).get(copied..).unwrap_or_default());
            (file, text)
        };
        by_file.into_iter().map(whole).collect()
    }
}

/// Whether a span lies in one text, and starts and ends between characters.
fn is_within(sources: &SourceMap, span: Span) -> bool {
    sources.locate(span).is_some_and(|(file, range)| {
        sources.span(file, range.clone()) == span && sources.text(file).get(range).is_some()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fix(start: usize, end: usize, text: &str) -> Fix {
        Fix::replace(Span::new(start, end), text)
    }

    #[test]
    fn fixes_are_made_in_any_order_and_in_several_texts() {
        let mut sources = SourceMap::default();
        let one = sources.add("one", "abcdef");
        let same = sources.add("same", "same");
        let two = sources.add("two", "äxö");
        let in_two = Fix::replace(sources.span(two, 2..3), "");
        let fixes = [in_two, fix(4, 6, "!"), fix(0, 0, ">"), fix(3, 4, "DD")];
        let applied = apply(&sources, &fixes);
        assert_eq!(applied.text(one), Some(">abcDD!"));
        assert_eq!(applied.text(two), Some("äö"));
        assert_eq!(applied.text(same), None);
        assert_eq!((applied.made.len(), applied.left.len()), (4, 0));
    }

    #[test]
    fn a_fix_that_overlaps_an_earlier_one_is_left_whole() {
        let mut sources = SourceMap::default();
        let file = sources.add("file", "abcdef");
        let first = fix(1, 3, "X");
        for overlapping in [(0, 2), (1, 1), (1, 3), (2, 2), (2, 9), (0, 6)] {
            let (start, end) = overlapping;
            let both = vec![
                Replacement {
                    span: Span::new(5, 6),
                    text: "Y".to_owned(),
                },
                Replacement {
                    span: Span::new(start, end),
                    text: "Z".to_owned(),
                },
            ];
            let fixes = [first.clone(), Fix::new("write both", both)];
            let applied = apply(&sources, &fixes);
            assert_eq!(applied.text(file), Some("aXdef"), "{overlapping:?}");
            assert_eq!(applied.left, [&fixes[1]]);
        }
        let fixes = [first.clone(), first, fix(3, 4, "D")];
        let applied = apply(&sources, &fixes);
        assert_eq!(applied.text(file), Some("aXDef"), "the same twice is once");
        assert!(applied.left.is_empty());
    }

    #[test]
    fn what_is_no_piece_of_a_text_is_left() {
        let mut sources = SourceMap::default();
        let file = sources.add("file", "äb");
        sources.add("next", "next");
        for outside in [
            fix(1, 2, "x"),
            fix(2, 4, "x"),
            fix(90, 91, "x"),
            fix(0, 7, "x"),
        ] {
            let applied = apply(&sources, [&outside]);
            assert_eq!((applied.text(file), applied.left.len()), (None, 1));
            assert!(applied.texts.is_empty());
        }
        let nothing = fix(0, 1, "x");
        assert_eq!(apply(&SourceMap::default(), [&nothing]).left, [&nothing]);
    }
}
