// SPDX-License-Identifier: MIT OR Apache-2.0
//! A sync group: virtual routers that move together.

use super::event::{Action, Event, GroupOrder, State};
use super::instance::Instance;
use crate::model::Timestamp;

/// Virtual routers that are master together or not at all: an inside and an outside address, say.
///
/// They take over when the master of each is gone, or when one of them hears that it leaves: a host that is cut off from
/// one of two LANs would else take the addresses on the other one to and fro. When one yields to another router, the
/// others do, in silence. When one cannot take part, none does.
///
/// The members' priorities must have one order on all hosts, else two hosts pull each other to and fro.
pub trait Members {
    /// How many there are.
    fn count(&self) -> usize;

    /// The name of one.
    fn name(&self, number: usize) -> Box<str>;

    /// The machine of one; `None` for one that has no place on this host.
    fn machine(&self, number: usize) -> Option<&Instance>;

    /// Something happens to one.
    fn hand(&mut self, number: usize, event: Event);

    /// The state of each.
    fn states(&self) -> Vec<State> {
        let machines = (0..self.count()).map(|number| self.machine(number));
        let states = machines.map(|it| it.map_or(State::Initialize, Instance::state));
        states.collect()
    }

    /// Moves the others after something has happened to some. `before` is how all were.
    fn settle(&mut self, before: &[State]) {
        self.share_fault();
        self.take_over();
        let after = self.states();
        let moved = |from: fn(State) -> bool, to: State| {
            let pairs = before.iter().zip(&after);
            pairs.enumerate().find_map(|(number, (&was, &is))| {
                (was != is && from(was) && is == to).then_some(number)
            })
        };
        // Who leaves counts more than who takes over: the others have left for a reason.
        let lost = moved(|was| was == State::Master, State::Backup);
        // An owner of the addresses waits for nobody.
        let won = moved(|_| true, State::Master);
        match (lost, won) {
            (Some(leader), _) => self.order(leader, GroupOrder::Backup),
            (None, Some(leader)) => self.order(leader, GroupOrder::Master),
            (None, None) => {}
        }
    }

    /// One member's fault is everybody's, until it is over.
    fn share_fault(&mut self) {
        let hindered = |number: &usize| self.machine(*number).is_none_or(Instance::is_hindered);
        match (0..self.count()).find(hindered) {
            Some(leader) => self.order(leader, GroupOrder::Fault),
            None => {
                for number in 0..self.count() {
                    self.hand(number, Event::Group(GroupOrder::Cured));
                }
            }
        }
    }

    /// Takes over if all would, or if a master has said that it leaves: it leaves everywhere.
    fn take_over(&mut self) {
        let machines = || (0..self.count()).filter_map(|number| self.machine(number));
        let would = |it: &Instance| it.is_ready() || it.state() == State::Master;
        if !machines().any(Instance::is_called) && !machines().all(would) {
            return;
        }
        let ready = |number: &usize| self.machine(*number).is_some_and(Instance::is_ready);
        let Some(leader) = (0..self.count()).find(ready) else {
            return;
        };
        let name = self.name(leader);
        for number in 0..self.count() {
            self.hand(number, Event::Group(GroupOrder::Master(name.clone())));
        }
    }

    /// Hands an order to all but the member that leads.
    fn order(&mut self, leader: usize, order: fn(Box<str>) -> GroupOrder) {
        let name = self.name(leader);
        for number in (0..self.count()).filter(|&number| number != leader) {
            self.hand(number, Event::Group(order(name.clone())));
        }
    }
}

/// Members that are kept together; one alone is its own master.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    members: Vec<Instance>,
}

/// A group at a moment, and what its members ask for.
struct At<'a> {
    members: &'a mut [Instance],
    now: Timestamp,
    out: &'a mut Vec<(usize, Action)>,
}

impl Members for At<'_> {
    fn count(&self) -> usize {
        self.members.len()
    }

    fn name(&self, number: usize) -> Box<str> {
        let member = self.members.get(number);
        member.map_or_else(Box::default, |it| it.router().name.clone())
    }

    fn machine(&self, number: usize) -> Option<&Instance> {
        self.members.get(number)
    }

    fn hand(&mut self, number: usize, event: Event) {
        let Some(member) = self.members.get_mut(number) else {
            return;
        };
        let mut actions = Vec::new();
        member.handle(self.now, event, &mut actions);
        let numbered = actions.into_iter().map(|action| (number, action));
        self.out.extend(numbered);
    }
}

impl Group {
    /// A group of these.
    #[must_use]
    pub fn new(members: Vec<Instance>) -> Self {
        if members.len() < 2 {
            return Self { members };
        }
        Self {
            members: members.into_iter().map(Instance::in_group).collect(),
        }
    }

    /// Its members, in the order in which they are numbered.
    #[must_use]
    pub fn members(&self) -> &[Instance] {
        &self.members
    }

    /// When it wants [`Event::Deadline`] for all.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        self.members.iter().filter_map(Instance::deadline).min()
    }

    /// Something happens to one member: it hears an advertisement, its link changes, or what it tracks.
    pub fn handle(
        &mut self,
        now: Timestamp,
        member: usize,
        event: Event,
        out: &mut Vec<(usize, Action)>,
    ) {
        let mut group = self.at(now, out);
        let before = group.states();
        group.hand(member, event);
        group.settle(&before);
    }

    /// Something happens to all members: start, stop, hand-over, a deadline, a stall.
    pub fn handle_all(&mut self, now: Timestamp, event: &Event, out: &mut Vec<(usize, Action)>) {
        let mut group = self.at(now, out);
        let before = group.states();
        for member in 0..group.count() {
            group.hand(member, event.clone());
        }
        group.settle(&before);
    }

    fn at<'a>(&'a mut self, now: Timestamp, out: &'a mut Vec<(usize, Action)>) -> At<'a> {
        At {
            members: &mut self.members,
            now,
            out,
        }
    }
}
