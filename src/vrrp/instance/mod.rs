// SPDX-License-Identifier: MIT OR Apache-2.0
//! The state machine of one virtual router. Source: RFC 9568, section 6.4.

mod backup;
mod master;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use self::backup::Backup;
use self::master::Master;
use super::counts::Counts;
use super::event::{Action, Event, GroupOrder, Reason, State};
use super::heard::{Heard, Notice, accept, notices};
use super::timers::{master_down_interval, shortest_wait, skew_time};
use super::track::Effective;
use crate::model::{Centiseconds, ChecksumForm, Priority, Timestamp, VirtualRouter};

/// Nobody waits longer for the master's connections.
const LONGEST_SYNC: Duration = Duration::from_mins(1);

/// Each kind of notice is told once in so long a time.
const TELL_AGAIN: Duration = Duration::from_secs(60);

/// What a state needs to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Initialize,
    Fault,
    Backup(Backup),
    Master(Master),
}

/// One virtual router.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    router: Arc<VirtualRouter>,
    phase: Phase,
    since: Timestamp,
    link_up: bool,
    tracked: Effective,
    /// Whether it moves with others.
    grouped: bool,
    /// The member of the sync group that cannot take part.
    group_fault: Option<Box<str>>,
    /// Until when nobody is believed to be there only because nobody is heard.
    held_until: Option<Timestamp>,
    /// Until when it waits for the master's connections; `None` when they have come.
    unsynced_until: Option<Timestamp>,
    /// Whether it has handed over, and not been master since.
    yielded: bool,
    /// How the last accepted advertisement made its checksum.
    form: Option<ChecksumForm>,
    counts: Counts,
    told: BTreeMap<Notice, Timestamp>,
}

impl Instance {
    /// A virtual router that has not started. Its link is up, and nothing that is tracked is bad, until events say
    /// otherwise.
    #[must_use]
    pub fn new(router: Arc<VirtualRouter>) -> Self {
        Self {
            tracked: Effective::Priority(router.priority),
            router,
            phase: Phase::Initialize,
            since: Timestamp::ZERO,
            link_up: true,
            grouped: false,
            group_fault: None,
            held_until: None,
            unsynced_until: None,
            yielded: false,
            form: None,
            counts: Counts::default(),
            told: BTreeMap::new(),
        }
    }

    /// The same as a member of a sync group: it takes over when the group does.
    #[must_use]
    pub fn in_group(self) -> Self {
        Self {
            grouped: true,
            ..self
        }
    }

    /// Its state.
    #[must_use]
    pub const fn state(&self) -> State {
        match self.phase {
            Phase::Initialize => State::Initialize,
            Phase::Fault => State::Fault,
            Phase::Backup(_) => State::Backup,
            Phase::Master(_) => State::Master,
        }
    }

    /// Since when it is in that state.
    #[must_use]
    pub const fn since(&self) -> Timestamp {
        self.since
    }

    /// The master that it follows, and the priority that this one advertised last.
    #[must_use]
    pub const fn master(&self) -> Option<(IpAddr, Priority)> {
        match self.phase {
            Phase::Backup(backup) => backup.master(),
            Phase::Initialize | Phase::Fault | Phase::Master(_) => None,
        }
    }

    /// What was counted.
    #[must_use]
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Its configuration.
    #[must_use]
    pub fn router(&self) -> &VirtualRouter {
        &self.router
    }

    /// Its priority now: never 0, which says that a master leaves.
    #[must_use]
    pub fn priority(&self) -> Priority {
        let priority = match self.tracked {
            Effective::Priority(priority) => priority,
            Effective::Fault(_) => self.router.priority,
        };
        priority.max(Priority::LOWEST)
    }

