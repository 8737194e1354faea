// SPDX-License-Identifier: MIT OR Apache-2.0
//! Persistence: a client, or a network of clients, keeps its server.

use std::net::SocketAddr;

use lvs_director::model::Protocol::Tcp;
use lvs_director::model::{Seconds, Timeouts};

use crate::Test;
use crate::stage::{Stage, wait_for};

const VIP: &str = "192.168.0.10";
/// Of networks of their own when 24 bits count, and both on the client's wire.
const CLIENTS: [&str; 4] = ["192.168.1.1", "192.168.1.2", "192.168.2.1", "192.168.2.2"];

pub(super) fn tests() -> Vec<Test> {
    vec![
        ("persistence_keeps_a_client_with_its_server", keeps),
        ("persistence_is_for_each_service_by_itself", each_service),
        ("persistence_granularity_binds_a_whole_network", granularity),
        ("persistence_ends_after_its_timeout", ends),
    ]
}

/// Two servers in turn, ports 80 and 81, with this persistence.
fn set_up(persistence: &str) -> Stage {
    let vips = [at(80), at(81)];
    let mut stage = Stage::direct_routing(2, &vips);
    let addresses = CLIENTS.map(|client| format!("address add {client}/16 dev eth0\n"));
    stage.client.ip(&addresses.concat()).unwrap();
    stage.program(&format!(
        "defaults: {{scheduler: rr, persistence: {persistence}}}\npools: {{two: [192.168.0.2, 192.168.0.3]}}\n\
         virtual_services:\n  - {{address: {VIP}:80, pool: two}}\n  - {{address: {VIP}:81, pool: two}}\n"
    ));
    stage
}

fn at(port: u16) -> SocketAddr {
    format!("{VIP}:{port}").parse().unwrap()
}

fn ask(stage: &Stage, client: &str, port: u16) -> String {
    stage.ask(Tcp, Some(client), at(port))
}

fn keeps() {
    let stage = set_up("50s");
    let [one, two, ..] = CLIENTS;
    let (first, second) = (ask(&stage, one, 80), ask(&stage, two, 80));
    assert_ne!(first, second, "another client has the next server");
    for _ in 0..10 {
        assert_eq!(ask(&stage, one, 80), first);
        assert_eq!(ask(&stage, two, 80), second);
    }
}

fn each_service() {
    let stage = set_up("50s");
    let [one, two, ..] = CLIENTS;
    // The other client has the first turn of one service only.
    ask(&stage, two, 81);
    let (at_80, at_81) = (ask(&stage, one, 80), ask(&stage, one, 81));
    assert_ne!(at_80, at_81, "nothing binds one service to the other");
    for _ in 0..5 {
        assert_eq!(ask(&stage, one, 80), at_80);
        assert_eq!(ask(&stage, one, 81), at_81);
    }
}

fn granularity() {
    let stage = set_up("{timeout: 50s, granularity: 24}");
    let [one, neighbour, other, others_neighbour] = CLIENTS;
    let (here, there) = (ask(&stage, one, 80), ask(&stage, other, 80));
    assert_ne!(here, there, "another network has the next server");
    for _ in 0..5 {
        assert_eq!(ask(&stage, neighbour, 80), here);
        assert_eq!(ask(&stage, others_neighbour, 80), there);
    }
}

fn ends() {
    let mut stage = set_up("2s");
    // A client is bound while the kernel remembers one of its connections; it remembers a closed one for this long.
    let timeouts = Timeouts {
        tcp: Seconds(0),
        tcp_fin: Seconds(1),
        udp: Seconds(0),
    };
    stage.ipvs.set_timeouts(timeouts).unwrap();
    let [one, ..] = CLIENTS;
    let first = ask(&stage, one, 80);
    for _ in 0..5 {
        assert_eq!(ask(&stage, one, 80), first);
    }
    wait_for("nothing is remembered", || {
        stage.connections().is_empty().then_some(())
    });
    assert_ne!(
        ask(&stage, one, 80),
        first,
        "bound no more, it has the next server"
    );
}
