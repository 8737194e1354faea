// SPDX-License-Identifier: MIT OR Apache-2.0
//! Everything that is wrong with a configuration file, ready to be shown.

use std::borrow::Cow;
use std::fmt;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet, normalize_untrusted_str};

use super::finding::{Finding, Findings};
use super::source::{Excerpt, Position, harmless, position};

/// So many are shown; the rest is counted.
const SHOWN: usize = 50;

/// Everything that is wrong with a configuration file, in the order of its text.
///
/// Displayed, each one starts with `FILE:LINE:COLUMN: MESSAGE`, followed by the line, a caret and a help.
#[derive(Clone, PartialEq, Eq)]
pub struct Diagnostics {
    name: Box<str>,
    shown: Vec<Diagnostic>,
    more: usize,
}

/// One thing that is wrong with a configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    position: Position,
    message: String,
    help: Option<Cow<'static, str>>,
    excerpt: Excerpt,
}

impl Diagnostic {
    /// The line, from 1.
    #[must_use]
    pub const fn line(&self) -> usize {
        self.position.line
    }

    /// The column, from 1, in characters.
    #[must_use]
    pub const fn column(&self) -> usize {
        self.position.column
    }

    /// What is wrong: lower case, no full stop.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What is allowed, or what to do.
    #[must_use]
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }

    fn new(text: &str, finding: Finding) -> Self {
        let mut message = finding.message.clone();
        if let Some(first) = finding.first {
            let line = position(text, first.start()).line;
            message = format!("{message}, first on line {line}");
        }
        message.push_str(&finding.services());
        Self {
            position: position(text, finding.span.start()),
            message,
            excerpt: Excerpt::new(text, finding.span),
            help: finding.help,
        }
    }

    fn render(&self, name: &str, renderer: &Renderer) -> String {
        let Position { line, column } = self.position;
        let title = format!("{name}:{line}:{column}: {}", self.message);
        let snippet = Snippet::source(self.excerpt.text.as_str())
            .line_start(line)
            .annotation(AnnotationKind::Primary.span(self.excerpt.mark.clone()));
        let title = harmless(&title);
        let group = Level::ERROR.no_name().primary_title(title).element(snippet);
        let group = match &self.help {
            Some(help) => {
                group.element(Level::HELP.message(normalize_untrusted_str(&harmless(help))))
            }
            None => group,
        };
        renderer.render(&[group])
    }
}

impl Diagnostics {
    pub(super) fn new(name: &str, text: &str, findings: Findings) -> Self {
        let (findings, dropped) = findings.into_sorted();
        let more = dropped + findings.len().saturating_sub(SHOWN);
        let shown = findings.into_iter().take(SHOWN);
        Self {
            name: name.into(),
            shown: shown
                .map(|finding| Diagnostic::new(text, finding))
                .collect(),
            more,
        }
    }

    /// The first of them, at most 50.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.shown.iter()
    }

    /// How many there are, shown or not.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.shown.len() + self.more
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
            text.push_str(&diagnostic.render(&self.name, &renderer));
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
    /// As displayed, so that a failed `unwrap` in a test is readable.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Diagnostics {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::source::Span;

    #[test]
    fn a_diagnostic_shows_place_line_caret_and_help() {
        let text = "a: 1\n  weight: -1\n";
        let mut findings = Findings::default();
        findings.push(
            Finding::new(Span::new(15, 17), "weight must be 0 to 2147483647, got -1")
                .help("0 quiesces the server"),
        );
        let shown = Diagnostics::new("director.yaml", text, findings).to_string();
        let lines: Vec<_> = shown.lines().map(str::trim_end).collect();
        assert_eq!(
            lines,
            [
                "director.yaml:2:11: weight must be 0 to 2147483647, got -1",
                "  |",
                "2 |   weight: -1",
                "  |           ^^",
                "  |",
                "  = help: 0 quiesces the server",
            ]
        );
    }

    #[test]
    fn many_are_counted_and_control_characters_are_not_sent_to_the_terminal() {
        let mut findings = Findings::default();
        for at in 0..70 {
            findings.error(Span::new(at, at), "wrong");
        }
        let text = "\0\x1b[31m\u{202e}".repeat(10);
        let shown = Diagnostics::new("a\x1bb", &text, findings);
        assert_eq!(shown.count(), 70);
        let shown = shown.render(false);
        assert!(shown.ends_with("\nand 20 more\n"));
        assert!(!shown.contains(['\0', '\x1b', '\u{202e}']));
    }
}
