// SPDX-License-Identifier: MIT OR Apache-2.0
//! Carrying a plan out, as far as it can be.

use std::collections::BTreeSet;

use super::{Plan, Step, StepFailure};
use crate::model::{IpvsTable, ServiceKey, VirtualService};

/// What a plan is carried out on: the kernel, or a value that behaves like it.
pub trait Target {
    /// Why an exchange failed as a whole, with an unknown part of it done.
    type Error;

    /// The whole table.
    fn read(&mut self) -> Result<IpvsTable, Self::Error>;

    /// One service, `None` when there is none.
    fn read_service(&mut self, key: &ServiceKey) -> Result<Option<VirtualService>, Self::Error>;

    /// Carries out steps in order. A refused one does not stop the others.
    fn apply(&mut self, steps: &[Step]) -> Result<Vec<StepFailure>, Self::Error>;
}

/// What became of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// How many steps were carried out.
    pub done: usize,
    /// The steps that were refused: the first of each service, the others follow from it.
    pub failures: Vec<StepFailure>,
    /// How many steps were not tried, because an earlier one of their service had been refused.
    pub withheld: usize,
}

impl Outcome {
    /// Whether everything was carried out.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.failures.is_empty()
    }
}

/// Carries a plan out: what grows first, then what shrinks, but not for a service whose growing was refused — it
/// would lose servers without having got the new ones. The other services are not held up.
pub fn execute<T: Target>(target: &mut T, plan: &Plan) -> Result<Outcome, T::Error> {
    let mut failures = target.apply(&plan.grow)?;
    let failed: BTreeSet<ServiceKey> = failures.iter().map(|it| *it.step.service()).collect();
    let mut outcome = Outcome {
        done: plan.grow.len() - failures.len(),
        ..Outcome::default()
    };

    let half_made = half_made_services(plan, &failures);
    if !half_made.is_empty() {
        target.apply(&half_made)?;
    }
    if failed.is_empty() {
        let refused = target.apply(&plan.shrink)?;
        outcome.done += plan.shrink.len() - refused.len();
        failures.extend(refused);
    } else {
        let kept = plan
            .shrink
            .iter()
            .filter(|step| !failed.contains(step.service()));
        let allowed: Vec<Step> = kept.cloned().collect();
        outcome.withheld = plan.shrink.len() - allowed.len();
        let refused = target.apply(&allowed)?;
        outcome.done += allowed.len() - refused.len();
        failures.extend(refused);
    }
    outcome.failures = first_of_each_service(failures);
    Ok(outcome)
}

/// A service that this plan made, and whose scheduler was then refused, would stay behind scheduling nothing.
fn half_made_services(plan: &Plan, failures: &[StepFailure]) -> Vec<Step> {
    let refused_edits = failures.iter().filter_map(|failure| match &failure.step {
        Step::EditService(key, _) => Some(*key),
        Step::AddService(..)
        | Step::DeleteService(_)
        | Step::AddServer(..)
        | Step::EditServer(..)
        | Step::DeleteServer(..) => None,
    });
    let made_here = |key: &ServiceKey| {
        plan.grow
            .iter()
            .any(|step| matches!(step, Step::AddService(added, _) if added == key))
    };
    refused_edits
        .filter(made_here)
        .map(Step::DeleteService)
        .collect()
}

fn first_of_each_service(failures: Vec<StepFailure>) -> Vec<StepFailure> {
    let mut seen = BTreeSet::new();
    failures
        .into_iter()
        .filter(|failure| seen.insert(*failure.step.service()))
        .collect()
}
