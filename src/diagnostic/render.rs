// SPDX-License-Identifier: MIT OR Apache-2.0
//! A diagnostic as text: place and message, the line with a caret, notes and help. Bytes of a text reach a terminal
//! only as text, never as a control sequence.

use annotate_snippets::{
    Annotation, AnnotationKind, Group, Level, Renderer, Snippet, normalize_untrusted_str,
};

use super::excerpt::{Excerpt, harmless};
use super::finding::Severity;
use super::report::Diagnostic;

/// One diagnostic, without a line feed at its end.
pub(super) fn render(diagnostic: &Diagnostic, renderer: &Renderer) -> String {
    let place = diagnostic.place();
    let severity = diagnostic.severity();
    let title = format!("{place}: {}{}", severity.prefix(), diagnostic.message());
    let title = harmless(&title);
    let group = Group::with_title(level(severity).no_name().primary_title(title));
    let mut group = shown(group, diagnostic.excerpt(), place.line);
    for note in diagnostic.notes() {
        let text = harmless(&format!("{}: {}", note.place, note.text)).into_owned();
        group = said(group, Level::NOTE, &text);
        group = shown(group, &note.excerpt, note.place.line);
    }
    for place in diagnostic.included_from() {
        group = said(group, Level::NOTE, &format!("included from {place}"));
    }
    if let Some(help) = diagnostic.help() {
        group = said(group, Level::HELP, help);
    }
    renderer.render(&[group])
}

const fn level(severity: Severity) -> Level<'static> {
    match severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    }
}

fn said<'a>(group: Group<'a>, level: Level<'a>, text: &str) -> Group<'a> {
    group.element(level.message(normalize_untrusted_str(&harmless(text))))
}

/// With the line, if anything of it may be shown.
fn shown<'a>(group: Group<'a>, excerpt: &'a Excerpt, line: usize) -> Group<'a> {
    if excerpt.text.is_empty() {
        return group;
    }
    group.element(snippet(excerpt, line))
}

fn snippet(excerpt: &Excerpt, line: usize) -> Snippet<'_, Annotation<'_>> {
    Snippet::source(excerpt.text.as_str())
        .line_start(line)
        .annotation(AnnotationKind::Primary.span(excerpt.mark.clone()))
}
