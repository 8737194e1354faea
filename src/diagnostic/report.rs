// SPDX-License-Identifier: MIT OR Apache-2.0
//! Everything that is found in a text, ready to be shown, serialised or mended.

use std::borrow::Cow;
use std::fmt;

use annotate_snippets::Renderer;
use serde::Serialize;

use super::excerpt::Excerpt;
use super::finding::{Finding, Label, Severity};
use super::findings::Findings;
use super::fix::{Fix, Replacement};
use super::place::Place;
use super::render::render;
use super::secret::{Hidden, IsSecret};
use super::source::{SourceMap, Span};

/// A report shows this many and counts the others.
const SHOWN: usize = 50;
/// At most this many places that include a text are shown, the nearest first.
const SHOWN_INCLUDES: usize = 8;
/// At most this many other places are shown with one finding.
const SHOWN_LABELS: usize = 8;

/// All findings in a text and in the texts that it includes, in order.
///
/// As text, each starts with `FILE:LINE:COLUMN: MESSAGE`, followed by the line, a caret and a help. Serialised, it is a
/// map: `diagnostics` (a list of [`Diagnostic`]), `more` (how many are not shown), `errors` and `warnings` (how many of
/// each are shown).
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostics {
    #[serde(rename = "diagnostics")]
    shown: Vec<Diagnostic>,
    more: usize,
    errors: usize,
    warnings: usize,
    #[serde(skip)]
    has_errors: bool,
    #[serde(skip)]
    fixes: Vec<Fix>,
}

/// One thing that is found, with its place worked out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    severity: Severity,
    #[serde(flatten)]
    place: Place,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<Cow<'static, str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<Note>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    included_from: Vec<Place>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<Correction>,
    #[serde(skip)]
    excerpt: Excerpt,
}

/// Another place that belongs to a diagnostic, and a note about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    /// What.
    pub text: String,
    #[serde(skip)]
    pub(super) excerpt: Excerpt,
}

/// A fix with its places worked out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Correction {
    title: String,
    replacements: Vec<PlacedReplacement>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct PlacedReplacement {
    #[serde(flatten)]
    place: Place,
    text: String,
}

impl Diagnostic {
    /// How bad it is.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        self.severity
    }

    /// Where it is.
    #[must_use]
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// The line, from 1.
    #[must_use]
    pub const fn line(&self) -> usize {
        self.place.line
    }

    /// The column, from 1, in characters.
    #[must_use]
    pub const fn column(&self) -> usize {
        self.place.column
    }

    /// The problem: lower case, no full stop.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What is allowed, or what to do.
    #[must_use]
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// Other places that belong to it, at most 8.
    #[must_use]
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// Where its text is included, the nearest place first, at most 8.
    #[must_use]
    pub fn included_from(&self) -> &[Place] {
        &self.included_from
    }

    pub(super) const fn excerpt(&self) -> &Excerpt {
        &self.excerpt
    }

    /// Without what nobody may read in its line, and in the lines of its notes.
    fn without_secrets(mut self, spans: &Spans, hidden: impl Fn(Span) -> Option<Hidden>) -> Self {
        for (note, span) in self.notes.iter_mut().zip(&spans.labels) {
            if let Some(hidden) = hidden(*span) {
                note.excerpt = hidden.excerpt();
                note.text = hidden.without(&note.text);
            }
        }
        if let Some(hidden) = hidden(spans.own) {
            self.excerpt = hidden.excerpt();
            self.message = hidden.without(&self.message);
            self.help = self.help.map(|help| match help {
                // What is always the same holds nothing of the line.
                Cow::Borrowed(_) => help,
                Cow::Owned(help) => hidden.without(&help).into(),
            });
            self.fix = self.fix.map(|fix| fix.without(|text| hidden.without(text)));
        }
        self
    }

    fn new(sources: &SourceMap, finding: Finding) -> Self {
        let labels = finding.labels.iter().take(SHOWN_LABELS);
        Self {
            severity: finding.severity,
            place: Place::new(sources, finding.span),
            message: message(sources, &finding),
            notes: labels.map(|it| note(sources, it)).collect(),
            included_from: includes(sources, finding.span),
            fix: finding
                .fix
                .as_deref()
                .map(|fix| Correction::new(sources, fix)),
            excerpt: excerpt(sources, finding.span),
            help: finding.help,
        }
    }
}

/// The message, the line of the first of two, what was being read.
fn message(sources: &SourceMap, finding: &Finding) -> String {
    let mut message = finding.message.clone();
    if let Some(first) = finding.first {
        let file = |span| sources.locate(span).map(|(file, _)| file);
        let place = Place::new(sources, first);
        message = if file(first) == file(finding.span) {
            format!("{message}, first on line {}", place.line)
        } else {
            format!("{message}, first at {place}")
        };
    }
    message.push_str(&finding.readings());
    message
}

fn note(sources: &SourceMap, label: &Label) -> Note {
    Note {
        place: Place::new(sources, label.span),
        text: label.text.clone(),
        excerpt: excerpt(sources, label.span),
    }
}

