// SPDX-License-Identifier: MIT OR Apache-2.0
//! Backup: listens to the master. Source: RFC 9568, section 6.4.2.

use std::net::IpAddr;
use std::time::Duration;

use super::super::event::{Action, Reason};
use super::super::heard::Heard;
use super::super::timers::skew_time;
use super::{Instance, Phase};
use crate::model::{Centiseconds, Preempt, Priority, Timestamp};

/// What a backup knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Backup {
    /// When the master is down.
    down_at: Timestamp,
    /// `Master_Adver_Interval`.
    interval: Centiseconds,
    followed: Option<Followed>,
    /// Since when its priority is higher than the master's.
    outranks_since: Option<Timestamp>,
    /// Whether the master has said that it leaves.
    left: bool,
    /// Whether its wait was over too late, and it has begun to listen once more.
    listens_again: bool,
    /// Whether its wait is over, and it waits for the others of its sync group.
    ready: bool,
}

/// The master that a backup follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Followed {
    source: IpAddr,
    /// What it advertised last.
    priority: Priority,
    /// The highest that it has advertised since we follow it.
    best: Priority,
    heard_at: Timestamp,
}

impl Backup {
    pub(super) const fn deadline(&self) -> Timestamp {
        self.down_at
    }

    pub(super) const fn master(&self) -> Option<(IpAddr, Priority)> {
        match self.followed {
            Some(Followed {
                source, priority, ..
            }) => Some((source, priority)),
            None => None,
        }
    }

    pub(super) const fn is_ready(&self) -> bool {
        self.ready
    }

    pub(super) const fn is_called(&self) -> bool {
        self.ready && self.left
    }

    /// Why it takes over.
    pub(super) fn why(&self, now: Timestamp) -> Reason {
        match self.followed {
            None => Reason::NobodyMaster,
            Some(followed) if self.left => Reason::MasterLeft(followed.source),
            Some(followed) => {
                let silent = now.since(followed.heard_at);
                if silent > self.interval.duration() * 2 {
                    Reason::MasterSilent(followed.source, silent)
                } else {
                    Reason::Preempted(followed.source, followed.priority)
                }
            }
        }
    }

    /// Follows whoever sent this.
    fn follow(&mut self, now: Timestamp, heard: &Heard) {
        let best = match self.followed {
            Some(followed) if followed.source == heard.source => followed.best.max(heard.priority),
            Some(_) | None => heard.priority,
        };
        self.followed = Some(Followed {
            source: heard.source,
            priority: heard.priority,
            best,
            heard_at: now,
        });
    }
}

impl Instance {
    /// Waits for a master. No master is known yet.
    pub(super) fn enter_backup(&mut self, now: Timestamp, why: Reason, out: &mut Vec<Action>) {
        let interval = self.interval();
        // The skew keeps the order of those that are held for the same time.
        let held = match self.held_until {
            Some(until) => until.since(now) + self.skew(interval),
            None => Duration::ZERO,
        };
        let backup = Backup {
            down_at: now + self.master_down(interval).max(held),
            interval,
            followed: None,
            outranks_since: None,
            left: false,
            listens_again: false,
            ready: false,
        };
        self.enter(now, Phase::Backup(backup), why, out);
    }

    /// Follows the master that was heard while we were master.
    pub(super) fn yield_to(
        &mut self,
        now: Timestamp,
        heard: &Heard,
        why: Reason,
        out: &mut Vec<Action>,
    ) {
        self.enter_backup(now, why, out);
        if let Phase::Backup(backup) = self.phase {
            self.heard_in_backup(now, backup, heard);
        }
    }

    /// An accepted advertisement.
    pub(super) fn heard_in_backup(&mut self, now: Timestamp, mut backup: Backup, heard: &Heard) {
        let was_held = self.is_held(now);
        self.held_until = None;
        if heard.priority == Priority::LEAVES {
            let followed = backup.followed;
            if followed.is_none_or(|followed| followed.source == heard.source) {
                // (430). Said twice, it does not wait twice.
                backup.down_at = backup.down_at.min(now + self.skew(backup.interval));
                backup.left = true;
            }
        } else {
            backup.follow(now, heard);
            if self.preempts(now, &mut backup, heard.priority) {
                // (475). Its wait goes on, from now on if it could not hear before.
                if was_held {
                    backup.down_at = now + self.master_down(backup.interval);
                }
            } else {
                // (450) to (465).
                backup.interval = heard.interval;
                backup.down_at = now + self.master_down(backup.interval);
                backup.left = false;
                backup.listens_again = false;
                backup.ready = false;
            }
        }
        self.phase = Phase::Backup(backup);
    }

    /// Whether it will take over from a master that advertises this priority.
    fn preempts(&self, now: Timestamp, backup: &mut Backup, theirs: Priority) -> bool {
        if theirs >= self.priority() {
            backup.outranks_since = None;
            return false;
        }
        let since = *backup.outranks_since.get_or_insert(now);
        let best = backup.followed.map_or(theirs, |followed| followed.best);
        let lost = |base: Priority, now: Priority| base.0.saturating_sub(now.0);
        if lost(best, theirs) > lost(self.router.priority, self.priority()) {
            return true;
        }
        if self.yielded {
            return false;
        }
        if self.router.is_owner() {
            return true;
        }
        match self.router.preempt {
            Preempt::Never => false,
            Preempt::Always => true,
            Preempt::After(time) => now.since(since) >= time,
            Preempt::AfterSync => self.unsynced_until.is_none_or(|until| now >= until),
        }
    }

    /// The deadline of a backup: takes over, unless it was asleep and may have missed the master.
    pub(super) fn wait_is_over(
        &mut self,
        now: Timestamp,
        mut backup: Backup,
        out: &mut Vec<Action>,
    ) {
        if now < backup.down_at {
            return;
        }
        let late = now.since(backup.down_at);
        if late >= backup.interval.duration() && !backup.listens_again {
            backup.listens_again = true;
            backup.down_at = now + self.master_down(backup.interval);
            self.phase = Phase::Backup(backup);
            return;
        }
        if self.grouped {
            // The group looks at all of its members.
            backup.ready = true;
            backup.down_at = now + self.master_down(backup.interval);
            self.phase = Phase::Backup(backup);
            return;
        }
        self.become_master(now, backup.why(now), out);
    }

    /// This process did not run for so long: what was sent meanwhile may be lost.
    pub(super) fn listen_again(&mut self, now: Timestamp, mut backup: Backup, time: Duration) {
        if time >= backup.interval.duration() {
            let again = now + self.master_down(backup.interval);
            backup.down_at = backup.down_at.max(again);
            backup.ready = false;
            self.phase = Phase::Backup(backup);
        }
    }

    /// The link passes traffic: who is master can be heard from now on.
    pub(super) fn link_passes(&mut self, now: Timestamp, mut backup: Backup) {
        if self.is_held(now) {
            backup.down_at = now + self.master_down(backup.interval);
            self.phase = Phase::Backup(backup);
        }
        self.held_until = None;
    }

    /// Our priority has changed, and with it the skew time.
    pub(super) fn skew_anew(&mut self, mut backup: Backup, before: Priority) {
        let old = skew_time(self.router.version, backup.interval, before);
        backup.down_at = backup.down_at.before(old) + self.skew(backup.interval);
        self.phase = Phase::Backup(backup);
    }

    fn is_held(&self, now: Timestamp) -> bool {
        self.held_until.is_some_and(|until| now < until)
    }
}
