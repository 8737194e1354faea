// SPDX-License-Identifier: MIT OR Apache-2.0
//! `-R`: sends the input to the kernel, or computes the table that it would make.

use std::collections::BTreeSet;

use crate::ipvsadm::arguments::Invocation;
use crate::ipvsadm::failure::Failure;
use crate::ipvsadm::restore::{Failures, Item, TOGETHER};
use crate::kernel::{Ipvs, IpvsError};
use crate::model::IpvsTable;
use crate::plan::{SimulatedKernel, Step, Target as _, diff, execute};

/// Carries out all items in order; `other` does those that do not change the table. A failure does not stop the later
/// items.
pub fn run(
    ipvs: &mut Ipvs,
    items: &[Item],
    mut other: impl FnMut(&mut Ipvs, &Invocation) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut failures = Failures::default();
    let mut together = Vec::with_capacity(TOGETHER);
    for item in items {
        match item {
            Item::Steps(steps) => {
                together.clear();
                together.extend(steps.iter());
                match ipvs.apply(&together) {
                    Ok(refused) => {
                        for refusal in refused {
                            let failure = Failure::step(&refusal.step, refusal.errno);
                            failures.add(steps.line(refusal.index), &failure);
                        }
                    }
                    Err(error) => failures.add(steps.line(0), &Failure::command(&error)),
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

/// Makes the table equal to the one that the changes would make of an empty table, with the fewest changes: services
/// and servers that stay keep their connections. Then it carries out everything else.
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
            Item::Steps(steps) => {
                for (index, step) in steps.iter().enumerate() {
                    apply(&mut kernel, &step, steps.line(index));
                }
            }
            Item::Other(invocation, number) => match &**invocation {
                Invocation::Clear => kernel = SimulatedKernel::holding(IpvsTable::new()),
                Invocation::Change(change) => {
                    let step = change.step(|key| kernel.read_service(key))?;
                    apply(&mut kernel, &step, *number);
                }
                _ => {}
            },
        }
    }
    failures.end()?;
    Ok(kernel.read()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipvsadm::restore::items;

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
