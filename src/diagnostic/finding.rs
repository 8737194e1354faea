// SPDX-License-Identifier: MIT OR Apache-2.0
//! One problem in a text: where it is, how bad, what it is, and what to do.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

use super::fix::Fix;
use super::source::Span;

/// Something is wrong, and a [`Finding`] says so already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wrong;

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The text cannot be used.
    Error,
    /// The text is usable, but probably does not mean what its author wants.
    Warning,
    /// Something to know.
    Note,
}

impl Severity {
    /// The word between the place and the message; empty for an error.
    pub(super) const fn prefix(self) -> &'static str {
        match self {
            Self::Error => "",
            Self::Warning => "warning: ",
            Self::Note => "note: ",
        }
    }
}

/// Another place that belongs to a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Label {
    pub(super) span: Span,
    pub(super) text: String,
}

/// What was being read when the problem was found, once or several times.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Readings {
    first: Box<str>,
    last: Box<str>,
    count: usize,
}

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where.
    pub span: Span,
    /// How bad it is.
    pub severity: Severity,
    /// The problem: lower case, no full stop.
    pub message: String,
    /// What is allowed, or what to do.
    pub help: Option<Cow<'static, str>>,
    /// The place of the first of two, when this is the second.
    pub(super) first: Option<Span>,
    /// Other places that belong to it.
    pub(super) labels: Vec<Label>,
    /// How to mend it, where that is clear.
    pub(super) fix: Option<Box<Fix>>,
    readings: Option<Box<Readings>>,
}

impl Finding {
    /// An error without help.
    pub fn new(span: Span, message: impl Into<String>) -> Self {
        Self {
            span,
            severity: Severity::Error,
            message: message.into(),
            help: None,
            first: None,
            labels: Vec::new(),
            fix: None,
            readings: None,
        }
    }

    /// A warning without help.
    pub fn warning(span: Span, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::new(span, message)
        }
    }

    /// A note without help.
    pub fn note(span: Span, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Note,
            ..Self::new(span, message)
        }
    }

    /// Adds what is allowed, or what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<Cow<'static, str>>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds the place of the first of two; the message ends with its line number.
    #[must_use]
    pub const fn first(mut self, first: Span) -> Self {
        self.first = Some(first);
        self
    }

    /// Adds another place that belongs to it, and what is there: lower case, no full stop.
    #[must_use]
    pub fn label(mut self, span: Span, text: impl Into<String>) -> Self {
        let text = text.into();
        self.labels.push(Label { span, text });
        self
    }

    /// With how to mend it, where that is clear.
    #[must_use]
    pub fn fix(mut self, fix: impl Into<Option<Fix>>) -> Self {
        self.fix = fix.into().map(Box::new);
        self
    }

    /// At another place.
    #[must_use]
    pub fn at(self, span: Span) -> Self {
        Self { span, ..self }
    }

    /// Adds what was being read, when the place does not show it: `virtual service TCP 192.0.2.10:80`.
    #[must_use]
    pub fn reading(mut self, what: impl Into<Box<str>>) -> Self {
        let what = what.into();
        self.readings = Some(Box::new(Readings {
            first: what.clone(),
            last: what,
            count: 1,
        }));
        self
    }

    /// Adds what was being read when the same problem was found again.
    pub(super) fn again(&mut self, other: Self) {
        if let (Some(known), Some(new)) = (&mut self.readings, other.readings)
            && known.last != new.last
        {
            known.last = new.last;
            known.count += 1;
        }
    }

    /// What was being read, as words after the message; empty when the span shows it.
    pub(super) fn readings(&self) -> String {
        let Some(Readings { first, count, .. }) = self.readings.as_deref() else {
            return String::new();
        };
        match count {
            1 => format!(" ({first})"),
            _ => format!(" ({first} and {} more)", count - 1),
        }
    }
}

/// A piece of the text inside a message: short, and without anything a terminal could obey.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a>(pub &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LONGEST: usize = 48;
        for (count, character) in self.0.chars().enumerate() {
            if count == LONGEST {
                return f.write_str("...");
            }
            match character {
                '"' | '\'' | '\\' => write!(f, "{character}")?,
                _ => write!(f, "{}", character.escape_debug())?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_short_and_harmless() {
        assert_eq!(
            Shown("a\x1b[31m\n\"\u{202e}").to_string(),
            "a\\u{1b}[31m\\n\"\\u{202e}"
        );
        assert_eq!(Shown(&"x".repeat(100)).to_string().len(), 51);
    }
}
