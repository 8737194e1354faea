// SPDX-License-Identifier: MIT OR Apache-2.0
//! One night: what happens, and what must hold at every moment.

mod promises;
mod trouble;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use lvs_director::model::{ChecksumForm, Priority, Timestamp};
use lvs_director::vrrp::{Action, Event, Heard, master_down_interval};

use super::host::{Host, routers, vrid};
use super::lan::{Lan, between, choose};

/// What is to happen at a time.
enum Coming {
    Arrives(usize, Heard),
    Trouble,
    Resume(usize),
    PowerOn(usize),
    Start(usize),
    /// The next process goes on where the one before has ended.
    GoOn(usize, Timestamp),
    LinkUp(usize),
    Heal,
    Rest,
    Settled,
    End,
}

/// One night.
pub(super) struct Night {
    seed: u64,
    rng: fastrand::Rng,
    now: Timestamp,
    lan: Lan,
    hosts: Vec<Host>,
    coming: BTreeMap<(Timestamp, u64), Coming>,
    number: u64,
    story: String,
    packets: u64,
    /// The longest interval, master down interval, time with two masters, and time without one.
    interval: Duration,
    down: Duration,
    overlap: Duration,
    leaderless: Duration,
    /// Since when two hosts are masters that hear each other.
    both: BTreeMap<(usize, usize), Timestamp>,
    /// Since when there is no master on a side.
    none: BTreeMap<u8, Timestamp>,
    /// The last trouble other than a partition, and whether there must be a master since one has healed.
    trouble: Timestamp,
    must_have_one: bool,
    resting: bool,
    settled: Option<u64>,
    handed_over: bool,
}

