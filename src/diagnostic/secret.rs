// SPDX-License-Identifier: MIT OR Apache-2.0
//! What nobody may read in a diagnostic: the lines of secrets, and the secrets themselves.

use std::ops::Range;

use super::excerpt::Excerpt;
use super::finding::Shown;
use super::source::{SourceMap, Span, line};

/// So many texts are taken out of what is said about one line.
const MOST: usize = 64;

/// Whether a line looks like that of a secret: for what no reader has marked.
pub type IsSecret = fn(&str) -> bool;

/// The places of secrets, as a reader finds them.
#[derive(Debug, Default)]
pub(super) struct Concealed {
    /// Lines.
    spans: Vec<Span>,
    /// Texts of which no word is shown.
    wholes: Vec<Span>,
    /// Secrets, each with the place where it is used.
    texts: Vec<(Span, Box<str>)>,
}

impl Concealed {
    /// Adds a place whose lines are shown nowhere.
    pub(super) fn add(&mut self, span: Span) {
        match self.spans.last_mut() {
            // Line after line is one place.
            Some(last) if last.start() <= span.start() && span.start() <= last.end() + 1 => {
                *last = last.through(span);
            }
            Some(_) | None => self.spans.push(span),
        }
    }

    /// Adds a text of which nothing is shown.
    pub(super) fn add_whole(&mut self, span: Span) {
        self.add(span);
        self.wholes.push(span);
    }

    /// Adds a text that is said nowhere about the line of its place.
    pub(super) fn add_text(&mut self, span: Span, text: &str) {
        self.add(span);
        if !text.is_empty() {
            self.texts.push((span, text.into()));
        }
    }

    /// In the order of the texts, without overlaps.
    pub(super) fn sorted(mut self) -> Self {
        self.spans.sort_unstable();
        let spans = std::mem::take(&mut self.spans);
        for span in spans {
            self.add(span);
        }
        self.texts.sort_unstable();
        self
    }

    /// What is concealed of the line with this place; `None` when all of it may be shown. [`Self::sorted`] comes first.
    pub(super) fn of(
        &self,
        sources: &SourceMap,
        span: Span,
        looks_secret: IsSecret,
    ) -> Option<Hidden> {
        let (file, range) = sources.locate(span)?;
        let text = sources.text(file);
        let line = line(&text, range.start);
        let place = line_span(sources, &text, span, line);
        let behind = self.spans.partition_point(|it| it.end() < place.start());
        let known = self.spans.get(behind);
        if known.is_none_or(|it| it.start() > place.end()) && !looks_secret(line) {
            return None;
        }
        let mut words: Vec<Box<str>> = self.texts_in(place).collect();
        let is_separator = |c: char| c.is_whitespace() || "=\"'".contains(c);
        // Nothing says what stands in a comment.
        let code = line.split(" #").next().unwrap_or_default();
        let mut own = code.split(is_separator).filter(|word| !word.is_empty());
        let is_whole = self.wholes.iter().any(|it| it.contains(place));
        let first = own
            .next()
            .filter(|first| !is_whole && !words.iter().any(|hidden| first.contains(&**hidden)));
        let first = first.map(str::to_owned);
        if first.is_none() {
            words.extend(line.split(is_separator).next().map(Into::into));
        }
        let others = own.filter(|word| word.len() > 1);
        words.extend(others.take(MOST).map(Into::into));
        Some(Hidden { first, words })
    }

    fn texts_in(&self, place: Span) -> impl Iterator<Item = Box<str>> {
        let from = self.texts.partition_point(|(at, _)| *at < place);
        let from = from.saturating_sub(1);
        let within = move |(at, _): &&(Span, Box<str>)| {
            place.start() <= at.start() && at.start() <= place.end()
        };
        let texts = self.texts.iter().skip(from);
        let texts = texts.take_while(move |(at, _)| at.start() <= place.end());
        texts
            .filter(within)
            .take(MOST)
            .map(|(_, text)| text.clone())
    }
}

/// The place of the line in which a place begins.
fn line_span(sources: &SourceMap, text: &str, span: Span, line: &str) -> Span {
    let Some((_, Range { start, .. })) = sources.locate(span) else {
        return span;
    };
    let begin = text.get(..start).and_then(|before| before.rfind('\n'));
    let into = start - begin.map_or(0, |feed| feed + 1);
    let first = span.start().saturating_sub(into);
    Span::new(first, first + line.len())
}

/// What is concealed of one line.
#[derive(Debug)]
pub(super) struct Hidden {
    /// Its first word, if that may be shown.
    first: Option<String>,
    words: Vec<Box<str>>,
}

impl Hidden {
    /// What of the line may be shown: its first word, or nothing.
    pub(super) fn excerpt(&self) -> Excerpt {
        match &self.first {
            Some(first) => Excerpt::new(first, &(0..first.len())),
            None => Excerpt::nothing(),
        }
    }

    /// A text without what is concealed.
    pub(super) fn without(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for hidden in &self.words {
            let shown = Shown(hidden).to_string();
            let shown = shown.strip_suffix("...").unwrap_or(&shown);
            if !shown.is_empty() && text.contains(shown) {
                text = without_word(&text, shown);
            }
        }
        text
    }
}

/// The text without this word. A part of a longer word is none.
fn without_word(text: &str, hidden: &str) -> String {
    let (mut left, mut copied) = (String::new(), 0);
    for (at, _) in text.match_indices(hidden) {
        let end = at + hidden.len();
        let (before, behind) = (text.get(..at), text.get(end..));
        let is_part = before.is_some_and(|it| it.ends_with(char::is_alphanumeric))
            || behind.is_some_and(|it| it.starts_with(char::is_alphanumeric));
        if !is_part {
            left.push_str(text.get(copied..at).unwrap_or_default());
            left.push_str("...");
            copied = end;
        }
    }
    left.push_str(text.get(copied..).unwrap_or_default());
    left
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Diagnostics, Finding, Findings, Fix};

    #[test]
    fn what_is_concealed_is_in_no_part_of_a_diagnostic() {
        let sources = SourceMap::of("a.conf", "send S3cr3t $P\nother S3cr3t\n");
        let mut out = Findings::default();
        let line = Span::new(0, 14);
        out.conceal(line);
        out.conceal_text(Span::new(12, 14), "S3cr3tBehind");
        let finding = Finding::new(Span::new(5, 11), "it sends S3cr3t, (S3cr3tBehind)");
        let fix = Fix::replace(Span::new(5, 11), "S3cr3t");
        let finding = finding.help("not S3cr3t".to_owned()).fix(fix);
        out.push(finding.label(line, "S3cr3t"));
        let said = Diagnostics::new(&sources, out);
        let json = serde_json::to_string(&said).unwrap();
        for text in [said.to_string(), json] {
            assert!(!text.contains("S3cr3t"), "{text}");
        }
        assert!(said.to_string().contains("it sends ..., (...)"), "{said}");
    }
}
