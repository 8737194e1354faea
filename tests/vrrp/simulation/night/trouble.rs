// SPDX-License-Identifier: MIT OR Apache-2.0
//! What goes wrong in a night, and how it ends.

use lvs_director::model::Priority;
use lvs_director::vrrp::{Effective, Event};

use super::super::lan::{between, choose};
use super::{Coming, Night};

impl Night {
    /// The clocks of all promises begin anew.
    pub(super) fn troubled(&mut self, what: std::fmt::Arguments<'_>) {
        self.say(what);
        self.both.clear();
        self.none.clear();
        self.trouble = self.now;
        self.must_have_one = false;
    }

    pub(super) fn make_trouble(&mut self) {
        let number = self.rng.usize(0..self.hosts.len());
        let long = self.interval * 12;
        let time = between(&mut self.rng, self.interval / 10, long);
        if !self.hosts[number].runs() {
            return;
        }
        match self.rng.u32(0..10) {
            0 | 1 if self.lan.is_whole() => {
                for side in &mut self.lan.side {
                    *side = self.rng.u8(0..2);
                }
                self.say(format_args!(
                    "the LAN is in parts: {:?}",
                    self.lan.side.clone()
                ));
                self.both.clear();
                self.none.clear();
                self.must_have_one = false;
                self.later(time * 2, Coming::Heal);
            }
            2 | 3 => {
                let frozen = self.rng.bool();
                self.troubled(format_args!(
                    "{number}: does not run (clock stands still: {frozen})"
                ));
                self.hosts[number].paused = Some((self.now, frozen));
                self.later(time, Coming::Resume(number));
            }
            4 => {
                self.troubled(format_args!("{number}: power cut"));
                self.hosts[number].crash();
                self.later(time, Coming::PowerOn(number));
            }
            5 => {
                self.troubled(format_args!("{number}: stop"));
                self.hand(number, &Event::Stop);
                self.later(time, Coming::Start(number));
            }
            6 => {
                self.troubled(format_args!("{number}: hand over"));
                self.handed_over |= self.hosts[number].is_master();
                self.hand(number, &Event::HandOver);
            }
            7 => self.retrack(number),
            9 if self.hosts[number].is_master() => {
                self.troubled(format_args!("{number}: another process follows"));
                self.hand(number, &Event::Suspend);
                self.hosts[number].crash();
                self.later(time / 2, Coming::GoOn(number, self.now));
            }
            8 if self.hosts[number].link => {
                self.troubled(format_args!("{number}: link down"));
                self.hosts[number].link = false;
                self.hand(number, &Event::LinkDown);
                self.later(time, Coming::LinkUp(number));
            }
            _ => {}
        }
    }

    fn retrack(&mut self, number: usize) {
        let base = self.hosts[number].router.priority;
        let less = Priority(
            base.0
                .saturating_sub(*choose(&mut self.rng, &[10, 60, 254]))
                .max(1),
        );
        let effective = match self.rng.u32(0..4) {
            0 => Effective::Fault("script failed".into()),
            1 => Effective::Priority(less),
            _ => Effective::Priority(base),
        };
        self.troubled(format_args!("{number}: {effective:?}"));
        self.hand(number, &Event::Tracked(effective));
    }

    pub(super) fn heal(&mut self) {
        self.say(format_args!("the LAN is whole"));
        self.lan.side.fill(0);
        self.both.clear();
        self.none.clear();
        let quiet = self.now.since(self.trouble) > self.leaderless + self.down * 2;
        let masters = self.masters().count();
        self.must_have_one = quiet && self.lan.loss == 0 && masters > 0;
    }

    /// Everything works again, and nothing is lost any more. It is given time to settle, and then watched.
    pub(super) fn rest(&mut self) -> Result<(), String> {
        self.resting = true;
        self.lan.loss = 0;
        self.lan.side.fill(0);
        for number in 0..self.hosts.len() {
            if self.hosts[number].paused.is_some() {
                self.resume(number)?;
            }
            self.hosts[number].power = true;
            self.hosts[number].link = true;
            let base = self.hosts[number].router.priority;
            for event in [
                Event::LinkUp,
                Event::Tracked(Effective::Priority(base)),
                Event::Start,
            ] {
                self.hand(number, &event);
            }
        }
        // What was still to come, such as the end of a pause, changes nothing any more.
        self.coming
            .retain(|_, what| matches!(what, Coming::Arrives(..)));
        self.troubled(format_args!("rest"));
        let delayed = self.interval * 10;
        let settle = self.leaderless + delayed + self.down * 3;
        self.later(settle, Coming::Settled);
        self.later(settle + self.interval * 60, Coming::End);
        Ok(())
    }
}
