// SPDX-License-Identifier: MIT OR Apache-2.0
//! The lines of `ldirectord.cf`: what stands at the top, and what is indented below a virtual service.

use std::mem;

use super::keyword::Keyword;
use crate::diagnostic::{FileId, Finding, Findings, Fix, Replacement, Shown, SourceMap, Span};
use crate::import::pasted::plain;

/// So many blanks make a line part of a virtual service; a tab counts as that many.
const INDENT: usize = 4;
/// A file with more unknown keywords is of another kind.
const MOST_UNKNOWN: usize = 100;

/// `KEYWORD = VALUE`.
#[derive(Debug)]
pub(super) struct Directive {
    pub(super) keyword: &'static Keyword,
    /// Without the blanks around it, and without a comment.
    pub(super) value: String,
    /// Where the value is.
    pub(super) at: Span,
    /// Where all of it is.
    pub(super) whole: Span,
    /// Comments in the lines above.
    pub(super) before: Vec<String>,
    /// A comment behind it.
    pub(super) behind: Option<String>,
}

/// A virtual service.
#[derive(Debug)]
pub(super) struct Block {
    /// `virtual = ...`
    pub(super) head: Directive,
    pub(super) body: Vec<Directive>,
}

/// The whole file.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) top: Vec<Directive>,
    pub(super) blocks: Vec<Block>,
    /// How many lines of comments follow the last directive, and the first of them.
    pub(super) rest: Option<(usize, Span)>,
}

/// The last of the directives with this name: ldirectord takes that one.
pub(super) fn last<'d>(directives: &'d [Directive], name: &str) -> Option<&'d Directive> {
    directives.iter().rev().find(|it| it.keyword.name == name)
}

impl Lines {
    /// Reads the text, and says what is wrong with its lines.
    pub(super) fn read(sources: &SourceMap, file: FileId, out: &mut Findings) -> Self {
        let text = plain(sources, file, out);
        let mut reader = Reader {
            lines: Self::default(),
            comments: Vec::new(),
            comment: None,
            empty: None,
            unknown: 0,
            out,
        };
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            let span = sources.span(file, at..at + line.len());
            if reader.unknown > MOST_UNKNOWN {
                let finding = Finding::new(span, "so many unknown keywords: the rest is not read");
                reader.out.push(finding);
                break;
            }
            reader.line(line, span);
            at += line.len();
        }
        let count = reader.comments.len();
        reader.lines.rest = reader.comment.map(|span| (count, span));
        reader.lines
    }
}

struct Reader<'o> {
    lines: Lines,
    comments: Vec<String>,
    /// Where the first of them is.
    comment: Option<Span>,
    /// The empty line that has ended a virtual service.
    empty: Option<Span>,
    /// How many keywords were unknown.
    unknown: usize,
    out: &'o mut Findings,
}

/// A part of a line, by bytes from the start of the line.
fn part(line: Span, start: usize, length: usize) -> Span {
    let start = line.start() + start;
    Span::new(start, start + length)
}

