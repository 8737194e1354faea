// SPDX-License-Identifier: MIT OR Apache-2.0
//! A sync group: virtual routers that move together.

use super::event::{Action, Event, GroupOrder, State};
use super::instance::Instance;
use crate::model::Timestamp;

/// Virtual routers that are master together or not at all: an inside and an outside address, say.
///
/// When one becomes master, the others do. When one yields to another router, the others do, in silence. When one
/// cannot take part, none does. The members' priorities should have one order on all hosts, else two hosts pull each
/// other to and fro.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    members: Vec<Instance>,
}

impl Group {
    /// A group of these; of one, when a virtual router is alone.
    #[must_use]
    pub const fn new(members: Vec<Instance>) -> Self {
        Self { members }
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
        let before = self.states();
        self.hand(now, member, event, out);
        self.settle(now, &before, out);
    }

    /// Something happens to all members: start, stop, hand-over, a deadline, a stall.
    pub fn handle_all(&mut self, now: Timestamp, event: &Event, out: &mut Vec<(usize, Action)>) {
        let before = self.states();
        for member in 0..self.members.len() {
            self.hand(now, member, event.clone(), out);
        }
        self.settle(now, &before, out);
    }

    fn states(&self) -> Vec<State> {
        self.members.iter().map(Instance::state).collect()
    }

    fn hand(
        &mut self,
        now: Timestamp,
        number: usize,
        event: Event,
        out: &mut Vec<(usize, Action)>,
    ) {
        let Some(member) = self.members.get_mut(number) else {
            return;
        };
        let mut actions = Vec::new();
        member.handle(now, event, &mut actions);
        out.extend(actions.into_iter().map(|action| (number, action)));
    }

    /// Moves the others after those that have moved.
    fn settle(&mut self, now: Timestamp, before: &[State], out: &mut Vec<(usize, Action)>) {
        self.share_fault(now, out);
        let after = self.states();
        let moved = |from: fn(State) -> bool, to: State| {
            let pairs = before.iter().zip(&after);
            pairs.enumerate().find_map(|(number, (&was, &is))| {
                (was != is && from(was) && is == to).then_some(number)
            })
        };
        // Who leaves counts more than who takes over: the others have left for a reason.
        let lost = moved(|was| was == State::Master, State::Backup);
        let won = moved(|_| true, State::Master);
        let order: fn(Box<str>) -> GroupOrder = match (lost, won) {
            (Some(_), _) => GroupOrder::Backup,
            (None, Some(_)) => GroupOrder::Master,
            (None, None) => return,
        };
        let Some(leader) = lost.or(won) else { return };
        self.order(now, leader, order, out);
    }

    /// One member's fault is everybody's, until it is over.
    fn share_fault(&mut self, now: Timestamp, out: &mut Vec<(usize, Action)>) {
        match self.members.iter().position(Instance::is_hindered) {
            Some(leader) => self.order(now, leader, GroupOrder::Fault, out),
            None => {
                for number in 0..self.members.len() {
                    self.hand(now, number, Event::Group(GroupOrder::Cured), out);
                }
            }
        }
    }

    /// Hands an order to all but the member that leads.
    fn order(
        &mut self,
        now: Timestamp,
        leader: usize,
        order: fn(Box<str>) -> GroupOrder,
        out: &mut Vec<(usize, Action)>,
    ) {
        let Some(member) = self.members.get(leader) else {
            return;
        };
        let name = member.router().name.clone();
        for number in (0..self.members.len()).filter(|&number| number != leader) {
            self.hand(now, number, Event::Group(order(name.clone())), out);
        }
    }
}
