// SPDX-License-Identifier: MIT OR Apache-2.0
//! The texts that are read, and places in them.

use std::iter;
use std::ops::Range;
use std::sync::Arc;

/// A range of bytes of one of the texts of a [`SourceMap`].
///
/// All texts of a map lie one after the other. So 32 bits are enough for a text and a place in it. In a map of one text
/// a span counts that text's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// A span of two byte offsets. Offsets above 4 GiB are cut.
    #[must_use]
    pub fn new(start: usize, end: usize) -> Self {
        let cut = |offset| u32::try_from(offset).unwrap_or(u32::MAX);
        Self {
            start: cut(start),
            end: cut(end.max(start)),
        }
    }

    /// The offset of the first byte.
    #[must_use]
    pub const fn start(self) -> usize {
        self.start as usize
    }

    /// The offset after the last byte.
    #[must_use]
    pub const fn end(self) -> usize {
        self.end as usize
    }

    /// Whether it is empty: a place between two bytes.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// Whether `other` lies within this one.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// This span, extended to the end of `last` if that is later.
    #[must_use]
    pub fn through(self, last: Self) -> Self {
        Self {
            end: self.end.max(last.end),
            ..self
        }
    }
}

/// A text of a [`SourceMap`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(usize);

/// One text.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Source {
    name: Arc<str>,
    text: Arc<str>,
    /// The offset of its first byte among all texts.
    base: usize,
    /// The offset of the first byte of each line.
    lines: Arc<[usize]>,
    /// Where another text includes it.
    included_from: Option<Span>,
}

/// The texts that are read, by name. Its copies are cheap.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SourceMap {
    sources: Vec<Source>,
}

impl SourceMap {
    /// A map of one text.
    #[must_use]
    pub fn of(name: &str, text: impl Into<Arc<str>>) -> Self {
        let mut sources = Self::default();
        sources.add(name, text);
        sources
    }

    /// Adds a text. `name` is its name in diagnostics.
    pub fn add(&mut self, name: &str, text: impl Into<Arc<str>>) -> FileId {
        self.push(name, text.into(), None)
    }

    /// Adds a text that another one includes at `from`.
    pub fn include(&mut self, name: &str, text: impl Into<Arc<str>>, from: Span) -> FileId {
        self.push(name, text.into(), Some(from))
    }

    fn push(&mut self, name: &str, text: Arc<str>, included_from: Option<Span>) -> FileId {
        // The end of one text and the start of the next are two places.
        let base = self.sources.last();
        let base = base.map_or(0, |last| last.base + last.text.len() + 1);
        let feeds = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let lines = iter::once(0).chain(feeds.map(|(feed, _)| feed + 1));
        self.sources.push(Source {
            name: name.into(),
            lines: lines.collect(),
            text,
            base,
            included_from,
        });
        FileId(self.sources.len() - 1)
    }

    /// A text; empty for a file of another map. A clone of it may live longer than the map.
    #[must_use]
    pub fn text(&self, file: FileId) -> Arc<str> {
        let source = self.sources.get(file.0);
        source.map_or_else(|| "".into(), |source| Arc::clone(&source.text))
    }

    /// The name of a text; empty for a file of another map.
    #[must_use]
    pub fn name(&self, file: FileId) -> &str {
        self.sources.get(file.0).map_or("", |source| &source.name)
    }

    /// The span of a range of bytes of one text.
    #[must_use]
    pub fn span(&self, file: FileId, range: Range<usize>) -> Span {
        let base = self.sources.get(file.0).map_or(0, |source| source.base);
        Span::new(base + range.start, base + range.end)
    }

    /// The text in which a span lies, and the span's bytes in it, cut at the end of the text. `None` only for an empty
    /// map.
    #[must_use]
    pub fn locate(&self, span: Span) -> Option<(FileId, Range<usize>)> {
        let behind = self
            .sources
            .partition_point(|source| source.base <= span.start());
        let index = behind.checked_sub(1)?;
        let source = self.sources.get(index)?;
        let within = |offset: usize| (offset - source.base).min(source.text.len());
        Some((FileId(index), within(span.start())..within(span.end())))
    }

    /// As [`position`] of one of its texts, however long that is; its start for a file of another map.
    #[must_use]
    pub fn position(&self, file: FileId, offset: usize) -> Position {
        let Some(source) = self.sources.get(file.0) else {
            return position("", 0);
        };
        let line = source.lines.partition_point(|start| *start <= offset);
        let start = line.checked_sub(1).and_then(|it| source.lines.get(it));
        let start = start.copied().unwrap_or_default();
        let end = source.text.floor_char_boundary(offset);
        let before = source.text.get(start..end).unwrap_or_default();
        Position {
            line: line.max(1),
            column: 1 + before.chars().count(),
        }
    }

    /// Where another text includes this one.
    #[must_use]
    pub fn included_from(&self, file: FileId) -> Option<Span> {
        self.sources.get(file.0)?.included_from
    }
}

/// A place as an editor shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Position {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

/// The line and column of a byte offset. Only a line feed ends a line.
#[must_use]
pub fn position(text: &str, offset: usize) -> Position {
    let offset = text.floor_char_boundary(offset);
    let before = text.get(..offset).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |feed| feed + 1);
    Position {
        line: 1 + before.bytes().filter(|byte| *byte == b'\n').count(),
        column: 1 + before.get(line_start..).unwrap_or_default().chars().count(),
    }
}

/// The line with this byte offset, without its line feed.
#[must_use]
pub fn line(text: &str, offset: usize) -> &str {
    let (before, after) = text.split_at(text.floor_char_boundary(offset));
    let start = before.rfind('\n').map_or(0, |feed| feed + 1);
    let end = before.len() + after.find('\n').unwrap_or(after.len());
    text.get(start..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_may_end_with_crlf() {
        let text = "a: é\r\nbé: x\r\n";
        let at = text.find('x').unwrap();
        assert_eq!(position(text, at), Position { line: 2, column: 5 });
    }

    #[test]
    fn a_map_finds_the_same_positions() {
        let text = "a\n\nbä: x\r\n\u{4e2d}\n";
        let map = SourceMap::of("first", text);
        for offset in 0..text.len() + 3 {
            let found = map.position(FileId(0), offset.min(text.len()));
            assert_eq!(found, position(text, offset.min(text.len())), "{offset}");
        }
    }

    #[test]
    fn every_offset_belongs_to_one_text() {
        let mut sources = SourceMap::of("first", "abc");
        let (first, empty) = (FileId(0), sources.add("empty", ""));
        let last = sources.add("last", "de");
        for (file, range) in [
            (first, 0..0),
            (first, 1..3),
            (first, 3..3),
            (empty, 0..0),
            (last, 0..2),
            (last, 2..2),
        ] {
            let span = sources.span(file, range.clone());
            assert_eq!(sources.locate(span), Some((file, range)));
        }
        assert_eq!(sources.locate(Span::new(900, 901)), Some((last, 2..2)));
        assert_eq!(SourceMap::default().locate(Span::default()), None);
    }
}
