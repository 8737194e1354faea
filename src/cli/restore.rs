// SPDX-License-Identifier: MIT OR Apache-2.0
//! `-R`: command lines, one a line. All of them are read and checked before the first is carried out; changes that
//! follow each other go to the kernel together.

use std::collections::BTreeSet;

use super::arguments::{Context, Invocation, parse};
use super::change::Change;
use super::failure::Failure;
use crate::kernel::{Ipvs, IpvsError};
use crate::model::IpvsTable;
use crate::plan::{SimulatedKernel, Step, Target as _, diff, execute};

/// What was read: changes that follow each other, or something else.
#[derive(Debug)]
pub enum Item {
    /// Changes that say everything, with their lines.
    Steps(Vec<Step>, Vec<usize>),
    /// Anything else, with its line.
    Other(Box<Invocation>, usize),
}

/// Reads all lines, or says what is wrong with every bad one. Empty lines and comments are passed over, and the
/// program's own name at a line's beginning.
pub fn read(context: Context<'_>, input: &str) -> Result<Vec<Item>, Failure> {
    let mut items = Vec::new();
    // All at once: what grows piece by piece is moved each time.
    let lines = input.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let (mut steps, mut numbers) = (Vec::with_capacity(lines), Vec::with_capacity(lines));
    let mut failures = Failures::default();
    let mut arguments = Vec::new();
    for (line, number) in input.lines().zip(1..) {
        arguments.clear();
        arguments.extend(words(line));
        if arguments.is_empty() {
            continue;
        }
        match parse(context, &arguments) {
            Ok(Invocation::Restore { .. } | Invocation::Help | Invocation::Version) => {
                failures.add(number, &Failure::usage("illegal in a restore"));
            }
            Ok(Invocation::Change(Change::Step(step))) => {
                steps.push(step);
                numbers.push(number);
            }
            Ok(other) => {
                if !steps.is_empty() {
                    let pending = (std::mem::take(&mut steps), std::mem::take(&mut numbers));
                    items.push(Item::Steps(pending.0, pending.1));
                }
                items.push(Item::Other(Box::new(other), number));
            }
            Err(failure) => failures.add(number, &failure),
        }
    }
    items.push(Item::Steps(steps, numbers));
    failures.end().map(|()| items)
}

/// The words of a line, without the program's name and comments.
fn words(line: &str) -> impl Iterator<Item = &str> {
    all_words(line).take_while(|word| !word.starts_with('#'))
}

/// The words of a line without the program's name: ipvsadm knows no comments.
pub(super) fn all_words(line: &str) -> impl Iterator<Item = &str> {
    line.split([' ', '\t', '\r'])
        .filter(|word| !word.is_empty())
        .skip_while(|word| matches!(*word, "ipvsadm" | "lvsadm"))
}

/// Carries out all items in their order; `other` does what is no change of the table. One that fails does not stop
/// those after it.
pub fn run(
    ipvs: &mut Ipvs,
    items: &[Item],
    mut other: impl FnMut(&mut Ipvs, &Invocation) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut failures = Failures::default();
    for item in items {
        match item {
            Item::Steps(steps, numbers) => {
                let number = |index| numbers.get(index).copied().unwrap_or_default();
                match ipvs.apply(steps) {
                    Ok(refused) => {
                        for refusal in refused {
                            let failure = Failure::step(&refusal.step, refusal.errno);
                            failures.add(number(refusal.index), &failure);
                        }
                    }
                    Err(error) => failures.add(number(0), &Failure::command(&error)),
                }
            }
            Item::Other(invocation, number) => {
                if let Err(failure) = other(ipvs, invocation) {
                    failures.add(*number, &failure);
                }
            }
        }
    }
    failures.end()
}

/// Makes the table the one that the changes would make of an empty one, with as few changes as that takes: what is
/// there already and stays keeps its connections. Everything else is carried out afterwards.
pub fn replace(
    ipvs: &mut Ipvs,
    items: &[Item],
    mut other: impl FnMut(&mut Ipvs, &Invocation) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let desired = table(items)?;
    let observed = ipvs
        .read()
        .map_err(|error: IpvsError| Failure::command(&error))?;
    let ours: BTreeSet<_> = observed.services.keys().copied().collect();
    let outcome = execute(ipvs, &diff(&desired, &observed, &ours))?;
    let mut failures = Failures::default();
    for refusal in outcome.failures {
        let Failure { message, status } = Failure::step(&refusal.step, refusal.errno);
        failures.tell(format!("{}: {message}", refusal.step), status);
    }
    for item in items {
        if let Item::Other(invocation, number) = item
            && !matches!(**invocation, Invocation::Change(_) | Invocation::Clear)
            && let Err(failure) = other(ipvs, invocation)
        {
            failures.add(*number, &failure);
        }
    }
    failures.end()
}

