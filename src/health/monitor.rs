// SPDX-License-Identifier: MIT OR Apache-2.0
//! All checkers together: which exist, which is due next, and the standing of each server.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::net::IpAddr;
use std::time::Duration;

use super::checker::{CheckerAction, CheckerEvent};
use super::configure::{Memories, Origin, roster};
use super::doubt::{Blame, Company, Doubt, Heard, Voices, blame};
use super::event::{CheckId, HealthAction, HealthEvent, ProbeRequest, RunId};
use super::links::{Links, Side};
use super::roster::{Roster, ServerSlot};
use super::sources::Sources;
use super::view::ServerHealth;
use crate::model::{
    Config, KnowsStandings, Probe, ProbeOutcome, ProbeReport, Recalled, ServerKey, ServiceKey,
    Standing, Timestamp, Way,
};

/// All checkers of a configuration.
#[derive(Debug, Clone)]
pub struct Health {
    roster: Roster,
    /// The deadline of every checker, and its position: one entry for each.
    due: BTreeSet<(Timestamp, usize)>,
    /// Standings that wait for the first configuration.
    recalled: Memories,
    last_id: u64,
    jitter: fastrand::Rng,
    links: Links,
    /// Reports of which nobody knows yet whose failure they are.
    doubts: Vec<Doubt>,
    pub(super) sources: Sources,
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
        }
    }

    /// The checkers of a running director's configuration. They start with these standings and keep them when they are
    /// configured again.
    #[must_use]
    pub fn believing(config: &Config, believed: &[Recalled], now: Timestamp) -> Self {
        let mut health = Self::new(0);
        health.configure(config, |_, _| false, now);
        for it in believed {
            health.roster.believe(it);
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
        for Recalled {
            probe,
            standing,
            age,
            ..
        } in recalled
        {
            let since = Timestamp::after_start(now.since_start().saturating_sub(age));
            match self.recalled.entry(probe) {
                Entry::Vacant(entry) => {
                    entry.insert((standing, since));
                }
                Entry::Occupied(mut entry) => {
                    if standing.is_up() {
                        entry.insert((standing, since));
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
        let origin = Origin {
            before: &self.roster,
            recalled: &self.recalled,
            now,
            last_id: &mut last_id,
            jitter: &mut jitter,
        };
        let roster = roster(config, serving, origin);
        let checkers = roster.checkers.iter().enumerate();
        let due = checkers.map(|(position, slot)| (slot.checker.deadline(), position));
        Self {
            due: due.collect(),
            roster,
            recalled: Memories::new(),
            last_id,
            jitter,
            links: self.links.clone(),
            doubts: self.doubts.clone(),
            sources: Sources::of(config),
        }
    }

    /// When [`HealthEvent::Deadline`] is wanted.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
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
                    self.reported(now, position, Doubt { run, report }, out);
                }
            }
            HealthEvent::Happened(event) => {
                self.links.happened(now, &event);
                self.sources.happened(&event);
            }
            HealthEvent::Seen(sighting) => {
                self.links.seen(now, &sighting);
                let moved = self.sources.seen(&sighting);
                let ways = sighting.ways.into_iter().collect();
                self.settle_doubts(now, &ways, &moved, out);
            }
            HealthEvent::NotSeen => {
                self.sources.not_seen();
                for doubt in mem::take(&mut self.doubts) {
                    self.settle(now, &doubt, Blame::Server, out);
                }
            }
        }
    }

    /// Whether the links and ways must be looked at, although no report waits for it: addresses have changed.
    #[must_use]
    pub fn wants_look(&self) -> bool {
        self.sources.wants_look()
    }

    /// The probes whose ways to look at: each was not answered, and a verdict may depend on it; or all, when their source
    /// addresses must be chosen.
    #[must_use]
    pub fn questions(&self) -> Vec<Probe> {
        if self.sources.wants_ways() {
            let checkers = self.roster.checkers.iter();
            let probes = checkers.map(|slot| slot.checker.check().probe.clone());
            return probes.collect::<BTreeSet<_>>().into_iter().collect();
        }
        let doubts = self.doubts.iter();
        let checkers = doubts.filter_map(|doubt| self.roster.checker(doubt.run.check));
        let probes = checkers.map(|checker| checker.check().probe.clone());
        probes.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Everything about one server; `None` when nothing checks it.
    #[must_use]
    pub fn server(&self, service: &ServiceKey, server: &ServerKey) -> Option<ServerHealth<'_>> {
        let slot = self.roster.server(service, server)?;
        Some(ServerHealth::new(&self.roster, slot))
    }

    /// The servers that use this check; none when it is gone.
    pub fn users(&self, check: CheckId) -> impl Iterator<Item = (ServiceKey, ServerKey)> {
        let position = self.roster.position(check).into_iter();
        position.flat_map(|position| self.roster.users(position))
    }

    /// The input for [`Health::recall`]: what each check of each server knows, or recalled and has not yet confirmed.
    #[must_use]
    pub fn remembered(&self, now: Timestamp) -> Vec<Recalled> {
        let services = self.roster.services.iter();
        let servers = services.flat_map(|service| {
            let servers = service.servers.iter();
            servers.map(move |server| (service.key, server))
        });
        servers
            .flat_map(|(service, server)| self.remembered_of(service, server, now))
            .collect()
    }

    fn remembered_of<'a>(
        &'a self,
        service: ServiceKey,
        server: &'a ServerSlot,
        now: Timestamp,
    ) -> impl Iterator<Item = Recalled> + use<'a> {
        let key = server.key;
        let checkers = self.roster.checkers_of(server);
        checkers.filter_map(move |checker| {
            let (standing, since) = checker.belief()?;
            Some(Recalled {
                service,
                server: key,
                probe: checker.check().probe.clone(),
                standing,
                age: now.since(since),
            })
        })
    }

    /// A report that changes nothing for a server that is down need not wait.
    fn reported(
        &mut self,
        now: Timestamp,
        position: usize,
        came: Doubt,
        out: &mut Vec<HealthAction>,
    ) {
        let Some(slot) = self.roster.checkers.get_mut(position) else {
            return;
        };
        if !slot.checker.awaits(came.run.run) {
            return;
        }
        slot.checker.hear(&came.report);
        let silent = came.report.outcome == ProbeOutcome::Silent;
        if silent && slot.checker.standing() != Standing::Down {
            self.doubts.push(came);
            return;
        }
        let event = CheckerEvent::Reported(came.run.run, came.report);
        self.feed(now, position, event, out);
    }

    /// Hands the reports over of which it is now known whose failure they are.
    fn settle_doubts(
        &mut self,
        now: Timestamp,
        ways: &BTreeMap<Probe, Way>,
        moved: &BTreeMap<Probe, IpAddr>,
        out: &mut Vec<HealthAction>,
    ) {
        let (mut heard, mut unasked) = (BTreeMap::new(), BTreeSet::new());
        let mut blames = Vec::new();
        for doubt in mem::take(&mut self.doubts) {
            let Some(checker) = self.roster.checker(doubt.run.check) else {
                continue;
            };
            let (probe, grace) = (&checker.check().probe, checker.check().schedule.timeout);
            if !checker.awaits(doubt.run.run) {
                continue;
            }
            let Some(way) = ways.get(probe) else {
                self.doubts.push(doubt);
                continue;
            };
            if let Some(vip) = moved.get(probe) {
                let why = format!("the probe left from the virtual address {vip}");
                blames.push((doubt, Blame::Host(why.into())));
                continue;
            }
            let blame = blame(&doubt, probe, *way, grace, &self.links, |side, host| {
                let voices = heard.entry(side).or_insert_with(|| self.voices(side));
                let company = voices.company(host, &doubt);
                if company == Company::Unasked {
                    unasked.insert(side);
                }
                company
            });
            blames.push((doubt, blame));
        }
        for (doubt, blame) in blames {
            self.settle(now, &doubt, blame, out);
        }
        for side in unasked {
            self.ask_another(now, side);
        }
    }

    fn settle(&mut self, now: Timestamp, doubt: &Doubt, blame: Blame, out: &mut Vec<HealthAction>) {
        let Some(report) = doubt.judged(blame) else {
            self.doubts.push(doubt.clone());
            return;
        };
        if let Some(position) = self.roster.position(doubt.run.check) {
            let event = CheckerEvent::Reported(doubt.run.run, report);
            self.feed(now, position, event, out);
        }
    }

    /// What was heard on one side.
    fn voices(&self, side: Side) -> Voices {
        let mut voices = Voices::default();
        for slot in &self.roster.checkers {
            let host = slot.checker.check().probe.target.ip();
            if let Some(heard) = slot.checker.heard()
                && self.links.is_on(side, host)
            {
                voices.add(host, heard, slot.checker.standing() == Standing::Down);
            }
        }
        voices
    }

    /// Asks the server on this side that answered last.
    fn ask_another(&mut self, now: Timestamp, side: Side) {
        let checkers = self.roster.checkers.iter().enumerate();
        let waiting = checkers.filter_map(|(position, slot)| {
            let Some(Heard::Answer(at)) = slot.checker.heard() else {
                return None;
            };
            let on = self
                .links
                .is_on(side, slot.checker.check().probe.target.ip());
            (on && slot.checker.is_waiting()).then_some((at, position))
        });
        let Some((_, position)) = waiting.max() else {
            return;
        };
        if let Some(slot) = self.roster.checkers.get_mut(position) {
            self.due.remove(&(slot.checker.deadline(), position));
            slot.checker.hasten(now);
            self.due.insert((slot.checker.deadline(), position));
        }
    }

    fn feed(
        &mut self,
        now: Timestamp,
        position: usize,
        event: CheckerEvent,
        out: &mut Vec<HealthAction>,
    ) {
        let Some(slot) = self.roster.checkers.get_mut(position) else {
            return;
        };
        let before = slot.checker.deadline();
        let mut actions = Vec::new();
        slot.checker
            .handle(now, event, &mut self.jitter, &mut actions);
        let after = slot.checker.deadline();
        if before != after {
            self.due.remove(&(before, position));
            self.due.insert((after, position));
        }
        let id = slot.id;
        for action in actions {
            match action {
                CheckerAction::Probe(run) => {
                    self.probe(now, position, RunId { check: id, run }, out)
                }
                CheckerAction::Changed { because } => self.roster.change(position, &because, out),
                CheckerAction::NotChecked { reason, times } => {
                    let users = self.roster.users(position);
                    out.extend(users.map(|(service, server)| HealthAction::NotChecked {
                        service,
                        server,
                        reason: reason.clone(),
                        times,
                    }));
                }
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
                self.reported(asked, position, Doubt { run, report }, out);
            }
        }
    }
}

impl KnowsStandings for Health {
    fn standing(&self, service: &ServiceKey, server: &ServerKey) -> Option<Standing> {
        Some(self.roster.server(service, server)?.standing)
    }
}
