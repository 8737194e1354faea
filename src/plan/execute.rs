// SPDX-License-Identifier: MIT OR Apache-2.0
//! The target of a plan, and how to carry a plan out in one call.

use super::{Change, Outcome, Plan, Rule, Step, StepFailure};
use crate::model::{ConnectionCounts, IpvsTable, ServerKey, ServiceKey, Traffic, VirtualService};

/// The target of a plan: the kernel, or a value that behaves like it.
pub trait Target {
    /// Why an exchange failed as a whole; nobody knows which part of it is done.
    type Error;

    /// The whole table.
    fn read(&mut self) -> Result<IpvsTable, Self::Error>;

    /// One service, `None` when there is none.
    fn read_service(&mut self, key: &ServiceKey) -> Result<Option<VirtualService>, Self::Error>;

    /// The connections and the traffic of the servers of one service; none when there is no such service.
    fn count(
        &mut self,
        key: &ServiceKey,
    ) -> Result<Vec<(ServerKey, ConnectionCounts, Traffic)>, Self::Error>;

    /// Carries out steps in order. A refused one does not stop the others.
    fn apply(&mut self, steps: &[Step]) -> Result<Vec<StepFailure>, Self::Error>;
}

/// Carries a plan out: first the steps that grow, then those that shrink. When the kernel refuses what a service adds,
/// that service does not shrink; the others do.
pub fn execute<T: Target>(target: &mut T, plan: &Plan) -> Result<Outcome, T::Error> {
    let change = Change::new(plan.clone(), Rule::EachByItself, &IpvsTable::new());
    carry_out(target, change)
}

/// Carries a change out to its end.
pub fn carry_out<T: Target>(target: &mut T, mut change: Change) -> Result<Outcome, T::Error> {
    while let Some(steps) = change.next_batch() {
        let refused = target.apply(&steps)?;
        change.applied(refused);
    }
    Ok(change.finish())
}
