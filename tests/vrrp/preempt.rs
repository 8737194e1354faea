// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who takes over from a master that works, and who does not: preemption, lost priorities, hand-over.

use std::time::Duration;

use lvs_director::model::{Preempt, Priority, VirtualRouter};
use lvs_director::vrrp::{Action, Event, Reason, State};

use crate::node::{Node, address, fault, ms, router, sends, tracked};

fn preempting(priority: u8, preempt: Preempt) -> VirtualRouter {
    VirtualRouter {
        preempt,
        ..router(priority)
    }
}

#[test]
fn without_preemption_a_lower_master_stays() {
    let mut node = Node::started(preempting(200, Preempt::Never));
    node.runs(100, |node| {
        node.hears(10, 100);
    });
    assert_eq!(node.state(), State::Backup);
}

#[test]
fn with_preemption_a_lower_master_is_left() {
    let mut node = Node::started(preempting(200, Preempt::Always));
    node.runs(5, |node| {
        node.hears(10, 100);
    });
    assert_eq!(node.state(), State::Master);
    let reason = Reason::Preempted(address(10), Priority(100));
    assert_eq!(node.why, Some(reason));
}

#[test]
fn an_owner_always_preempts() {
    let mut node = Node::started(preempting(255, Preempt::Never));
    node.event(Event::Stalled(ms(5000)));
    assert_eq!(node.state(), State::Backup);
    node.runs(5, |node| {
        node.hears(10, 200);
    });
    assert_eq!(node.state(), State::Master);
}

#[test]
fn an_owner_is_master_as_soon_as_a_fault_is_over() {
    let mut node = Node::started(router(255));
    node.event(fault());
    assert_eq!(node.state(), State::Fault);
    node.event(tracked(255));
    assert_eq!(node.state(), State::Master);
}

#[test]
fn with_a_delay_a_lower_master_stays_for_that_long() {
    let after = Preempt::After(Duration::from_secs(60));
    let mut node = Node::started(preempting(200, after));
    node.runs(59, |node| {
        node.hears(10, 100);
    });
    assert_eq!(node.state(), State::Backup);
    node.runs(6, |node| {
        node.hears(10, 100);
    });
    assert_eq!(node.state(), State::Master);
}

#[test]
fn the_delay_begins_anew_when_the_master_was_better_meanwhile() {
    let after = Preempt::After(Duration::from_secs(60));
    let mut node = Node::started(preempting(200, after));
    for (seconds, ours) in [(50, 90), (1, 200), (59, 200)] {
        node.runs(seconds, |node| {
            node.hears(10, 100);
        });
        node.event(tracked(ours));
    }
    assert_eq!(node.state(), State::Backup);
}

#[test]
fn who_waits_for_the_masters_connections_preempts_when_they_have_come_or_after_a_minute() {
    let lower = |node: &mut Node| {
        node.hears(10, 100);
    };
    let mut node = Node::started(preempting(200, Preempt::AfterSync));
    node.runs(20, lower);
    assert_eq!(node.state(), State::Backup);
    node.event(Event::Synced);
    node.runs(5, lower);
    assert_eq!(node.state(), State::Master);
    // What was missed while the link was down has to come anew.
    node.event(Event::LinkDown);
    node.event(Event::LinkUp);
    node.runs(55, lower);
    assert_eq!(node.state(), State::Backup);
    node.runs(10, lower);
    assert_eq!(node.state(), State::Master);
}

/// The quorum of a virtual service: the master loses it, and this router has it.
#[test]
fn even_without_preemption_a_master_that_got_worse_is_left() {
    let mut node = Node::started(preempting(100, Preempt::Never));
    node.runs(10, |node| {
        node.hears(10, 200);
    });
    node.runs(5, |node| {
        node.hears(10, 90);
    });
    assert_eq!(node.state(), State::Master);
}

#[test]
fn when_both_lose_the_same_nothing_moves() {
    for preempt in [Preempt::Never, Preempt::Always] {
        // The master was the better one.
        let mut worse = Node::started(preempting(100, preempt));
        worse.runs(10, |node| {
            node.hears(10, 200);
        });
        worse.runs(2, |node| {
            node.hears(10, 140);
        });
        worse.event(tracked(40));
        worse.runs(30, |node| {
            node.hears(10, 140);
        });
        assert_eq!(worse.state(), State::Backup, "{preempt:?}");
    }
    // The master is the worse one, and was left to be master.
    let mut better = Node::started(preempting(200, Preempt::Never));
    better.runs(10, |node| {
        node.hears(10, 100);
    });
    better.runs(2, |node| {
        node.hears(10, 40);
    });
    better.event(tracked(140));
    better.runs(30, |node| {
        node.hears(10, 40);
    });
    assert_eq!(better.state(), State::Backup);
    // When only the master's loss stays, it is left.
    better.event(tracked(200));
    better.runs(5, |node| {
        node.hears(10, 40);
    });
    assert_eq!(better.state(), State::Master);
}

#[test]
fn who_has_handed_over_does_not_take_back_but_replaces_a_dead_successor() {
    let mut node = Node::master(preempting(200, Preempt::Always));
    let actions = node.event(Event::HandOver);
    assert_eq!(actions, [sends(0, None), Action::ReleaseAddresses]);
    node.runs(100, |node| {
        node.hears(10, 100);
    });
    assert_eq!(node.state(), State::Backup);
    node.deadline();
    assert_eq!(node.state(), State::Master);
    // Having been master again, it takes over as always.
    node.after(ms(100)).hears(10, 250);
    node.runs(6, |node| {
        node.hears(11, 100);
    });
    assert_eq!(node.state(), State::Master);
}
