// SPDX-License-Identifier: MIT OR Apache-2.0
//! Connections that are held to servers beside their checks.

use super::stand::{Stand, all, weights};
use crate::engine::{Action, Event};
use crate::health::WireId;
use crate::model::{WireEnd, WireNews};
use crate::plan::SimulatedKernel;

const HELD: &str = "  - {address: '192.0.2.10:80', servers: [10.0.0.2, {address: 10.0.0.1, check: {tripwire: {counts: failure}}}]}\n";

/// A director that holds a connection to one of two servers.
fn holding() -> (Stand, WireId) {
    let mut stand = Stand::start(SimulatedKernel::default(), HELD);
    stand.seconds(1, all);
    let [held] = stand.wires.as_slice() else {
        panic!("{:?}", stand.wires);
    };
    assert_eq!(held.check.probe.target.to_string(), "10.0.0.1:80");
    let wire = held.wire;
    (stand, wire)
}

#[test]
fn the_end_of_a_held_connection_takes_the_server_down_where_it_counts_as_a_failure() {
    let (mut stand, wire) = holding();
    stand.event(Event::WireTold(wire, WireNews::Ended(WireEnd::Reset)));
    assert_eq!(stand.weights(), weights(&[("10.0.0.2:80", 1)]));
    assert_eq!(
        stand.count("up -> down (the held connection was reset), weight 1 -> removed"),
        1
    );
    // It was a false alarm: the server returns, and the next end decides nothing.
    stand.seconds(5, all);
    let up = weights(&[("10.0.0.1:80", 1), ("10.0.0.2:80", 1)]);
    assert_eq!(stand.weights(), up);
    let wire = stand.wires.last().unwrap().wire;
    stand.event(Event::WireTold(wire, WireNews::Ended(WireEnd::Closed)));
    assert_eq!(stand.weights(), up);
}

#[test]
fn a_connection_is_let_go_when_its_server_is_down_and_held_again_when_it_is_back() {
    let (mut stand, wire) = holding();
    stand.seconds(10, |server| server != "10.0.0.1:80");
    assert!(stand.wires.is_empty(), "{:?}", stand.wires);
    // It comes too late.
    stand.event(Event::WireTold(wire, WireNews::Ended(WireEnd::Closed)));
    stand.seconds(10, all);
    assert_eq!(stand.wires.len(), 1);
    assert_eq!(stand.count("up -> down"), 1);
}

#[test]
fn a_reload_keeps_the_connection_of_a_check_that_stays_and_lets_the_others_go() {
    let (mut stand, wire) = holding();
    let other = "  - {address: '192.0.2.11:80', servers: [10.0.0.3]}\n";
    assert_eq!(stand.reload(&format!("{HELD}{other}")), None);
    stand.seconds(5, all);
    let held: Vec<WireId> = stand.wires.iter().map(|it| it.wire).collect();
    assert_eq!(held, [wire]);
    let without = HELD.replace(", check: {tripwire: {counts: failure}}", "");
    assert_eq!(stand.reload(&without), None);
    stand.seconds(1, all);
    assert!(stand.wires.is_empty(), "{:?}", stand.wires);
    assert_eq!(stand.reload(HELD), None);
    stand.seconds(1, all);
    assert_eq!(stand.wires.len(), 1);
}

#[test]
fn what_a_broker_says_on_the_connection_is_told_and_shown_and_removes_nothing() {
    let (mut stand, wire) = holding();
    let up = stand.weights();
    let blocked = WireNews::Blocked("low on memory".into());
    stand.event(Event::WireTold(wire, blocked));
    let warns = "warns: the server takes no messages from publishers: low on memory";
    assert_eq!(stand.count(warns), 1);
    stand.event(Event::WireTold(wire, WireNews::Unblocked));
    assert_eq!(stand.count("warns no more"), 1);
    let leave = WireEnd::AskedToLeave("320 CONNECTION_FORCED - shutdown".into());
    stand.event(Event::WireTold(wire, WireNews::Ended(leave)));
    let warns = "warns: the server asks its clients to leave: 320 CONNECTION_FORCED - shutdown";
    assert_eq!((stand.count(warns), stand.weights()), (1, up));
    stand.seconds(10, |server| server != "10.0.0.1:80");
    assert_eq!(stand.weights(), weights(&[("10.0.0.2:80", 1)]));
    stand.seconds(10, all);
    assert_eq!(stand.count("warns no more"), 2);
}

#[test]
fn a_recording_has_held_connections_and_their_ends() {
    let (mut stand, wire) = holding();
    let event = Event::WireTold(
        wire,
        WireNews::Ended(WireEnd::NotTaken("connect refused".into())),
    );
    let text = serde_json::to_string(&event).unwrap();
    assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event);
    let action = Action::Hold(stand.wires.pop().unwrap());
    let text = serde_json::to_string(&action).unwrap();
    assert_eq!(serde_json::from_str::<Action>(&text).unwrap(), action);
}