fn includes(sources: &SourceMap, span: Span) -> Vec<Place> {
    let mut places = Vec::new();
    let mut span = span;
    while places.len() < SHOWN_INCLUDES
        && let Some((file, _)) = sources.locate(span)
        && let Some(from) = sources.included_from(file)
    {
        places.push(Place::new(sources, from));
        span = from;
    }
    places
}

fn excerpt(sources: &SourceMap, span: Span) -> Excerpt {
    match sources.locate(span) {
        Some((file, range)) => Excerpt::new(&sources.text(file), &range),
        None => Excerpt::new("", &(0..0)),
    }
}

/// The places of a finding.
struct Spans {
    own: Span,
    labels: Vec<Span>,
}

impl Spans {
    fn of(finding: &Finding) -> Self {
        let labels = finding.labels.iter().take(SHOWN_LABELS);
        Self {
            own: finding.span,
            labels: labels.map(|it| it.span).collect(),
        }
    }
}

impl Correction {
    fn new(sources: &SourceMap, fix: &Fix) -> Self {
        let placed = |Replacement { span, text }: &Replacement| PlacedReplacement {
            place: Place::new(sources, *span),
            text: text.clone(),
        };
        Self {
            title: fix.title.clone(),
            replacements: fix.replacements.iter().map(placed).collect(),
        }
    }

    /// What it does, as a command: lower case, no full stop.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Where it begins.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        self.replacements.first().map(|it| &it.place)
    }

    /// With other words of each.
    fn without(self, words: impl Fn(&str) -> String) -> Self {
        let replaced = |it: PlacedReplacement| PlacedReplacement {
            text: words(&it.text),
            ..it
        };
        Self {
            title: words(&self.title),
            replacements: self.replacements.into_iter().map(replaced).collect(),
        }
    }
}

impl Diagnostics {
    /// The diagnostics of these texts.
    #[must_use]
    pub fn new(sources: &SourceMap, findings: Findings) -> Self {
        Self::of(sources, findings, SHOWN, |_| false)
    }

    /// The diagnostics of these texts, and all that were kept are shown. Of a line that looks secret only the first word is,
    /// as of one that its reader has concealed.
    #[must_use]
    pub fn whole(sources: &SourceMap, findings: Findings, looks_secret: IsSecret) -> Self {
        Self::of(sources, findings, usize::MAX, looks_secret)
    }

    fn of(sources: &SourceMap, findings: Findings, most: usize, looks_secret: IsSecret) -> Self {
        let has_errors = findings.has_errors();
        let (findings, dropped, concealed) = findings.into_sorted();
        let more = dropped + findings.len().saturating_sub(most);
        let fixes = findings
            .iter()
            .filter_map(|finding| finding.fix.as_deref().cloned());
        let fixes = fixes.collect();
        let shown = findings.into_iter().take(most);
        let shown: Vec<Diagnostic> = shown
            .map(|finding| {
                let spans = Spans::of(&finding);
                let hidden = |span| concealed.of(sources, span, looks_secret);
                Diagnostic::new(sources, finding).without_secrets(&spans, hidden)
            })
            .collect();
        let count = |severity| shown.iter().filter(|it| it.severity == severity).count();
        Self {
            more,
            errors: count(Severity::Error),
            warnings: count(Severity::Warning),
            has_errors,
            fixes,
            shown,
        }
    }

    /// Those that are shown.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.shown.iter()
    }

    /// How many there are, shown or not.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.shown.len() + self.more
    }

    /// How many of those that are shown are warnings.
    #[must_use]
    pub const fn warnings(&self) -> usize {
        self.warnings
    }

    /// Whether one of them, shown or not, is an error.
    #[must_use]
    pub const fn has_errors(&self) -> bool {
        self.has_errors
    }

    /// A fix of one of those that are shown, with its places, and without what nobody may read.
    #[must_use]
    pub fn correction(&self, fix: &Fix) -> Option<&Correction> {
        let index = self.fixes.iter().position(|it| std::ptr::eq(it, fix))?;
        let shown = self.shown.iter().filter_map(|it| it.fix.as_ref());
        shown.into_iter().nth(index)
    }

    /// The fixes of all that were kept, shown or not, for [`super::apply`] and the same texts.
    #[must_use]
    pub fn fixes(&self) -> &[Fix] {
        &self.fixes
    }

    /// All of them as text, with ANSI colours or without; ends with a line feed.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        let renderer = if color {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        let mut text = String::new();
        for diagnostic in &self.shown {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(&render(diagnostic, &renderer));
            text.push('\n');
        }
        if self.more != 0 {
            text = format!("{text}\nand {} more\n", self.more);
        }
        text
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Diagnostics {
    /// Without colours and without a line feed at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.render(false).trim_end())
    }
}

impl fmt::Debug for Diagnostics {
    /// The same text, which makes a failed `unwrap` in a test readable.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Diagnostics {}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
