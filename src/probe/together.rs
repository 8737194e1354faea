// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reports that come together are handed over together: thousands of probes a second then wake the engine a few hundred
//! times, and servers that fail together leave the kernel in one batch.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use tokio::task::{spawn_local, yield_now};
use tokio::time::sleep;

use crate::health::{Probed, RunId};
use crate::model::{ProbeOutcome, ProbeReport};

/// A report of success can wait so long for others.
const PATIENCE: Duration = Duration::from_millis(20);

/// What has not been handed over.
struct Waiting<H: Fn(Vec<Probed>)> {
    reports: RefCell<Vec<Probed>>,
    /// Whether they are handed over when the tasks that can go on have gone on.
    soon: Cell<bool>,
    /// Whether they are handed over after [`PATIENCE`].
    later: Cell<bool>,
    hand_over: H,
}

impl<H: Fn(Vec<Probed>)> Waiting<H> {
    fn give(&self) {
        let reports = self.reports.take();
        if !reports.is_empty() {
            (self.hand_over)(reports);
        }
    }
}

/// Takes each report, and hands it over with those that come with it: a success within some milliseconds, all others when
/// the probes that have just ended have reported.
///
/// The reports must come from tasks of a [`tokio::task::LocalSet`], as those of [`super::run`] do.
pub fn together(
    hand_over: impl Fn(Vec<Probed>) + 'static,
) -> impl Fn(RunId, ProbeReport) + Clone + 'static {
    let waiting = Rc::new(Waiting {
        reports: RefCell::default(),
        soon: Cell::default(),
        later: Cell::default(),
        hand_over,
    });
    move |run, report| {
        let succeeded = matches!(report.outcome, ProbeOutcome::Up(_));
        let at = report.started + report.latency;
        waiting
            .reports
            .borrow_mut()
            .push(Probed { run, report, at });
        let pending = if succeeded {
            &waiting.later
        } else {
            &waiting.soon
        };
        if pending.replace(true) {
            return;
        }
        let waiting = Rc::clone(&waiting);
        spawn_local(async move {
            if succeeded {
                sleep(PATIENCE).await;
                waiting.later.set(false);
            } else {
                yield_now().await;
                waiting.soon.set(false);
            }
            waiting.give();
        });
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::LocalSet;

    use super::*;
    use crate::model::Timestamp;

    /// The runs that are handed over together, when probes with these outcomes end together.
    fn handed_over(outcomes: &[ProbeOutcome]) -> Vec<Vec<u64>> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let batches: Rc<RefCell<Vec<Vec<u64>>>> = Rc::default();
        let into = Rc::clone(&batches);
        let hand_over = move |reports: Vec<Probed>| {
            let runs = reports.iter().map(|it| it.run.run);
            into.borrow_mut().push(runs.collect());
        };
        LocalSet::new().block_on(&runtime, async {
            let report = together(hand_over);
            for (number, outcome) in (0..).zip(outcomes) {
                let (report, outcome) = (report.clone(), *outcome);
                spawn_local(async move {
                    let run = RunId {
                        check: serde_json::from_str("1").unwrap(),
                        run: number,
                    };
                    let (reason, started) = ("".into(), Timestamp::ZERO);
                    let latency = Duration::ZERO;
                    report(
                        run,
                        ProbeReport {
                            outcome,
                            reason,
                            started,
                            latency,
                        },
                    );
                });
            }
            while batches.borrow().iter().flatten().count() < outcomes.len() {
                sleep(PATIENCE).await;
            }
        });
        batches.take()
    }

    #[test]
    fn what_ends_together_is_handed_over_together_and_a_failure_takes_the_successes_along() {
        use ProbeOutcome::{Down, Silent};
        let up = ProbeOutcome::Up(None);
        assert_eq!(handed_over(&[up, up, up]), [vec![0, 1, 2]]);
        assert_eq!(handed_over(&[up, Down, up, Silent]), [vec![0, 1, 2, 3]]);
        assert_eq!(handed_over(&[]), Vec::<Vec<u64>>::new());
    }
}
