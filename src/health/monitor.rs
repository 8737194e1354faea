// SPDX-License-Identifier: MIT OR Apache-2.0
//! All checkers together: which exist, which is due next, and the standing of each server.

use std::collections::BTreeSet;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use super::checker::{Checker, CheckerAction, CheckerEvent};
use super::configure::{Memories, Origin, roster};
use super::doubt::Doubt;
use super::event::{CheckId, HealthAction, HealthEvent, ProbeRequest, RunId};
use super::links::Links;
use super::memory::Memory;
use super::passive::Unanswered;
use super::roster::{Roster, ServerSlot};
use super::sources::Sources;
use super::view::ServerHealth;
use super::wire::Wires;
use crate::model::{
    Belief, Beliefs, Config, KnowsStandings, ProbeCounts, ProbeFigures, ProbeOutcome, ProbeReport,
    ProbeResult, Recalled, ServerKey, ServiceKey, Standing, Timestamp,
};

/// All checkers of a configuration.
#[derive(Debug, Clone)]
pub struct Health {
    pub(super) roster: Roster,
    /// The deadline of every checker, and its position: one entry for each.
    pub(super) due: BTreeSet<(Timestamp, usize)>,
    /// Standings that wait for the first configuration.
    recalled: Memories,
    last_id: u64,
    jitter: fastrand::Rng,
    pub(super) links: Links,
    /// Reports of which nobody knows yet whose failure they are.
    pub(super) doubts: Vec<Doubt>,
    pub(super) sources: Sources,
    /// How many looks at the links have failed since the last that did not.
    pub(super) failed_looks: u32,
    /// The connections that are held beside the checks.
    pub(super) wires: Wires,
    /// The probes that have come back. Copies of the health share it until one of them counts on.
    figures: Arc<ProbeFigures>,
}

