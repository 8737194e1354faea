// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lines of figures: what was measured, a cell for each program, the goal, and whether it is met.

use std::fmt;
use std::fmt::Write as _;
use std::time::Duration;

/// One line.
pub(crate) struct Figure {
    what: String,
    cells: Vec<String>,
    goal: Option<Goal>,
}

struct Goal {
    text: String,
    met: bool,
}

impl Figure {
    /// A line without a goal. A line of column titles is one, too.
    pub(crate) fn new(what: impl Into<String>, cells: &[&dyn fmt::Display]) -> Self {
        Self {
            what: what.into(),
            cells: cells.iter().map(ToString::to_string).collect(),
            goal: None,
        }
    }

    /// The same line with a goal. A goal that is not met is told; it is not a failure.
    pub(crate) fn goal(self, text: impl Into<String>, met: bool) -> Self {
        let goal = Some(Goal {
            text: text.into(),
            met,
        });
        Self { goal, ..self }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = format!("{:<66}", self.what);
        for cell in &self.cells {
            let _ = write!(line, " {cell:>18}");
        }
        if let Some(Goal { text, met }) = &self.goal {
            let word = if *met { "met" } else { "not met" };
            let _ = write!(line, "  goal {text}: {word}");
        }
        writeln!(f, "{}", line.trim_end())
    }
}

/// `12.34 s`
pub(crate) fn seconds(duration: Duration) -> String {
    format!("{:.2} s", duration.as_secs_f64())
}

/// The value below which this share of all values lies; zero when there are none.
pub(crate) fn quantile(all: &mut [Duration], percent: usize) -> Duration {
    all.sort_unstable();
    let place = (all.len() * percent / 100).min(all.len().saturating_sub(1));
    all.get(place).copied().unwrap_or_default()
}
