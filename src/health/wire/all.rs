// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tripwires of all checks.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use super::{Wire, WireAction, WireEvent};
use crate::health::checker::CheckerEvent;
use crate::health::event::{CheckId, HealthAction, WireId, WireRequest};
use crate::health::monitor::Health;
use crate::health::roster::Roster;
use crate::model::{ProbeOutcome, Standing, Timestamp, WireEnd, WireNews};

/// The longest delay of a wire's first connection to a server that is up already: they must not all start at once.
const SPREAD: Duration = Duration::from_millis(800);

/// The wires of a configuration, by check.
#[derive(Debug, Clone, Default)]
pub(in crate::health) struct Wires {
    all: BTreeMap<CheckId, Wire>,
    /// The deadline of every wire that has one.
    due: BTreeSet<(Timestamp, CheckId)>,
    /// Which checks have which target.
    targets: BTreeMap<IpAddr, Vec<CheckId>>,
    /// Connections of checks that are gone. They are let go at the next event.
    gone: Vec<WireId>,
}

impl Wires {
    /// The wires for the checks of a roster. Those of checks that stay are kept.
    pub(in crate::health) fn of(
        &self,
        roster: &Roster,
        now: Timestamp,
        jitter: &mut fastrand::Rng,
    ) -> Self {
        let mut wires = Self {
            gone: self.gone.clone(),
            ..Self::default()
        };
        for slot in &roster.checkers {
            let Some(counts) = slot.checker.check().schedule.tripwire else {
                continue;
            };
            let wire = self.all.get(&slot.id).cloned().unwrap_or_else(|| {
                let wait = SPREAD.mul_f64(jitter.f64());
                Wire::new(counts, slot.checker.standing().is_up(), now, wait)
            });
            wires.due.extend(wire.deadline().map(|at| (at, slot.id)));
            wires.all.insert(slot.id, wire);
            let target = slot.checker.check().probe.target.ip();
            wires.targets.entry(target).or_default().push(slot.id);
        }
        let gone = self.all.iter().filter_map(|(check, wire)| {
            let number = wire.held().filter(|_| !wires.all.contains_key(check))?;
            let check = *check;
            Some(WireId { check, number })
        });
        wires.gone.extend(gone);
        wires
    }

    /// When [`Wires::due`] has one; at once when connections are to be let go.
    pub(in crate::health) fn deadline(&self) -> Option<Timestamp> {
        if self.gone.is_empty() {
            self.due.first().map(|(at, _)| *at)
        } else {
            Some(Timestamp::ZERO)
        }
    }

    /// The checks whose target has this address, and which have a wire.
    pub(in crate::health) fn at(&self, target: IpAddr) -> &[CheckId] {
        self.targets.get(&target).map_or(&[], |checks| checks)
    }

    /// All targets, with their checks.
    pub(in crate::health) fn targets(&self) -> impl Iterator<Item = (&IpAddr, &Vec<CheckId>)> {
        self.targets.iter()
    }

    /// The wire of a check.
    pub(in crate::health) fn get(&self, check: CheckId) -> Option<&Wire> {
        self.all.get(&check)
    }

    fn due(&self, now: Timestamp) -> Option<CheckId> {
        let (at, check) = self.due.first()?;
        (*at <= now).then_some(*check)
    }

    fn handle(&mut self, now: Timestamp, check: CheckId, event: WireEvent) -> Vec<WireAction> {
        let mut out = Vec::new();
        if let Some(wire) = self.all.get_mut(&check) {
            let before = wire.deadline();
            wire.handle(now, event, &mut out);
            let after = wire.deadline();
            if before != after {
                before.map(|at| self.due.remove(&(at, check)));
                self.due.extend(after.map(|at| (at, check)));
            }
        }
        out
    }
}

impl Health {
    /// Every wire that is due, and the connections of checks that are gone.
    pub(in crate::health) fn tend_wires(&mut self, now: Timestamp, out: &mut Vec<HealthAction>) {
        let gone = std::mem::take(&mut self.wires.gone);
        out.extend(gone.into_iter().map(HealthAction::Release));
        while let Some(check) = self.wires.due(now) {
            self.wire(now, check, WireEvent::Deadline, out);
        }
    }

    /// The connection of a wire tells something.
    pub(in crate::health) fn wire_told(
        &mut self,
        now: Timestamp,
        wire: WireId,
        news: WireNews,
        out: &mut Vec<HealthAction>,
    ) {
        self.wire(now, wire.check, WireEvent::Told(wire.number, news), out);
    }

    /// A probe that started then has had this result, and the checker has judged it.
    pub(in crate::health) fn wire_heard(
        &mut self,
        now: Timestamp,
        position: usize,
        (outcome, started): (ProbeOutcome, Timestamp),
        out: &mut Vec<HealthAction>,
    ) {
        let Some(slot) = self.roster.checkers.get(position) else {
            return;
        };
        let (check, standing) = (slot.id, slot.checker.standing());
        let event = match outcome {
            ProbeOutcome::Up(_) | ProbeOutcome::Quiet | ProbeOutcome::Told(_) => {
                WireEvent::Passed(started, standing.is_up())
            }
            ProbeOutcome::Down
            | ProbeOutcome::Refused
            | ProbeOutcome::Silent
            | ProbeOutcome::Stalled
            | ProbeOutcome::CutOff
                if standing == Standing::Down =>
            {
                WireEvent::Failed
            }
            ProbeOutcome::Down
            | ProbeOutcome::Refused
            | ProbeOutcome::Silent
            | ProbeOutcome::Stalled
            | ProbeOutcome::CutOff
            | ProbeOutcome::Drain
            | ProbeOutcome::Maintenance
            | ProbeOutcome::Unsupported
            | ProbeOutcome::Abstained
            | ProbeOutcome::CouldNotRun => return,
        };
        self.wire(now, check, event, out);
    }

    /// Hands one event to a wire, and does what it asks for.
    pub(in crate::health) fn wire(
        &mut self,
        now: Timestamp,
        check: CheckId,
        event: WireEvent,
        out: &mut Vec<HealthAction>,
    ) {
        for action in self.wires.handle(now, check, event) {
            match action {
                WireAction::Hold(number) => self.hold(now, WireId { check, number }, out),
                WireAction::Release(number) => {
                    out.push(HealthAction::Release(WireId { check, number }));
                }
                WireAction::Hasten => {
                    if let Some(position) = self.roster.position(check) {
                        let event = CheckerEvent::Alarm {
                            reason: "".into(),
                            decisive: false,
                        };
                        self.feed(now, position, event, out);
                    }
                }
                WireAction::Warned(of) => {
                    if let Some(position) = self.roster.position(check) {
                        self.warn(position, of.as_ref(), out);
                    }
                }
                WireAction::Alarm { end, decisive } => {
                    if let Some(position) = self.roster.position(check) {
                        let reason = end.to_string().into();
                        let event = CheckerEvent::Alarm { reason, decisive };
                        self.feed(now, position, event, out);
                    }
                }
            }
        }
    }

    /// Asks for a connection. One without a source address ends before it starts.
    fn hold(&mut self, now: Timestamp, wire: WireId, out: &mut Vec<HealthAction>) {
        let Some(checker) = self.roster.checker(wire.check) else {
            return;
        };
        match self.sources.check(checker.check()) {
            Ok(check) => out.push(HealthAction::Hold(WireRequest { wire, check })),
            Err(reason) => {
                let news = WireNews::Ended(WireEnd::CouldNotHold(reason));
                self.wire_told(now, wire, news, out);
            }
        }
    }
}