impl Health {
    /// No checkers yet. The seed decides every jitter.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            roster: Roster::EMPTY,
            due: BTreeSet::new(),
            recalled: Memories::new(),
            last_id: 0,
            jitter: fastrand::Rng::with_seed(seed),
            links: Links::default(),
            doubts: Vec::new(),
            sources: Sources::default(),
            failed_looks: 0,
            wires: Wires::default(),
            figures: Arc::default(),
        }
    }

    /// The checkers of a running director's configuration. They start with these standings and keep them when they are
    /// configured again.
    #[must_use]
    pub fn believing(config: &Config, believed: &[Recalled], now: Timestamp) -> Self {
        let mut health = Self::new(0);
        health.configure(config, |_, _| false, now);
        for it in believed {
            health.roster.believe(it, now);
        }
        health.roster.combine_all();
        health
    }

    /// Takes the standings that an earlier director knew. Checkers of the first configuration with the same probe begin
    /// with them: a server that was up needs `fall` failures, and a first verdict that confirms a standing keeps its
    /// time.
    ///
    /// When there are two standings for one probe, `up` wins: it is the careful choice.
    pub fn recall(&mut self, recalled: Vec<Recalled>, now: Timestamp) {
        for it in recalled {
            let memory = Memory::of(&it, now);
            match self.recalled.entry(it.probe) {
                Entry::Vacant(entry) => {
                    entry.insert(memory);
                }
                Entry::Occupied(mut entry) => {
                    if memory.standing.is_up() {
                        entry.insert(memory);
                    }
                }
            }
        }
    }

    /// Makes the checkers those of `config`. `serving` tells whether the kernel's table has that server with a weight
    /// above 0.
    ///
    /// A check that stays keeps everything it knows, even when its schedule changes. A new check knows nothing, or what
    /// was recalled.
    pub fn configure(
        &mut self,
        config: &Config,
        serving: impl Fn(&ServiceKey, &ServerKey) -> bool,
        now: Timestamp,
    ) {
        *self = self.configured(config, serving, now);
    }

    /// The health that [`Health::configure`] would make of this one, which stays as it is.
    #[must_use]
    pub fn configured(
        &self,
        config: &Config,
        serving: impl Fn(&ServiceKey, &ServerKey) -> bool,
        now: Timestamp,
    ) -> Self {
        let (mut last_id, mut jitter) = (self.last_id, self.jitter.clone());
        let roster = roster(config, serving, self.origin(now, &mut last_id, &mut jitter));
        let checkers = roster.checkers.iter().enumerate();
        let due = checkers.map(|(position, slot)| (slot.checker.deadline(), position));
        Self {
            due: due.collect(),
            wires: self.wires.of(&roster, now, &mut jitter),
            roster,
            recalled: Memories::new(),
            last_id,
            jitter,
            links: self.links.clone(),
            doubts: self.doubts.clone(),
            sources: Sources::of(config),
            failed_looks: self.failed_looks,
            figures: Arc::clone(&self.figures),
        }
    }

    /// The input for a roster after this one.
    const fn origin<'a>(
        &'a self,
        now: Timestamp,
        last_id: &'a mut u64,
        jitter: &'a mut fastrand::Rng,
    ) -> Origin<'a> {
        Origin {
            before: &self.roster,
            recalled: &self.recalled,
            now,
            last_id,
            jitter,
        }
    }

    /// When [`HealthEvent::Deadline`] is wanted.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        let due = self.due.first().map(|(at, _)| *at);
        due.into_iter().chain(self.wires.deadline()).min()
    }

    /// The probes that have come back.
    #[must_use]
    pub const fn figures(&self) -> &Arc<ProbeFigures> {
        &self.figures
    }

    /// The roster for a configuration, made anew; and the one that is kept, if it can be kept.
    #[cfg(test)]
    pub(super) fn rosters(
        &self,
        config: &Config,
        serving: impl Fn(&ServiceKey, &ServerKey) -> bool,
        now: Timestamp,
    ) -> (String, Option<String>) {
        let (mut last_id, mut jitter) = (self.last_id, self.jitter.clone());
        let origin = self.origin(now, &mut last_id, &mut jitter);
        let kept = super::configure::kept(config, &serving, &self.roster);
        let made = super::configure::made(config, serving, origin);
        (
            format!("{made:#?}"),
            kept.map(|roster| format!("{roster:#?}")),
        )
    }

    /// How many entries the list of deadlines has.
    #[cfg(test)]
    pub(super) fn due_entries(&self) -> usize {
        self.due.len()
    }

    /// Handles one event.
    pub fn handle(&mut self, now: Timestamp, event: HealthEvent, out: &mut Vec<HealthAction>) {
        match event {
            HealthEvent::Deadline => {
                self.tend_wires(now, out);
                // Each checker gets at most one turn: one that is due again at once gets the next turn at the next
                // call.
                for _ in 0..self.due.len() {
                    match self.due.first() {
                        Some(&(at, position)) if at <= now => {
                            self.feed(now, position, CheckerEvent::Deadline, out);
                        }
                        Some(_) | None => break,
                    }
                }
            }
            HealthEvent::Reported(run, report) => {
                if let Some(position) = self.roster.position(run.check) {
                    self.reported(now, position, Doubt::new(run, report), out);
                }
            }
            HealthEvent::WireTold(wire, news) => self.wire_told(now, wire, news, out),
            HealthEvent::Unanswered {
                service,
                server,
                clients,
            } => self.unanswered(now, (&service, &server), clients, out),
            HealthEvent::Happened(event) => self.happened(now, &event, out),
            HealthEvent::Seen(sighting) => self.seen(now, *sighting, out),
            HealthEvent::NotSeen => self.not_seen(now, out),
        }
    }

    /// Everything about one server; `None` when nothing checks it.
    #[must_use]
    pub fn server(&self, service: &ServiceKey, server: &ServerKey) -> Option<ServerHealth<'_>> {
        let slot = self.roster.server(service, server)?;
        Some(ServerHealth::new(&self.roster, &self.wires, slot))
    }

    /// The servers that use this check; none when it is gone.
    pub fn users(&self, check: CheckId) -> impl Iterator<Item = (ServiceKey, ServerKey)> {
        let position = self.roster.position(check).into_iter();
        position.flat_map(|position| self.roster.users(position))
    }

    /// The input for [`Health::recall`]: what each check of each server knows, or recalled and has not yet confirmed.
    #[must_use]
    pub fn remembered(&self, now: Timestamp) -> Beliefs {
        let services = self.roster.services.iter();
        let services = services.map(|service| {
            let servers = service.servers.iter();
            let beliefs = servers.flat_map(|server| self.beliefs_of(server, now));
            (service.key, beliefs.collect())
        });
        Beliefs {
            at: now,
            services: services.collect(),
        }
    }

    fn beliefs_of<'a>(
        &'a self,
        server: &'a ServerSlot,
        now: Timestamp,
    ) -> impl Iterator<Item = Belief> + use<'a> {
        let key = server.key;
        let checkers = self.roster.checkers_of(server);
        checkers.filter_map(move |checker| {
            let (standing, since) = checker.belief()?;
            Some(Belief {
                server: key,
                check: Arc::clone(checker.check()),
                standing,
                since,
                unconfirmed: checker
                    .memory()
                    .map_or(Duration::ZERO, |memory| memory.unconfirmed(now)),
                only_held_down: checker.would_be_up(),
            })
        })
    }

    pub(super) fn feed(
        &mut self,
        now: Timestamp,
        position: usize,
        event: CheckerEvent,
        out: &mut Vec<HealthAction>,
    ) {
        let Some(slot) = self.roster.checkers.get_mut(position) else {
            return;
        };
        let heard = match &event {
            CheckerEvent::Reported(_, report) => Some((report.outcome, report.started)),
            CheckerEvent::Deadline
            | CheckerEvent::Alarm { .. }
            | CheckerEvent::Unanswered { .. } => None,
        };
        let before = slot.checker.deadline();
        let counted = slot.checker.counts();
        let mut actions = Vec::new();
        slot.change()
            .handle(now, event, &mut self.jitter, &mut actions);
        if slot.checker.counts() != counted {
            note(Arc::make_mut(&mut self.figures), &slot.checker, counted);
        }
        let after = slot.checker.deadline();
        if before != after {
            self.due.remove(&(before, position));
            self.due.insert((after, position));
        }
        let id = slot.id;
        for action in actions {
            match action {
                CheckerAction::Probe(run) => {
                    self.probe(now, position, RunId { check: id, run }, out);
                }
                CheckerAction::Changed { because } => self.roster.change(position, &because, out),
                CheckerAction::Confirmed => self.roster.confirm(position, out),
                CheckerAction::Abstains => self.roster.change(position, "no opinion", out),
                CheckerAction::HeldDown => {
                    let users = self.roster.users(position);
                    let held = |(service, server)| HealthAction::HeldDown { service, server };
                    out.extend(users.map(held));
                }
                CheckerAction::NotChecked { of, reason, times } => {
                    let users = self.roster.users(position);
                    out.extend(users.map(|(service, server)| HealthAction::NotChecked {
                        service,
                        server,
                        of,
                        reason: reason.clone(),
                        times,
                    }));
                }
                CheckerAction::Warned { of } => self.warn(position, of.as_ref(), out),
                CheckerAction::CheckedAgain => {
                    let users = self.roster.users(position);
                    out.extend(
                        users.map(|(service, server)| HealthAction::CheckedAgain {
                            service,
                            server,
                        }),
                    );
                }
            }
        }
        if let Some(heard) = heard {
            self.wire_heard(now, position, heard, out);
        }
    }

    /// Tells what a check warns of to everybody who uses it.
    pub(super) fn warn(&self, position: usize, of: Option<&Arc<str>>, out: &mut Vec<HealthAction>) {
        let users = self.roster.users(position);
        out.extend(users.map(|(service, server)| HealthAction::Warned {
            service,
            server,
            of: of.cloned(),
        }));
    }

    /// Its passive checks ask the server whose clients got no answer. That is no failure of a server when the way to it was
    /// perhaps shut meanwhile.
    fn unanswered(
        &mut self,
        now: Timestamp,
        (service, server): (&ServiceKey, &ServerKey),
        clients: Unanswered,
        out: &mut Vec<HealthAction>,
    ) {
        let Some(slot) = self.roster.server(service, server) else {
            return;
        };
        let positions: Vec<usize> = slot.checkers.iter().copied().collect();
        let is_open = self.links.open_since(server.address, clients.since);
        for position in positions {
            let Some(slot) = self.roster.checkers.get(position) else {
                continue;
            };
            // A probe of another address goes another way than the clients.
            let is_asked = slot.checker.check().probe.target.ip() == server.address;
            let may_count = is_asked && clients.sees_replies && is_open;
            let event = CheckerEvent::Unanswered { clients, may_count };
            self.feed(now, position, event, out);
        }
    }

    /// Asks for a probe. One without a source address ends before it starts.
    fn probe(
        &mut self,
        asked: Timestamp,
        position: usize,
        run: RunId,
        out: &mut Vec<HealthAction>,
    ) {
        let Some(slot) = self.roster.checkers.get(position) else {
            return;
        };
        match self.sources.check(slot.checker.check()) {
            Ok(check) => out.push(HealthAction::Probe(ProbeRequest { run, check, asked })),
            Err(reason) => {
                let report = ProbeReport {
                    outcome: ProbeOutcome::CouldNotRun,
                    reason,
                    started: asked,
                    latency: Duration::ZERO,
                };
                self.reported(asked, position, Doubt::new(run, report), out);
            }
        }
    }
}

impl KnowsStandings for Health {
    fn standing(&self, service: &ServiceKey, server: &ServerKey) -> Option<Standing> {
        Some(self.roster.server(service, server)?.standing)
    }

    fn since(&self, service: &ServiceKey, server: &ServerKey) -> Option<Timestamp> {
        Some(self.roster.server(service, server)?.since)
    }

    fn is_only_held_down(&self, service: &ServiceKey, server: &ServerKey) -> bool {
        let server = self.roster.server(service, server);
        server.is_some_and(|server| self.roster.is_only_held_down(server))
    }
}

/// Notes the probe that this checker has counted.
fn note(figures: &mut ProbeFigures, checker: &Checker, before: ProbeCounts) {
    let now = checker.counts();
    let counted = |it: &ProbeResult| now.of(*it) != before.of(*it);
    if let Some(result) = ProbeResult::ALL.into_iter().find(counted) {
        let latency = checker.last_run().map_or(Duration::ZERO, |it| it.latency);
        figures.note(&checker.check().probe.kind, result, latency);
    }
}
