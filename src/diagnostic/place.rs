// SPDX-License-Identifier: MIT OR Apache-2.0
//! A place as people and editors write it.

use std::fmt;
use std::ops::Range;

use serde::Serialize;

use super::source::{Position, SourceMap, Span};

/// A range of a text, by line and column. Displayed, it is `FILE:LINE:COLUMN` of its start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The name of the text.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// The line of its end.
    pub end_line: usize,
    /// The column behind its last character.
    pub end_column: usize,
    /// Its bytes within the text.
    pub bytes: Range<usize>,
}

impl Place {
    /// Where a span lies.
    #[must_use]
    pub fn new(sources: &SourceMap, span: Span) -> Self {
        let Some((file, bytes)) = sources.locate(span) else {
            return Self::nowhere();
        };
        let Position { line, column } = sources.position(file, bytes.start);
        let end = if bytes.is_empty() {
            Position { line, column }
        } else {
            sources.position(file, bytes.end)
        };
        Self {
            file: sources.name(file).to_owned(),
            line,
            column,
            end_line: end.line,
            end_column: end.column,
            bytes,
        }
    }

    /// The start of no text.
    const fn nowhere() -> Self {
        Self {
            file: String::new(),
            line: 1,
            column: 1,
            end_line: 1,
            end_column: 1,
            bytes: 0..0,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}
