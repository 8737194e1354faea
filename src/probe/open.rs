// SPDX-License-Identifier: MIT OR Apache-2.0
//! A running probe. It is always reported, whatever happens to it.

use std::rc::{Rc, Weak};

use super::Answer;
use crate::health::RunId;
use crate::model::{ProbeReport, Timestamp};

/// A run that has started. It is reported once: by [`OpenRun::end`], or when it is dropped without that.
pub(super) struct OpenRun<C: Fn() -> Timestamp, R: Fn(RunId, ProbeReport)> {
    run: RunId,
    started: Timestamp,
    clock: C,
    report: R,
    /// The receiver is gone when all probes end together: nobody waits for a report any more.
    running: Weak<()>,
    answer: Option<Answer>,
    /// When it ended; `None` when that is now.
    ended: Option<Timestamp>,
}

impl<C: Fn() -> Timestamp, R: Fn(RunId, ProbeReport)> OpenRun<C, R> {
    pub(super) fn new(
        run: RunId,
        started: Timestamp,
        clock: C,
        report: R,
        running: &Rc<()>,
    ) -> Self {
        Self {
            run,
            started,
            clock,
            report,
            running: Rc::downgrade(running),
            answer: None,
            ended: None,
        }
    }

    /// The probe has ended with this answer, and the clock was looked at then.
    pub(super) fn end_at(mut self, answer: Answer, now: Timestamp) {
        self.answer = Some(answer);
        self.ended = Some(now);
    }

    /// When the probe started.
    pub(super) const fn started(&self) -> Timestamp {
        self.started
    }

    /// The probe has ended with this answer.
    pub(super) fn end(mut self, answer: Answer) {
        self.answer = Some(answer);
    }
}

impl<C: Fn() -> Timestamp, R: Fn(RunId, ProbeReport)> Drop for OpenRun<C, R> {
    fn drop(&mut self) {
        let answer = match self.answer.take() {
            Some(answer) => answer,
            None if self.running.strong_count() == 0 => return,
            None => Answer::could_not_run(
                "the probe ended by a defect of the director; this is a bug, please report it",
            ),
        };
        let ended = self.ended.unwrap_or_else(|| (self.clock)());
        let report = ProbeReport {
            outcome: answer.outcome,
            reason: answer.reason,
            started: self.started,
            latency: ended.since(self.started),
        };
        (self.report)(self.run, report);
    }
}
