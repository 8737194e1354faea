// SPDX-License-Identifier: MIT OR Apache-2.0
//! Passive checks: connections of clients have a dead server found, although its interval is an hour, or count by
//! themselves.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::process::{Files, Running, weights};
use crate::Test;
use crate::stage::{Stage, wait_for};
use lvs_director::model::Protocol;

const RS1: &str = "192.168.0.2:80";
const RS2: &str = "192.168.0.3:80";
/// A client that has no connection after this time gives up; the servers that live answer far sooner, or at the next try.
const GIVES_UP: Duration = Duration::from_millis(500);

/// More clients than it takes: every second one waits.
const CLIENTS: usize = 400;

pub(super) fn tests() -> Vec<Test> {
    vec![
        (
            "clients_of_a_dead_host_have_it_found_behind_masquerading",
            masquerading,
        ),
        (
            "clients_of_a_dead_host_have_it_found_behind_direct_routing",
            direct_routing,
        ),
        (
            "clients_without_an_answer_count_although_the_check_of_their_server_passes",
            counting,
        ),
    ]
}

fn yaml(vip: &str, forwarding: &str, passive: &str) -> String {
    format!(
        "virtual_services:\n  - address: {vip}\n    scheduler: rr\n    forwarding: {forwarding}\n    \
         check: {{interval: 1h, timeout: 500ms, retry_delay: 100ms, {passive}}}\n    \
         servers: [192.168.0.2, 192.168.0.3]\n"
    )
}

/// A service at the address, with both servers up; then the host of the first one is cut off, and clients come.
fn play(mut stage: Stage, vip: SocketAddr, forwarding: &str) {
    let files = Files::new();
    files.write(&yaml(&vip.to_string(), forwarding, "passive: true"));
    let director = Running::start(&stage.director, &files, &[]);
    both_are_up(&stage, &files);
    for _ in 0..8 {
        stage.ask(Protocol::Tcp, None, vip);
    }
    stage.servers[0].ip("link set eth0 down\n").unwrap();
    assert!(clients_find_it(&mut stage, vip), "{}", director.log());
    assert!(weights(&mut stage).contains_key(RS2));
    director.wait_for("up -> down (connect");
    let why = files.why(&stage.director, "192.168.0.2", &[]);
    let words = "passive: client connections without an answer have brought 1 probe forward";
    assert!(why.out.contains(words), "{why:?}");
    if forwarding == "nat" {
        let why = files.why(&stage.director, "192.168.0.3", &[]);
        assert!(why.out.contains("have brought 0 probes forward"), "{why:?}");
    }
    assert!(!stage.ask(Protocol::Tcp, None, vip).is_empty());
}

fn both_are_up(stage: &Stage, files: &Files) {
    wait_for("both are up", || {
        let status = files.status(&stage.director);
        let servers = status.services[0].servers.iter();
        (servers.filter(|it| it.health == "up").count() == 2).then_some(())
    });
}

/// Clients come until the first server is out; returns whether that happened.
fn clients_find_it(stage: &mut Stage, vip: SocketAddr) -> bool {
    (0..CLIENTS).any(|_| {
        let client = || TcpStream::connect_timeout(&vip, GIVES_UP);
        drop(stage.client.run(client));
        !weights(stage).contains_key(RS1)
    })
}

/// Servers that the director reaches, and the clients through it.
fn behind_masquerading() -> (Stage, SocketAddr) {
    let mut stage = Stage::new(2);
    let vip: SocketAddr = "10.9.0.10:80".parse().unwrap();
    stage.vip(vip.ip());
    for (index, at) in [RS1, RS2].into_iter().enumerate() {
        stage.serve(index, Protocol::Tcp, at.parse().unwrap());
    }
    (stage, vip)
}

fn masquerading() {
    let (stage, vip) = behind_masquerading();
    play(stage, vip, "nat");
}

/// The first server drops what clients send, and answers the director.
fn counting() {
    let (mut stage, vip) = behind_masquerading();
    let files = Files::new();
    let passive = "fall: 1, passive: {counts: failure}";
    files.write(&yaml(&vip.to_string(), "nat", passive));
    let director = Running::start(&stage.director, &files, &[]);
    both_are_up(&stage, &files);
    stage.servers[0]
        .ip("route add blackhole 10.9.0.100/32\n")
        .unwrap();
    assert!(clients_find_it(&mut stage, vip), "{}", director.log());
    assert!(weights(&mut stage).contains_key(RS2));
    let line = director.wait_for("up -> down (connections of clients got no answer: ");
    assert!(
        line.contains(" new, 0 answered, 1/1), weight 1 -> removed"),
        "{line}"
    );
    let why = files.why(&stage.director, "192.168.0.2", &[]);
    assert!(
        why.out.contains("connections of clients got no answer: "),
        "{why:?}"
    );
    assert!(!stage.ask(Protocol::Tcp, None, vip).is_empty());
}

fn direct_routing() {
    let vip: SocketAddr = "192.168.0.10:80".parse().unwrap();
    let mut stage = Stage::direct_routing(2, &[vip]);
    for (index, at) in [RS1, RS2].into_iter().enumerate() {
        stage.serve(index, Protocol::Tcp, at.parse().unwrap());
    }
    play(stage, vip, "dr");
}
