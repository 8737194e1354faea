// SPDX-License-Identifier: MIT OR Apache-2.0
//! The host around the table: reading it, planning, and changing what the configuration names.

use std::collections::BTreeSet;
use std::mem;

use super::event::Action;
use super::machine::Engine;
use crate::model::{Condition, Effect, Host, Object, Timestamp, Transition};
use crate::plan::{desired_host, diff_host};

impl Engine {
    /// Looks after the host's settings.
    pub(super) fn settle(&self, out: &mut Vec<Action>) {
        let scope = desired_host(&self.config.ipvs).scope();
        if !scope.is_empty() {
            out.push(Action::ReadHost(scope));
        }
    }

    /// The answer to [`Action::ReadHost`]. What could not be read is reported, and missing in the plan.
    pub(super) fn host_read(
        &mut self,
        now: Timestamp,
        host: &Host,
        unread: Vec<Box<str>>,
        out: &mut Vec<Action>,
    ) {
        let plan = diff_host(&desired_host(&self.config.ipvs), host);
        self.host_failed(now, unread, out);
        if !plan.steps.is_empty() {
            self.host_steps.clone_from(&plan.steps);
            out.push(Action::ApplyHost(plan.steps));
        }
    }

    /// To [`Action::ApplyHost`].
    pub(super) fn host_applied(
        &mut self,
        now: Timestamp,
        failed: Vec<(usize, Box<str>)>,
        out: &mut Vec<Action>,
    ) {
        let steps = mem::take(&mut self.host_steps);
        let undone: BTreeSet<usize> = failed.iter().map(|(index, _)| *index).collect();
        for (index, step) in steps.iter().enumerate() {
            if !undone.contains(&index) {
                self.tell_host(now, Condition::Right, &step.in_short(), out);
            }
        }
        let why = failed.into_iter().map(|(_, why)| why);
        self.host_failed(now, why.collect(), out);
    }

    /// Report a failure when it is new.
    fn host_failed(&mut self, now: Timestamp, failures: Vec<Box<str>>, out: &mut Vec<Action>) {
        for why in failures {
            if self.host_refused.insert(why.clone()) {
                self.tell_host(now, Condition::Refused, &why, out);
            }
        }
    }

    fn tell_host(&mut self, now: Timestamp, to: Condition, why: &str, out: &mut Vec<Action>) {
        let told = Transition {
            at: now,
            object: Object::Host,
            from: Condition::Drifted,
            to,
            why: why.into(),
            effect: Effect::None,
        };
        self.tell(told, out);
    }
}
