// SPDX-License-Identifier: MIT OR Apache-2.0
//! The whole state at one moment, as a value that readers share. The engine publishes snapshots and serves no reader
//! itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::event::ReloadId;
use super::history::History;
use super::orders::Answers;
use crate::health::{Held, Memory, Progress, WireHealth};
use crate::model::{
    Check, Config, Drains, Few, Figures, NoResult, Orders, PeerStanding, PoolState, ProbeCounts,
    ServerKey, ServiceKey, SlowStart, Standing, Timestamp, Weight,
};
use crate::pair::{Ledger, PairRole};

/// The whole state at one moment. It is cheap: it shares what has not changed with the snapshot before.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The moment.
    pub at: Timestamp,
    /// When the director began.
    pub started: Timestamp,
    /// The configuration in force.
    pub config: Arc<Config>,
    /// The services of the configuration, in ipvsadm's order.
    pub services: Arc<BTreeMap<ServiceKey, Arc<ServiceView>>>,
    /// The services that are ours by the state file.
    pub owned: Arc<BTreeSet<ServiceKey>>,
    /// What was counted.
    pub counters: Counters,
    /// What was counted for those who measure the director.
    pub figures: Figures,
    /// The reloads so far.
    pub reloads: Reloads,
    /// What operators have ordered.
    pub orders: Arc<Orders>,
    /// The servers that drain, or have drained.
    pub drains: Arc<Drains>,
    /// What they were answered.
    pub answers: Arc<Answers>,
    /// The last transitions.
    pub history: Arc<History>,
    /// The last order for each server: by whom.
    pub ledger: Arc<Ledger>,
    /// The other director of the pair; `None` when none is configured.
    pub pair: Option<Arc<PairView>>,
}

/// The other director of the pair.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PairView {
    /// Since when the channel is there.
    pub since: Option<Timestamp>,
    /// What the two are for each other.
    pub role: PairRole,
    /// For how many servers the last word of a leader that is gone still counts.
    pub last_words: usize,
    /// How many of its orders wait because they would leave a service without a server.
    pub kept_back: usize,
    /// How many of its orders are for servers that this director does not have.
    pub kept_out: usize,
    /// Services that only this director has: the first of them, as in the other lists.
    pub only_here: Vec<ServiceKey>,
    /// Services that only the other one has.
    pub only_there: Vec<ServiceKey>,
    /// Services that both have, with another configuration.
    pub differ: Vec<ServiceKey>,
    /// Servers of which the checks of the two say something else: what they say here, and there.
    pub verdicts: Vec<(ServiceKey, ServerKey, Standing, Standing)>,
}

impl PairView {
    /// Its lists have at most so many entries.
    pub const MOST: usize = 16;
}

/// One virtual service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceView {
    /// Why the kernel is not as it should be, if it is not.
    pub error: Option<Arc<str>>,
    /// How its servers are together.
    pub pool: PoolState,
    /// Its real servers, by key.
    pub servers: Box<[ServerView]>,
}

/// One real server of one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerView {
    /// Which one.
    pub key: ServerKey,
    /// Its standing; `None` when nothing checks it.
    pub standing: Option<Standing>,
    /// Since when.
    pub since: Timestamp,
    /// Whether only the configuration has it count so: no probe has found it yet.
    pub assumed: bool,
    /// How it counts by the word of the other director, when its checks here say something else.
    pub overruled: Option<PeerStanding>,
    /// Its weight in the kernel; `None` when it is not in the table.
    pub weight: Option<Weight>,
    /// Its slow start, if it has come back lately.
    pub slow_start: Option<Box<SlowStart>>,
    /// Its checks.
    pub checks: Few<CheckView>,
}

/// One check of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckView {
    /// What is asked, and when.
    pub check: Arc<Check>,
    /// The standing by this check alone.
    pub standing: Standing,
    /// Since when.
    pub since: Timestamp,
    /// Whether only the configuration has it count so: no probe has found it yet.
    pub assumed: bool,
    /// What an earlier director knew, as long as no probe has confirmed it or found something else.
    pub memory: Option<Box<Memory>>,
    /// What the last probe without success saw, in words.
    pub last_failure: Option<Arc<str>>,
    /// What its tripwire or the last success warned of, in words.
    pub warning: Option<Arc<str>>,
    /// When the last probe started, if one has come back.
    pub last_started: Option<Timestamp>,
    /// How long it took.
    pub last_latency: Duration,
    /// Whether the server answered it as it should.
    pub last_succeeded: bool,
    /// How its probes have come out.
    pub counts: ProbeCounts,
    /// How far it is from another standing.
    pub progress: Progress,
    /// How it is held down, if it is.
    pub held: Option<Box<Held>>,
    /// When the next probe starts; `None` while one is out.
    pub next: Option<Timestamp>,
    /// How many probes in a row gave no result.
    pub could_not_run: u32,
    /// Why the last of them gave no result.
    pub no_result: NoResult,
    /// When the first of them started; `None` when the last probe gave a result.
    pub not_checked_since: Option<Timestamp>,
    /// How often client connections without an answer brought a probe forward; `None` when it is not passive.
    pub hastened: Option<u32>,
    /// The connection that is held beside it, if it has a tripwire.
    pub wire: Option<Box<WireHealth>>,
}

/// Counters since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Changes of others that the engine repaired.
    pub drift_repairs: u64,
    /// Probes that could not run.
    pub probes_not_run: u64,
    /// The time from the return of the probe that decided a verdict to the kernel's confirmation of the change.
    pub verdict_delay: VerdictDelay,
}

/// How long verdicts took to reach the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VerdictDelay {
    /// How many batches of verdicts changed the kernel's table.
    pub batches: u64,
    /// The duration of the last one.
    pub latest: Duration,
    /// The longest.
    pub longest: Duration,
}

impl VerdictDelay {
    /// Adds one.
    pub fn note(&mut self, delay: Duration) {
        self.batches += 1;
        self.latest = delay;
        self.longest = self.longest.max(delay);
    }
}

/// The outcome of the requests to reload.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reloads {
    /// The last request that has been answered; requests before it are answered, too, or were overtaken.
    pub answered: ReloadId,
    /// Why the last answered one was refused, if it was.
    pub refused: Option<Arc<str>>,
    /// The number of steps of the last reload that was carried out.
    pub steps: u64,
    /// What the configuration in force probably does not mean.
    pub warning: Option<Arc<str>>,
}

impl Snapshot {
    /// A service's view of one of its servers.
    #[must_use]
    pub fn server(&self, service: &ServiceKey, server: &ServerKey) -> Option<&ServerView> {
        let servers = &self.services.get(service)?.servers;
        let at = servers.binary_search_by_key(server, |view| view.key).ok()?;
        servers.get(at)
    }
}
