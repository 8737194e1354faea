// SPDX-License-Identifier: MIT OR Apache-2.0
//! The output of the demonstration: steps, commands and their output, checks, and a table of figures at the end.

use std::io::{IsTerminal, Stdout, Write};
use std::time::{Duration, Instant};

use super::stage::LONG;

const WIDTH: usize = 90;
/// The words after a time that a busy machine may exceed.
const IF_IDLE: &str = ", idle";

/// The place for the text, and how many of its checks passed.
#[derive(Debug)]
pub(super) struct Report {
    out: Stdout,
    colour: bool,
    started: Instant,
    steps: Vec<String>,
    held: u32,
    failed: Vec<String>,
    figures: Vec<Figure>,
}

/// A row of the last table.
#[derive(Debug)]
pub(super) struct Figure {
    /// What was measured.
    what: String,
    /// What came out.
    measured: String,
    /// What had to come out.
    wanted: String,
    /// Whether it did.
    holds: bool,
}

impl Figure {
    pub(super) fn new(
        what: impl Into<String>,
        measured: impl Into<String>,
        wanted: impl Into<String>,
        holds: bool,
    ) -> Self {
        Self {
            what: what.into(),
            measured: measured.into(),
            wanted: wanted.into(),
            holds,
        }
    }

    /// A time, beside the longest time that the configuration implies. The check fails only when it is late beyond all
    /// doubt: a busy machine delays everything, and this is no test of the machine.
    pub(super) fn time(what: &str, took: Duration, implied: Duration) -> Self {
        let wanted = format!("at most {}{IF_IDLE}", seconds(implied));
        Self::new(what, seconds(took), wanted, took <= implied + LONG)
    }

    /// Things that must not be lost, of this many.
    pub(super) fn lost(what: impl Into<String>, lost: usize, of: usize) -> Self {
        Self::new(what, format!("{lost} of {of}"), "0", lost == 0 && of > 0)
    }
}

