// SPDX-License-Identifier: MIT OR Apache-2.0
//! YAML as a small tree in which every value knows its place. Only this file knows the YAML library.
//!
//! Aliases share the value that they refer to, but each counts in full: a small file cannot grow into a huge tree.

use std::collections::HashMap;
use std::rc::Rc;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError};

use super::tree::{Entry, Node, Text, Value};
use crate::diagnostic::{Finding, Findings, Shown, Span, Wrong, line, position};

/// How deep lists and maps may be nested.
const MAX_DEPTH: usize = 64;
/// How many values a file may have, including those that aliases repeat.
pub(super) const MAX_NODES: usize = 1_000_000;

const QUOTES: &str = "an IPv6 address with a port needs quotes: \"[2001:db8::1]:5672\"";

/// The one document of a text.
pub(super) struct Document<'a> {
    /// `None` when there is no document.
    pub(super) root: Option<Node<'a>>,
    /// How many values it has, those of aliases included.
    pub(super) nodes: usize,
    /// Whether a value has an anchor: one place of the text can then stand for another one.
    pub(super) anchors: bool,
}

/// Reads the one document in `text`. Duplicate keys are reported and left out.
pub(super) fn compose<'a>(text: &'a str, out: &mut Findings) -> Result<Document<'a>, Wrong> {
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    if let Some(finding) = not_text(text) {
        out.push(finding);
        return Err(Wrong);
    }
    let mut composer = Composer {
        offsets: Offsets {
            text,
            skipped: text.len() - body.len(),
            ascii: body.is_ascii(),
            index: 0,
            offset: text.len() - body.len(),
        },
        open: Vec::new(),
        anchors: HashMap::new(),
        nodes: 0,
        documents: 0,
        root: None,
    };
    for event in Parser::new_from_str(body) {
        let step = match event {
            Ok((event, span)) => composer.take(event, span, out),
            Err(error) => Err(composer.syntax_error(&error)),
        };
        if let Err(finding) = step {
            out.push(finding);
            return Err(Wrong);
        }
    }
    Ok(Document {
        root: composer.root,
        nodes: composer.nodes,
        anchors: !composer.anchors.is_empty(),
    })
}

/// The first character that a YAML file may not have. The library takes a NUL for the end of the file.
fn not_text(text: &str) -> Option<Finding> {
    let forbidden = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}');
    let (at, character) = text.char_indices().find(|&(_, c)| forbidden(c))?;
    let name = match character {
        '\0' => "a NUL byte".to_owned(),
        other => format!("the control character U+{:04X}", u32::from(other)),
    };
    let message = format!("not YAML: {name} is not allowed in a text file");
    let help = "remove it; is the file damaged, or not a text?";
    Some(Finding::new(Span::new(at, at), message).help(help))
}

/// From the library's character counts to byte offsets.
struct Offsets<'a> {
    text: &'a str,
    /// The byte order mark, which the library does not see.
    skipped: usize,
    ascii: bool,
    /// The last character looked up, and its byte offset: look-ups come nearly in order.
    index: usize,
    offset: usize,
}

impl Offsets<'_> {
    fn at(&mut self, mark: Marker) -> usize {
        if self.ascii {
            return (self.skipped + mark.index()).min(self.text.len());
        }
        let (before, after) = self.text.split_at(self.offset);
        self.offset = if mark.index() >= self.index {
            let steps = after.char_indices().map(|(at, _)| at);
            let mut steps = steps.skip(mark.index() - self.index);
            steps.next().map_or(self.text.len(), |at| self.offset + at)
        } else {
            let back = self.index - mark.index();
            let found = before.char_indices().nth_back(back - 1);
            found.map_or(self.skipped, |(at, _)| at)
        };
        self.index = mark.index();
        self.offset
    }

    fn span(&mut self, span: saphyr_parser::Span) -> Span {
        let start = self.at(span.start);
        Span::new(start, self.at(span.end))
    }
}

/// A value with what it costs.
#[derive(Clone)]
struct Built<'a> {
    node: Node<'a>,
    /// How many values it is, itself included, aliases counted in full.
    nodes: usize,
    /// How many levels of lists and maps it has.
    height: usize,
}

