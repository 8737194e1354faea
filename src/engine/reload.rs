// SPDX-License-Identifier: MIT OR Apache-2.0
//! A new configuration for a running engine: it takes all of it, or nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::converge::TRIES;
use super::event::{Action, Questions, ReloadId};
use super::machine::{Engine, Next, Purpose, Reading, Wanted, Work};
use crate::health::Health;
use crate::model::{
    Condition, Config, Effect, IpvsTable, Object, ServerKey, ServiceKey, Timestamp, Transition,
};
use crate::plan::{Outcome, Rule, StepFailure, drains_after, empty_service};

impl Engine {
    /// An older request for a configuration does not count any more.
    pub(super) fn next_came(
        &mut self,
        now: Timestamp,
        id: ReloadId,
        config: Arc<Config>,
        out: &mut Vec<Action>,
    ) {
        if let Work::NotStarted | Work::Ended = self.work {
            return;
        }
        if self.overtaken(id) {
            return;
        }
        let fixed = self.config.director.lasting_until_restart(&config.director);
        if !fixed.is_empty() {
            let why = format!(
                "director: {} cannot change while the director runs; restart it (no connection is lost)",
                fixed.join(", ")
            );
            return self.reload_refused(now, id, &why, out);
        }
        if let Some(service) = self.emptied_by(&config) {
            let why = format!(
                "{service} would have no server for new connections: all of its servers are ordered out; director enable takes \
                 an order back"
            );
            return self.reload_refused(now, id, &why, out);
        }
        self.next = Some(Wanted {
            id,
            config,
            tries: 0,
            looked: false,
        });
    }

    fn overtaken(&self, id: ReloadId) -> bool {
        id < self.reloads.answered || self.next.as_ref().is_some_and(|wanted| id < wanted.id)
    }

    /// Reports that the old configuration stays, and why.
    pub(super) fn reload_refused(
        &mut self,
        now: Timestamp,
        id: ReloadId,
        why: &str,
        out: &mut Vec<Action>,
    ) {
        if matches!(self.work, Work::NotStarted | Work::Ended) || self.overtaken(id) {
            return;
        }
        self.next = None;
        self.reloads.answered = id;
        self.figures.refused_reloads += 1;
        self.reloads.refused = Some(why.into());
        self.tell_reload(now, Condition::Refused, why, Effect::None, out);
    }

    /// Plans for the new configuration from the known state of the kernel. Where that is wrong, the kernel refuses a
    /// step, and the engine reads the service. We know nothing of services that are not ours yet: the engine reads them
    /// first.
    pub(super) fn begin_reload(
        &mut self,
        now: Timestamp,
        mut wanted: Wanted,
        out: &mut Vec<Action>,
    ) {
        let known = |key| self.config.services.contains_key(key) || self.owned.contains(key);
        if !wanted.looked && !wanted.config.services.keys().all(known) {
            wanted.looked = true;
            self.work = Work::Reading(Reading::Reload(wanted));
            return out.push(Action::ReadTable);
        }
        let health = configured(&self.health, &wanted.config, &self.observed, now);
        let drains = Arc::new(drains_after(
            &self.drains,
            (&self.config, &wanted.config),
            &self.health,
            &self.observed,
            now,
        ));
        let before = Arc::clone(&self.owned);
        let mut keys = self.ours();
        keys.extend(wanted.config.services.keys());
        self.own(&keys, out);
        let orders = self.orders.after(&self.config, &wanted.config);
        let plan = self.plan_with(&wanted.config, &orders, &health, &drains, &keys);
        let mut untold = self.changes(now, &plan, &before, Condition::Foreign);
        untold.extend(self.leaving(now, &drains));
        let excused = self.excused(&wanted.config);
        let next = Box::new(Next {
            wanted,
            health,
            health_events: self.health_events,
            drains,
            owned: before,
            untold,
        });
        let rule = Rule::AllOrNothing { excused };
        self.begin(now, plan, rule, Purpose::Reload(next), out);
    }

    /// The services of a new configuration that somebody else has made already.
    pub(super) fn looked_for_others(
        &mut self,
        now: Timestamp,
        wanted: Wanted,
        table: Result<IpvsTable, Box<str>>,
        out: &mut Vec<Action>,
    ) {
        match table {
            Ok(table) => {
                self.answered(now, out);
                let ours = self.ours();
                let others = table.services.into_iter().filter(|(key, _)| {
                    !ours.contains(key) && wanted.config.services.contains_key(key)
                });
                self.observed.services.extend(others);
                self.next.get_or_insert(wanted);
            }
            Err(why) => {
                self.exchange_failed(now, &why, out);
                self.reload_refused(now, wanted.id, &why, out);
            }
        }
    }

