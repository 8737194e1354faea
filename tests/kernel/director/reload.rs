// SPDX-License-Identifier: MIT OR Apache-2.0
//! SIGHUP.

use std::fs;
use std::net::SocketAddr;

use lvs_director::model::Protocol::Tcp;
use lvs_director::plan::Target as _;
use nix::sys::signal::Signal::SIGHUP;

use super::process::{Files, QUICK, Running, wait_for_weights, weights};
use crate::Test;
use crate::stage::{Stage, wait_for};

const ANY: &str = "0.0.0.0:80";

pub(super) fn tests() -> Vec<Test> {
    vec![
        (
            "a_reload_takes_the_fewest_steps_and_keeps_verdicts",
            fewest_steps,
        ),
        (
            "a_reload_of_a_broken_file_changes_nothing_and_says_why",
            broken,
        ),
        (
            "a_server_that_a_reload_adds_waits_for_its_first_verdict",
            new_server,
        ),
        (
            "a_reload_that_replaces_all_servers_leaves_the_service_one_at_every_moment",
            replaced,
        ),
    ]
}

fn yaml(servers: &str) -> String {
    format!(
        "defaults: {{scheduler: wrr, {QUICK}}}\nvirtual_services:\n  - {{address: 192.168.0.10:80, servers: [{servers}]}}\n"
    )
}

/// Servers rs1 to rs3; nothing listens on the last one.
fn set_up(servers: &str) -> (Stage, Files, Running) {
    let (mut stage, files) = (Stage::new(3), Files::new());
    let any: SocketAddr = ANY.parse().unwrap();
    stage.serve(0, Tcp, any);
    stage.serve(1, Tcp, any);
    files.write(&yaml(servers));
    let director = Running::start(&stage.director, &files, &[]);
    (stage, files, director)
}

fn fewest_steps() {
    let (mut stage, files, director) = set_up("192.168.0.2, 192.168.0.3, 192.168.0.4");
    wait_for_weights(&mut stage, &[("192.168.0.2:80", 1), ("192.168.0.3:80", 1)]);
    // A line is written after the kernel was: all three must be there before they are counted.
    for (server, verdict) in [(2, "up"), (3, "up"), (4, "down")] {
        director.wait_for(&format!(
            "192.168.0.{server}:80 of TCP 192.168.0.10:80: unknown -> {verdict}"
        ));
    }
    let verdicts = director.count("real server");

    files.write(&yaml(
        "192.168.0.2, {address: 192.168.0.3, weight: 7}, 192.168.0.4",
    ));
    director.signal(SIGHUP);
    wait_for_weights(&mut stage, &[("192.168.0.2:80", 1), ("192.168.0.3:80", 7)]);
    director.wait_for("reloaded: 1 step");
    director.signal(SIGHUP);
    director.wait_for("reloaded: 0 steps");
    assert_eq!(
        director.count("real server"),
        verdicts,
        "no verdict anew: {}",
        director.log()
    );
    let status = files.status(&stage.director);
    assert_eq!(status.services[0].servers[2].health, "down");
    assert_eq!(weights(&mut stage).len(), 2, "the down server stays out");
}

fn broken() {
    let (mut stage, files, director) = set_up("192.168.0.2, 192.168.0.3");
    wait_for_weights(&mut stage, &[("192.168.0.2:80", 1), ("192.168.0.3:80", 1)]);
    let before = stage.ipvs.read().unwrap();
    let state = files.state();
    for (text, why) in [
        (
            "virtual_services: [{address: 192.168.0.10:80, servers: [192.168.0.2], sceduler: rr}]\n",
            "director.yaml:1:71: unknown key \"sceduler\"",
        ),
        ("virtual_services: [", "director.yaml:"),
        ("", "the file is empty"),
    ] {
        fs::write(files.config(), text).unwrap();
        let said = director.count("reload refused");
        director.signal(SIGHUP);
        wait_for("it says why", || {
            (director.count("reload refused") > said).then_some(())
        });
        let log = director.log();
        let line = log
            .lines()
            .rfind(|line| line.contains("reload refused"))
            .unwrap();
        assert!(line.contains("the running configuration stays: "), "{line}");
        assert!(log.contains(why), "{why:?} in {log}");
        // Its own file is broken, too: only the socket finds the director.
        let socket = files.path("socket");
        let asked = ["--json", "--socket", socket.to_str().unwrap()];
        let status = files.once(&stage.director, "status", &asked);
        assert!(status.out.contains("reload_error\": \""), "{status:?}");
        assert_eq!(stage.ipvs.read().unwrap(), before);
        assert_eq!(files.state(), state);
    }
    // Checks go on all the while, and a good file is taken again.
    stage.stop_serving(0, ANY.parse().unwrap());
    wait_for_weights(&mut stage, &[("192.168.0.3:80", 1)]);
    files.write(&yaml("192.168.0.2, {address: 192.168.0.3, weight: 2}"));
    director.signal(SIGHUP);
    wait_for_weights(&mut stage, &[("192.168.0.3:80", 2)]);
    assert_eq!(files.status(&stage.director).reload_error, None);
}

fn new_server() {
    let (mut stage, files, director) = set_up("192.168.0.2");
    wait_for_weights(&mut stage, &[("192.168.0.2:80", 1)]);
    files.write(&yaml("192.168.0.2, 192.168.0.3, 192.168.0.4"));
    director.signal(SIGHUP);
    director.wait_for("reloaded: 0 steps");
    director.wait_for("192.168.0.3:80 of TCP 192.168.0.10:80: unknown -> up");
    let line = director.wait_for("192.168.0.4:80 of TCP 192.168.0.10:80: unknown -> down");
    assert!(line.ends_with(", not in the kernel"), "{line}");
    wait_for_weights(&mut stage, &[("192.168.0.2:80", 1), ("192.168.0.3:80", 1)]);
}

fn replaced() {
    let (mut stage, files, director) = set_up("192.168.0.2");
    wait_for_weights(&mut stage, &[("192.168.0.2:80", 1)]);
    files.write(&yaml("192.168.0.3"));
    director.signal(SIGHUP);
    // The new server has no verdict yet, but no other server is left.
    director.wait_for("reloaded: 2 steps");
    let both = [("192.168.0.2:80", 0), ("192.168.0.3:80", 1)];
    wait_for_weights(&mut stage, &both);
    director.wait_for("192.168.0.3:80 of TCP 192.168.0.10:80: unknown -> up");
    wait_for_weights(&mut stage, &[("192.168.0.3:80", 1)]);
}
