// SPDX-License-Identifier: MIT OR Apache-2.0
//! Everything that the checkers know about one server.

use std::sync::Arc;
use std::time::Duration;

use super::checker::Checker;
use super::hold::Held;
use super::memory::Memory;
use super::results::Progress;
use super::roster::{Roster, ServerSlot, Slot};
use super::wire::{Wire, Wires};
use crate::model::{Check, NoResult, ProbeCounts, Standing, Timestamp, WireEnd};

/// The standing of one server, and why.
#[derive(Debug, Clone, Copy)]
pub struct ServerHealth<'a> {
    /// The standing, from all of its checks.
    pub standing: Standing,
    /// Since when.
    pub since: Timestamp,
    /// Whether only the configuration has it count so: no probe has found it yet.
    pub assumed: bool,
    roster: &'a Roster,
    wires: &'a Wires,
    server: &'a ServerSlot,
}

/// What one check of a server knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckHealth<'a> {
    /// The check: its probe and its schedule.
    pub check: &'a Arc<Check>,
    /// The standing by this check alone.
    pub standing: Standing,
    /// Since when.
    pub since: Timestamp,
    /// Whether only the configuration has it count so: no probe has found it yet.
    pub assumed: bool,
    /// What an earlier director knew, as long as no probe has confirmed it or found something else.
    pub memory: Option<&'a Memory>,
    /// What the last probe without success saw, in words.
    pub last_failure: Option<&'a Arc<str>>,
    /// What its tripwire or the last success warned of, in words.
    pub warning: Option<&'a Arc<str>>,
    /// When the last probe started, if one has come back.
    pub last_started: Option<Timestamp>,
    /// How long it took; zero when none has come back.
    pub last_latency: Duration,
    /// Whether the server answered it as it should.
    pub last_succeeded: bool,
    /// How its probes have come out.
    pub counts: ProbeCounts,
    /// How far it is from another standing.
    pub progress: Progress,
    /// How it is held down, if it is.
    pub held: Option<Held>,
    /// When the next probe starts; `None` while one is out.
    pub next: Option<Timestamp>,
    /// How many probes in a row could not run, or met a server that does not understand them.
    pub could_not_run: u32,
    /// Why the last of them gave no result.
    pub no_result: NoResult,
    /// When the first of them started; `None` when the last probe gave a result.
    pub not_checked_since: Option<Timestamp>,
    /// How often client connections without an answer brought a probe forward; `None` when the check is not passive.
    pub hastened: Option<u32>,
    /// The connection that is held beside the check, if it has a tripwire.
    pub wire: Option<WireHealth>,
}

/// What a tripwire does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireHealth {
    /// Since when it holds a connection, if it does.
    pub held_since: Option<Timestamp>,
    /// When it opens the next one, if it waits for that moment.
    pub next: Option<Timestamp>,
    /// Whether it opens none any more, because the server ends them too soon.
    pub is_off: bool,
    /// How many connections have ended by themselves.
    pub ended: u32,
    /// How the last one ended.
    pub last_end: Option<WireEnd>,
}

impl<'a> ServerHealth<'a> {
    pub(super) fn new(roster: &'a Roster, wires: &'a Wires, server: &'a ServerSlot) -> Self {
        Self {
            standing: server.standing,
            since: server.since,
            assumed: roster.is_assumed(server),
            roster,
            wires,
            server,
        }
    }

    /// Each of its checks, in the order of the configuration.
    pub fn checks(&self) -> impl Iterator<Item = CheckHealth<'a>> + use<'a> {
        let (roster, wires) = (self.roster, self.wires);
        let positions = self.server.checkers.iter();
        let slots = positions.filter_map(|position| roster.checkers.get(*position));
        slots.map(|slot| CheckHealth::of(slot, wires))
    }
}

impl<'a> CheckHealth<'a> {
    fn of(slot: &'a Slot, wires: &'a Wires) -> Self {
        let checker: &Checker = &slot.checker;
        let (last_run, wire) = (checker.last_run(), wires.get(slot.id));
        Self {
            check: checker.check(),
            standing: checker.standing(),
            since: checker.since(),
            assumed: checker.is_assumed(),
            memory: checker.memory(),
            last_failure: checker.last_failure(),
            warning: wire.and_then(Wire::warning).or(checker.warning()),
            last_started: last_run.map(|run| run.started),
            last_latency: last_run.map_or(Duration::ZERO, |run| run.latency),
            last_succeeded: last_run.is_some_and(|run| run.succeeded),
            counts: checker.counts(),
            progress: checker.progress(),
            held: checker.held(),
            next: checker.next(),
            could_not_run: checker.not_checked(),
            no_result: checker.no_result(),
            not_checked_since: (checker.not_checked() > 0).then(|| checker.not_checked_since()),
            hastened: checker.check().schedule.passive.map(|_| checker.hastened()),
            wire: wire.map(WireHealth::of),
        }
    }
}

impl WireHealth {
    fn of(wire: &Wire) -> Self {
        Self {
            held_since: wire.held_since(),
            next: wire.deadline(),
            is_off: wire.is_off(),
            ended: wire.ended(),
            last_end: wire.last_end().cloned(),
        }
    }
}
