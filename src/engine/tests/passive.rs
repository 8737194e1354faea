// SPDX-License-Identifier: MIT OR Apache-2.0
//! Passive checks: what follows from counters of the kernel.

use super::stand::{Stand, all, key, weights};
use crate::engine::Event;
use crate::model::{HostEvent, Traffic};
use crate::plan::SimulatedKernel;

/// An interval of an hour, so that no probe comes by itself.
const TWO: &str = "  - {address: '192.0.2.10:80', forwarding: nat, servers: [10.0.0.1, 10.0.0.2], \
                   check: {interval: 1h, passive: true}}\n";

fn running(services: &str) -> Stand {
    let mut stand = Stand::start(SimulatedKernel::default(), services);
    // Every server is asked once within a second.
    stand.seconds(2, all);
    assert_eq!(stand.weights().len(), 2);
    stand
}

fn only_2(server: &str) -> bool {
    server == "10.0.0.2:80"
}

/// The first server gets connections, and the answers are these packets.
fn clients(stand: &mut Stand, connections: u64, out_packets: u64) {
    let server = "10.0.0.1:80".parse().unwrap();
    let traffic = stand.kernel.traffic.entry((key(), server)).or_default();
    *traffic = Traffic {
        connections: traffic.connections + connections,
        in_packets: traffic.in_packets + 2 * connections,
        out_packets: traffic.out_packets + out_packets,
    };
}

fn hastened(stand: &mut Stand) -> u32 {
    let snapshot = stand.engine.snapshot(stand.now);
    let server = snapshot.server(&key(), &"10.0.0.1:80".parse().unwrap());
    server.unwrap().checks[0].hastened.unwrap()
}

#[test]
fn clients_without_an_answer_have_a_dead_server_found_at_once() {
    let mut stand = running(TWO);
    stand.seconds(20, only_2);
    assert_eq!(stand.weights().len(), 2, "nobody has asked it");
    clients(&mut stand, 2, 0);
    stand.seconds(10, only_2);
    assert_eq!(stand.weights(), weights(&[("10.0.0.2:80", 1)]));
    assert_eq!(stand.count("up -> down (connect refused, 3/3)"), 1);
}

#[test]
fn a_server_that_passes_is_asked_once_in_an_interval() {
    let mut stand = running(TWO);
    for _ in 0..20 {
        clients(&mut stand, 2, 0);
        stand.seconds(6, all);
    }
    assert_eq!(hastened(&mut stand), 1);
    assert_eq!(stand.weights().len(), 2);
}

#[test]
fn answered_connections_and_checks_that_are_not_passive_change_nothing() {
    let mut stand = running(TWO);
    for _ in 0..10 {
        clients(&mut stand, 2, 2);
        stand.seconds(3, only_2);
    }
    assert_eq!(hastened(&mut stand), 0);
    assert_eq!(stand.weights().len(), 2);
    let mut stand = running(&TWO.replace(", passive: true", ""));
    clients(&mut stand, 2, 0);
    stand.seconds(20, only_2);
    assert_eq!(stand.weights().len(), 2);
    // A reload begins to watch.
    assert_eq!(stand.reload(TWO), None);
    clients(&mut stand, 2, 0);
    stand.seconds(4, only_2);
    clients(&mut stand, 2, 0);
    stand.seconds(10, only_2);
    assert_eq!(stand.weights().len(), 1);
}

/// Clients without an answer count, and one failure is enough.
fn decisive(forwarding: &str) -> String {
    TWO.replace("passive: true", "fall: 1, passive: {counts: failure}")
        .replace("nat", forwarding)
}

/// Clients come between two readings, and get no answer.
fn unlucky(stand: &mut Stand) {
    stand.seconds(4, all);
    clients(stand, 2, 0);
    stand.seconds(10, all);
}

#[test]
fn clients_without_an_answer_count_although_the_check_passes() {
    let mut stand = running(&decisive("nat"));
    unlucky(&mut stand);
    assert_eq!(stand.weights(), weights(&[("10.0.0.2:80", 1)]));
    let told = "up -> down (connections of clients got no answer: 2 new, 0 answered, 1/1)";
    assert_eq!(stand.count(told), 1);
    // It comes back like any other.
    stand.seconds(2 * 3_600, all);
    assert_eq!(stand.weights().len(), 2);
}

#[test]
fn success_ends_what_clients_counted_for_unless_failures_count_among_the_last_results() {
    let mut in_a_row = running(&decisive("nat").replace("fall: 1", "fall: 2"));
    let window = "fall: {failures: 2, of: 4}";
    let mut of_the_last = running(&decisive("nat").replace("fall: 1", window));
    for stand in [&mut in_a_row, &mut of_the_last] {
        unlucky(stand);
        assert_eq!(stand.weights().len(), 2);
        // Not twice in an interval.
        unlucky(stand);
        assert_eq!(stand.weights().len(), 2);
        stand.seconds(3_600, all);
        unlucky(stand);
    }
    assert_eq!(in_a_row.weights().len(), 2);
    assert_eq!(of_the_last.weights().len(), 1);
}

#[test]
fn clients_count_only_where_an_answer_would_be_seen() {
    for forwarding in ["dr", "tun"] {
        let mut stand = running(&decisive(forwarding));
        unlucky(&mut stand);
        assert_eq!(hastened(&mut stand), 1);
        assert_eq!(stand.weights().len(), 2);
    }
}

#[test]
fn clients_do_not_count_for_a_check_that_asks_another_address() {
    let elsewhere = decisive("nat").replace("interval", "tcp: {address: 10.0.0.9}, interval");
    let mut stand = running(&elsewhere);
    unlucky(&mut stand);
    assert_eq!(hastened(&mut stand), 1);
    assert_eq!(stand.weights().len(), 2);
}

#[test]
fn clients_do_not_count_while_the_way_from_this_host_may_be_gone() {
    let mut stand = running(&decisive("nat"));
    // Nobody knows what happened to the links, and nobody has answered since.
    stand.event(Event::Happened(vec![HostEvent::Lost]));
    unlucky(&mut stand);
    assert_eq!(hastened(&mut stand), 1);
    assert_eq!(stand.weights().len(), 2);
    // The links are gone: no probe can show that the way is open.
    let mut stand = running(&decisive("nat"));
    stand.unplugged = true;
    unlucky(&mut stand);
    assert_eq!(hastened(&mut stand), 1);
    stand.unplugged = false;
    stand.seconds(5, all);
    assert_eq!(stand.weights().len(), 2);
}
