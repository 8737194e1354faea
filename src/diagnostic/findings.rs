// SPDX-License-Identifier: MIT OR Apache-2.0
//! All that is found in a text, as it is found.

use std::collections::HashMap;

use super::finding::{Finding, Severity};
use super::secret::Concealed;
use super::source::Span;

/// The list keeps this many and counts the others.
const KEPT: usize = 1_000;
/// At most this many different messages are kept for one span.
const KEPT_PER_SPAN: usize = 16;

/// All findings so far. The memory is bounded, the count is not.
#[derive(Debug, Default)]
pub struct Findings {
    kept: Vec<Finding>,
    by_span: HashMap<Span, Vec<usize>>,
    dropped: usize,
    has_errors: bool,
    concealed: Concealed,
}

impl Findings {
    /// Whether nothing is found so far.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Whether an error is found so far.
    #[must_use]
    pub const fn has_errors(&self) -> bool {
        self.has_errors
    }

    /// Whether what comes now is only counted: then nothing need be found out about it.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.kept.len() >= KEPT
    }

    /// Has the lines of this place shown nowhere: they hold what nobody may read. What is said about such a line has none of
    /// its words but the first.
    pub fn conceal(&mut self, span: Span) {
        self.concealed.add(span);
    }

    /// Has no word of the text shown that lies here.
    pub fn conceal_whole(&mut self, span: Span) {
        self.concealed.add_whole(span);
    }

    /// As [`conceal`](Self::conceal), and has this text said nowhere about the line: it comes from elsewhere.
    pub fn conceal_text(&mut self, span: Span, text: &str) {
        self.concealed.add_text(span, text);
    }

    /// Adds an error without help.
    pub fn error(&mut self, span: Span, message: impl Into<String>) {
        self.push(Finding::new(span, message));
    }

    /// Adds a finding. The same message at the same place only adds what was being read.
    pub fn push(&mut self, finding: Finding) {
        self.has_errors |= finding.severity == Severity::Error;
        let here = self.by_span.entry(finding.span).or_default();
        for index in here.iter() {
            let Some(known) = self.kept.get_mut(*index) else {
                continue;
            };
            if known.message == finding.message {
                known.again(finding);
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

    /// The findings in the order of the texts, how many were only counted, and what nobody may read.
    pub(super) fn into_sorted(mut self) -> (Vec<Finding>, usize, Concealed) {
        self.kept.sort_by_key(|finding| finding.span);
        (self.kept, self.dropped, self.concealed.sorted())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_error_in_many_services_is_said_once() {
        let mut findings = Findings::default();
        let span = Span::new(3, 4);
        for service in ["service 1", "service 1", "service 2", "service 3"] {
            findings.push(Finding::new(span, "wrong").reading(service));
        }
        let (kept, dropped, _) = findings.into_sorted();
        assert_eq!((kept.len(), dropped), (1, 0));
        assert_eq!(kept[0].readings(), " (service 1 and 2 more)");
    }

    #[test]
    fn too_many_are_counted() {
        let mut findings = Findings::default();
        for at in 0..KEPT + 7 {
            findings.error(Span::new(at, at), "wrong");
        }
        let (kept, dropped, _) = findings.into_sorted();
        assert_eq!((kept.len(), dropped), (KEPT, 7));
    }

    #[test]
    fn a_warning_is_no_error() {
        let mut findings = Findings::default();
        findings.push(Finding::warning(Span::default(), "odd"));
        assert!(!findings.has_errors() && !findings.is_empty());
        findings.error(Span::default(), "wrong");
        assert!(findings.has_errors());
    }
}