/// A list or map whose end was not seen yet.
struct Open<'a> {
    span: Span,
    anchor: usize,
    children: Children<'a>,
    nodes: usize,
    height: usize,
}

enum Children<'a> {
    List(Vec<Node<'a>>),
    Map {
        entries: Vec<Entry<'a>>,
        key: Option<(Span, Text<'a>)>,
    },
}

struct Composer<'a> {
    offsets: Offsets<'a>,
    open: Vec<Open<'a>>,
    anchors: HashMap<usize, Built<'a>>,
    nodes: usize,
    documents: usize,
    root: Option<Node<'a>>,
}

impl<'a> Composer<'a> {
    fn take(
        &mut self,
        event: Event<'a>,
        span: saphyr_parser::Span,
        out: &mut Findings,
    ) -> Result<(), Finding> {
        let span = self.offsets.span(span);
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) => self.document(span),
            Event::Alias(anchor) => self.alias(anchor, span),
            Event::Scalar(text, style, anchor, tag) => {
                refuse_tag(tag.is_some(), span)?;
                self.scalar(&text, style, anchor, span)
            }
            Event::SequenceStart(anchor, tag) => {
                refuse_tag(tag.is_some(), span)?;
                self.open(Children::List(Vec::new()), anchor, span)
            }
            Event::MappingStart(anchor, tag) => {
                refuse_tag(tag.is_some(), span)?;
                let entries = Vec::new();
                self.open(Children::Map { entries, key: None }, anchor, span)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(out),
        }
    }

    fn document(&mut self, span: Span) -> Result<(), Finding> {
        self.documents += 1;
        if self.documents == 1 {
            return Ok(());
        }
        Err(Finding::new(span, "a second document starts here")
            .help("a file must be one document: remove the ---"))
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        mut span: Span,
    ) -> Result<(), Finding> {
        let source = self.offsets.text;
        let plain = style == ScalarStyle::Plain;
        let start = span.start() + usize::from(!plain);
        let found = source.get(start..start + text.len());
        let text = match found.filter(|found| *found == text) {
            Some(found) => Text::Source(found),
            None => Text::Own(text.into()),
        };
        if text.is_empty() && plain {
            span = Span::new(span.start(), span.start());
        } else if plain && let Text::Source(text) = text {
            span = Span::new(start, start + text.len());
        }
        let node = Node {
            span,
            value: Value::Scalar { text, plain },
        };
        self.built(
            Built {
                node,
                nodes: 1,
                height: 0,
            },
            anchor,
        )
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<(), Finding> {
        let Some(mut built) = self.anchors.get(&anchor).cloned() else {
            return Err(Finding::new(span, "this alias contains itself")
                .help("an alias can only repeat what ended before it"));
        };
        if self.open.len() + built.height > MAX_DEPTH {
            return Err(too_deep(span));
        }
        if let Value::Scalar { text, .. } = &mut built.node.value {
            *text = text.repeated();
        }
        self.built(built, 0).map_err(|finding| finding.at(span))
    }

    fn open(&mut self, children: Children<'a>, anchor: usize, span: Span) -> Result<(), Finding> {
        if self.open.len() >= MAX_DEPTH {
            return Err(too_deep(span));
        }
        self.open.push(Open {
            span,
            anchor,
            children,
            nodes: 1,
            height: 1,
        });
        Ok(())
    }

    fn close(&mut self, out: &mut Findings) -> Result<(), Finding> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let mut span = open.span;
        let mut reach = |last: Option<&Node<'a>>| {
            span = last.map_or(span, |node| span.through(node.span));
        };
        let value = match open.children {
            Children::List(nodes) => {
                reach(nodes.last());
                Value::List(nodes.into())
            }
            Children::Map { mut entries, .. } => {
                reach(entries.last().map(|entry| &entry.value));
                refuse_duplicates(&mut entries, out);
                Value::Map(entries.into())
            }
        };
        // The nodes within were counted when they were built.
        self.nodes -= open.nodes - 1;
        let built = Built {
            node: Node { span, value },
            nodes: open.nodes,
            height: open.height,
        };
        self.built(built, open.anchor)
    }

    /// Puts a finished value where it belongs.
    fn built(&mut self, built: Built<'a>, anchor: usize) -> Result<(), Finding> {
        self.nodes = self.nodes.saturating_add(built.nodes);
        if self.nodes > MAX_NODES {
            let message = format!("more than {MAX_NODES} values, those of aliases included");
            let help = "write fewer virtual services per file, or fewer aliases of aliases";
            return Err(Finding::new(built.node.span, message).help(help));
        }
        if anchor != 0 {
            self.anchors.insert(anchor, built.clone());
        }
        let Some(parent) = self.open.last_mut() else {
            self.root = Some(built.node);
            return Ok(());
        };
        parent.nodes = parent.nodes.saturating_add(built.nodes);
        parent.height = parent.height.max(built.height + 1);
        match &mut parent.children {
            Children::List(nodes) => nodes.push(built.node),
            Children::Map { entries, key } => match key.take() {
                None => *key = Some(as_key(built.node)?),
                Some((span, key)) => entries.push(entry(span, key, built.node)),
            },
        }
        Ok(())
    }

    fn syntax_error(&mut self, error: &ScanError) -> Finding {
        let text = self.offsets.text;
        let mut at = self.offsets.at(*error.marker());
        let tabs = error.info().contains("tab");
        if tabs && let Some(tab) = text.get(at..).and_then(|rest| rest.find('\t')) {
            at += tab;
        }
        let finding = Finding::new(Span::new(at, at), format!("not YAML: {}", error.info()));
        let opened = self.open.last().map_or(0, |open| open.span.start());
        let bracket = text.get(opened..).and_then(|rest| rest.chars().next());
        let line = line(text, at);
        if line.contains('[') && line.contains("]:") {
            finding.help(QUOTES)
        } else if tabs {
            finding.help("indent with spaces: YAML allows no tabs there")
        } else if let Some(bracket @ ('[' | '{')) = bracket {
            let line = position(text, opened).line;
            finding.help(format!("the {bracket} of line {line} may not be closed"))
        } else {
            finding.help("look at the indentation here and on the line before")
        }
    }
}

