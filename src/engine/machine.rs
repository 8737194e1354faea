// SPDX-License-Identifier: MIT OR Apache-2.0
//! The machine: its state, its events, and its next work.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use super::event::{Action, Event, ReloadId};
use super::history::History;
use super::mastership::Mastership;
use super::orders::Answers;
use super::pair::Pair;
use super::passive::Passive;
use super::queue::Queue;
use super::repair::Strikes;
use super::snapshot::{Counters, PairView, Reloads, ServiceView, VerdictDelay};
use super::tell::Untold;
use crate::health::{Health, HealthEvent};
use crate::model::{
    Config, Drains, Figures, Host, IpvsTable, Orders, Overruled, Pools, Role, ServerKey,
    ServiceKey, SlowStarts, Timestamp,
};
use crate::plan::{Change, HostStep, Rule};

/// A shell may call the engine so much later than it asks for: at multiples of this. Thousands of probes a second then
/// start in a few hundred steps.
pub const STEP: Duration = Duration::from_millis(20);

/// Does one piece of work after the other, and keeps the kernel's table as it should be.
///
/// The shell hands in each event with its moment, carries out the actions in their order, and hands in the answers
/// before anything else.
#[derive(Debug)]
pub struct Engine {
    pub(super) started: Timestamp,
    pub(super) config: Arc<Config>,
    pub(super) role: Role,
    pub(super) health: Health,
    /// How many events the health has had, so that a copy of it is known to be the same still.
    pub(super) health_events: u64,
    /// The known state of our services in the kernel.
    pub(super) observed: IpvsTable,
    /// The services that the state file should list as ours.
    pub(super) owned: Arc<BTreeSet<ServiceKey>>,
    /// Whether the state file has this list.
    pub(super) owned_written: bool,
    /// The present work.
    pub(super) work: Work,
    /// Services that may not be as they should be: the next ones to plan for.
    pub(super) dirty: BTreeSet<ServiceKey>,
    /// Services that differed from what we knew: the next ones to read.
    pub(super) surprises: BTreeSet<ServiceKey>,
    /// How often a service was a surprise since the last round.
    pub(super) tries: BTreeMap<ServiceKey, u32>,
    /// Services to read back when there is time.
    pub(super) unread: Queue,
    /// Services that did not stay as we made them, and when to try each again.
    pub(super) strikes: Strikes,
    /// The configuration of the last reload request; it waits for its turn.
    pub(super) next: Option<Wanted>,
    /// Whether the director should end, and whether it then removes its own services.
    pub(super) ending: Option<bool>,
    pub(super) next_round: Timestamp,
    /// How long to leave the kernel alone after a failed exchange; zero while it answers.
    pub(super) pause: Duration,
    /// The present work on the host around the table, and whether somebody else's change made it necessary.
    pub(super) host_steps: Vec<(bool, HostStep)>,
    /// The host as it was read last, with our changes since.
    pub(super) host_known: Host,
    /// Why the host is not as it should be; reported once, not at every try.
    pub(super) host_refused: BTreeSet<Box<str>>,
    /// Why the kernel is not as it should be, by service; reported once, not at every try.
    pub(super) errors: BTreeMap<ServiceKey, Arc<str>>,
    /// What to report when the kernel has confirmed it.
    pub(super) untold: Vec<Untold>,
    /// When the first probe came back that caused the present work.
    pub(super) decided: Option<Timestamp>,
    /// When the first of the latest reports came back.
    pub(super) reported: Timestamp,
    pub(super) counters: Counters,
    /// What is counted beside them; the probes are counted by the health.
    pub(super) figures: Figures,
    pub(super) reloads: Reloads,
    /// What operators have ordered.
    pub(super) orders: Arc<Orders>,
    /// The servers that drain, or have drained.
    pub(super) drains: Arc<Drains>,
    /// The servers that have come back, and get their weights step by step.
    pub(super) slow_starts: SlowStarts,
    /// The services whose counters are read.
    pub(super) passive: Passive,
    /// When the connections of draining servers are counted next.
    pub(super) next_count: Timestamp,
    /// What they were answered.
    pub(super) answers: Arc<Answers>,
    /// What they will be answered when the kernel has answered.
    pub(super) unanswered: Answers,
    /// How the servers of each service are together.
    pub(super) pools: Pools,
    /// Whether services have their quorum by the checks of this director, where the word of the other one counts.
    pub(super) own_quorums: BTreeMap<ServiceKey, bool>,
    /// Drains that have ended here, which the other director is to be told of.
    pub(super) drained: Vec<(ServiceKey, ServerKey)>,
    /// The services whose servers were planned for since that was looked at.
    pub(super) unassessed: BTreeSet<ServiceKey>,
    pub(super) mastership: Mastership,
    /// The other director of the pair.
    pub(super) pair: Pair,
    /// The servers that count as the other director finds them.
    pub(super) overruled: Overruled,
    /// What is shown of it.
    pub(super) pair_view: Option<Arc<PairView>>,
    pub(super) history: Arc<History>,
    pub(super) views: Arc<BTreeMap<ServiceKey, Arc<ServiceView>>>,
    /// The services whose view must be made again.
    pub(super) stale: BTreeSet<ServiceKey>,
}

