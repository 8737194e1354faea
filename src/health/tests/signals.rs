// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the kernel tells of links and neighbours, and which probes it brings forward.

use std::sync::Arc;
use std::time::Duration;

use super::configurations::{config, moment};
use super::ways::{all_pass, link};
use super::{check, report};
use crate::health::{Health, HealthAction, HealthEvent};
use crate::model::{Check, Checks, Counts, HostEvent, Neighbour, NeighbourState, ProbeOutcome};

const HELD: &str = "10.0.0.1:80";
const BESIDE: &str = "10.0.0.2:80";
const OTHER_LINK: &str = "192.168.0.1:80";
const INTERVAL: u64 = 100;

/// Three servers that are up at 10 s; all but the second one have a tripwire.
fn all_up() -> Health {
    let check = |at: &str| {
        let it = check(at);
        let mut schedule = *it.schedule;
        schedule.interval = Duration::from_secs(INTERVAL);
        schedule.tripwire = (at != BESIDE).then_some(Counts::Failure);
        Checks::one(Check {
            schedule: Arc::new(schedule),
            ..it
        })
    };
    let servers = [HELD, BESIDE, OTHER_LINK].map(|at| (at, check(at)));
    let mut health = Health::new(7);
    health.configure(
        &config(&[("192.0.2.10:80", &servers)]),
        |_, _| false,
        moment(1),
    );
    let seen = HealthEvent::Seen(Box::new(all_pass(1)));
    health.handle(moment(1), seen, &mut Vec::new());
    answer_all(&mut health, 10);
    health
}

/// Answers every probe that is due then, and returns their targets.
fn answer_all(health: &mut Health, at: u64) -> Vec<String> {
    let mut out = Vec::new();
    health.handle(moment(at), HealthEvent::Deadline, &mut out);
    let mut asked = Vec::new();
    for action in out {
        if let HealthAction::Probe(request) = action {
            asked.push(request.check.probe.target.to_string());
            let mut came = report(ProbeOutcome::Up(None), "");
            came.started = moment(at);
            let event = HealthEvent::Reported(request.run, came);
            health.handle(moment(at), event, &mut Vec::new());
        }
    }
    asked.sort();
    asked
}

/// Hands the event in, and returns which targets are probed because of it. Nothing else may follow.
fn asked_after(health: &mut Health, at: u64, event: HostEvent) -> Vec<String> {
    let mut out = Vec::new();
    health.handle(moment(at), HealthEvent::Happened(event), &mut out);
    assert_eq!(out, []);
    answer_all(health, at)
}

fn neighbour(address: &str, state: NeighbourState) -> HostEvent {
    HostEvent::NeighbourChanged(Neighbour {
        index: 2,
        address: address.parse().unwrap(),
        state,
        link_layer: None,
    })
}

#[test]
fn a_neighbour_that_does_not_answer_brings_one_probe_of_a_server_with_a_tripwire_in_an_interval() {
    use NeighbourState::{Failed, Stale};
    let mut health = all_up();
    assert_eq!(
        asked_after(&mut health, 20, neighbour("10.0.0.1", Stale)),
        [""; 0]
    );
    assert_eq!(
        asked_after(&mut health, 20, neighbour("10.0.0.1", Failed)),
        [HELD]
    );
    // A flood of the same, and of others.
    for _ in 0..1000 {
        assert_eq!(
            asked_after(&mut health, 21, neighbour("10.0.0.1", Failed)),
            [""; 0]
        );
        assert_eq!(
            asked_after(&mut health, 21, neighbour("10.0.0.77", Failed)),
            [""; 0]
        );
    }
    assert_eq!(
        asked_after(&mut health, 21, neighbour("10.0.0.2", Failed)),
        [""; 0]
    );
    // The regular probes are a little early, by their jitter.
    answer_all(&mut health, 20 + INTERVAL);
    assert_eq!(
        asked_after(&mut health, 20 + INTERVAL, neighbour("10.0.0.1", Failed)),
        [HELD]
    );
}

#[test]
fn a_link_that_is_shut_brings_one_probe_of_each_server_on_it_and_no_verdict() {
    let mut health = all_up();
    let no_carrier = || HostEvent::LinkChanged(link(2, true, false));
    assert_eq!(asked_after(&mut health, 20, no_carrier()), [HELD]);
    assert_eq!(asked_after(&mut health, 21, no_carrier()), [""; 0]);
    // Neighbours are lost with their link.
    let failed = neighbour("10.0.0.1", NeighbourState::Failed);
    assert_eq!(asked_after(&mut health, 20 + 2 * INTERVAL, failed).len(), 3);
    let back = HostEvent::LinkChanged(link(2, true, true));
    assert_eq!(asked_after(&mut health, 21 + 2 * INTERVAL, back), [""; 0]);
    assert_eq!(
        asked_after(&mut health, 22 + 2 * INTERVAL, no_carrier()),
        [HELD]
    );
    let gone = HostEvent::LinkGone(link(3, false, false));
    assert_eq!(asked_after(&mut health, 23 + 2 * INTERVAL, gone), [""; 0]);
}