fn too_deep(span: Span) -> Finding {
    Finding::new(span, format!("nested deeper than {MAX_DEPTH} levels"))
        .help("no key needs more than seven levels")
}

fn refuse_tag(tagged: bool, span: Span) -> Result<(), Finding> {
    if tagged {
        return Err(Finding::new(span, "YAML tags have no meaning here").help("remove the !tag"));
    }
    Ok(())
}

fn as_key(node: Node<'_>) -> Result<(Span, Text<'_>), Finding> {
    match node.value {
        Value::Scalar { text, .. } => Ok((node.span, text)),
        Value::List(_) | Value::Map(_) => {
            Err(Finding::new(node.span, "a key must be one word").help(QUOTES))
        }
    }
}

fn entry<'a>(span: Span, key: Text<'a>, mut value: Node<'a>) -> Entry<'a> {
    if value.span.is_empty() {
        value.span = span;
    }
    Entry { span, key, value }
}

fn refuse_duplicates(entries: &mut Vec<Entry<'_>>, out: &mut Findings) {
    let unique = if entries.len() <= 16 {
        let mut rest = entries.as_slice();
        let mut unique = true;
        while let [first, others @ ..] = rest {
            unique &= others.iter().all(|other| *other.key != *first.key);
            rest = others;
        }
        unique
    } else {
        false
    };
    if unique {
        return;
    }
    let mut firsts: HashMap<Rc<str>, Span> = HashMap::with_capacity(entries.len());
    entries.retain(|entry| {
        let Some(first) = firsts.get(&*entry.key) else {
            firsts.insert((&*entry.key).into(), entry.span);
            return true;
        };
        let message = format!("duplicate key \"{}\"", Shown(&entry.key));
        let finding = Finding::new(entry.span, message).help("remove one of them");
        out.push(finding.first(*first));
        false
    });
}
