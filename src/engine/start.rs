// SPDX-License-Identifier: MIT OR Apache-2.0
//! The start, which adopts what the kernel has, and the end, which leaves it there.

use std::collections::BTreeSet;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use super::describe::count;
use super::event::{Action, Questions, Start};
use super::machine::{Engine, Purpose, Reading, Work};
use super::reload::configured;
use crate::model::{
    Condition, Config, Drains, Effect, IpvsTable, Object, Rank, Role, ServiceKey, Standing,
    Timestamp, Transition,
};
use crate::plan::{Outcome, Rule};

/// The first results of all checks are not waited for any longer. Most checks have theirs within their timeout.
const LONGEST_BEGINNING: Duration = Duration::from_secs(10);

impl Engine {
    pub(super) fn start(&mut self, now: Timestamp, start: Start, out: &mut Vec<Action>) {
        let Work::NotStarted = self.work else {
            return;
        };
        self.started = now;
        self.next_round = now + start.config.director.repair_interval;
        self.config = start.config;
        self.digest_services(&Config::default());
        self.orders = Arc::new(start.orders.into_iter().collect());
        let config = Arc::clone(&self.config);
        self.keep_orders(&config);
        self.recall_ledger(start.ledger, start.origin);
        self.drains = Arc::new(Drains::of_recalled(&start.drains, now));
        self.recall_slow_starts(now, &start.slow_starts);
        self.owned = Arc::new(start.owned);
        self.owned_written = true;
        self.health.recall(start.recalled, now);
        self.mastership.starts(now, start.masters);
        // It says so itself when the channel comes.
        self.pair.belief.lead(self.mastership.is_master());
        self.settle(now, out);
        self.work = Work::Reading(Reading::Start);
        out.push(Action::ReadTable);
    }

    /// The answer to [`Action::ReadTable`]. The engine keeps only what is ours or will be.
    pub(super) fn table_read(
        &mut self,
        now: Timestamp,
        table: Result<IpvsTable, Box<str>>,
        out: &mut Vec<Action>,
    ) {
        if !matches!(self.work, Work::Reading(_)) {
            return;
        }
        let Work::Reading(reading) = mem::replace(&mut self.work, Work::Idle) else {
            return;
        };
        match (reading, table) {
            (Reading::Reload(wanted), table) => self.looked_for_others(now, wanted, table, out),
            (Reading::Start | Reading::Release, Err(why)) => {
                self.tell_ipvs(now, Condition::Refused, &why, out);
                self.work = Work::Ended;
                out.push(Action::End(false));
            }
            (Reading::Start, Ok(table)) => {
                let ours = self.keep_ours(table);
                self.adopt(now, &ours, out);
            }
            (Reading::Release, Ok(table)) => {
                let ours = self.keep_ours(table);
                let plan = self.plan(&ours);
                self.begin(now, plan, Rule::EachByItself, Purpose::Release, out);
            }
        }
    }

    fn keep_ours(&mut self, table: IpvsTable) -> BTreeSet<ServiceKey> {
        let ours = self.ours();
        self.observed = table;
        self.observed.services.retain(|key, _| ours.contains(key));
        ours
    }

    /// Makes the kernel's table as it should be, and touches nothing that is right.
    fn adopt(&mut self, now: Timestamp, ours: &BTreeSet<ServiceKey>, out: &mut Vec<Action>) {
        self.health = configured(&self.health, &self.config, &self.observed, now);
        out.push(Action::Look(Questions::default()));
        self.begin_drains(now);
        self.watch_services(now);
        let before = Arc::clone(&self.owned);
        self.own(ours, out);
        let plan = self.plan(ours);
        let adoption = self.changes(now, &plan, &before, Condition::Foreign);
        let changed: BTreeSet<ServiceKey> = adoption.iter().map(|it| *it.service()).collect();
        for key in self.observed.services.keys().copied().collect::<Vec<_>>() {
            if !before.contains(&key) && !changed.contains(&key) {
                self.tell_taken_over(now, key, out);
            }
        }
        self.untold.extend(adoption);
        let update = self.changes(now, &plan, &self.owned, Condition::Outdated);
        // Services that were not ours until now have been noted above.
        self.untold.extend(
            update
                .into_iter()
                .filter(|it| before.contains(it.service())),
        );
        let found = self.observed.services.len();
        self.stale.extend(self.config.services.keys());
        self.unassessed.extend(self.config.services.keys());
        self.begin(now, plan, Rule::EachByItself, Purpose::Start { found }, out);
    }

