// SPDX-License-Identifier: MIT OR Apache-2.0
//! Master: has the addresses, and says so. Source: RFC 9568, section 6.4.3.

use std::time::Duration;

use super::super::event::{Action, AnnounceReason, Reason};
use super::super::heard::{Heard, Notice};
use super::super::timers::master_down_interval;
use super::{Instance, Phase};
use crate::model::{Priority, Timestamp};

/// The second announcement comes so long after the take-over.
const AGAIN: Duration = Duration::from_secs(5);
/// Announcements that others provoke are so far apart.
const ANNOUNCE_GAP: Duration = Duration::from_secs(1);
/// Answers are so far apart: a flood of advertisements makes no flood.
const ANSWER_GAP: Duration = Duration::from_millis(5);

/// What a master knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Master {
    /// When it advertises next.
    advertise_at: Timestamp,
    sent_at: Timestamp,
    /// When it announces its addresses next, and why.
    announce: Option<(Timestamp, AnnounceReason)>,
    announced_at: Timestamp,
}

impl Master {
    pub(super) const fn sent_at(&self) -> Timestamp {
        self.sent_at
    }

    pub(super) fn deadline(&self) -> Timestamp {
        match self.announce {
            Some((at, _)) => self.advertise_at.min(at),
            None => self.advertise_at,
        }
    }
}

impl Instance {
    /// (370) to (410), and (110) to (145).
    pub(super) fn become_master(&mut self, now: Timestamp, why: Reason, out: &mut Vec<Action>) {
        self.yielded = false;
        self.held_until = None;
        self.counts.became_master += 1;
        self.advertise(self.priority(), out);
        out.push(Action::TakeAddresses);
        out.push(Action::Announce(AnnounceReason::TookOver));
        let master = Master {
            advertise_at: now + self.interval().duration(),
            sent_at: now,
            announce: Some((now + AGAIN, AnnounceReason::Again)),
            announced_at: now,
        };
        self.enter(now, Phase::Master(master), why, out);
    }

    /// An accepted advertisement.
    pub(super) fn heard_in_master(
        &mut self,
        now: Timestamp,
        mut master: Master,
        heard: &Heard,
        out: &mut Vec<Action>,
    ) {
        let ours = self.priority();
        if heard.priority == Priority::LEAVES {
            // (710).
            self.answer(now, master, out);
        } else if heard.priority > ours {
            // (740) to (765).
            out.push(Action::ReleaseAddresses);
            let why = Reason::Outranked(heard.source, heard.priority);
            self.yield_to(now, heard, why, out);
        } else if heard.priority == ours && heard.source > self.router.source {
            out.push(Action::ReleaseAddresses);
            self.yield_to(now, heard, Reason::HigherAddress(heard.source), out);
        } else {
            // (775) and (780).
            self.notice(now, heard.source, Notice::TwoMasters, out);
            if now >= master.announced_at + ANNOUNCE_GAP {
                master.announced_at = now;
                out.push(Action::Announce(AnnounceReason::TwoMasters));
            }
            self.answer(now, master, out);
        }
    }

    /// Advertises at once, or as soon as it may.
    pub(super) fn answer(&mut self, now: Timestamp, mut master: Master, out: &mut Vec<Action>) {
        let allowed = master.sent_at + ANSWER_GAP;
        if allowed <= now {
            self.advertise(self.priority(), out);
            master.sent_at = now;
            master.advertise_at = now + self.interval().duration();
        } else {
            master.advertise_at = master.advertise_at.min(allowed);
        }
        self.phase = Phase::Master(master);
    }

    /// The deadline of a master.
    pub(super) fn tick(&mut self, now: Timestamp, mut master: Master, out: &mut Vec<Action>) {
        if master.advertise_at <= now {
            // (685) and (690). Late by a little, it keeps its pace.
            let interval = self.interval().duration();
            let late = now.since(master.advertise_at);
            self.counts.late_at_most = self.counts.late_at_most.max(late);
            let next = master.advertise_at + interval;
            self.advertise(self.priority(), out);
            master.sent_at = now;
            master.advertise_at = if next > now { next } else { now + interval };
        }
        if let Some((at, why)) = master.announce
            && at <= now
        {
            out.push(Action::Announce(why));
            master.announced_at = now;
            let refresh = self.router.refresh.map(|every| every.max(ANNOUNCE_GAP));
            master.announce = refresh.map(|every| (now + every, AnnounceReason::Refresh));
        }
        self.phase = Phase::Master(master);
    }

    /// Steps down when so much time has passed since its last advertisement that any peer has taken over. `uncounted`
    /// is what the clock has not seen.
    pub(super) fn step_down_if_late(
        &mut self,
        now: Timestamp,
        master: Master,
        uncounted: Duration,
        out: &mut Vec<Action>,
    ) {
        let silent = now.since(master.sent_at) + uncounted;
        let version = self.router.version;
        if silent >= master_down_interval(version, self.interval(), Priority::LOWEST) {
            out.push(Action::ReleaseAddresses);
            self.enter_backup(now, Reason::Stalled(silent), out);
        }
    }
}
