// SPDX-License-Identifier: MIT OR Apache-2.0
//! The transition tables of RFC 9568, section 6.4, row by row; and that of RFC 3768 where version 2 differs.

use std::time::Duration;

use lvs_director::model::{Centiseconds, Preempt, VirtualRouter, VrrpVersion};
use lvs_director::vrrp::{Action, AnnounceReason, Event, Heard, State};

use crate::node::{FORM, Node, heard, ms, router, sends};

/// Where a row begins.
#[derive(Clone, Copy)]
enum Given {
    Initialize,
    /// A backup, started so long ago, that has heard nothing.
    Backup(Duration),
    /// A master since then; it has heard nothing.
    Master(Duration),
}

/// One row.
struct Row {
    line: &'static str,
    router: VirtualRouter,
    given: Given,
    /// `None`: its deadline.
    event: Option<Event>,
    then: State,
    actions: Vec<Action>,
    /// Its deadline, in microseconds from the event.
    deadline: Option<u64>,
}

fn lasting() -> Given {
    Given::Backup(ms(1000))
}

fn took_over(priority: u8) -> Vec<Action> {
    vec![
        sends(priority, None),
        Action::TakeAddresses,
        Action::Announce(AnnounceReason::TookOver),
    ]
}

fn fast(from: u8, priority: u8) -> Event {
    Event::Heard(Heard {
        interval: Centiseconds(50),
        ..heard(from, priority)
    })
}

/// (256 - 100) / 256 of a second.
const SKEW: u64 = 609_375;
/// Of half a second, rounded up.
const HALF_SKEW: u64 = 304_688;

fn patient(priority: u8) -> VirtualRouter {
    VirtualRouter {
        preempt: Preempt::Never,
        ..router(priority)
    }
}

fn v2(priority: u8) -> VirtualRouter {
    VirtualRouter {
        version: VrrpVersion::V2,
        interval: Centiseconds(200),
        ..router(priority)
    }
}

fn v2_hears(from: u8, priority: u8) -> Event {
    Event::Heard(Heard {
        version: VrrpVersion::V2,
        interval: Centiseconds(200),
        ..heard(from, priority)
    })
}

#[rustfmt::skip]
fn rows() -> Vec<Row> {
    let row = |line, router, given, event, then, actions, deadline| Row { line, router, given, event, then, actions, deadline };
    let hears = |from, priority| Some(Event::Heard(heard(from, priority)));
    let master = Given::Master(ms(500));
    vec![
        row("6.4.1 (105) to (145)", router(255), Given::Initialize, Some(Event::Start), State::Master, took_over(255), Some(1_000_000)),
        row("6.4.1 (150) to (165)", router(100), Given::Initialize, Some(Event::Start), State::Backup, vec![], Some(3_000_000 + SKEW)),
        row("6.4.2 (345) to (355)", router(100), lasting(), Some(Event::Stop), State::Initialize, vec![], None),
        row("6.4.2 (365) to (410)", router(100), lasting(), None, State::Master, took_over(100), Some(1_000_000)),
        row("6.4.2 (425) to (430)", router(100), lasting(), hears(10, 0), State::Backup, vec![], Some(SKEW)),
        row("6.4.2 (445) greater, (450) to (465)", router(100), lasting(), hears(10, 200), State::Backup, vec![], Some(3_000_000 + SKEW)),
        row("6.4.2 (445) equal, (450) to (465)", router(100), lasting(), hears(10, 100), State::Backup, vec![], Some(3_000_000 + SKEW)),
        row("6.4.2 (445) Preempt_Mode false, (450) to (465)", patient(100), lasting(), hears(10, 50), State::Backup, vec![], Some(3_000_000 + SKEW)),
        row("6.4.2 (450) the master's interval", router(100), lasting(), Some(fast(10, 200)), State::Backup, vec![], Some(1_500_000 + HALF_SKEW)),
        row("6.4.2 (470) to (475)", router(100), lasting(), hears(10, 50), State::Backup, vec![], Some(2_000_000 + SKEW)),
        row("6.4.3 (655) to (670)", router(100), master, Some(Event::Stop), State::Initialize, vec![sends(0, None), Action::ReleaseAddresses], None),
        row("6.4.3 (680) to (690)", router(100), master, None, State::Master, vec![sends(100, None)], Some(1_000_000)),
        row("6.4.3 (705) to (715)", router(100), master, hears(10, 0), State::Master, vec![sends(100, Some(FORM))], Some(1_000_000)),
        row("6.4.3 (725), (740) to (765)", router(100), master, hears(10, 101), State::Backup, vec![Action::ReleaseAddresses], Some(3_000_000 + SKEW)),
        row("6.4.3 (735), (740) to (765)", router(100), master, hears(30, 100), State::Backup, vec![Action::ReleaseAddresses], Some(3_000_000 + SKEW)),
        row("6.4.3 (745) the new master's interval", router(100), master, Some(fast(10, 101)), State::Backup, vec![Action::ReleaseAddresses], Some(1_500_000 + HALF_SKEW)),
        row("6.4.3 (770) to (780) lower priority", router(100), master, hears(30, 99), State::Master, vec![sends(100, Some(FORM))], Some(1_000_000)),
        row("6.4.3 (770) to (780) equal, lower address", router(100), master, hears(10, 100), State::Master, vec![sends(100, Some(FORM))], Some(1_000_000)),
        // RFC 3768: intervals of whole seconds, a skew of parts of one second.
        row("RFC 3768, 6.4.1", v2(100), Given::Initialize, Some(Event::Start), State::Backup, vec![], Some(6_000_000 + SKEW)),
        row("RFC 3768, 6.4.2, priority 0", v2(100), lasting(), Some(v2_hears(10, 0)), State::Backup, vec![], Some(SKEW)),
        row("RFC 3768, 6.4.2, master down", v2(100), lasting(), None, State::Master, took_over(100), Some(2_000_000)),
        row("RFC 3768, 6.4.3, greater", v2(100), master, Some(v2_hears(10, 200)), State::Backup, vec![Action::ReleaseAddresses], Some(6_000_000 + SKEW)),
    ]
}

#[test]
fn every_transition_of_the_rfc_is_made() {
    for row in rows() {
        let mut node = match row.given {
            Given::Initialize => Node::new(row.router),
            Given::Backup(since) => {
                let mut node = Node::started(row.router);
                node.after(since);
                node
            }
            Given::Master(since) => {
                let mut node = Node::master(row.router);
                node.after(since);
                node
            }
        };
        let mut actions = match row.event {
            Some(event) => node.event(event),
            None => node.deadline(),
        };
        // What is only told is not the RFC's.
        actions.retain(|action| !matches!(action, Action::Notice { .. }));
        assert_eq!(node.state(), row.then, "{}", row.line);
        assert_eq!(actions, row.actions, "{}", row.line);
        let deadline = row.deadline.map(Duration::from_micros);
        assert_eq!(node.wait(), deadline, "{}", row.line);
    }
}
