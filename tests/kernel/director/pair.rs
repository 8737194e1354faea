// SPDX-License-Identifier: MIT OR Apache-2.0
//! Two directors that tell each other what they know.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use lab::netns::Host;
use nix::sys::signal::Signal;

use super::keep::Lan;
use super::process::{Files, PROGRAM, Running, Said, said};
use crate::Test;
use crate::stage::{PATIENCE, wait_for};

const KEY: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

pub(super) fn tests() -> Vec<Test> {
    vec![
        (
            "a_drain_survives_a_failover_and_so_do_the_connections_of_the_drained_server",
            drain,
        ),
        (
            "a_server_that_only_the_leader_finds_down_is_down_on_both_and_both_tables_are_equal",
            one_sided,
        ),
        (
            "a_director_that_has_come_back_takes_over_when_it_has_the_connections_of_the_other",
            back,
        ),
        (
            "directors_with_different_keys_serve_alone_and_say_so",
            wrong_key,
        ),
    ]
}

/// The section of each director, with its file.
fn peer(number: usize, files: &Files, key: &str) -> String {
    let file = files.path("pair.key");
    fs::write(&file, key).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let (own, other) = [(11, 12), (12, 11)][number];
    format!(
        "peer: {{address: 192.168.0.{other}, bind: 192.168.0.{own}, key_file: {}}}\n",
        file.display()
    )
}

/// Runs `director COMMAND 192.168.0.3`.
fn order(host: &Host, files: &Files, command: &str) -> Said {
    let mut program = Command::new(PROGRAM);
    let socket = files.path("socket");
    program
        .args([command, "192.168.0.3", "--socket"])
        .arg(socket);
    said(host, &mut program)
}

/// The kernel's table of a director, as ipvsadm saves it.
fn table(lan: &Lan, director: usize) -> Vec<String> {
    let (host, _) = &lan.directors[director];
    let listed = host.command("ipvsadm", &["-Sn"]).unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    listed.lines().map(str::to_owned).collect()
}

fn sorted(mut table: Vec<String>) -> Vec<String> {
    table.sort();
    table
}

fn has_third(table: &[String], weight: u32) -> bool {
    let end = format!("-w {weight}");
    let mut lines = table.iter();
    lines.any(|line| line.contains("192.168.0.3:80") && line.trim_end().ends_with(&end))
}

fn start_and_connect(lan: &Lan) -> [Running; 2] {
    let directors = lan.start_both();
    directors[0].wait_for("peer connected: 192.168.0.12");
    directors[1].wait_for("peer 192.168.0.11 leads: servers count here as it finds them");
    directors
}

fn with_sync(number: usize, files: &Files) -> String {
    let sync = "connection_sync: {interface: eth0, id: 51}\n";
    sync.to_owned() + &peer(number, files, KEY)
}

fn back() {
    let routers = [
        "preempt: after_sync, priority: 200, ",
        "preempt: after_sync, priority: 100, ",
    ];
    let mut lan = Lan::of(with_sync, routers, "scheduler: wrr");
    let [a, b] = start_and_connect(&lan);
    // It has asked at its start.
    b.wait_for("the other director has sent its 0 connections");
    let mut held = lan.hold_synchronised([&a, &b]);
    lan.lose_first(a, &b, &mut held);
    let a = lan.start(0);
    let line = a.wait_for("the other director has sent its ");
    assert!(!line.contains("its 0 connections"), "{line}");
    a.wait_for(
        "virtual router eth0/51: backup -> master (master 192.168.0.12 has a lower priority, 100)",
    );
    assert_eq!(
        held.broken_when_asked(PATIENCE),
        0,
        "{}{}",
        a.log(),
        b.log()
    );
}

