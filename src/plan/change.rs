// SPDX-License-Identifier: MIT OR Apache-2.0
//! Carrying a plan out, batch by batch: a machine that says what to send next, and learns what the kernel refused.

use std::collections::BTreeSet;
use std::mem;
use std::sync::Arc;

use super::{Plan, Step, StepFailure};
use crate::model::{IpvsTable, ServiceKey};

/// How a refusal affects the rest of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// When the kernel refuses what a service adds, the service keeps what it had. The others continue.
    EachByItself,
    /// The change takes nothing away until the kernel has accepted everything that it adds. A refusal undoes what was
    /// done. Refusals of the excused services do not count: each of these services is on its own.
    AllOrNothing {
        /// Services that the kernel refused before. Their refusal is no reason to refuse the change.
        excused: BTreeSet<ServiceKey>,
    },
}

/// The result of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// How many steps were carried out, and not undone.
    pub done: usize,
    /// The steps that were refused: the first of each service, the others follow from it.
    pub failures: Vec<StepFailure>,
    /// How many steps were not tried, because an earlier one of their service had been refused.
    pub withheld: usize,
    /// Whether the plan was refused as a whole, and its completed steps undone.
    pub undone: bool,
}

impl Outcome {
    /// Whether everything was carried out.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.failures.is_empty()
    }
}

/// A plan being carried out. All that grows comes before anything that shrinks.
///
/// [`Change::next_batch`] gives the next batch until there is none. [`Change::applied`] takes what the kernel refused of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    grow: Arc<Vec<Step>>,
    shrink: Arc<Vec<Step>>,
    order: Arc<Vec<Step>>,
    rule: Rule,
    stage: Stage,
    /// The services of the plan as they were.
    before: IpvsTable,
    refused: BTreeSet<ServiceKey>,
    /// Which steps of `grow` were refused.
    refused_steps: BTreeSet<usize>,
    failures: Vec<StepFailure>,
    outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Stage {
    Growing,
    /// Deletes services that were made and whose scheduler the kernel then refused.
    Clearing(Arc<Vec<Step>>),
    Shrinking,
    /// Nothing of this is tried for a service of which something was refused.
    Ordering,
    Undoing(Arc<Vec<Step>>),
    Done,
}

impl Change {
    /// Starts to carry out a plan by this rule. The plan was made from `observed`.
    #[must_use]
    pub fn new(plan: Plan, rule: Rule, observed: &IpvsTable) -> Self {
        let before = match rule {
            Rule::EachByItself => IpvsTable::new(),
            Rule::AllOrNothing { .. } => part(observed, &plan),
        };
        Self {
            before,
            grow: Arc::new(plan.grow),
            shrink: Arc::new(plan.shrink),
            order: Arc::new(plan.order),
            rule,
            stage: Stage::Growing,
            refused: BTreeSet::new(),
            refused_steps: BTreeSet::new(),
            failures: Vec::new(),
            outcome: Outcome::default(),
        }
    }

    /// The steps to send now; `None` when all is done.
    pub fn next_batch(&mut self) -> Option<Arc<Vec<Step>>> {
        loop {
            let batch = match &self.stage {
                Stage::Growing => Arc::clone(&self.grow),
                Stage::Clearing(steps) | Stage::Undoing(steps) => Arc::clone(steps),
                Stage::Shrinking => Arc::clone(&self.shrink),
                Stage::Ordering => Arc::clone(&self.order),
                Stage::Done => return None,
            };
            if !batch.is_empty() {
                return Some(batch);
            }
            self.applied(Vec::new());
        }
    }

    /// What the kernel refused of the batch that [`Change::next_batch`] gave.
    pub fn applied(&mut self, failures: Vec<StepFailure>) {
        match mem::replace(&mut self.stage, Stage::Done) {
            Stage::Growing => self.grown(failures),
            Stage::Clearing(_) => self.begin_to_shrink(),
            Stage::Shrinking => {
                self.outcome.done += self.shrink.len() - failures.len();
                self.failures.extend(failures);
                self.begin_to_order();
            }
            Stage::Ordering => {
                self.outcome.done += self.order.len() - failures.len();
                self.failures.extend(failures);
            }
            Stage::Undoing(_) => {
                self.failures.extend(failures);
            }
            Stage::Done => {}
        }
    }

    /// The services it touches.
    #[must_use]
    pub fn services(&self) -> BTreeSet<ServiceKey> {
        let steps = self.grow.iter().chain(self.shrink.iter());
        let steps = steps.chain(self.order.iter());
        steps.map(|step| *step.service()).collect()
    }

