// SPDX-License-Identifier: MIT OR Apache-2.0
//! A process that ends for the next one, and the next one, which goes on.

use std::sync::Arc;
use std::time::Duration;

use lvs_director::model::{Centiseconds, Priority, VirtualRouter, Vrid, VrrpVersion};
use lvs_director::vrrp::{
    Action, AnnounceReason, Event, Group, Instance, Reason, State, master_down_interval,
    shortest_wait,
};
use proptest::prelude::*;

use crate::node::{FORM, Node, fault, ms, router, sends};

fn held() -> VirtualRouter {
    VirtualRouter {
        hold: Duration::from_secs(30),
        ..router(100)
    }
}

fn took_over() -> [Action; 3] {
    [
        sends(100, None),
        Action::TakeAddresses,
        Action::Announce(AnnounceReason::TookOver),
    ]
}

#[test]
fn who_ends_for_the_next_process_says_once_more_that_it_lives_and_keeps_the_addresses() {
    let mut node = Node::master(router(100));
    node.after(ms(700));
    assert_eq!(node.event(Event::Suspend), [sends(100, None)]);
    assert_eq!(node.state(), State::Master);
    assert_eq!(node.instance.advertised(), Some(node.now));
    // Said twice within 5 ms, it is said once.
    node.after(ms(1));
    assert_eq!(node.event(Event::Suspend), []);
    let mut backup = Node::started(router(100));
    assert_eq!(backup.event(Event::Suspend), []);
    assert_eq!(backup.instance.advertised(), None);
    // Another host may have the addresses by then.
    let mut asleep = Node::master(router(100));
    asleep.after(ms(5000));
    assert_eq!(asleep.event(Event::Suspend), [Action::ReleaseAddresses]);
}

#[test]
fn the_next_process_is_master_at_once_without_a_hold() {
    let mut node = Node::new(held());
    assert_eq!(node.event(Event::Resume(ms(2999))), took_over());
    assert_eq!(node.state(), State::Master);
    assert_eq!(node.why, Some(Reason::Resumed(ms(2999))));
    let said = node.why.unwrap().to_string();
    assert_eq!(
        said,
        "resumed from the process before, which advertised 3.0s ago"
    );
}

#[test]
fn who_comes_so_late_that_a_peer_may_be_master_starts_as_usual() {
    let mut node = Node::new(held());
    assert_eq!(node.event(Event::Resume(ms(3000))), []);
    assert_eq!(node.state(), State::Backup);
    assert_eq!(node.why, Some(Reason::Started));
    assert!(node.wait() > Some(Duration::from_secs(30)));
}

#[test]
fn who_cannot_take_part_does_not_go_on() {
    for event in [Event::LinkDown, fault()] {
        let mut node = Node::new(router(100));
        node.event(event);
        assert_eq!(node.event(Event::Resume(ms(10))), []);
        assert_eq!(node.state(), State::Fault);
    }
}

#[test]
fn only_who_has_not_started_goes_on() {
    let mut node = Node::started(router(100));
    node.hears(10, 200);
    assert_eq!(node.event(Event::Resume(ms(10))), []);
    assert_eq!(node.state(), State::Backup);
}

#[test]
fn a_better_master_that_took_over_meanwhile_stays_and_a_worse_one_is_answered() {
    let mut node = Node::new(router(100));
    node.event(Event::Resume(ms(10)));
    node.after(ms(50));
    let answer = node.hears(10, 99);
    assert!(answer.contains(&sends(100, Some(FORM))), "{answer:?}");
    node.after(ms(50));
    assert_eq!(node.hears(10, 200), [Action::ReleaseAddresses]);
    assert_eq!(node.state(), State::Backup);
}

#[test]
fn a_group_goes_on_as_a_whole() {
    let pair = |first: VirtualRouter| {
        let second = VirtualRouter {
            vrid: Vrid::new(52).unwrap(),
            ..router(100)
        };
        let members = [first, second].map(|it| Instance::new(Arc::new(it)));
        Group::new(members.into())
    };
    let states = |group: &Group| {
        let states = group.members().iter().map(Instance::state);
        states.collect::<Vec<_>>()
    };
    let now = Node::new(router(100)).now;
    let mut group = pair(router(100));
    group.handle_all(now, &Event::Resume(ms(500)), &mut Vec::new());
    assert_eq!(states(&group), [State::Master; 2]);
    // One cannot take part: none does.
    let mut group = pair(router(100));
    group.handle(now, 0, Event::LinkDown, &mut Vec::new());
    group.handle_all(now, &Event::Resume(ms(500)), &mut Vec::new());
    assert_eq!(states(&group), [State::Fault; 2]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn who_goes_on_is_earlier_than_any_peer(
        v2 in any::<bool>(),
        interval in 1_u16..=4095,
        priority in 1_u8..=255,
    ) {
        let version = if v2 { VrrpVersion::V2 } else { VrrpVersion::V3 };
        let interval = Centiseconds(interval);
        let down = master_down_interval(version, interval, Priority(priority));
        prop_assert!(shortest_wait(interval) < down);
    }
}
