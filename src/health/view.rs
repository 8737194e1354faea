// SPDX-License-Identifier: MIT OR Apache-2.0
//! Everything that the checkers know about one server.

use std::sync::Arc;
use std::time::Duration;

use super::checker::Checker;
use super::hold::Held;
use super::results::Progress;
use super::roster::{Roster, ServerSlot};
use crate::model::{Check, Standing, Timestamp};

/// The standing of one server, and why.
#[derive(Debug, Clone, Copy)]
pub struct ServerHealth<'a> {
    /// The standing, from all of its checks.
    pub standing: Standing,
    /// Since when.
    pub since: Timestamp,
    roster: &'a Roster,
    server: &'a ServerSlot,
}

/// What one check of a server knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckHealth<'a> {
    /// The check: its probe and its schedule.
    pub check: &'a Arc<Check>,
    /// The standing by this check alone.
    pub standing: Standing,
    /// Since when.
    pub since: Timestamp,
    /// What the last probe without success saw, in words.
    pub last_failure: Option<&'a Arc<str>>,
    /// What the last success warned of, in words.
    pub warning: Option<&'a Arc<str>>,
    /// When the last probe started, if one has come back.
    pub last_started: Option<Timestamp>,
    /// How long it took; zero when none has come back.
    pub last_latency: Duration,
    /// Whether the server answered it as it should.
    pub last_succeeded: bool,
    /// How far it is from another standing.
    pub progress: Progress,
    /// How it is held down, if it is.
    pub held: Option<Held>,
    /// When the next probe starts; `None` while one is out.
    pub next: Option<Timestamp>,
    /// How many probes in a row could not run, or met a server that does not understand them.
    pub could_not_run: u32,
    /// When the first of them started; `None` when the last probe gave a result.
    pub not_checked_since: Option<Timestamp>,
}

impl<'a> ServerHealth<'a> {
    pub(super) const fn new(roster: &'a Roster, server: &'a ServerSlot) -> Self {
        Self {
            standing: server.standing,
            since: server.since,
            roster,
            server,
        }
    }

    /// Each of its checks, in the order of the configuration.
    pub fn checks(&self) -> impl Iterator<Item = CheckHealth<'a>> + use<'a> {
        self.roster.checkers_of(self.server).map(CheckHealth::of)
    }
}

impl<'a> CheckHealth<'a> {
    fn of(checker: &'a Checker) -> Self {
        let last_run = checker.last_run();
        Self {
            check: checker.check(),
            standing: checker.standing(),
            since: checker.since(),
            last_failure: checker.last_failure(),
            warning: checker.warning(),
            last_started: last_run.map(|run| run.started),
            last_latency: last_run.map_or(Duration::ZERO, |run| run.latency),
            last_succeeded: last_run.is_some_and(|run| run.succeeded),
            progress: checker.progress(),
            held: checker.held(),
            next: checker.next(),
            could_not_run: checker.not_checked(),
            not_checked_since: (checker.not_checked() > 0).then(|| checker.not_checked_since()),
        }
    }
}