impl Night {
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let routers = routers(&mut rng);
        let intervals = routers.iter().map(|it| it.interval);
        let (least, most) = (intervals.clone().min().unwrap(), intervals.max().unwrap());
        let lan = Lan::new(routers.len(), &mut rng, least.duration());
        let late = least.duration() / 50;
        let down = master_down_interval(routers[0].version, most, Priority::LOWEST);
        let hold = routers.iter().map(|it| it.hold).max().unwrap();
        let members = *choose(&mut rng, &[1, 1, 2]);
        let hosts = routers
            .into_iter()
            .map(|router| Host::new(router, members, between(&mut rng, Duration::ZERO, late)))
            .collect();
        Self {
            seed,
            now: Timestamp::after_start(Duration::from_secs(100)),
            leaderless: hold + down * 3 + lan.longest_delay * 3,
            hosts,
            coming: BTreeMap::new(),
            number: 0,
            story: String::new(),
            packets: 0,
            interval: most.duration(),
            down: down + late * 3,
            overlap: (most.duration() + late) * 3 + lan.longest_delay,
            lan,
            both: BTreeMap::new(),
            none: BTreeMap::new(),
            trouble: Timestamp::ZERO,
            must_have_one: false,
            resting: false,
            settled: None,
            handed_over: false,
            rng,
        }
    }

    pub(super) fn story(&self) -> &str {
        &self.story
    }

    pub(super) const fn packets(&self) -> u64 {
        self.packets
    }

    pub(super) fn transitions(&self) -> u64 {
        self.hosts.iter().map(Host::transitions).sum()
    }

    fn say(&mut self, what: std::fmt::Arguments<'_>) {
        let _ = writeln!(
            self.story,
            "{:>12.6} {what}",
            self.now.since_start().as_secs_f64()
        );
    }

    fn later(&mut self, after: Duration, what: Coming) {
        self.number += 1;
        self.coming.insert((self.now + after, self.number), what);
    }

    /// Plays it to its end, or to what must not be.
    pub(super) fn play(&mut self) -> Result<(), String> {
        for number in 0..self.hosts.len() {
            let at = between(&mut self.rng, Duration::ZERO, self.interval * 4);
            self.later(at, Coming::Start(number));
        }
        let dark = self.interval * 300;
        self.later(self.interval * 10, Coming::Trouble);
        self.later(dark, Coming::Rest);
        loop {
            let due = (0..self.hosts.len())
                .filter_map(|number| Some((self.hosts[number].deadline()?, number)))
                .min();
            let next = self.coming.first_key_value().map(|(&(at, _), _)| at);
            match (due, next) {
                (Some((at, number)), next) if next.is_none_or(|next| at < next) => {
                    self.now = self.now.max(at);
                    self.hand(number, &Event::Deadline);
                    if self.hosts[number]
                        .deadline()
                        .is_some_and(|at| at <= self.now)
                    {
                        return self.fails(&format!("the deadline of {number} stays"));
                    }
                }
                (_, Some(at)) => {
                    self.now = self.now.max(at);
                    let ((_, _), what) = self.coming.pop_first().unwrap();
                    if self.happens(what)? {
                        return Ok(());
                    }
                }
                (_, None) => return Ok(()),
            }
            self.check()?;
        }
    }

    /// Hands an event to a host, and sends what it says.
    fn hand(&mut self, number: usize, event: &Event) {
        let actions = self.hosts[number].handle(self.now, event);
        for (member, action) in actions {
            match action {
                Action::Advertise { priority, .. } => self.send(number, member, priority),
                Action::Tell { from, to, why } => {
                    self.say(format_args!("{number}.{member}: {from} -> {to} ({why})"));
                }
                Action::TakeAddresses
                | Action::ReleaseAddresses
                | Action::Announce(_)
                | Action::Notice { .. } => {}
            }
        }
    }

    fn send(&mut self, from: usize, member: usize, priority: Priority) {
        let router = &self.hosts[from].router;
        let heard = Heard {
            source: router.source,
            multicast: true,
            version: router.version,
            vrid: vrid(u8::try_from(member).unwrap()),
            priority,
            interval: router.interval,
            addresses: router.addresses.clone(),
            form: ChecksumForm::Message,
        };
        if !self.hosts[from].link {
            return;
        }
        for to in (0..self.hosts.len()).filter(|to| *to != from) {
            for delay in self.lan.carry((from, to, member), &mut self.rng) {
                self.packets += 1;
                self.later(delay, Coming::Arrives(to, heard.clone()));
            }
        }
    }

    /// What was to come has come. Whether the night is over.
    fn happens(&mut self, what: Coming) -> Result<bool, String> {
        match what {
            Coming::Arrives(to, heard) => {
                let host = &mut self.hosts[to];
                if host.power && host.link {
                    if host.paused.is_some() {
                        host.inbox.push(heard);
                    } else {
                        self.hand(to, &Event::Heard(heard));
                    }
                }
            }
            Coming::Trouble => {
                if !self.resting {
                    self.make_trouble();
                    let pause = self.interval * *choose(&mut self.rng, &[1, 6, 15, 60]);
                    let next = between(&mut self.rng, pause / 4, pause);
                    self.later(next, Coming::Trouble);
                }
            }
            Coming::Resume(number) => self.resume(number)?,
            Coming::PowerOn(number) => {
                self.hosts[number].power = true;
                self.start(number);
            }
            Coming::Start(number) => self.start(number),
            Coming::GoOn(number, since) => self.go_on(number, since),
            Coming::LinkUp(number) => {
                self.troubled(format_args!("{number}: link up"));
                self.hosts[number].link = true;
                self.hand(number, &Event::LinkUp);
            }
            Coming::Heal => self.heal(),
            Coming::Rest => self.rest()?,
            Coming::Settled => {
                self.say(format_args!("settled"));
                self.settled = Some(self.transitions());
                self.one_master()?;
            }
            Coming::End => return Ok(true),
        }
        Ok(false)
    }

    fn start(&mut self, number: usize) {
        if self.hosts[number].power {
            self.troubled(format_args!("{number}: start"));
            self.hand(number, &Event::Start);
        }
    }

    fn go_on(&mut self, number: usize, since: Timestamp) {
        let silent = self.now.since(since);
        self.troubled(format_args!("{number}: goes on after {silent:?}"));
        self.hosts[number].power = true;
        self.hand(number, &Event::Resume(silent));
    }

    fn resume(&mut self, number: usize) -> Result<(), String> {
        self.troubled(format_args!("{number}: runs again"));
        let away = self.hosts[number].away(self.now);
        let was_master = self.hosts[number].is_master();
        let careful = self.rng.bool();
        let events = self.hosts[number].resume(self.now, careful);
        for event in events {
            self.hand(number, &event);
        }
        if was_master && away > self.down && self.hosts[number].is_master() {
            return self.fails(&format!("{number} did not run for {away:?}, and is master"));
        }
        Ok(())
    }

    fn masters(&self) -> impl Iterator<Item = usize> {
        (0..self.hosts.len())
            .filter(|&number| self.hosts[number].speaks() && self.hosts[number].is_master())
    }
}
