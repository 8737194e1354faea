// SPDX-License-Identifier: MIT OR Apache-2.0
//! One line as keepalived sees it after substitution, with the places its characters came from.

use std::borrow::Cow;
use std::ops::Range;

use crate::diagnostic::Span;

/// A line without its comment.
#[derive(Debug, Clone)]
pub(super) struct Line<'a> {
    text: Cow<'a, str>,
    pieces: Vec<Piece>,
}

/// Where the characters from an offset on came from.
#[derive(Debug, Clone, Copy)]
struct Piece {
    from: usize,
    origin: Origin,
}

#[derive(Debug, Clone, Copy)]
enum Origin {
    /// They stand in the file, the first one at this place.
    File(usize),
    /// They come from a definition that is used there.
    Used(Span),
}

impl Origin {
    fn shifted(self, by: usize) -> Self {
        match self {
            Self::File(place) => Self::File(place + by),
            Self::Used(span) => Self::Used(span),
        }
    }

    fn span(self, range: Range<usize>) -> Span {
        match self {
            Self::File(place) => Span::new(place + range.start, place + range.end),
            Self::Used(span) => span,
        }
    }
}

impl<'a> Line<'a> {
    /// A line of a file; its first character stands at `place`.
    pub(super) fn of_file(text: &'a str, place: usize) -> Self {
        let origin = Origin::File(place);
        let pieces = vec![Piece { from: 0, origin }];
        Self {
            text: Cow::Borrowed(text),
            pieces,
        }
    }

    /// A line of a definition that is used at `span`.
    pub(super) fn of_definition(text: &'a str, span: Span) -> Self {
        let origin = Origin::Used(span);
        let pieces = vec![Piece { from: 0, origin }];
        Self {
            text: Cow::Borrowed(text),
            pieces,
        }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Where these bytes came from.
    pub(super) fn span(&self, range: Range<usize>) -> Span {
        let of = |range: Range<usize>| {
            let piece = self.piece(range.start);
            let within = range.start - piece.from..range.end - piece.from;
            piece.origin.span(within)
        };
        let last = range.end.saturating_sub(1).max(range.start);
        of(range.start..range.start.max(last)).through(of(last..range.end))
    }

    fn piece(&self, offset: usize) -> Piece {
        let behind = self.pieces.partition_point(|piece| piece.from <= offset);
        let piece = self.pieces.get(behind.saturating_sub(1)).copied();
        // The first piece begins at 0.
        piece.unwrap_or(Piece {
            from: 0,
            origin: Origin::File(0),
        })
    }

    /// Only these bytes of it.
    pub(super) fn part(&self, range: Range<usize>) -> Self {
        let first = self.piece(range.start);
        let begin = Piece {
            from: 0,
            origin: first.origin.shifted(range.start - first.from),
        };
        let within = |piece: &&Piece| range.start < piece.from && piece.from < range.end;
        let others = self.pieces.iter().filter(within).map(|piece| Piece {
            from: piece.from - range.start,
            ..*piece
        });
        let pieces = std::iter::once(begin).chain(others).collect();
        let text = match &self.text {
            Cow::Borrowed(text) => Cow::Borrowed(text.get(range).unwrap_or_default()),
            Cow::Owned(text) => Cow::Owned(text.get(range).unwrap_or_default().to_owned()),
        };
        Self { text, pieces }
    }

    /// Without blanks at its beginning and its end.
    pub(super) fn trimmed(&self) -> Self {
        let text = self.text();
        let begin = text.len() - text.trim_ascii_start().len();
        self.part(begin..begin + text.trim_ascii().len())
    }

    /// With `value` instead of the use of a definition that stands there.
    pub(super) fn replaced(&self, used: Range<usize>, value: &str) -> Self {
        let (before, after) = (
            self.part(0..used.start),
            self.part(used.end..self.text.len()),
        );
        let mut pieces = before.pieces;
        let mut push = |piece: Piece| {
            pieces.retain(|known| known.from < piece.from);
            pieces.push(piece);
        };
        let behind = used.start + value.len();
        push(Piece {
            from: used.start,
            origin: Origin::Used(self.span(used)),
        });
        for piece in after.pieces {
            push(Piece {
                from: piece.from + behind,
                ..piece
            });
        }
        let text = Cow::Owned(format!("{}{value}{}", before.text, after.text));
        Self { text, pieces }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_a_line_is_a_place_in_the_file() {
        let line = Line::of_file("  weight 10", 100).trimmed();
        assert_eq!(line.text(), "weight 10");
        assert_eq!(line.span(0..6), Span::new(102, 108));
        assert_eq!(line.span(7..9), Span::new(109, 111));
        assert_eq!(line.part(7..9).span(0..2), Span::new(109, 111));
    }

    #[test]
    fn what_comes_from_a_definition_stands_where_it_is_used() {
        let line = Line::of_file("weight ${A} 5", 100);
        let line = line.replaced(7..11, "1234567890");
        assert_eq!(line.text(), "weight 1234567890 5");
        assert_eq!(line.span(0..6), Span::new(100, 106));
        assert_eq!(line.span(7..17), Span::new(107, 111));
        assert_eq!(line.span(18..19), Span::new(112, 113));
        let again = line.replaced(9..11, "");
        assert_eq!(again.text(), "weight 12567890 5");
        assert_eq!(again.span(7..8), Span::new(107, 111));
        assert_eq!(again.span(16..17), Span::new(112, 113));
    }
}
