// SPDX-License-Identifier: MIT OR Apache-2.0
//! A text of another program as a tree: words, what stands in braces behind them, and comments.

use crate::diagnostic::Span;

/// One word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    /// Where it stands, its quotes included. A word that comes from a definition stands where the definition is used.
    pub(crate) span: Span,
    /// What it says, without quotes and escapes.
    pub(crate) text: Box<str>,
    /// Whether it stands in quotes: then it is no keyword.
    pub(crate) quoted: bool,
}

/// What people have written beside a statement, without the signs that begin a comment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Remarks {
    /// In the lines above.
    pub(crate) before: Vec<Box<str>>,
    /// Behind it in the same line.
    pub(crate) behind: Option<Box<str>>,
}

/// A keyword with what follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Statement {
    /// The keyword.
    pub(crate) keyword: Word,
    /// The words behind it.
    pub(crate) words: Vec<Word>,
    /// What stands in its braces, or in its section; `None` without braces.
    pub(crate) block: Option<Vec<Statement>>,
    pub(crate) remarks: Remarks,
}

impl Statement {
    /// From the keyword to the last word behind it, without the block.
    pub(crate) fn span(&self) -> Span {
        let last = self.words.last().map_or(self.keyword.span, |it| it.span);
        self.keyword.span.through(last)
    }
}