    /// Its result.
    #[must_use]
    pub fn finish(self) -> Outcome {
        Outcome {
            failures: first_of_each_service(self.failures),
            ..self.outcome
        }
    }

    fn grown(&mut self, failures: Vec<StepFailure>) {
        self.refused_steps = failures.iter().map(|it| it.index).collect();
        self.refused = failures.iter().map(|it| *it.step.service()).collect();
        self.failures = failures;
        let counts = |key: &ServiceKey| match &self.rule {
            Rule::EachByItself => false,
            Rule::AllOrNothing { excused } => !excused.contains(key),
        };
        if self.refused.iter().any(counts) {
            self.outcome.undone = true;
            self.stage = Stage::Undoing(Arc::new(self.undo()));
            return;
        }
        self.outcome.done = self.grow.len() - self.failures.len();
        self.stage = Stage::Clearing(Arc::new(self.half_made()));
    }

    /// When the kernel refuses what a service adds, the service must not shrink: it would lose old servers without new
    /// ones.
    fn begin_to_shrink(&mut self) {
        if !self.refused.is_empty() {
            let kept = self.shrink.iter();
            let kept = kept.filter(|step| !self.refused.contains(step.service()));
            let kept: Vec<Step> = kept.cloned().collect();
            self.outcome.withheld = self.shrink.len() - kept.len();
            self.shrink = Arc::new(kept);
        }
        self.stage = Stage::Shrinking;
    }

    fn begin_to_order(&mut self) {
        let refused: BTreeSet<ServiceKey> =
            self.failures.iter().map(|it| *it.step.service()).collect();
        if !refused.is_empty() {
            let kept = self.order.iter();
            let kept = kept.filter(|step| !refused.contains(step.service()));
            self.order = Arc::new(kept.cloned().collect());
        }
        self.stage = Stage::Ordering;
    }

    fn made_here(&self) -> BTreeSet<ServiceKey> {
        let grown = self.grow.iter().enumerate();
        let made = grown.filter_map(|(index, step)| match step {
            Step::AddService(key, _) if !self.refused_steps.contains(&index) => Some(*key),
            Step::AddService(..)
            | Step::EditService(..)
            | Step::DeleteService(_)
            | Step::AddServer(..)
            | Step::EditServer(..)
            | Step::DeleteServer(..) => None,
        });
        made.collect()
    }

    /// If the kernel refuses the scheduler of a service that this plan made, the service would remain and schedule
    /// nothing.
    fn half_made(&self) -> Vec<Step> {
        if self.refused.is_empty() {
            return Vec::new();
        }
        let made = self.made_here();
        let refused = self
            .failures
            .iter()
            .filter_map(|failure| match &failure.step {
                Step::EditService(key, _) if made.contains(key) => Some(Step::DeleteService(*key)),
                Step::AddService(..)
                | Step::EditService(..)
                | Step::DeleteService(_)
                | Step::AddServer(..)
                | Step::EditServer(..)
                | Step::DeleteServer(..) => None,
            });
        refused.collect()
    }

    /// The way back, from the last step that was carried out to the first.
    fn undo(&self) -> Vec<Step> {
        let made = self.made_here();
        let carried_out = self.grow.iter().enumerate().rev();
        let carried_out = carried_out.filter(|(index, _)| !self.refused_steps.contains(index));
        let back = carried_out.filter_map(|(_, step)| {
            let key = *step.service();
            if made.contains(&key) {
                // With the service its servers go, too.
                return matches!(step, Step::AddService(..)).then_some(Step::DeleteService(key));
            }
            let before = self.before.services.get(&key);
            match step {
                Step::EditService(..) => Some(Step::EditService(key, before?.settings.clone())),
                Step::AddServer(_, server, _) => Some(Step::DeleteServer(key, *server)),
                Step::EditServer(_, server, _) => {
                    let real = before?.servers.get(server)?;
                    Some(Step::EditServer(key, *server, *real))
                }
                Step::AddService(..) | Step::DeleteService(_) | Step::DeleteServer(..) => None,
            }
        });
        back.collect()
    }
}

/// The services of a table that a plan touches.
fn part(table: &IpvsTable, plan: &Plan) -> IpvsTable {
    let touched: BTreeSet<&ServiceKey> = plan.steps().map(Step::service).collect();
    let known = touched.into_iter().filter_map(|key| {
        let service = table.services.get(key)?;
        Some((*key, service.clone()))
    });
    IpvsTable {
        services: known.collect(),
    }
}

fn first_of_each_service(failures: Vec<StepFailure>) -> Vec<StepFailure> {
    let mut seen = BTreeSet::new();
    failures
        .into_iter()
        .filter(|failure| seen.insert(*failure.step.service()))
        .collect()
}
