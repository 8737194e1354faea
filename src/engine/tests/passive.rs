// SPDX-License-Identifier: MIT OR Apache-2.0
//! Passive checks: what follows from counters of the kernel.

use super::stand::{Stand, all, key, weights};
use crate::model::Traffic;
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
