// SPDX-License-Identifier: MIT OR Apache-2.0
//! `-R`: command lines, one a line. All of them are read and checked before the first is carried out; changes that
//! follow each other go to the kernel together.

use super::arguments::{Context, Invocation, parse};
use super::change::Change;
use super::failure::Failure;
use crate::kernel::Ipvs;
use crate::plan::{Step, Target as _};

/// A line of the input, and what it asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its number, from 1.
    pub number: usize,
    /// What it asks for.
    pub invocation: Invocation,
}

/// Reads all lines, or says what is wrong with every bad one. Empty lines and comments are passed over, and the
/// program's own name at a line's beginning.
pub fn read(context: Context<'_>, input: &str) -> Result<Vec<Line>, Failure> {
    let mut lines = Vec::new();
    let mut failures = Failures::default();
    for (index, text) in input.lines().enumerate() {
        let number = index + 1;
        let arguments = words(text);
        if arguments.is_empty() {
            continue;
        }
        match parse(context, &arguments) {
            Ok(Invocation::Restore | Invocation::Help | Invocation::Version) => {
                failures.add(number, &Failure::usage("illegal in a restore"));
            }
            Ok(invocation) => lines.push(Line { number, invocation }),
            Err(failure) => failures.add(number, &failure),
        }
    }
    failures.end().map(|()| lines)
}

fn words(line: &str) -> Vec<String> {
    let words = line
        .split([' ', '\t', '\r'])
        .filter(|word| !word.is_empty());
    words
        .skip_while(|word| matches!(*word, "ipvsadm" | "lvsadm"))
        .take_while(|word| !word.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

/// Carries out all lines in their order; `other` does what is no change of the table. One that fails does not stop
/// those after it.
pub fn run(
    ipvs: &mut Ipvs,
    lines: &[Line],
    mut other: impl FnMut(&mut Ipvs, &Invocation) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut batch = Batch::default();
    let mut failures = Failures::default();
    for Line { number, invocation } in lines {
        match invocation {
            Invocation::Change(Change::Step(step)) => batch.add(*number, step.clone()),
            Invocation::Change(change) => {
                // What it is laid over is what the lines before it have made.
                batch.apply(ipvs, &mut failures);
                match change.step(ipvs) {
                    Ok(step) => batch.add(*number, step),
                    Err(failure) => failures.add(*number, &failure),
                }
            }
            _ => {
                batch.apply(ipvs, &mut failures);
                if let Err(failure) = other(ipvs, invocation) {
                    failures.add(*number, &failure);
                }
            }
        }
    }
    batch.apply(ipvs, &mut failures);
    failures.end()
}

/// Changes that have not gone to the kernel yet, with their lines.
#[derive(Default)]
struct Batch {
    steps: Vec<Step>,
    numbers: Vec<usize>,
}

impl Batch {
    fn add(&mut self, number: usize, step: Step) {
        self.steps.push(step);
        self.numbers.push(number);
    }

    fn apply(&mut self, ipvs: &mut Ipvs, failures: &mut Failures) {
        let number = |index| self.numbers.get(index).copied().unwrap_or_default();
        match ipvs.apply(&self.steps) {
            Ok(refused) => {
                for refusal in refused {
                    let failure = Failure::step(&refusal.step, refusal.errno);
                    failures.add(number(refusal.index), &failure);
                }
            }
            Err(error) => failures.add(number(0), &Failure::command(&error)),
        }
        self.steps.clear();
        self.numbers.clear();
    }
}

/// What went wrong, by line.
#[derive(Default)]
struct Failures {
    messages: Vec<String>,
    status: u8,
}

impl Failures {
    fn add(&mut self, number: usize, failure: &Failure) {
        if self.messages.is_empty() {
            self.status = failure.status;
        }
        self.messages
            .push(format!("line {number}: {}", failure.message.trim_end()));
    }

    /// All messages as one failure, with the first one's exit status.
    fn end(self) -> Result<(), Failure> {
        if self.messages.is_empty() {
            return Ok(());
        }
        Err(Failure {
            message: self.messages.join("\n"),
            status: self.status,
        })
    }
}
