// SPDX-License-Identifier: MIT OR Apache-2.0
//! All findings of one look at a host, as text and as JSON.

use std::fmt;

use serde::{Serialize, Serializer};

use super::finding::{Finding, Severity};

/// All findings, the worst first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The worst of all.
    pub worst: Severity,
    /// Each with its link into the docs.
    #[serde(serialize_with = "with_docs")]
    pub findings: Vec<Finding>,
}

/// A finding as `--json` prints it.
#[derive(Serialize)]
struct Linked<'a> {
    #[serde(flatten)]
    finding: &'a Finding,
    docs: String,
}

fn with_docs<S: Serializer>(findings: &[Finding], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(findings.iter().map(|finding| Linked {
        finding,
        docs: finding.docs(),
    }))
}

impl Report {
    /// Of these findings. Those of one severity stay in their order.
    #[must_use]
    pub fn of(mut findings: Vec<Finding>) -> Self {
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        let worst = findings.first().map_or(Severity::Ok, |it| it.severity);
        Self { worst, findings }
    }

    /// Whether something is worse than a note.
    #[must_use]
    pub fn is_bad(&self) -> bool {
        self.worst > Severity::Note
    }

    fn count(&self, severity: Severity) -> usize {
        let of = |finding: &&Finding| finding.severity == severity;
        self.findings.iter().filter(of).count()
    }
}

impl fmt::Display for Report {
    /// What is wrong, the worst first; then a line that counts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            if finding.severity == Severity::Ok {
                continue;
            }
            writeln!(f, "{:<8} {}", finding.severity.word(), finding.what)?;
            if let Some(why) = &finding.why {
                writeln!(f, "         {why}")?;
            }
            if let Some(mend) = &finding.mend {
                writeln!(f, "         mend it with: {mend}")?;
            }
            writeln!(f, "         more: {}", finding.docs())?;
        }
        let counted = [Severity::Error, Severity::Warning, Severity::Note].map(|severity| {
            let (number, word) = (self.count(severity), severity.word());
            format!("{number} {word}{}", if number == 1 { "" } else { "s" })
        });
        let ok = self.count(Severity::Ok);
        writeln!(
            f,
            "{}; nothing wrong in {ok} other checks",
            counted.join(", ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Trouble;
    use super::*;

    #[test]
    fn the_worst_comes_first_and_what_is_right_is_only_counted() {
        let note = Trouble::note("one thing", "It is good to know.");
        let error = Trouble::error("another thing", "It hurts.").mended_by("sysctl -w a=1");
        let right = Trouble::new(Severity::Ok, "a third thing", "");
        let report = Report::of(vec![
            Finding::of("right", right),
            Finding::of("note", note),
            Finding::of("error", error),
        ]);
        assert!(report.is_bad());
        assert_eq!(
            report.to_string(),
            "error    another thing
         It hurts.
         mend it with: sysctl -w a=1
         more: docs/troubleshooting.md#error
note     one thing
         It is good to know.
         more: docs/troubleshooting.md#note
1 error, 0 warnings, 1 note; nothing wrong in 1 other checks
"
        );
    }

    #[test]
    fn a_note_alone_is_not_bad() {
        let note = Finding::of("note", Trouble::note("one thing", "It is good to know."));
        assert!(!Report::of(vec![note]).is_bad());
        assert!(!Report::of(Vec::new()).is_bad());
    }
}
