// SPDX-License-Identifier: MIT OR Apache-2.0
//! The host around the table: reading it, planning, and changing what the configuration names.

use std::collections::BTreeSet;
use std::mem;

use super::describe::found_on_host;
use super::event::Action;
use super::machine::Engine;
use crate::model::{Condition, Effect, Host, Object, Timestamp, Transition};
use crate::plan::{DesiredHost, HostStep, diff_host};

impl Engine {
    /// Looks after the host's settings.
    pub(super) fn settle(&mut self, now: Timestamp, out: &mut Vec<Action>) {
        let scope = self.host_wish(now).scope();
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
        let wish = self.host_wish(now);
        let plan = diff_host(&wish, host);
        self.host_failed(now, unread, out);
        let before = mem::replace(&mut self.host_known, host.clone());
        if !plan.steps.is_empty() {
            let steps = plan.steps.iter().cloned();
            let steps = steps.map(|step| (was_right(&step, &wish, &before), step));
            self.host_steps = steps.collect();
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
        for (index, (drifted, step)) in steps.iter().enumerate() {
            if undone.contains(&index) {
                continue;
            }
            // It has no effect where the host is not known.
            let _ = step.apply_to(&mut self.host_known);
            let short = step.in_short();
            if *drifted {
                self.counters.drift_repairs += 1;
                let repaired = Effect::Repaired(short.into());
                let why = found_on_host(step);
                self.tell_host(now, Condition::Right, &why, repaired, out);
            } else {
                self.tell_host(now, Condition::Right, &short, Effect::None, out);
            }
        }
        let why = failed.into_iter().map(|(_, why)| why);
        self.host_failed(now, why.collect(), out);
    }

    /// Report a failure when it is new.
    fn host_failed(&mut self, now: Timestamp, failures: Vec<Box<str>>, out: &mut Vec<Action>) {
        for why in failures {
            if self.host_refused.insert(why.clone()) {
                self.tell_host(now, Condition::Refused, &why, Effect::None, out);
            }
        }
    }

    fn tell_host(
        &mut self,
        now: Timestamp,
        to: Condition,
        why: &str,
        effect: Effect,
        out: &mut Vec<Action>,
    ) {
        let told = Transition {
            at: now,
            object: Object::Host,
            from: Condition::Drifted,
            to,
            why: why.into(),
            effect,
        };
        self.tell(told, out);
    }
}

/// Whether the host, as it was known, needed no such step for the same wish: then somebody else has changed it since.
fn was_right(step: &HostStep, wish: &DesiredHost, known: &Host) -> bool {
    if let HostStep::SetSetting { name, to, .. } = step {
        return known.settings.get(name) == Some(to);
    }
    // Besides settings and timeouts the configuration names sync daemons, and those change with the role of this host.
    let timeouts = |it: &HostStep| matches!(it, HostStep::SetTimeouts { .. });
    let needed = diff_host(wish, known).steps;
    timeouts(step) && known.timeouts.is_some() && !needed.iter().any(timeouts)
}