/// The present work: at most one exchange with the kernel.
#[derive(Debug)]
pub(super) enum Work {
    /// [`Event::Start`] has not come yet.
    NotStarted,
    /// Nothing.
    Idle,
    /// The whole table is being read.
    Reading(Reading),
    /// A service is being read.
    ReadingService(Look),
    /// A change is being carried out.
    Changing(Box<Change>, Purpose),
    /// The director has ended.
    Ended,
}

/// Why the whole table is read.
#[derive(Debug)]
pub(super) enum Reading {
    /// To start.
    Start,
    /// To find out whether somebody else made the services that a new configuration adds.
    Reload(Wanted),
    /// To remove our services.
    Release,
}

/// Why a service is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// Its time has come.
    Round,
    /// The kernel refused a step because the service was not as we knew it.
    Surprise,
}

/// The purpose of a change.
#[derive(Debug)]
pub(super) enum Purpose {
    /// The first of all.
    Start {
        /// How many of our services the kernel had.
        found: usize,
    },
    /// A verdict, or a repair.
    Upkeep,
    /// A new configuration.
    Reload(Box<Next>),
    /// The last of all.
    Release,
}

/// A new configuration that was asked for.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) id: ReloadId,
    pub(super) config: Arc<Config>,
    /// How often it was planned for already.
    pub(super) tries: u32,
    /// Whether we know if somebody else made the services that it adds.
    pub(super) looked: bool,
}

/// A new configuration on its way: committed, or dropped.
#[derive(Debug)]
pub(super) struct Next {
    pub(super) wanted: Wanted,
    /// The health it was planned with.
    pub(super) health: Health,
    /// The engine's `health_events` at that moment.
    pub(super) health_events: u64,
    /// The drains with this configuration.
    pub(super) drains: Arc<Drains>,
    /// What was ours before.
    pub(super) owned: Arc<BTreeSet<ServiceKey>>,
    /// What to report about services that others had made, and about servers that leave.
    pub(super) untold: Vec<Untold>,
}

