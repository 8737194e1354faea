// SPDX-License-Identifier: MIT OR Apache-2.0
//! One director of the simulation.

use std::sync::Arc;
use std::time::Duration;

use lvs_director::model::{
    Centiseconds, Preempt, Priority, Timestamp, VirtualRouter, Vrid, VrrpVersion,
};
use lvs_director::vrrp::{Action, Effective, Event, Group, Heard, Instance, State};

use super::lan::choose;
use crate::node::{address, router};

/// The first member's number on the LAN.
const FIRST: u8 = 51;

/// A director: its virtual routers, its clock, and what has become of it.
pub(super) struct Host {
    pub(super) router: VirtualRouter,
    members: u8,
    group: Group,
    pub(super) power: bool,
    /// Its process does not run; since when, and whether its clock stands still meanwhile.
    pub(super) paused: Option<(Timestamp, bool)>,
    pub(super) link: bool,
    /// So far its clock is behind.
    behind: Duration,
    /// So late it is with everything.
    pub(super) late: Duration,
    /// What came in while it did not run.
    pub(super) inbox: Vec<Heard>,
}

impl Host {
    /// A director with a sync group of so many virtual routers like this one.
    pub(super) fn new(router: VirtualRouter, members: u8, late: Duration) -> Self {
        Self {
            group: group(&router, members),
            members,
            router,
            power: true,
            paused: None,
            link: true,
            behind: Duration::ZERO,
            late,
            inbox: Vec::new(),
        }
    }

    pub(super) fn runs(&self) -> bool {
        self.power && self.paused.is_none()
    }

    /// Whether others can hear it.
    pub(super) fn speaks(&self) -> bool {
        self.runs() && self.link
    }

    pub(super) fn is_master(&self) -> bool {
        self.state() == State::Master
    }

    /// Whether it can be master.
    pub(super) fn takes_part(&self) -> bool {
        self.speaks() && matches!(self.state(), State::Backup | State::Master)
    }

    /// When it runs next, by the simulation's clock.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        let at = self.group.deadline().filter(|_| self.runs())?;
        Some(at + self.behind + self.late)
    }

    /// Hands in an event; gives what each member asks for.
    pub(super) fn handle(&mut self, now: Timestamp, event: &Event) -> Vec<(usize, Action)> {
        let now = now.before(self.behind);
        let mut out = Vec::new();
        match event {
            Event::Heard(heard) => {
                let member = usize::from(heard.vrid.get() - FIRST);
                self.group.handle(now, member, event.clone(), &mut out);
            }
            // One member's fault is the group's.
            Event::LinkDown | Event::Tracked(Effective::Fault(_)) => {
                self.group.handle(now, 0, event.clone(), &mut out);
            }
            Event::Start
            | Event::Stop
            | Event::HandOver
            | Event::Suspend
            | Event::Resume(_)
            | Event::Deadline
            | Event::Tracked(Effective::Priority(_))
            | Event::LinkUp
            | Event::LinkPasses
            | Event::Synced
            | Event::Stalled(_)
            | Event::Group(_) => self.group.handle_all(now, event, &mut out),
        }
        out
    }

    /// The state of all its members.
    pub(super) fn state(&self) -> State {
        self.group.members()[0].state()
    }

    pub(super) fn transitions(&self) -> u64 {
        let members = self.group.members().iter();
        members.map(|it| it.counts().transitions).sum()
    }

    /// For how long it has not run.
    pub(super) fn away(&self, now: Timestamp) -> Duration {
        self.paused
            .map_or(Duration::ZERO, |(since, _)| now.since(since))
    }

    /// It runs again. Gives the events that follow, in the order of a shell that is not careful, or of one that is.
    pub(super) fn resume(&mut self, now: Timestamp, careful: bool) -> Vec<Event> {
        let Some((since, frozen)) = self.paused.take() else {
            return Vec::new();
        };
        let mut events: Vec<_> = self.inbox.drain(..).map(Event::Heard).collect();
        if careful {
            events.push(Event::Deadline);
        } else {
            events.insert(0, Event::Deadline);
        }
        if frozen {
            let time = now.since(since);
            self.behind += time;
            events.insert(0, Event::Stalled(time));
        }
        events
    }

    /// The power goes.
    pub(super) fn crash(&mut self) {
        self.power = false;
        self.paused = None;
        self.inbox.clear();
        self.group = group(&self.router, self.members);
    }
}

fn group(router: &VirtualRouter, members: u8) -> Group {
    let member = |number| {
        let member = VirtualRouter {
            vrid: vrid(number),
            name: format!("vr{number}").into(),
            ..router.clone()
        };
        Instance::new(Arc::new(member))
    };
    Group::new((0..members).map(member).collect())
}

/// The number of a member on the LAN.
pub(super) fn vrid(member: u8) -> Vrid {
    Vrid::new(FIRST + member).unwrap()
}

/// The configurations of the directors of a night.
pub(super) fn routers(rng: &mut fastrand::Rng) -> Vec<VirtualRouter> {
    let version = *choose(rng, &[VrrpVersion::V2, VrrpVersion::V3, VrrpVersion::V3]);
    let interval = match version {
        VrrpVersion::V2 => 100,
        VrrpVersion::V3 => *choose(rng, &[1, 10, 100]),
    };
    // In version 3 the masters may have intervals of their own.
    let differ = version == VrrpVersion::V3 && rng.u32(0..4) == 0;
    let same_preempt = rng.bool().then(|| preempt(rng, interval));
    let hold = Centiseconds(interval).duration() * *choose(rng, &[0, 0, 8, 20]);
    (0..rng.u8(2..=5))
        .map(|number| VirtualRouter {
            version,
            interval: Centiseconds(if differ {
                interval * rng.u16(1..=4)
            } else {
                interval
            }),
            priority: Priority(*choose(rng, &[1, 50, 100, 100, 101, 150, 200, 253, 254])),
            preempt: same_preempt.unwrap_or_else(|| preempt(rng, interval)),
            hold,
            source: address(10 + number),
            ..router(100)
        })
        .collect()
}

fn preempt(rng: &mut fastrand::Rng, interval: u16) -> Preempt {
    let after = Centiseconds(interval).duration() * 8;
    *choose(
        rng,
        &[Preempt::Never, Preempt::Always, Preempt::After(after)],
    )
}
