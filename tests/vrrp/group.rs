// SPDX-License-Identifier: MIT OR Apache-2.0
//! Virtual routers that move together.

use std::sync::Arc;

use lvs_director::model::{Priority, Timestamp, VirtualRouter, Vrid};
use lvs_director::vrrp::{Action, Effective, Event, Group, Heard, Instance, State};

use crate::node::{heard, ms, router, sends};

struct Pair {
    group: Group,
    now: Timestamp,
}

impl Pair {
    /// Two members; the first waits longer.
    fn started() -> Self {
        let member = |vrid, priority| {
            let router = VirtualRouter {
                vrid: Vrid::new(vrid).unwrap(),
                name: format!("vr{vrid}").into(),
                ..router(priority)
            };
            Instance::new(Arc::new(router))
        };
        let mut pair = Self {
            group: Group::new(vec![member(51, 100), member(52, 150)]),
            now: Timestamp::after_start(ms(1_000_000)),
        };
        pair.all(&Event::Start);
        pair
    }

    fn master() -> Self {
        let mut pair = Self::started();
        for _ in 0..2 {
            pair.now = pair.group.deadline().unwrap();
            pair.all(&Event::Deadline);
        }
        pair.now = pair.now + ms(500);
        pair
    }

    fn quiet(out: Vec<(usize, Action)>) -> Vec<(usize, Action)> {
        out.into_iter()
            .filter(|(_, action)| !matches!(action, Action::Tell { .. }))
            .collect()
    }

    fn all(&mut self, event: &Event) -> Vec<(usize, Action)> {
        let mut out = Vec::new();
        self.group.handle_all(self.now, event, &mut out);
        Self::quiet(out)
    }

    fn one(&mut self, member: usize, event: Event) -> Vec<(usize, Action)> {
        let mut out = Vec::new();
        self.group.handle(self.now, member, event, &mut out);
        Self::quiet(out)
    }

    fn states(&self) -> [State; 2] {
        let members = self.group.members();
        [members[0].state(), members[1].state()]
    }
}

fn fault() -> Event {
    Event::Tracked(Effective::Fault("interface eth1 is down".into()))
}

#[test]
fn one_becomes_master_and_the_others_do() {
    let pair = Pair::master();
    assert_eq!(pair.states(), [State::Master; 2]);
}

/// What a master says about a member.
fn says(vrid: u8, priority: u8) -> Event {
    Event::Heard(Heard {
        vrid: Vrid::new(vrid).unwrap(),
        ..heard(10, priority)
    })
}

/// Cut off from one of two LANs, a backup would else take both addresses, yield on the other LAN, and so on.
#[test]
fn a_master_that_is_silent_on_one_lan_only_is_followed() {
    let mut pair = Pair::started();
    for _ in 0..20 {
        pair.one(0, says(51, 200));
        pair.now = pair.now + ms(1000);
        let sent = pair.all(&Event::Deadline);
        assert_eq!((pair.states(), sent), ([State::Backup; 2], Vec::new()));
    }
    // Silent on both, it is gone.
    for _ in 0..4 {
        pair.now = pair.now + ms(1000);
        pair.all(&Event::Deadline);
    }
    assert_eq!(pair.states(), [State::Master; 2]);
}

/// Its link to one LAN is down, and nobody there hears that it leaves.
#[test]
fn a_master_that_leaves_on_one_lan_leaves_on_all() {
    let mut pair = Pair::started();
    for (member, vrid) in [(0, 51), (1, 52)] {
        pair.one(member, says(vrid, 200));
    }
    pair.one(0, says(51, 0));
    let at = pair.group.deadline().unwrap();
    assert!(at < pair.now + ms(1000));
    pair.now = at;
    pair.all(&Event::Deadline);
    assert_eq!(pair.states(), [State::Master; 2]);
}

#[test]
fn one_is_outranked_and_the_others_leave_in_silence() {
    let mut pair = Pair::master();
    let better = Heard {
        vrid: Vrid::new(52).unwrap(),
        ..heard(10, 200)
    };
    let actions = pair.one(1, Event::Heard(better));
    assert_eq!(pair.states(), [State::Backup; 2]);
    // Priority 0 of the other would call a third router, which would call the next.
    let expected = [(1, Action::ReleaseAddresses), (0, Action::ReleaseAddresses)];
    assert_eq!(actions, expected);
}

#[test]
fn one_has_a_fault_and_none_takes_part_until_all_can() {
    let mut pair = Pair::master();
    pair.one(0, fault());
    assert_eq!(pair.states(), [State::Fault; 2]);
    pair.one(1, Event::LinkDown);
    pair.one(0, Event::Tracked(Effective::Priority(Priority(100))));
    assert_eq!(pair.states(), [State::Fault; 2]);
    pair.one(1, Event::LinkUp);
    assert_eq!(pair.states(), [State::Backup; 2]);
}

#[test]
fn a_fault_at_the_start_keeps_all_from_taking_part() {
    let mut pair = Pair::started();
    pair.all(&Event::Stop);
    pair.one(1, Event::LinkDown);
    pair.all(&Event::Start);
    assert_eq!(pair.states(), [State::Fault; 2]);
}

#[test]
fn a_group_hands_over_and_stops_as_a_whole() {
    let mut pair = Pair::master();
    let sent = pair.all(&Event::HandOver);
    assert_eq!(pair.states(), [State::Backup; 2]);
    let left = |it: &(usize, Action)| it.1 == sends(0, None);
    assert_eq!(sent.iter().filter(|it| left(it)).count(), 2);
    // Both have yielded: a lower master of each stays.
    for _ in 0..20 {
        pair.now = pair.now + ms(1000);
        pair.all(&Event::Deadline);
        for (member, vrid) in [(0, 51), (1, 52)] {
            let lower = Heard {
                vrid: Vrid::new(vrid).unwrap(),
                ..heard(10, 50)
            };
            pair.one(member, Event::Heard(lower));
        }
    }
    assert_eq!(pair.states(), [State::Backup; 2]);
    pair.all(&Event::Stop);
    assert_eq!(pair.states(), [State::Initialize; 2]);
}