    /// When it advertised last, if it is master.
    #[must_use]
    pub const fn advertised(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Master(master) => Some(master.sent_at()),
            Phase::Initialize | Phase::Fault | Phase::Backup(_) => None,
        }
    }

    /// When it wants [`Event::Deadline`].
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Initialize | Phase::Fault => None,
            Phase::Backup(backup) => Some(backup.deadline()),
            Phase::Master(master) => Some(master.deadline()),
        }
    }

    /// Whether its own link, or what it tracks, keeps it from taking part.
    #[must_use]
    pub(super) fn is_hindered(&self) -> bool {
        !self.link_up || matches!(self.tracked, Effective::Fault(_))
    }

    /// Whether it would take over, and waits for its sync group.
    pub(super) const fn is_ready(&self) -> bool {
        matches!(self.phase, Phase::Backup(backup) if backup.is_ready())
    }

    /// The same, because the master has said that it leaves.
    pub(super) const fn is_called(&self) -> bool {
        matches!(self.phase, Phase::Backup(backup) if backup.is_called())
    }

    /// Handles one event. Every event is legal in every state.
    pub fn handle(&mut self, now: Timestamp, event: Event, out: &mut Vec<Action>) {
        // Before anything is said: somebody else may be master since we were last awake.
        if let Phase::Master(master) = self.phase {
            self.step_down_if_late(now, master, Duration::ZERO, out);
        }
        match (self.phase, event) {
            (Phase::Initialize, Event::Start) => self.start(now, out),
            (Phase::Initialize, Event::Resume(silent)) => self.resume(now, silent, out),
            (Phase::Master(master), Event::Suspend) => self.answer(now, master, out),
            (Phase::Fault | Phase::Backup(_), Event::Stop) => {
                self.enter(now, Phase::Initialize, Reason::Stopped, out);
            }
            (Phase::Master(_), Event::Stop) => {
                self.leave(out);
                self.enter(now, Phase::Initialize, Reason::Stopped, out);
            }
            (Phase::Master(_), Event::HandOver) => {
                self.leave(out);
                self.yielded = true;
                self.enter_backup(now, Reason::HandedOver, out);
            }
            (Phase::Backup(backup), Event::Deadline) => self.wait_is_over(now, backup, out),
            (Phase::Master(master), Event::Deadline) => self.tick(now, master, out),
            (Phase::Initialize | Phase::Fault, Event::Heard(heard)) => {
                self.admit(now, &heard, out);
            }
            (Phase::Backup(backup), Event::Heard(heard)) => {
                if self.admit(now, &heard, out) {
                    self.heard_in_backup(now, backup, &heard);
                }
            }
            (Phase::Master(master), Event::Heard(heard)) => {
                if self.admit(now, &heard, out) {
                    self.heard_in_master(now, master, &heard, out);
                }
            }
            (
                Phase::Initialize | Phase::Fault | Phase::Backup(_) | Phase::Master(_),
                Event::Tracked(effective),
            ) => self.track(now, effective, out),
            (
                Phase::Initialize | Phase::Fault | Phase::Backup(_) | Phase::Master(_),
                Event::LinkUp,
            ) => self.link(now, true, out),
            (
                Phase::Initialize | Phase::Fault | Phase::Backup(_) | Phase::Master(_),
                Event::LinkDown,
            ) => self.link(now, false, out),
            (Phase::Initialize | Phase::Fault | Phase::Master(_), Event::LinkPasses) => {
                self.held_until = None;
            }
            (Phase::Backup(backup), Event::LinkPasses) => self.link_passes(now, backup),
            (Phase::Backup(backup), Event::Stalled(time)) => self.listen_again(now, backup, time),
            (Phase::Master(master), Event::Stalled(time)) => {
                self.step_down_if_late(now, master, time, out);
            }
            (
                Phase::Initialize | Phase::Fault | Phase::Backup(_) | Phase::Master(_),
                Event::Synced,
            ) => self.unsynced_until = None,
            (phase, Event::Group(order)) => self.follow(now, phase, order, out),
            (
                Phase::Fault | Phase::Backup(_) | Phase::Master(_),
                Event::Start | Event::Resume(_),
            )
            | (Phase::Initialize, Event::Stop)
            | (
                Phase::Initialize | Phase::Fault | Phase::Backup(_),
                Event::HandOver | Event::Suspend,
            )
            | (Phase::Initialize | Phase::Fault, Event::Deadline | Event::Stalled(_)) => {}
        }
    }

    /// The sync group moves.
    fn follow(&mut self, now: Timestamp, phase: Phase, order: GroupOrder, out: &mut Vec<Action>) {
        match (phase, order) {
            (Phase::Backup(backup), GroupOrder::Master(member)) => {
                let why = if backup.is_ready() {
                    backup.why(now)
                } else {
                    Reason::Group(member)
                };
                self.become_master(now, why, out);
            }
            (Phase::Master(_), GroupOrder::Backup(member)) => {
                // In silence: the router that the leader yields to is master here, too. Priority 0 would call a third.
                out.push(Action::ReleaseAddresses);
                self.enter_backup(now, Reason::Group(member), out);
            }
            (
                Phase::Initialize | Phase::Fault | Phase::Backup(_) | Phase::Master(_),
                GroupOrder::Fault(member),
            ) => {
                self.group_fault = Some(member);
                self.reconsider(now, Reason::FaultOver, out);
            }
            (
                Phase::Initialize | Phase::Fault | Phase::Backup(_) | Phase::Master(_),
                GroupOrder::Cured,
            ) => {
                self.group_fault = None;
                self.reconsider(now, Reason::FaultOver, out);
            }
            (Phase::Initialize | Phase::Fault | Phase::Master(_), GroupOrder::Master(_))
            | (Phase::Initialize | Phase::Fault | Phase::Backup(_), GroupOrder::Backup(_)) => {}
        }
    }

    fn start(&mut self, now: Timestamp, out: &mut Vec<Action>) {
        self.yielded = false;
        self.held_until = Some(now + self.router.hold);
        self.unsynced_until = Some(now + LONGEST_SYNC);
        match self.hindrance() {
            Some(why) => self.enter(now, Phase::Fault, why, out),
            None => self.take_part(now, Reason::Started, out),
        }
    }

    /// Goes on as the master that the process before was; starts where it cannot, or comes too late.
    fn resume(&mut self, now: Timestamp, silent: Duration, out: &mut Vec<Action>) {
        if self.hindrance().is_some() || silent >= shortest_wait(self.interval()) {
            return self.start(now, out);
        }
        self.become_master(now, Reason::Resumed(silent), out);
    }

    /// The link has come up, or gone down.
    fn link(&mut self, now: Timestamp, up: bool, out: &mut Vec<Action>) {
        if up && !self.link_up {
            self.held_until = Some(now + self.router.hold);
            self.unsynced_until = Some(now + LONGEST_SYNC);
        }
        self.link_up = up;
        self.reconsider(now, Reason::LinkUp, out);
    }

    /// What is tracked says something else.
    fn track(&mut self, now: Timestamp, effective: Effective, out: &mut Vec<Action>) {
        let (before, state) = (self.priority(), self.state());
        self.tracked = effective;
        self.reconsider(now, Reason::FaultOver, out);
        if self.state() == state && self.priority() != before {
            match self.phase {
                Phase::Initialize | Phase::Fault => {}
                Phase::Backup(backup) => self.skew_anew(backup, before),
                // The others should know soon: one of them may be better now.
                Phase::Master(master) => self.answer(now, master, out),
            }
        }
    }

    /// What keeps it from taking part.
    fn hindrance(&self) -> Option<Reason> {
        if !self.link_up {
            return Some(Reason::LinkDown);
        }
        if let Effective::Fault(why) = &self.tracked {
            return Some(Reason::Fault(why.clone()));
        }
        self.group_fault.clone().map(Reason::Group)
    }

    /// Takes part if it can, and does not if it cannot.
    fn reconsider(&mut self, now: Timestamp, over: Reason, out: &mut Vec<Action>) {
        match (self.phase, self.hindrance()) {
            (Phase::Fault, None) => self.take_part(now, over, out),
            (Phase::Backup(_), Some(why)) => self.enter(now, Phase::Fault, why, out),
            (Phase::Master(_), Some(why)) => {
                if self.link_up {
                    self.leave(out);
                } else {
                    // Nobody would hear that we leave.
                    out.push(Action::ReleaseAddresses);
                }
                self.enter(now, Phase::Fault, why, out);
            }
            (Phase::Initialize, None | Some(_))
            | (Phase::Fault, Some(_))
            | (Phase::Backup(_) | Phase::Master(_), None) => {}
        }
    }

    /// RFC 9568, section 6.4.1, (105) and (150).
    fn take_part(&mut self, now: Timestamp, why: Reason, out: &mut Vec<Action>) {
        if self.router.is_owner() {
            self.become_master(now, Reason::Owner, out);
        } else {
            self.enter_backup(now, why, out);
        }
    }

    /// Whether an advertisement counts. Says what is odd about it.
    fn admit(&mut self, now: Timestamp, heard: &Heard, out: &mut Vec<Action>) -> bool {
        self.counts.heard += 1;
        if let Err(reason) = accept(&self.router, heard) {
            *self.counts.refused.entry(reason).or_default() += 1;
            return false;
        }
        self.form = Some(heard.form);
        let router = Arc::clone(&self.router);
        for notice in notices(&router, heard) {
            self.notice(now, heard.source, notice, out);
        }
        true
    }

    /// Counts it, and tells it unless that was done a moment ago.
    fn notice(&mut self, now: Timestamp, source: IpAddr, notice: Notice, out: &mut Vec<Action>) {
        *self.counts.notices.entry(notice).or_default() += 1;
        let last = self.told.get(&notice);
        if last.is_none_or(|&last| last + TELL_AGAIN <= now) {
            self.told.insert(notice, now);
            out.push(Action::Notice { source, notice });
        }
    }

    /// Sends an advertisement.
    fn advertise(&mut self, priority: Priority, out: &mut Vec<Action>) {
        self.counts.sent += 1;
        out.push(Action::Advertise {
            priority,
            form: self.form,
        });
    }

    /// Tells the others that we leave, and lets go of the addresses.
    fn leave(&mut self, out: &mut Vec<Action>) {
        self.advertise(Priority::LEAVES, out);
        out.push(Action::ReleaseAddresses);
    }

    fn enter(&mut self, now: Timestamp, phase: Phase, why: Reason, out: &mut Vec<Action>) {
        let from = self.state();
        self.phase = phase;
        self.since = now;
        self.counts.transitions += 1;
        out.push(Action::Tell {
            from,
            to: self.state(),
            why,
        });
    }

    /// Our own interval; never none.
    fn interval(&self) -> Centiseconds {
        self.router.interval.max(Centiseconds(1))
    }

    fn skew(&self, interval: Centiseconds) -> Duration {
        skew_time(self.router.version, interval, self.priority())
    }

    fn master_down(&self, interval: Centiseconds) -> Duration {
        master_down_interval(self.router.version, interval, self.priority())
    }
}