/// The table that these changes make of an empty one.
pub fn table(items: &[Item]) -> Result<IpvsTable, Failure> {
    let mut kernel = SimulatedKernel::holding(IpvsTable::new());
    let mut failures = Failures::default();
    let mut apply = |kernel: &mut SimulatedKernel, step: &Step, number| {
        if let Err(errno) = kernel.step(step) {
            failures.add(number, &Failure::step(step, errno));
        }
    };
    for item in items {
        match item {
            Item::Steps(steps, numbers) => {
                for (step, number) in steps.iter().zip(numbers) {
                    apply(&mut kernel, step, *number);
                }
            }
            Item::Other(invocation, number) => match &**invocation {
                Invocation::Clear => kernel = SimulatedKernel::holding(IpvsTable::new()),
                Invocation::Change(change) => {
                    let step = change.step(&mut kernel)?;
                    apply(&mut kernel, &step, *number);
                }
                _ => {}
            },
        }
    }
    failures.end()?;
    Ok(kernel.read()?)
}

/// What went wrong, by line.
#[derive(Default)]
struct Failures {
    messages: Vec<String>,
    status: u8,
}

impl Failures {
    fn add(&mut self, number: usize, failure: &Failure) {
        let message = failure.message.trim_end();
        self.tell(format!("line {number}: {message}"), failure.status);
    }

    fn tell(&mut self, message: String, status: u8) {
        if self.messages.is_empty() {
            self.status = status;
        }
        self.messages.push(message);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::address::Nobody;

    fn items(input: &str) -> Result<Vec<Item>, Failure> {
        let context = Context {
            program: "lvsadm",
            lookup: &Nobody,
            compat: false,
        };
        read(context, input)
    }

    #[test]
    fn every_bad_line_is_told() {
        let input = "-A -t 10.0.0.1:80\n# -q\n-A -t 80\n\nipvsadm -A -t 10.0.0.1:81 #-q\n-R\n";
        assert_eq!(
            items(input).unwrap_err(),
            Failure {
                message: "line 3: illegal virtual server address[:port] specified\n\
                          line 6: illegal in a restore"
                    .to_owned(),
                status: 2,
            }
        );
    }

    #[test]
    fn changes_that_follow_each_other_go_together() {
        let input = "-A -f 1\n-A -f 2\n-Z\n-A -f 3\n";
        let items = items(input).unwrap();
        let shape: Vec<(usize, &[usize])> = items
            .iter()
            .map(|item| match item {
                Item::Steps(steps, numbers) => (steps.len(), numbers.as_slice()),
                Item::Other(_, number) => (0, std::slice::from_ref(number)),
            })
            .collect();
        assert_eq!(shape, [(2, &[1, 2][..]), (0, &[3]), (1, &[4])]);
    }

    #[test]
    fn the_table_of_an_input_is_known_before_it_is_made() {
        let input = "-A -f 9\n-C\n-A -f 1 -s rr -p 50\n-a -f 1 -r 10.0.0.1:80 -m -x 5\n\
                     -E -f 1 -s wrr\n-e -f 1 -r 10.0.0.1:80 -w 7\n";
        let table = table(&items(input).unwrap()).unwrap();
        let (key, service) = table.services.first_key_value().unwrap();
        assert_eq!(
            (key.to_string().as_str(), table.services.len()),
            ("FWM 1", 1)
        );
        assert_eq!(service.settings.scheduler.name(), "wrr");
        assert!(service.settings.persistence.is_some());
        let server = service.servers.values().next().unwrap();
        assert_eq!((server.weight.get(), server.thresholds.upper), (7, 5));
    }

    #[test]
    fn what_the_kernel_would_refuse_is_told_before_anything_changes() {
        let input = "-A -f 1\n-A -f 1\n-d -f 1 -r 10.0.0.1:80\n";
        assert_eq!(
            table(&items(input).unwrap()).unwrap_err().message,
            "line 2: Service already exists\nline 3: No such destination"
        );
    }
}
