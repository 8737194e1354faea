// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bringing the kernel's table to what it should be, one change after the other.

use std::collections::BTreeSet;
use std::mem;

use super::event::Action;
use super::machine::{Engine, Purpose, Work};
use super::orders::{all_are_out, known};
use crate::health::Health;
use crate::model::{Config, Drains, IpvsTable, Orders, ServiceKey, Timestamp, VirtualService};
use crate::plan::{
    Change, Outcome, Plan, Rule, Step, StepFailure, desired_cautiously, desired_service,
    diff_service,
};

/// How often we plan again for a service that differs from what we knew, until the next round.
pub(super) const TRIES: u32 = 4;

impl Engine {
    /// Plans from the known state of these services in the kernel to the desired state.
    pub(super) fn plan<'k>(&self, keys: impl IntoIterator<Item = &'k ServiceKey>) -> Plan {
        self.plan_with(&self.config, &self.orders, &self.health, &self.drains, keys)
    }

    /// The same with another configuration, its standings and its drains.
    pub(super) fn plan_with<'k>(
        &self,
        config: &Config,
        orders: &Orders,
        health: &Health,
        drains: &Drains,
        keys: impl IntoIterator<Item = &'k ServiceKey>,
    ) -> Plan {
        let mut plan = Plan::default();
        for key in keys {
            // Never touch a service of somebody else, for whatever reason we read it.
            if !config.services.contains_key(key) && !self.owned.contains(key) {
                continue;
            }
            let observed = self.observed.services.get(key);
            let known = known(
                health,
                orders,
                drains,
                &self.pools,
                &self.slow_starts,
                &self.overruled,
            );
            let desired = desired_service(config, &known, self.role, key, observed);
            diff_service(key, desired.as_ref(), observed, &mut plan);
        }
        plan.with_full_weights_first(config)
            .with_servers_in_order(config, &self.observed)
    }

    /// Whether these orders would leave a service without a server for new connections that it has now, or for good.
    pub(super) fn is_emptied_by(&self, orders: &Orders, key: &ServiceKey) -> bool {
        let Some(service) = self.config.services.get(key) else {
            return false;
        };
        let observed = self.observed.services.get(key);
        // A server without a verdict may be dead.
        let known = known(
            &self.health,
            orders,
            &self.drains,
            &self.pools,
            &self.slow_starts,
            &self.overruled,
        );
        let cautious = desired_cautiously(service, key, &known, observed);
        let empties = observed.is_some_and(VirtualService::can_serve) && !cautious.can_serve();
        empties || all_are_out(service, key, orders)
    }

    /// Begins to carry a plan out.
    pub(super) fn begin(
        &mut self,
        now: Timestamp,
        plan: Plan,
        rule: Rule,
        purpose: Purpose,
        out: &mut Vec<Action>,
    ) {
        let change = Change::new(plan, rule, &self.observed);
        self.go_on(now, Box::new(change), purpose, out);
    }

    /// Sends the next batch of a change, or ends it.
    fn go_on(
        &mut self,
        now: Timestamp,
        mut change: Box<Change>,
        purpose: Purpose,
        out: &mut Vec<Action>,
    ) {
        if let Some(steps) = change.next_batch() {
            out.push(Action::Apply(steps));
            self.work = Work::Changing(change, purpose);
            return;
        }
        self.work = Work::Idle;
        let touched = change.services();
        let outcome = change.finish();
        self.look_again(&touched, &outcome);
        match purpose {
            Purpose::Start { found } => {
                self.note_errors(now, &touched, &outcome, out);
                self.disown_removed(out);
                self.tell_start(now, found, &outcome, out);
            }
            Purpose::Upkeep => self.note_errors(now, &touched, &outcome, out),
            Purpose::Reload(next) => self.reloaded(now, *next, &touched, &outcome, out),
            Purpose::Release => {
                self.note_errors(now, &touched, &outcome, out);
                self.released(now, &outcome, out);
            }
        }
        self.tell_confirmed(out);
        self.assess_pools(now, out);
    }

    /// The answer to [`Action::Apply`]. What the kernel confirmed counts as done.
    pub(super) fn applied(
        &mut self,
        now: Timestamp,
        failures: Result<Vec<StepFailure>, Box<str>>,
        out: &mut Vec<Action>,
    ) {
        if !matches!(self.work, Work::Changing(..)) {
            return;
        }
        let Work::Changing(mut change, purpose) = mem::replace(&mut self.work, Work::Idle) else {
            return;
        };
        let failures = match failures {
            Ok(failures) => failures,
            Err(why) => return self.change_broke_off(now, purpose, &why, out),
        };
        self.answered(now, out);
        let Some(steps) = change.next_batch() else {
            return;
        };
        let refused: BTreeSet<usize> = failures.iter().map(|it| it.index).collect();
        self.take_for_done(&steps, &refused);
        let done = steps.len().saturating_sub(refused.len());
        self.figures.steps += done as u64;
        self.figures.refused_steps += refused.len() as u64;
        if let Some(first) = self.decided.take_if(|_| done > 0) {
            self.counters.verdict_delay.note(now.since(first));
            self.figures.verdict_delay.note(now.since(first));
        }
        change.applied(failures);
        self.go_on(now, change, purpose, out);
    }

    fn take_for_done(&mut self, steps: &[Step], refused: &BTreeSet<usize>) {
        let confirmed = steps.iter().enumerate();
        for (_, step) in confirmed.filter(|(index, _)| !refused.contains(index)) {
            // A step that does not fit the known table shows when we read the service back.
            let _ = step.apply_to(&mut self.observed);
            self.stale.insert(*step.service());
        }
    }

    /// Services that a change touched are read back when there is time; those that differed from what we knew, at once.
    fn look_again(&mut self, touched: &BTreeSet<ServiceKey>, outcome: &Outcome) {
        let failed: BTreeSet<&ServiceKey> = outcome
            .failures
            .iter()
            .map(|it| it.step.service())
            .collect();
        let done = touched.iter().filter(|key| !failed.contains(key));
        self.unread.extend(done.copied());
        for failure in outcome.failures.iter().filter(|it| it.is_surprise()) {
            let key = *failure.step.service();
            let tries = self.tries.entry(key).or_default();
            *tries += 1;
            if *tries <= TRIES {
                self.surprises.insert(key);
            }
        }
    }

    /// Nobody knows which part of the change is done.
    fn change_broke_off(
        &mut self,
        now: Timestamp,
        purpose: Purpose,
        why: &str,
        out: &mut Vec<Action>,
    ) {
        match purpose {
            // Nothing is known to be wrong with the new configuration: it stays, and the next round carries it out.
            Purpose::Reload(next) => self.commit(now, *next, 0, out),
            Purpose::Start { found } => self.tell_start(now, found, &Outcome::default(), out),
            Purpose::Upkeep => {}
            Purpose::Release => {
                self.exchange_failed(now, why, out);
                return self.release_failed(out);
            }
        }
        self.exchange_failed(now, why, out);
    }

    /// Report an error of a service when it is new, and when it is over.
    pub(super) fn note_errors(
        &mut self,
        now: Timestamp,
        touched: &BTreeSet<ServiceKey>,
        outcome: &Outcome,
        out: &mut Vec<Action>,
    ) {
        for key in touched {
            let failure = outcome.failures.iter().find(|it| it.step.service() == key);
            let failure = failure.filter(|failure| !failure.is_surprise());
            match failure.map(ToString::to_string) {
                Some(text) => self.service_failed(now, *key, &text, out),
                None => self.service_right(now, *key, out),
            }
        }
    }

    fn service_failed(
        &mut self,
        now: Timestamp,
        key: ServiceKey,
        text: &str,
        out: &mut Vec<Action>,
    ) {
        self.stale.insert(key);
        if self.errors.get(&key).is_none_or(|before| **before != *text) {
            self.errors.insert(key, text.into());
            self.tell_service_refused(now, key, text, out);
        }
    }

    fn service_right(&mut self, now: Timestamp, key: ServiceKey, out: &mut Vec<Action>) {
        if self.errors.remove(&key).is_some() {
            self.stale.insert(key);
            self.tell_service_right(now, key, out);
        }
    }

    /// Forget the known state of services that are not ours after all.
    pub(super) fn forget_foreign(&mut self) {
        let ours = self.ours();
        let IpvsTable { services } = &mut self.observed;
        services.retain(|key, _| ours.contains(key));
        self.errors.retain(|key, _| ours.contains(key));
        self.surprises.retain(|key| ours.contains(key));
    }
}