impl Reader<'_> {
    fn line(&mut self, line: &str, span: Span) {
        let text = line.trim();
        if text.is_empty() {
            let in_service = !self.lines.blocks.is_empty();
            if in_service {
                self.empty.get_or_insert(span);
            }
        } else if let Some(comment) = text.strip_prefix('#') {
            self.comment.get_or_insert(span);
            self.comments.push(comment.trim().to_owned());
        } else {
            let start = line.len() - line.trim_start().len();
            let blanks = line.get(..start).unwrap_or_default();
            let indent: usize = blanks
                .chars()
                .map(|c| if c == '\t' { INDENT } else { 1 })
                .sum();
            self.directive(text, span, start, indent);
        }
    }

    fn directive(&mut self, text: &str, span: Span, start: usize, indent: usize) {
        let in_service = indent > 0 && !self.lines.blocks.is_empty();
        let (text, behind) = split_comment(text, in_service);
        let name = text
            .split(|c: char| c.is_whitespace() || c == '=')
            .next()
            .unwrap_or_default();
        let at = part(span, start, name.len());
        let whole = part(span, start, text.len());
        self.check_indent(span, start, indent);
        let Some(keyword) = Keyword::find(name) else {
            self.out.push(Keyword::unknown(name, at));
            self.unknown += 1;
            return;
        };
        if let Some(finding) = keyword.misplaced(in_service, at) {
            self.out.push(finding);
            return;
        }
        if let Some(finding) = keyword.farewell(at) {
            self.out.push(finding);
        }
        let rest = text.get(name.len()..).unwrap_or_default();
        let Some(value) = rest.trim_start().strip_prefix('=') else {
            if name != "supervised" {
                let finding = Finding::new(whole, format!("{name} needs = and a value"));
                self.out.push(finding);
            }
            return;
        };
        let value = value.trim();
        let place = part(span, start + text.len() - value.len(), value.len());
        if behind.is_some() && value.matches('"').count() % 2 == 1 {
            let finding = Finding::new(whole, "ldirectord cuts the line at #, also in quotes");
            self.out
                .push(finding.help("leave out what begins with #: a request never sends it"));
            return;
        }
        self.comment = None;
        let directive = Directive {
            keyword,
            value: value.to_owned(),
            at: place,
            whole,
            before: mem::take(&mut self.comments),
            behind,
        };
        self.keep(directive, in_service);
    }

    fn keep(&mut self, directive: Directive, in_service: bool) {
        let name = directive.keyword.name;
        let is_head = matches!(name, "virtual" | "virtual6");
        let beside = match self.lines.blocks.last_mut() {
            Some(block) if in_service => &mut block.body,
            _ => &mut self.lines.top,
        };
        if is_head {
            self.empty = None;
            let body = Vec::new();
            let head = directive;
            self.lines.blocks.push(Block { head, body });
            return;
        }
        let several = ["real", "real6", "execute"];
        if let Some(first) = last(beside, name).filter(|_| !several.contains(&name)) {
            let message = format!("{name} stands here twice, and the last one counts");
            let finding = Finding::warning(directive.whole, message);
            self.out.push(finding.first(first.whole));
        }
        beside.push(directive);
    }

    /// Says when ldirectord would take the line for something else.
    fn check_indent(&mut self, span: Span, start: usize, indent: usize) {
        let place = part(span, 0, start);
        let in_service = !self.lines.blocks.is_empty();
        if indent == 0 {
            return;
        }
        if !in_service {
            let finding = Finding::new(place, "only lines of a virtual service are indented");
            self.out.push(finding.fix(Fix::replace(place, "")));
        } else if indent < INDENT {
            let finding = Finding::new(
                place,
                format!(
                    "{indent} blanks are too few: ldirectord takes this for no part of the virtual service"
                ),
            );
            let fix = Fix::new(
                "indent the line by a tab",
                vec![Replacement {
                    span: place,
                    text: "\t".to_owned(),
                }],
            );
            self.out
                .push(finding.help("write a tab, or four blanks").fix(fix));
        } else if let Some(empty) = self.empty.take() {
            let finding = Finding::new(
                part(span, start, 1),
                "an empty line has ended the virtual service above",
            );
            let fix = Fix::new(
                "remove the empty line",
                vec![Replacement {
                    span: empty,
                    text: String::new(),
                }],
            );
            self.out
                .push(finding.help("leave the empty line out").fix(fix));
        }
    }
}

/// The text without a comment, and the comment.
fn split_comment(text: &str, in_service: bool) -> (&str, Option<String>) {
    // At the top ldirectord knows no such comments, and a value may have the sign.
    let at = if in_service {
        text.find('#')
    } else {
        text.find(" #").map(|at| at + 1)
    };
    let Some(at) = at else {
        return (text, None);
    };
    let (text, comment) = text.split_at(at);
    let comment = comment.trim_start_matches('#').trim();
    (
        text.trim_end(),
        (!comment.is_empty()).then(|| comment.to_owned()),
    )
}

impl Directive {
    /// What stands in quotes; one without quotes as it is, if that is allowed.
    pub(super) fn text(&self, needs_quotes: bool, out: &mut Findings) -> Option<&str> {
        let inner = self.value.strip_prefix('"');
        let inner = inner.and_then(|inner| inner.strip_suffix('"'));
        match inner {
            Some(inner) => Some(inner),
            None if !needs_quotes && !self.value.contains('"') => Some(&self.value),
            None => {
                let name = self.keyword.name;
                let finding = Finding::new(self.at, format!("{name} needs its value in quotes"));
                let clean = !self.value.contains('"') && !self.value.is_empty();
                let fix = clean.then(|| Fix::replace(self.at, format!("\"{}\"", self.value)));
                out.push(finding.fix(fix));
                None
            }
        }
    }

    /// A number of at least `lowest`; ldirectord takes the first digits of whatever is there.
    pub(super) fn number(&self, lowest: u32, out: &mut Findings) -> Option<u32> {
        let name = self.keyword.name;
        let start = self.value.find(|c: char| c.is_ascii_digit());
        let digits = start.and_then(|start| self.value.get(start..));
        let digits = digits.unwrap_or_default();
        let end = digits.find(|c: char| !c.is_ascii_digit());
        let digits = digits
            .get(..end.unwrap_or(digits.len()))
            .unwrap_or_default();
        let Some(number) = digits.parse().ok().filter(|number| *number >= lowest) else {
            let value = Shown(&self.value);
            let message = format!("{name} must be a number of at least {lowest}, got \"{value}\"");
            out.error(self.at, message);
            return None;
        };
        if digits != self.value {
            let message = format!("ldirectord reads only the number {number} of this");
            out.push(Finding::warning(self.at, message));
        }
        Some(number)
    }

    /// `yes` or `no`.
    pub(super) fn switch(&self, out: &mut Findings) -> Option<bool> {
        match self.value.as_str() {
            "yes" => Some(true),
            "no" => Some(false),
            other => {
                let name = self.keyword.name;
                let message = format!("{name} must be yes or no, got \"{}\"", Shown(other));
                out.error(self.at, message);
                None
            }
        }
    }
}