    pub(super) fn tell_start(
        &mut self,
        now: Timestamp,
        found: usize,
        outcome: &Outcome,
        out: &mut Vec<Action>,
    ) {
        let services = self.config.services.values();
        let servers = services.flat_map(|it| it.servers.values());
        let configured = servers.clone().count();
        let primaries = servers.filter(|it| it.rank == Rank::Primary).count();
        let waiting = primaries.saturating_sub(self.observed.server_count());
        let wait = match waiting {
            0 => String::new(),
            _ => format!("; {} will come in when found up", count(waiting, "server")),
        };
        let why = format!(
            "{}, {}{wait}; found {found} of ours in the kernel",
            count(self.config.services.len(), "virtual service"),
            count(configured, "real server"),
        );
        let started = Transition {
            at: now,
            object: Object::Director,
            from: Condition::Absent,
            to: Condition::Running,
            why: why.into(),
            effect: Effect::Steps(outcome.done as u64),
        };
        self.tell(started, out);
    }

    /// Whether a virtual address may become local: the kernel has the services, and the servers that have passed their
    /// first checks. Packets that come before that are answered by this host itself, with a reset.
    #[must_use]
    pub fn has_begun(&self, now: Timestamp) -> bool {
        let is_at_rest = matches!(self.work, Work::Idle) && self.dirty.is_empty();
        is_at_rest && (now.since(self.started) >= LONGEST_BEGINNING || self.knows_all())
    }

    /// Whether every server that is checked has had a result.
    fn knows_all(&self) -> bool {
        let mut all = self.config.services.iter().flat_map(|(key, service)| {
            let servers = service.servers.keys();
            servers.map(|server| self.health.server(key, server))
        });
        all.all(|health| health.is_none_or(|it| it.standing != Standing::Unknown))
    }

    /// Ends. Our services stay in the kernel, which goes on forwarding, or are removed.
    pub(super) fn end(&mut self, now: Timestamp, release: bool, out: &mut Vec<Action>) {
        if release && self.role == Role::Serving {
            self.role = Role::Leaving;
            self.work = Work::Reading(Reading::Release);
            return out.push(Action::ReadTable);
        }
        let services = count(self.observed.services.len(), "virtual service");
        let why = format!("the kernel goes on forwarding with {services}");
        self.ended(now, why, true, out);
    }

    /// Our services have been removed, as far as possible.
    pub(super) fn released(&mut self, now: Timestamp, outcome: &Outcome, out: &mut Vec<Action>) {
        let left: BTreeSet<ServiceKey> = self.observed.services.keys().copied().collect();
        self.owned = Arc::new(left);
        self.write_owned(out);
        let why = format!("removed {}", count(outcome.done, "virtual service"));
        self.ended(now, why, outcome.is_complete(), out);
    }

    /// Nobody knows how much has been removed: the state file still lists everything as ours.
    pub(super) fn release_failed(&mut self, out: &mut Vec<Action>) {
        self.work = Work::Ended;
        out.push(Action::End(false));
    }

    fn ended(&mut self, now: Timestamp, why: String, complete: bool, out: &mut Vec<Action>) {
        let ended = Transition {
            at: now,
            object: Object::Director,
            from: Condition::Running,
            to: Condition::Stopped,
            why: why.into(),
            effect: Effect::None,
        };
        self.tell(ended, out);
        self.work = Work::Ended;
        out.push(Action::End(complete));
    }
}
