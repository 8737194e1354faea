// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the RFCs leave open: hold, stalls, faults, announcements.

use std::time::Duration;

use lvs_director::model::{Priority, VirtualRouter};
use lvs_director::vrrp::{Action, AnnounceReason, Event, Reason, State};

use crate::node::{FORM, Node, address, fault, ms, router, sends, tracked};

fn held(priority: u8) -> VirtualRouter {
    VirtualRouter {
        hold: Duration::from_secs(30),
        ..router(priority)
    }
}

/// Priority 100: 3 s and (256 - 100) / 256 of a second.
const DOWN: Duration = Duration::from_micros(3_609_375);
const SKEW: Duration = Duration::from_micros(609_375);

fn announcements(actions: &[Action]) -> Vec<AnnounceReason> {
    let of = |action: &Action| match action {
        Action::Announce(why) => Some(*why),
        Action::Advertise { .. }
        | Action::TakeAddresses
        | Action::ReleaseAddresses
        | Action::Tell { .. }
        | Action::Notice { .. } => None,
    };
    actions.iter().filter_map(of).collect()
}

#[test]
fn who_hears_nothing_waits_for_the_start_up_hold() {
    let mut node = Node::started(held(100));
    assert_eq!(node.wait(), Some(Duration::from_secs(30) + SKEW));
    node.deadline();
    assert_eq!(node.state(), State::Master);
}

#[test]
fn the_first_packet_from_anybody_ends_the_hold_and_a_whole_wait_begins() {
    let mut node = Node::started(held(100));
    node.after(ms(7000)).event(Event::LinkPasses);
    assert_eq!(node.wait(), Some(DOWN));
    node.after(ms(1000)).event(Event::LinkPasses);
    assert_eq!(node.wait(), Some(DOWN.saturating_sub(ms(1000))));
}

#[test]
fn an_advertisement_of_a_lower_master_ends_the_hold_too() {
    let mut node = Node::started(held(100));
    node.after(ms(7000)).hears(10, 50);
    assert_eq!(node.wait(), Some(DOWN));
}

#[test]
fn a_link_that_comes_up_is_held_like_a_start() {
    let mut node = Node::started(held(100));
    node.event(Event::LinkPasses);
    node.deadline();
    let actions = node.after(ms(200)).event(Event::LinkDown);
    assert_eq!(actions, [Action::ReleaseAddresses]);
    assert_eq!(node.state(), State::Fault);
    node.after(ms(200)).event(Event::LinkUp);
    assert_eq!(node.wait(), Some(Duration::from_secs(30) + SKEW));
}

#[test]
fn an_owner_does_not_wait() {
    let mut node = Node::started(held(255));
    assert_eq!(node.state(), State::Master);
    node.event(Event::LinkDown);
    node.event(Event::LinkUp);
    assert_eq!(node.state(), State::Master);
}

#[test]
fn a_changed_priority_is_advertised_at_once() {
    let mut node = Node::master(router(100));
    let actions = node.after(ms(100)).event(tracked(60));
    assert_eq!(actions, [sends(60, None)]);
    assert_eq!(node.wait(), Some(ms(1000)));
}

#[test]
fn a_changed_priority_changes_the_skew_of_a_wait_that_has_begun() {
    let mut node = Node::started(router(100));
    node.after(ms(1000)).event(tracked(228));
    let skew = Duration::from_micros(109_375);
    assert_eq!(node.wait(), Some(ms(2000) + skew));
}

#[test]
fn a_fault_makes_a_master_leave_and_say_so_first() {
    let mut node = Node::master(router(100));
    let actions = node.event(fault());
    assert_eq!(actions, [sends(0, None), Action::ReleaseAddresses]);
    assert_eq!(node.state(), State::Fault);
    assert_eq!(node.wait(), None);
    node.event(tracked(100));
    assert_eq!(node.state(), State::Backup);
    assert_eq!(node.wait(), Some(DOWN));
}

#[test]
fn a_router_that_starts_with_a_fault_waits_until_it_is_over() {
    let mut node = Node::new(router(100));
    node.event(Event::LinkDown);
    node.event(Event::Start);
    assert_eq!((node.state(), node.wait()), (State::Fault, None));
    node.event(fault());
    node.event(Event::LinkUp);
    assert_eq!(node.state(), State::Fault);
    node.event(tracked(100));
    assert_eq!(node.state(), State::Backup);
}

#[test]
fn a_late_copy_of_a_former_master_s_farewell_takes_nothing_from_the_new_one() {
    let mut node = Node::started(router(100));
    node.hears(30, 200);
    node.after(ms(1000)).hears(10, 150);
    node.after(ms(10)).hears(30, 0);
    assert_eq!(node.wait(), Some(DOWN.saturating_sub(ms(10))));
    node.hears(10, 0);
    assert_eq!(node.wait(), Some(SKEW));
    // Said again, it does not put the take-over off.
    node.after(ms(100)).hears(10, 0);
    assert_eq!(node.wait(), Some(SKEW.saturating_sub(ms(100))));
    node.deadline();
    assert_eq!(node.why, Some(Reason::MasterLeft(address(10))));
}