fn drain() {
    let lan = Lan::each(with_sync, "scheduler: wrr");
    let [a, b] = start_and_connect(&lan);
    let mut held = lan.hold_synchronised([&a, &b]);
    let (host, files) = &lan.directors[0];
    let said = order(host, files, "drain");
    assert_eq!(said.code, Some(0), "{said:?}");
    b.wait_for("real server 192.168.0.3:80 of TCP 192.168.0.10:80: drain ordered by user 0");
    assert_eq!(
        b.count("at the peer 192.168.0.11, weight 3 -> 0"),
        1,
        "{}",
        b.log()
    );
    let both = [0, 1].map(|director| sorted(table(&lan, director)));
    assert_eq!(both[0], both[1]);
    assert!(has_third(&both[1], 0), "{both:?}");
    let (other, other_files) = &lan.directors[1];
    let why = other_files.why(other, "192.168.0.3", &[]);
    assert!(why.out.contains("drain is ordered"), "{why:?}");
    assert!(why.out.contains("at the peer 192.168.0.11"), "{why:?}");
    host.plug(false).unwrap();
    a.signal(Signal::SIGKILL);
    b.wait_for("virtual router eth0/51: backup -> master");
    b.wait_for("started master sync daemon");
    // Also those of the server that drains.
    assert!(held.servers().contains("rs2"));
    assert_eq!(held.broken_when_asked(PATIENCE), 0, "{}", b.log());
    assert!(has_third(&table(&lan, 1), 0), "{:?}", table(&lan, 1));
    let fresh = lan.hold();
    assert!(!fresh.servers().contains("rs2"));
    // And it is taken back at the one that is left.
    let said = order(other, other_files, "enable");
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(has_third(&table(&lan, 1), 3), "{:?}", table(&lan, 1));
    // The first one comes back with the drain in its file, and hears that it is over.
    host.plug(true).unwrap();
    let a = lan.start(0);
    a.wait_for("real server 192.168.0.3:80 of TCP 192.168.0.10:80: drain taken back by user 0");
    assert_eq!(a.count("at the peer 192.168.0.12"), 1, "{}", a.log());
    wait_for("both have the same table", || {
        let both = [0, 1].map(|director| sorted(table(&lan, director)));
        (both[0] == both[1] && has_third(&both[0], 3)).then_some(())
    });
}

fn one_sided() {
    let sections = |number, files: &Files| peer(number, files, KEY);
    let lan = Lan::each(sections, "failover: keep_connections");
    let [a, b] = start_and_connect(&lan);
    assert_eq!(table(&lan, 0), table(&lan, 1));
    // The answers of one server do not come to the leader.
    let (server, _) = &lan.servers[1];
    server
        .ip("route add unreachable 192.168.0.11/32\n")
        .unwrap();
    a.wait_for("192.168.0.3:80 of TCP 192.168.0.10:80: up -> down");
    b.wait_for("192.168.0.3:80 of TCP 192.168.0.10:80: up -> down (as the leading director 192.168.0.11 finds it), weight 3 -> 0");
    assert_eq!(table(&lan, 0), table(&lan, 1));
    assert!(has_third(&table(&lan, 1), 0));
    let (host, files) = &lan.directors[1];
    let status = files.status(host);
    let peer = status.peer.unwrap();
    assert_eq!(
        (&*peer.role, peer.address.as_str()),
        ("follows", "192.168.0.11:9568")
    );
    assert_eq!(peer.only_here, []);
    assert_eq!(peer.configured_differently, []);
    let found = wait_for("the status shows the difference", || {
        files.status(host).peer.unwrap().found_differently.pop()
    });
    assert_eq!((&*found.here, &*found.there), ("up", "down"));
    let shown = files.once(host, "status", &[]).out;
    assert!(
        shown.contains("found up here and down there: 192.168.0.3:80"),
        "{shown}"
    );
    let why = files.why(host, "192.168.0.3", &[]).out;
    assert!(
        why.contains("counts as down, as the leading director 192.168.0.11 finds it"),
        "{why}"
    );
    server
        .ip("route delete unreachable 192.168.0.11/32\n")
        .unwrap();
    b.wait_for("192.168.0.3:80 of TCP 192.168.0.10:80: down -> up");
    assert_eq!(table(&lan, 0), table(&lan, 1));
    assert!(has_third(&table(&lan, 1), 3));
    // The channel goes with the leader; the address follows.
    assert!(a.stop().success());
    b.wait_for("peer lost, this director is alone: 192.168.0.11");
    b.wait_for("virtual router eth0/51: backup -> master");
    assert!(has_third(&table(&lan, 1), 3));
}

fn wrong_key() {
    let sections =
        |number, files: &Files| peer(number, files, [KEY, "another key of 24 bytes."][number]);
    let lan = Lan::each(sections, "scheduler: wrr");
    let directors = lan.start_both();
    for (number, director) in directors.iter().enumerate() {
        director.wait_for("peer: ");
        assert_eq!(director.count("peer connected"), 0, "{}", director.log());
        let (host, files) = &lan.directors[number];
        let refused = wait_for("the wrong key is counted", || {
            let peer = files.status(host).peer.unwrap();
            let refused = peer.refused.get("wrong key").copied();
            refused.filter(|it| *it > 1).map(|_| peer)
        });
        assert_eq!(refused.role, "alone");
        assert_eq!(refused.connected_seconds, None);
        assert_eq!(table(&lan, number).len(), 4);
    }
    // One of who came, and one of who did not let it in.
    let lines = directors[0].count("peer: ");
    assert!(lines <= 2, "{}", directors[0].log());
}
