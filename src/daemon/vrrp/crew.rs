// SPDX-License-Identifier: MIT OR Apache-2.0
//! The sync groups among the virtual routers of the thread.

use std::collections::BTreeMap;

use super::member::Member;
use crate::kernel::Route;
use crate::model::Timestamp;
use crate::vrrp::{Event, Instance, Members, State};

/// Which members are in a group, for each group.
#[derive(Debug, Default)]
pub(super) struct Crews(Vec<Vec<usize>>);

/// How the members of each group were.
pub(super) type Before = Vec<Vec<State>>;

impl Crews {
    /// The groups of these.
    pub(super) fn of(members: &[Member]) -> Self {
        let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (number, member) in members.iter().enumerate() {
            if let Some(group) = &member.router().group {
                groups.entry(group).or_default().push(number);
            }
        }
        Self(groups.into_values().collect())
    }

    /// How they are.
    pub(super) fn states(&self, members: &[Member]) -> Before {
        let states = |numbers: &Vec<usize>| {
            let members = numbers.iter().filter_map(|number| members.get(*number));
            members.map(Member::state).collect()
        };
        self.0.iter().map(states).collect()
    }

    /// Moves the others of each group after those that have moved.
    pub(super) fn settle(
        &self,
        now: Timestamp,
        before: &Before,
        members: &mut [Member],
        route: &mut Route,
    ) {
        for (numbers, before) in self.0.iter().zip(before) {
            let mut crew = Crew {
                members,
                numbers,
                now,
                route,
            };
            crew.settle(before);
        }
    }
}

/// One group at a moment.
struct Crew<'a> {
    members: &'a mut [Member],
    numbers: &'a [usize],
    now: Timestamp,
    route: &'a mut Route,
}

impl Crew<'_> {
    fn member(&self, number: usize) -> Option<&Member> {
        self.members.get(*self.numbers.get(number)?)
    }
}

impl Members for Crew<'_> {
    fn count(&self) -> usize {
        self.numbers.len()
    }

    fn name(&self, number: usize) -> Box<str> {
        self.member(number)
            .map_or_else(Box::default, |it| it.name().into())
    }

    fn machine(&self, number: usize) -> Option<&Instance> {
        self.member(number)?.machine()
    }

    fn hand(&mut self, number: usize, event: Event) {
        let number = self.numbers.get(number);
        if let Some(member) = number.and_then(|number| self.members.get_mut(*number)) {
            member.handle(self.now, event, self.route);
        }
    }
}