#[test]
fn a_master_that_was_asleep_too_long_steps_down_before_it_speaks() {
    // A peer of priority 1 has taken over after 3 s and 255 / 256 of a second.
    let over = Duration::from_micros(3_996_094);
    for event in [Event::Deadline, Event::Stop, Event::HandOver, tracked(50)] {
        let mut node = Node::master(router(100));
        let actions = node.after(over).event(event);
        assert_eq!(actions, [Action::ReleaseAddresses]);
    }
    let mut node = Node::master(router(100));
    let actions = node.after(over).hears(10, 50);
    assert_eq!(actions, [Action::ReleaseAddresses]);
    assert_eq!(node.why, Some(Reason::Stalled(over)));
    let mut node = Node::master(router(100));
    let actions = node
        .after(over.saturating_sub(ms(1)))
        .event(Event::Deadline);
    assert_eq!(actions, [sends(100, None)]);
}

#[test]
fn a_stall_that_the_clock_did_not_see_counts_as_well() {
    let mut node = Node::master(router(100));
    node.after(ms(500));
    assert_eq!(node.event(Event::Stalled(ms(3000))), []);
    assert_eq!(node.state(), State::Master);
    let actions = node.event(Event::Stalled(ms(3500)));
    assert_eq!(actions, [Action::ReleaseAddresses]);
    assert_eq!(node.wait(), Some(DOWN));
}

#[test]
fn a_backup_that_was_asleep_listens_once_more() {
    let mut node = Node::started(router(100));
    node.after(DOWN + ms(1000)).event(Event::Deadline);
    assert_eq!(node.state(), State::Backup);
    assert_eq!(node.wait(), Some(DOWN));
    // Only once: a host that is always late takes over in the end.
    node.after(DOWN + ms(5000)).event(Event::Deadline);
    assert_eq!(node.state(), State::Master);

    let mut node = Node::started(router(100));
    node.after(DOWN + ms(999)).event(Event::Deadline);
    assert_eq!(node.state(), State::Master);

    let mut node = Node::started(router(100));
    node.after(ms(3000)).event(Event::Stalled(ms(1000)));
    assert_eq!(node.wait(), Some(DOWN));
}

#[test]
fn the_addresses_are_announced_twice_and_then_every_minute() {
    let mut node = Node::started(router(100));
    let mut announced = Vec::new();
    let mut started = None;
    // Every second an advertisement, and the announcements between: a little more than two minutes.
    for _ in 0..135 {
        let actions = node.deadline();
        let begin = *started.get_or_insert(node.now);
        for why in announcements(&actions) {
            announced.push((why, node.now.since(begin).as_secs()));
        }
    }
    let expected = [
        (AnnounceReason::TookOver, 0),
        (AnnounceReason::Again, 5),
        (AnnounceReason::Refresh, 65),
        (AnnounceReason::Refresh, 125),
    ];
    assert_eq!(announced, expected);
}

#[test]
fn without_a_refresh_they_are_announced_twice() {
    let quiet = VirtualRouter {
        refresh: None,
        ..router(100)
    };
    let mut node = Node::started(quiet);
    let announced: Vec<_> = (0..300)
        .flat_map(|_| announcements(&node.deadline()))
        .collect();
    assert_eq!(announced, [AnnounceReason::TookOver, AnnounceReason::Again]);
}

#[test]
fn a_second_master_makes_us_announce_once_a_second_at_most() {
    let mut node = Node::master(router(100));
    node.after(ms(900));
    assert_eq!(announcements(&node.hears(10, 50)), []);
    node.after(ms(100));
    let first = announcements(&node.hears(10, 50));
    assert_eq!(first, [AnnounceReason::TwoMasters]);
    node.after(ms(999));
    assert_eq!(announcements(&node.hears(10, 50)), []);
}

#[test]
fn a_flood_is_answered_two_hundred_times_a_second() {
    let mut node = Node::master(router(100));
    node.after(ms(500));
    let sent = node.instance.counts().sent;
    for priority in [0, 50] {
        for _ in 0..10_000 {
            node.now = node.now + Duration::from_micros(50);
            if node.instance.deadline().is_some_and(|at| at <= node.now) {
                node.event(Event::Deadline);
            }
            node.hears(10, priority);
        }
    }
    let sent = node.instance.counts().sent - sent;
    assert!((190..=201).contains(&sent), "{sent}");
}

#[test]
fn a_late_advertisement_does_not_delay_the_next() {
    let mut node = Node::master(router(100));
    node.after(ms(1080)).event(Event::Deadline);
    assert_eq!(node.wait(), Some(ms(920)));
    assert_eq!(node.hears(10, 0), []);
    assert_eq!(node.wait(), Some(ms(5)));
    assert_eq!(node.deadline(), [sends(100, Some(FORM))]);
}

#[test]
fn every_reason_is_said_in_words() {
    let rows = [
        (
            Reason::MasterSilent(address(10), ms(3609)),
            "master 192.0.2.10 not heard for 3.6s",
        ),
        (Reason::MasterLeft(address(10)), "master 192.0.2.10 left"),
        (
            Reason::Outranked(address(10), Priority(200)),
            "192.0.2.10 is master with a higher priority, 200",
        ),
        (
            Reason::Stalled(ms(5000)),
            "this process did not run for 5.0s",
        ),
    ];
    for (reason, words) in rows {
        assert_eq!(reason.to_string(), words);
    }
}
