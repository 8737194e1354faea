// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bringing the kernel's table to what it should be, and finding out when it is not.

use std::collections::BTreeSet;

use tracing::{error, info, warn};

use super::describe::found;
use super::engine::Engine;
use super::kernel::Kernel;
use crate::health::desired_service;
use crate::model::{ServerKey, ServiceKey, Standing, VirtualService};
use crate::plan::{Outcome, Plan, StepFailure, diff_service, execute};

/// How often a table that turns out different from what was just written is planned for again.
const TRIES: usize = 4;

impl<K: Kernel> Engine<K>
where
    K::Error: std::fmt::Display,
{
    /// What the kernel should hold of a service; `None` when it should not hold it.
    ///
    /// A server that a reload has just added has no checker yet, and waits for its verdict, unless the service would
    /// lose its last server to that: then the new ones take their chances.
    pub(super) fn desired(&self, key: &ServiceKey) -> Option<VirtualService> {
        let configured = self.config.services.get(key)?;
        let observed = self.observed.services.get(key);
        let with_new_servers = |held: Standing| {
            let verdict = |server: &ServerKey| {
                let health = self.health.server(key, server);
                health.map_or(held, |health| health.standing)
            };
            desired_service(configured, observed, verdict)
        };
        let cautious = with_new_servers(Standing::Unknown);
        if !cautious.can_serve() && observed.is_some_and(VirtualService::can_serve) {
            return Some(with_new_servers(Standing::UP));
        }
        Some(cautious)
    }

    /// Reads the whole table, of which only what is ours is kept.
    pub(super) fn read_all(&mut self) -> Result<(), K::Error> {
        let ours: BTreeSet<ServiceKey> = self.ours().into_iter().collect();
        self.observed = self.kernel.read()?;
        self.observed.services.retain(|key, _| ours.contains(key));
        Ok(())
    }

    /// Makes these services what they should be, and goes on until nothing is left to do or what is left cannot be
    /// done. What the kernel confirmed is taken for done, and read back as soon as no event waits; where it refused
    /// something the services are read at once.
    pub(super) fn converge(&mut self, keys: Vec<ServiceKey>) -> Result<Outcome, K::Error> {
        let (mut keys, mut total) = (keys, Outcome::default());
        for _ in 0..TRIES {
            let plan = self.plan(&keys);
            if plan.is_empty() {
                break;
            }
            let outcome = execute(&mut self.kernel, &plan)?;
            let touched: BTreeSet<ServiceKey> = plan.steps().map(|step| *step.service()).collect();
            if outcome.is_complete() {
                self.take_for_done(&plan);
                self.unread.extend(touched.iter().copied());
            } else {
                self.read_back(&touched)?;
            }
            self.note_errors(&touched, &outcome);
            total.done += outcome.done;
            total.withheld += outcome.withheld;
            let (surprises, refusals): (Vec<_>, Vec<_>) = outcome
                .failures
                .into_iter()
                .partition(StepFailure::is_surprise);
            keys = surprises
                .iter()
                .map(|failure| *failure.step.service())
                .collect();
            total.failures.extend(refusals);
        }
        Ok(total)
    }

    fn take_for_done(&mut self, plan: &Plan) {
        for step in plan.steps() {
            // The plan was made from this very table, so that every step fits it.
            let _ = step.apply_to(&mut self.observed);
        }
    }

    fn plan(&self, keys: &[ServiceKey]) -> Plan {
        let mut plan = Plan::default();
        for key in keys {
            let desired = self.desired(key);
            diff_service(
                key,
                desired.as_ref(),
                self.observed.services.get(key),
                &mut plan,
            );
        }
        plan
    }

    fn read_back(&mut self, keys: &BTreeSet<ServiceKey>) -> Result<(), K::Error> {
        for key in keys {
            self.read_one(key)?;
        }
        Ok(())
    }

    /// Reads one service, and tells whether it was what it was believed to be.
    fn read_one(&mut self, key: &ServiceKey) -> Result<bool, K::Error> {
        let actual = self.kernel.read_service(key)?;
        let as_left = actual.as_ref() == self.observed.services.get(key);
        match actual {
            Some(service) => self.observed.services.insert(*key, service),
            None => self.observed.services.remove(key),
        };
        Ok(as_left)
    }

    /// Reads these services back. What is not as it was left is drift: somebody else's change, which is told and undone.
    pub(super) fn repair(&mut self, keys: &[ServiceKey]) -> Result<(), K::Error> {
        let mut drifted = Vec::new();
        for key in keys {
            if !self.read_one(key)? {
                drifted.push(*key);
            }
        }
        let plan = self.plan(&drifted);
        for step in plan.steps() {
            warn!("drift: {}; repaired: {step}", found(step, &self.observed));
        }
        self.drift_repairs += u64::try_from(plan.len()).unwrap_or(u64::MAX);
        self.converge(keys.to_vec()).map(drop)
    }

    /// A service's error is told when it is new, and its end when it is over.
    fn note_errors(&mut self, touched: &BTreeSet<ServiceKey>, outcome: &Outcome) {
        for key in touched {
            let failure = outcome.failures.iter().find(|it| it.step.service() == key);
            match failure
                .filter(|failure| !failure.is_surprise())
                .map(ToString::to_string)
            {
                Some(text) => {
                    if self.errors.get(key) != Some(&text) {
                        error!("{text}");
                    }
                    self.errors.insert(*key, text);
                }
                None => {
                    if self.errors.remove(key).is_some() {
                        info!("service {key}: as it should be again");
                    }
                }
            }
        }
    }
}
