// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is wrong with a file, as it is found: a span, a message, a help, and the virtual service it hurts.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use super::source::Span;
use crate::model::ServiceKey;

/// So many are kept; the rest is counted.
const KEPT: usize = 1_000;
/// So many different messages are kept for one span.
const KEPT_PER_SPAN: usize = 16;

/// Something was wrong, and a [`Finding`] says so already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wrong;

/// Services hurt by one finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hurt {
    first: ServiceKey,
    last: ServiceKey,
    count: usize,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    /// Where.
    pub(super) span: Span,
    /// What: lower case, no full stop.
    pub(super) message: String,
    /// What is allowed, or what to do.
    pub(super) help: Option<Cow<'static, str>>,
    /// Where the first one of two stands, when this is the second.
    pub(super) first: Option<Span>,
    /// The services it hurts, when the span does not show which.
    services: Option<Box<Hurt>>,
}

impl Finding {
    /// A finding without help.
    pub(super) fn new(span: Span, message: impl Into<String>) -> Self {
        Self {
            span,
            message: message.into(),
            help: None,
            first: None,
            services: None,
        }
    }

    /// With what is allowed, or what to do.
    pub(super) fn help(mut self, help: impl Into<Cow<'static, str>>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// With the place of the first one of two.
    pub(super) const fn first(mut self, first: Span) -> Self {
        self.first = Some(first);
        self
    }

    /// At another place.
    pub(super) fn at(self, span: Span) -> Self {
        Self { span, ..self }
    }

    /// Hurting this service.
    pub(super) fn of(mut self, service: ServiceKey) -> Self {
        self.services = Some(Box::new(Hurt {
            first: service,
            last: service,
            count: 1,
        }));
        self
    }

    /// The services hurt, as words to put after the message; empty when the span shows it.
    pub(super) fn services(&self) -> String {
        let Some(Hurt { first, count, .. }) = self.services.as_deref() else {
            return String::new();
        };
        match count {
            1 => format!(" (virtual service {first})"),
            _ => format!(" (virtual service {first} and {} more)", count - 1),
        }
    }
}

/// All that is wrong with a file so far.
#[derive(Debug, Default)]
pub(super) struct Findings {
    kept: Vec<Finding>,
    by_span: HashMap<Span, Vec<usize>>,
    dropped: usize,
}

impl Findings {
    /// Whether nothing is wrong so far.
    pub(super) const fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Adds a finding without help.
    pub(super) fn error(&mut self, span: Span, message: impl Into<String>) {
        self.push(Finding::new(span, message));
    }

    /// Adds a finding. The same message at the same place only adds its service.
    pub(super) fn push(&mut self, finding: Finding) {
        let here = self.by_span.entry(finding.span).or_default();
        for index in here.iter() {
            let Some(known) = self.kept.get_mut(*index) else {
                continue;
            };
            if known.message == finding.message {
                if let (Some(known), Some(new)) = (&mut known.services, finding.services)
                    && known.last != new.last
                {
                    known.last = new.last;
                    known.count += 1;
                }
                return;
            }
        }
        if self.kept.len() < KEPT && here.len() < KEPT_PER_SPAN {
            here.push(self.kept.len());
            self.kept.push(finding);
        } else {
            self.dropped += 1;
        }
    }

    /// The findings in the order of the text, and how many were only counted.
    pub(super) fn into_sorted(mut self) -> (Vec<Finding>, usize) {
        self.kept.sort_by_key(|finding| finding.span);
        (self.kept, self.dropped)
    }
}

/// A piece of the file inside a message: short, and without anything a terminal could obey.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown<'a>(pub(super) &'a str);

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
    fn the_same_error_in_many_services_is_said_once() {
        let mut findings = Findings::default();
        let span = Span::new(3, 4);
        for port in [1, 1, 2, 3] {
            let service = ServiceKey::tcp(([10, 0, 0, 1], port).into());
            findings.push(Finding::new(span, "wrong").of(service));
        }
        let (kept, dropped) = findings.into_sorted();
        assert_eq!((kept.len(), dropped), (1, 0));
        assert_eq!(
            kept[0].services(),
            " (virtual service TCP 10.0.0.1:1 and 2 more)"
        );
    }

    #[test]
    fn too_many_are_counted() {
        let mut findings = Findings::default();
        for at in 0..KEPT + 7 {
            findings.error(Span::new(at, at), "wrong");
        }
        let (kept, dropped) = findings.into_sorted();
        assert_eq!((kept.len(), dropped), (KEPT, 7));
    }

    #[test]
    fn what_is_shown_is_short_and_harmless() {
        assert_eq!(
            Shown("a\x1b[31m\n\"\u{202e}").to_string(),
            "a\\u{1b}[31m\\n\"\\u{202e}"
        );
        assert_eq!(Shown(&"x".repeat(100)).to_string().len(), 51);
    }
}