impl Report {
    pub(super) fn new() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let out = std::io::stdout();
        Self {
            colour: !refused && out.is_terminal(),
            out,
            started: Instant::now(),
            steps: Vec::new(),
            held: 0,
            failed: Vec::new(),
            figures: Vec::new(),
        }
    }

    /// A heading, with the time since the beginning.
    pub(super) fn step(&mut self, title: &str) {
        let title = format!("{}. {title}", self.steps.len() + 1);
        self.steps.push(title.clone());
        let at = format!("{:.1} s", self.started.elapsed().as_secs_f64());
        let room = WIDTH.saturating_sub(at.len());
        let line = format!("{title:<room$}{at}");
        self.line("");
        self.line(&self.painted("1", &line));
    }

    /// A sentence.
    pub(super) fn say(&self, text: &str) {
        for line in wrap(text, WIDTH - 3) {
            self.line(&format!("   {line}"));
        }
    }

    /// A command that is about to be run, or has been.
    pub(super) fn command(&self, host: &str, command: &str) {
        let prompt = if host.is_empty() {
            "$".to_owned()
        } else {
            format!("{host}$")
        };
        self.line(&format!("   {prompt} {}", self.painted("1", command)));
    }

    /// What a command said.
    pub(super) fn quote(&self, text: &str) {
        for line in text.lines() {
            let mut indent = "     ";
            for piece in wrap(line.trim_end(), WIDTH - 9) {
                self.line(&format!("{indent}{}", self.painted("2", &piece)));
                indent = "         ";
            }
        }
    }

    /// A fact, and whether it is one.
    pub(super) fn check(&mut self, holds: bool, text: &str) {
        let mark = self.mark(holds);
        let mut indent = format!("   {mark} ");
        for line in wrap(text, WIDTH - 5) {
            self.line(&format!("{indent}{line}"));
            "     ".clone_into(&mut indent);
        }
        if holds {
            self.held += 1;
        } else {
            self.failed.push(text.to_owned());
        }
    }

    /// A fact with figures that are also in the table at the end; it passes if all of them do.
    pub(super) fn figures<const N: usize>(&mut self, text: &str, figures: [Figure; N]) {
        self.check(figures.iter().all(|figure| figure.holds), text);
        self.figures.extend(figures);
    }

    /// Whether a printed run of the demonstration has these headings and rows of figures, and no others.
    pub(super) fn compare(&mut self, name: &str, printed: &str) {
        let rows = self
            .figures
            .iter()
            .map(|figure| (&figure.what, &figure.wanted));
        let ours = Shape {
            headings: self.steps.clone(),
            rows: rows
                .map(|(what, wanted)| (what.clone(), wanted.clone()))
                .collect(),
        };
        let holds = Shape::of(printed) == ours;
        let text = if holds {
            format!("{name} shows a run like this one")
        } else {
            format!(
                "{name} shows a run of another demonstration; make it anew with: make demo >{name}"
            )
        };
        self.check(holds, &text);
    }

    /// The table, and the last line; whether all was well.
    pub(super) fn finish(&self) -> bool {
        self.table();
        self.line("");
        let seconds = self.started.elapsed().as_secs();
        let (held, failed) = (self.held, self.failed.len());
        if self.is_well() {
            let line = format!("All {held} checks held, in {seconds} s.");
            self.line(&self.painted("1;32", &line));
        } else {
            let line = format!(
                "{failed} of {} checks did not hold:",
                usize::try_from(held).unwrap_or(0) + failed
            );
            self.line(&self.painted("1;31", &line));
            for text in &self.failed {
                self.line(&format!("   {} {text}", self.mark(false)));
            }
        }
        self.is_well()
    }

    fn table(&self) {
        if self.figures.is_empty() {
            return;
        }
        self.line("");
        self.line(&self.painted("1", "What was measured"));
        let widest = |of: fn(&Figure) -> &str, title: &str| {
            let lengths = self.figures.iter().map(|figure| of(figure).chars().count());
            lengths.max().unwrap_or_default().max(title.len())
        };
        let (what, measured) = (
            widest(|it| &it.what, ""),
            widest(|it| &it.measured, "measured"),
        );
        self.line(&format!(
            "     {:<what$}  {:<measured$}  {}",
            "", "measured", "must be"
        ));
        for figure in &self.figures {
            self.line(&format!(
                "   {} {:<what$}  {:<measured$}  {}",
                self.mark(figure.holds),
                figure.what,
                figure.measured,
                figure.wanted
            ));
        }
        if self.figures.iter().any(|it| it.wanted.ends_with(IF_IDLE)) {
            self.line(&format!(
                "   (idle: what the configuration implies on a machine with nothing else to do. On a busy\n   \
                 one {} s more is no failure.)",
                LONG.as_secs()
            ));
        }
    }

    /// Whether every check passed so far.
    pub(super) fn is_well(&self) -> bool {
        self.failed.is_empty()
    }

    /// Prints a line unchanged. Without a reader there is nobody to tell.
    pub(super) fn line(&self, text: &str) {
        let _ = writeln!(&self.out, "{text}");
    }

    fn mark(&self, holds: bool) -> String {
        if holds {
            self.painted("32", "✓")
        } else {
            self.painted("31", "✗")
        }
    }

    fn painted(&self, code: &str, text: &str) -> String {
        if self.colour {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

/// What two runs of the same demonstration have in common.
#[derive(Debug, Default, PartialEq, Eq)]
struct Shape {
    /// With their numbers, without the time.
    headings: Vec<String>,
    /// The first and the last column of the table of figures.
    rows: Vec<(String, String)>,
}

impl Shape {
    /// That of a printed run, without colours.
    fn of(printed: &str) -> Self {
        let mut shape = Self::default();
        let mut lines = printed.lines();
        for line in lines.by_ref() {
            if line == "What was measured" {
                break;
            }
            if line.starts_with(|first: char| first.is_ascii_digit())
                && let [title, _time] = columns(line)[..]
            {
                shape.headings.push(title.to_owned());
            }
        }
        for line in lines {
            if let [what, _measured, wanted] = columns(line)[..]
                && let Some(what) = what.strip_prefix("✓ ")
            {
                shape.rows.push((what.to_owned(), wanted.to_owned()));
            }
        }
        shape
    }
}

/// The pieces of a line between which there are two spaces or more.
fn columns(line: &str) -> Vec<&str> {
    let pieces = line.split("  ").map(str::trim);
    pieces.filter(|piece| !piece.is_empty()).collect()
}

/// `1.62 s`.
pub(super) fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

/// Breaks text at spaces. A line that starts with spaces keeps them. Columns of tables stay unchanged if they fit.
fn wrap(text: &str, width: usize) -> Vec<String> {
    if text.chars().count() <= width {
        return vec![text.to_owned()];
    }
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let Some(line) = lines.last_mut() else { break };
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::{Shape, wrap};

    #[test]
    fn two_runs_of_one_demonstration_have_one_shape() {
        let run = |time: &str, lost: &str, wanted: &str| {
            format!(
                "lvs-director, shown\n\n1. The first                      {time}\n   $ lab kill rs2\n   ✓ a check\n\n\
                 10. The last   1{time}\n\nWhat was measured\n          measured  must be\n   \
                 ✓ power cut: requests lost   {lost}      {wanted}\n   ✓ spread  30:20:10, 30:20:10  30:20:10, ±3\n\n\
                 All 2 checks held, in 4 s.\n"
            )
        };
        let one = Shape::of(&run("0.0 s", "14 of 264", "only rs2's"));
        assert_eq!(one.headings, ["1. The first", "10. The last"]);
        let rows: Vec<_> = one.rows.iter().map(|(what, _)| what.as_str()).collect();
        assert_eq!(rows, ["power cut: requests lost", "spread"]);
        assert_eq!(Shape::of(&run("37.1 s", "0 of 1", "only rs2's")), one);
        assert_ne!(Shape::of(&run("0.0 s", "14 of 264", "0")), one);
        assert_ne!(
            Shape::of(&run("0.0 s", "14 of 264", "0").replace("last", "end")),
            one
        );
    }

    #[test]
    fn long_lines_break_at_spaces() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("a  b   c", 8), ["a  b   c"]);
        assert_eq!(
            wrap("incomprehensibilities x", 5),
            ["incomprehensibilities", "x"]
        );
        assert_eq!(wrap("", 5), [""]);
    }
}
