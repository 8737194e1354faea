// SPDX-License-Identifier: MIT OR Apache-2.0
//! Statements from words and braces. The braces alone make the tree: a block that nobody knows is one statement, and what
//! follows it stays where it is.

use super::lexer::Token;
use super::secret;
use crate::diagnostic::{Finding, Findings, Span};
use crate::import::statement::{Remarks, Statement, Word};

/// Blocks in blocks; what is deeper is no configuration.
const DEEPEST: usize = 64;
/// More statements than any file that people have.
const MOST: usize = 1_000_000;

/// A file as a tree.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// The comments at the top, which belong to the file.
    pub(super) head: Vec<Box<str>>,
    /// What stands at the root.
    pub(super) statements: Vec<Statement>,
    /// The comments behind everything.
    pub(super) tail: Vec<Box<str>>,
}

/// A block that is open.
#[derive(Debug)]
struct Frame {
    header: Statement,
    children: Vec<Statement>,
}

/// Takes lines, and gives a tree.
#[derive(Debug, Default)]
pub(super) struct Builder {
    tree: Tree,
    frames: Vec<Frame>,
    /// The last statement: a brace may follow in the next line.
    pending: Option<Statement>,
    /// Comments that wait for their statement.
    comments: Vec<Box<str>>,
    /// How many blocks are open below the deepest one that is kept.
    too_deep: usize,
    count: usize,
}

/// What a comment behind the tokens of a line belongs to.
enum Last {
    Nothing,
    Pending,
    Opened,
    Closed,
}

impl Builder {
    /// Takes a line without words.
    pub(super) fn blank(&mut self, comment: Option<&str>) {
        if let Some(comment) = comment {
            self.comments.push(comment.into());
        } else if self.count == 0 {
            self.tree.head.append(&mut self.comments);
        }
    }

    /// Takes the words and braces of a line.
    pub(super) fn line(&mut self, tokens: Vec<Token>, comment: Option<&str>, out: &mut Findings) {
        let (mut words, mut last) = (Vec::new(), Last::Nothing);
        for token in tokens {
            match token {
                Token::Word(word) => words.push(word),
                Token::Open(span) => {
                    self.start(&mut words, out);
                    self.open(span, out);
                    last = Last::Opened;
                }
                Token::Close(span) => {
                    self.start(&mut words, out);
                    self.close(span, out);
                    last = Last::Closed;
                }
            }
        }
        if self.start(&mut words, out) {
            last = Last::Pending;
        }
        if let Some(comment) = comment {
            self.remark(&last, comment);
        }
    }

    fn remark(&mut self, last: &Last, comment: &str) {
        let statement = match last {
            Last::Nothing => None,
            Last::Pending => self.pending.as_mut(),
            Last::Opened => self.frames.last_mut().map(|frame| &mut frame.header),
            Last::Closed => self.siblings().last_mut(),
        };
        match statement.map(|it| &mut it.remarks.behind) {
            Some(behind @ None) => *behind = Some(comment.into()),
            Some(Some(known)) => *known = format!("{known}; {comment}").into(),
            None => self.comments.push(comment.into()),
        }
    }

    /// Begins a statement with these words; `false` when there are none.
    fn start(&mut self, words: &mut Vec<Word>, out: &mut Findings) -> bool {
        let words = std::mem::take(words);
        if words.is_empty() {
            return false;
        }
        self.flush();
        if self.too_deep > 0 {
            return false;
        }
        self.count += 1;
        let around = self.frames.last().map(|it| &*it.header.keyword.text);
        secret::conceal(around, &words, out);
        let mut words = words.into_iter();
        let Some(keyword) = words.next() else {
            return false;
        };
        if self.count > MOST {
            if self.count == MOST + 1 {
                out.error(keyword.span, format!("more than {MOST} statements"));
            }
            return false;
        }
        self.pending = Some(Statement {
            keyword,
            words: words.collect(),
            block: None,
            remarks: Remarks {
                before: std::mem::take(&mut self.comments),
                behind: None,
            },
        });
        true
    }

    fn siblings(&mut self) -> &mut Vec<Statement> {
        match self.frames.last_mut() {
            Some(frame) => &mut frame.children,
            None => &mut self.tree.statements,
        }
    }

    fn flush(&mut self) {
        if let Some(statement) = self.pending.take() {
            self.siblings().push(statement);
        }
    }

    fn open(&mut self, span: Span, out: &mut Findings) {
        if self.too_deep > 0 || self.frames.len() >= DEEPEST {
            if self.too_deep == 0 {
                out.error(span, format!("more than {DEEPEST} blocks in each other"));
            }
            self.too_deep += 1;
            return;
        }
        let header = self.pending.take().unwrap_or_else(|| {
            out.push(Finding::new(span, "a block without a keyword").help("nothing in it is read"));
            nameless(span)
        });
        self.frames.push(Frame {
            header,
            children: Vec::new(),
        });
    }

    fn close(&mut self, span: Span, out: &mut Findings) {
        self.flush();
        if self.too_deep > 0 {
            self.too_deep -= 1;
            return;
        }
        let Some(mut frame) = self.frames.pop() else {
            let finding = Finding::new(span, "this brace closes nothing");
            out.push(finding.help("remove it, or look for a brace too many above"));
            return;
        };
        frame.header.remarks.before.append(&mut self.comments);
        self.end(frame);
    }

    fn end(&mut self, frame: Frame) {
        let statement = Statement {
            block: Some(frame.children),
            ..frame.header
        };
        self.siblings().push(statement);
    }

    /// The tree, with what was left open closed.
    pub(super) fn finish(mut self, out: &mut Findings) -> Tree {
        self.flush();
        if let Some(frame) = self.frames.first() {
            let finding = Finding::new(frame.header.span(), "this block is not closed");
            let inner = self.frames.last().filter(|_| self.frames.len() > 1);
            let finding = match inner {
                Some(inner) => {
                    finding.label(inner.header.span(), "and this one in it is not either")
                }
                None => finding,
            };
            out.push(finding.help("write the brace that is missing"));
        }
        while let Some(frame) = self.frames.pop() {
            self.end(frame);
        }
        self.tree.tail.append(&mut self.comments);
        self.tree
    }
}

/// What stands before a block that has no keyword.
fn nameless(span: Span) -> Statement {
    Statement {
        keyword: Word {
            span,
            text: "".into(),
            quoted: true,
        },
        words: Vec::new(),
        block: None,
        remarks: Remarks::default(),
    }
}