    /// Services that the kernel refuses already and that the new configuration does not change: they are no reason to
    /// refuse it.
    fn excused(&self, config: &Config) -> BTreeSet<ServiceKey> {
        let unchanged = |key: &&ServiceKey| {
            let new = config.services.get(key);
            new.is_some() && new == self.config.services.get(key)
        };
        self.errors.keys().filter(unchanged).copied().collect()
    }

    /// The change for a new configuration has ended: the configuration is committed, or dropped, or tried again.
    pub(super) fn reloaded(
        &mut self,
        now: Timestamp,
        next: Next,
        touched: &BTreeSet<ServiceKey>,
        outcome: &Outcome,
        out: &mut Vec<Action>,
    ) {
        let excused = self.excused(&next.wanted.config);
        let counts = |failure: &&StepFailure| !excused.contains(failure.step.service());
        let refused: Vec<&StepFailure> = outcome.failures.iter().filter(counts).collect();
        if !outcome.undone {
            self.commit(now, next, outcome.done, out);
            self.note_errors(now, touched, outcome, out);
            return;
        }
        let surprised = refused.iter().any(|failure| failure.is_surprise());
        if surprised && next.wanted.tries < TRIES {
            self.owned = next.owned;
            self.next.get_or_insert(Wanted {
                tries: next.wanted.tries + 1,
                ..next.wanted
            });
            return;
        }
        let reasons: Vec<String> = refused.iter().map(ToString::to_string).collect();
        self.drop_next(now, next, &reasons.join("; "), out);
    }

    fn drop_next(&mut self, now: Timestamp, next: Next, why: &str, out: &mut Vec<Action>) {
        // A service that was never made must not count as ours later.
        self.owned = next.owned;
        self.write_owned(out);
        self.forget_foreign();
        // Find now what others changed meanwhile, not in the next round.
        let ours = self.ours();
        self.unread.extend(ours);
        self.reload_refused(now, next.wanted.id, why, out);
    }

    /// From now on the new configuration is the one in force.
    pub(super) fn commit(
        &mut self,
        now: Timestamp,
        next: Next,
        steps: usize,
        out: &mut Vec<Action>,
    ) {
        self.untold.extend(next.untold);
        let new = &next.wanted.config;
        let settings = new.ipvs != self.config.ipvs
            || new.connection_sync != self.config.connection_sync
            || new.keeps_connections() != self.config.keeps_connections();
        self.look_at_changed_services(&next.wanted.config);
        let before = std::mem::replace(&mut self.config, next.wanted.config);
        self.digest_services(&before);
        self.drains = next.drains;
        self.keep_configured_slow_starts();
        self.watch_services(now);
        self.forget_orders(now, &before, out);
        if next.health_events == self.health_events {
            self.health = next.health;
        } else {
            // Reports have come since it was planned with. It goes first: three of them would be the most memory that
            // the director ever takes.
            drop(next.health);
            self.health = configured(&self.health, &self.config, &self.observed, now);
        }
        self.unassessed.extend(self.config.services.keys());
        self.forget_pools();
        self.peer_after_reload(now, out);
        // The virtual addresses may be others now.
        out.push(Action::Look(Questions::default()));
        if settings {
            self.settle(now, out);
        }
        // Find now what others changed since the last round, not in the next one.
        let ours = self.ours();
        self.unread.extend(ours);
        self.disown_removed(out);
        self.forget_foreign();
        self.reloads.answered = next.wanted.id;
        self.figures.reloads += 1;
        self.reloads.refused = None;
        self.reloads.steps = steps as u64;
        let warning = empty_service(&self.config, &self.orders);
        self.reloads.warning = warning.as_deref().map(Arc::from);
        let effect = Effect::Steps(steps as u64);
        let warning = warning.unwrap_or_default();
        self.tell_reload(now, Condition::Running, &warning, effect, out);
    }

    /// What the new configuration changes, or no longer has, is shown anew.
    fn look_at_changed_services(&mut self, new: &Config) {
        let old = &self.config.services;
        let changed = new.services.iter();
        let changed = changed.filter(|(key, service)| old.get(key) != Some(service));
        let gone = old.keys().filter(|key| !new.services.contains_key(key));
        let stale: Vec<ServiceKey> = changed.map(|(key, _)| key).chain(gone).copied().collect();
        self.stale.extend(stale);
    }

    fn tell_reload(
        &mut self,
        now: Timestamp,
        to: Condition,
        why: &str,
        effect: Effect,
        out: &mut Vec<Action>,
    ) {
        let told = Transition {
            at: now,
            object: Object::Configuration,
            from: Condition::Running,
            to,
            why: why.into(),
            effect,
        };
        self.tell(told, out);
    }
}

/// The health with the checkers of this configuration.
pub(super) fn configured(
    health: &Health,
    config: &Config,
    observed: &IpvsTable,
    now: Timestamp,
) -> Health {
    let serving = |service: &ServiceKey, server: &ServerKey| observed.has_serving(service, server);
    health.configured(config, serving, now)
}
