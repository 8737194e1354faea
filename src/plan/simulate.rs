// SPDX-License-Identifier: MIT OR Apache-2.0
//! A kernel made of a value: what IPVS does with each step, error numbers included.

use std::collections::BTreeSet;
use std::convert::Infallible;

use nix::errno::Errno;

use super::{Step, StepFailure, Target};
use crate::model::{IpvsTable, Scheduler, ServiceKey, VirtualService};

/// Behaves like the kernel's IPVS as far as the table goes (`net/netfilter/ipvs/ip_vs_ctl.c`). The laws of the planner
/// are held against it, and the lab holds it against the real one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SimulatedKernel {
    /// What it holds.
    pub table: IpvsTable,
    /// Schedulers it has no module for.
    pub missing_schedulers: BTreeSet<Scheduler>,
    /// How many steps it was given, one netlink message each.
    pub messages: usize,
}

impl SimulatedKernel {
    /// A kernel with every scheduler that holds this table.
    #[must_use]
    pub fn holding(table: IpvsTable) -> Self {
        Self {
            table,
            ..Self::default()
        }
    }

    /// One step.
    pub fn step(&mut self, step: &Step) -> Result<(), Errno> {
        self.messages += 1;
        match step {
            Step::AddService(key, settings) | Step::EditService(key, settings)
                if self.missing_schedulers.contains(&settings.scheduler) =>
            {
                let present = self.table.services.contains_key(key);
                Err(match (step, present) {
                    (Step::AddService(..), true) => Errno::EEXIST,
                    (Step::AddService(..), false) | (_, true) => Errno::ENOENT,
                    (_, false) => Errno::ESRCH,
                })
            }
            Step::AddService(..)
            | Step::EditService(..)
            | Step::DeleteService(_)
            | Step::AddServer(..)
            | Step::EditServer(..)
            | Step::DeleteServer(..) => step.apply_to(&mut self.table),
        }
    }
}

impl Target for SimulatedKernel {
    type Error = Infallible;

    fn read(&mut self) -> Result<IpvsTable, Infallible> {
        Ok(self.table.clone())
    }

    fn read_service(&mut self, key: &ServiceKey) -> Result<Option<VirtualService>, Infallible> {
        Ok(self.table.services.get(key).cloned())
    }

    fn apply(&mut self, steps: &[Step]) -> Result<Vec<StepFailure>, Infallible> {
        let failure = |(index, step): (usize, &Step)| {
            let errno = self.step(step).err()?;
            Some(StepFailure {
                index,
                step: step.clone(),
                errno,
            })
        };
        Ok(steps.iter().enumerate().filter_map(failure).collect())
    }
}