impl Engine {
    /// An engine that waits for [`Event::Start`]. The seed decides every jitter.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            started: Timestamp::ZERO,
            config: Arc::new(Config::default()),
            role: Role::Serving,
            health: Health::new(seed),
            health_events: 0,
            observed: IpvsTable::new(),
            owned: Arc::default(),
            owned_written: false,
            work: Work::NotStarted,
            dirty: BTreeSet::new(),
            surprises: BTreeSet::new(),
            tries: BTreeMap::new(),
            unread: Queue::default(),
            strikes: Strikes::default(),
            next: None,
            ending: None,
            next_round: Timestamp::ZERO,
            pause: Duration::ZERO,
            host_steps: Vec::new(),
            host_known: Host::default(),
            host_refused: BTreeSet::new(),
            errors: BTreeMap::new(),
            untold: Vec::new(),
            decided: None,
            reported: Timestamp::ZERO,
            counters: Counters::default(),
            figures: Figures::default(),
            reloads: Reloads::default(),
            orders: Arc::default(),
            drains: Arc::default(),
            slow_starts: SlowStarts::NONE,
            passive: Passive::default(),
            next_count: Timestamp::ZERO,
            answers: Arc::default(),
            unanswered: Answers::new(),
            pools: Pools::NONE,
            own_quorums: BTreeMap::new(),
            drained: Vec::new(),
            unassessed: BTreeSet::new(),
            mastership: Mastership::default(),
            pair: Pair::default(),
            overruled: Overruled::NONE,
            pair_view: None,
            history: Arc::default(),
            views: Arc::default(),
            stale: BTreeSet::new(),
        }
    }

    /// When it wants [`Event::Deadline`]; `None` before the start and after the end.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        if let Work::NotStarted | Work::Ended = self.work {
            return None;
        }
        let others = [
            self.health.deadline(),
            self.strikes.deadline(),
            self.drain_deadline(),
            self.slow_starts.deadline(),
            self.passive.deadline(),
            self.pair.belief.deadline(),
        ];
        let earliest = others.into_iter().flatten().min();
        Some(earliest.map_or(self.next_round, |at| at.min(self.next_round)))
    }

    /// Whether it wants [`Event::Deadline`] when no other event waits: there are services to read back, one at a time.
    #[must_use]
    pub fn has_time_to_fill(&self) -> bool {
        matches!(self.work, Work::Idle) && !self.unread.is_empty()
    }

    /// How long verdicts took to reach the kernel.
    #[must_use]
    pub const fn verdict_delay(&self) -> VerdictDelay {
        self.counters.verdict_delay
    }

    /// One event.
    pub fn handle(&mut self, now: Timestamp, event: Event, out: &mut Vec<Action>) {
        match event {
            Event::Start(start) => self.start(now, *start, out),
            Event::Deadline => {
                self.note_lag(now);
                self.tick(now, out);
            }
            Event::Probed(reports) => self.probed(now, reports, out),
            Event::WireTold(wire, news) => self.wire_told(now, wire, news, out),
            Event::Happened(events) => self.happened(now, events, out),
            Event::Seen(sighting) => self.seen(now, sighting, out),
            Event::TableRead(table) => self.table_read(now, table, out),
            Event::ServiceRead(key, found) => self.service_read(now, key, found, out),
            Event::Counted(all) => self.counted(now, &all, out),
            Event::Applied(failures) => self.applied(now, failures, out),
            Event::HostRead(host, unread) => self.host_read(now, &host, unread, out),
            Event::HostApplied(failed) => self.host_applied(now, failed, out),
            Event::OwnedWritten(written) => self.owned_written(now, written, out),
            Event::Next(id, config) => self.next_came(now, id, config, out),
            Event::NextRefused(id, why) => self.reload_refused(now, id, &why, out),
            Event::MasterOf(routers) => self.is_master_of(now, routers, out),
            Event::Peer(news) => self.peer_news(now, news, out),
            Event::Ordered(command) => self.ordered(now, &command, out),
            Event::Stop { release } => self.ending = Some(release),
        }
        self.turn(now, out);
        self.send_news(now, out);
    }

    /// Notes how late it is for what is due, if anything is.
    fn note_lag(&mut self, now: Timestamp) {
        let due = self.deadline().map(|at| at.rounded_up(STEP));
        if let Some(due) = due.filter(|due| *due <= now) {
            self.figures.late(now.since(due));
        }
    }

    /// Everything that is due: probes, a round of reading back, services to try again, and one service to read back.
    fn tick(&mut self, now: Timestamp, out: &mut Vec<Action>) {
        let actions = self.hand_to_health(now, HealthEvent::Deadline);
        self.take_health(now, actions, out);
        if self.next_round <= now {
            self.begin_round(now, out);
        }
        self.drain(now, out);
        self.step_slow_starts(now);
        self.read_counters(now, out);
        self.end_last_words(now);
        let due = self.strikes.due(now);
        self.unread.extend(due);
        if matches!(self.work, Work::Idle)
            && self.dirty.is_empty()
            && let Some(key) = self.unread.take()
        {
            self.read(key, Look::Round, out);
        }
    }

    /// Turns to the next thing to do, if nothing is under way.
    fn turn(&mut self, now: Timestamp, out: &mut Vec<Action>) {
        while matches!(self.work, Work::Idle) {
            if let Some(release) = self.ending.take() {
                self.end(now, release, out);
            } else if let Some(key) = self.surprises.first().copied() {
                self.read(key, Look::Surprise, out);
            } else if let Some(wanted) = self.next.take() {
                self.begin_reload(now, wanted, out);
            } else if self.dirty.is_empty() {
                return;
            } else {
                let keys = mem::take(&mut self.dirty);
                for key in &keys {
                    self.settle_with_peer(now, *key);
                }
                self.try_kept_back(now, &keys, out);
                // Who tried may have made some of them dirty again: they are planned for now.
                self.dirty.retain(|key| !keys.contains(key));
                self.give_load_to_slow_starts(now, &keys);
                let plan = self.plan(&keys);
                self.unassessed.extend(keys);
                self.begin(now, plan, Rule::EachByItself, Purpose::Upkeep, out);
            }
        }
    }

    /// Reads one service; the answer comes as [`Event::ServiceRead`].
    pub(super) fn read(&mut self, key: ServiceKey, look: Look, out: &mut Vec<Action>) {
        self.work = Work::ReadingService(look);
        out.push(Action::ReadService(key));
    }

    /// Every service that is configured, or ours by the state file.
    pub(super) fn ours(&self) -> BTreeSet<ServiceKey> {
        let configured = self.config.services.keys();
        configured.chain(self.owned.iter()).copied().collect()
    }
}
