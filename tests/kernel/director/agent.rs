// SPDX-License-Identifier: MIT OR Apache-2.0
//! Servers whose agents tell their state and weight.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::process::Command;

use super::peer::{HANGS, Peer};
use super::process::{Files, PROGRAM, Running, said, wait_for_weights};
use crate::Test;
use crate::stage::{Stage, wait_for};

const VIP: &str = "192.168.0.10:80";
const RS1: &str = "192.168.0.2:80";
const RS2: &str = "192.168.0.3:80";

pub(super) fn tests() -> Vec<Test> {
    vec![(
        "an_agent_tells_weight_and_drain_and_down_and_one_that_is_not_there_costs_nothing",
        agent,
    )]
}

const LINES: [&str; 6] = [
    "up ready 50%",
    "drain",
    "75%",
    "ready",
    "down # disk full",
    "up, 100% maxconn:9",
];
const HALF: u16 = 1;
const DRAIN: u16 = 2;
const THREE_QUARTERS: u16 = 3;
const READY: u16 = 4;
const DOWN: u16 = 5;
const UP: u16 = 6;

/// The agent answers who says hello. The probe may have given up.
fn answer(mut stream: TcpStream, acts: u16) {
    let mut hello = String::new();
    let _ = BufReader::new(&stream).read_line(&mut hello);
    if hello == "web\n" {
        let _ = writeln!(stream, "{}", LINES[usize::from(acts) - 1]);
    }
}

fn serve(_: TcpStream, _: u16) {}

fn agent() {
    let mut stage = Stage::direct_routing(2, &[VIP.parse().unwrap()]);
    let servers = [0, 1].map(|index| Peer::start(&stage.servers[index], 8080, 1, serve));
    let agent = Peer::start(&stage.servers[0], 9999, HALF, answer);
    let files = Files::new();
    files.write(&format!(
        "defaults: {{check: {{interval: 200ms, timeout: 500ms}}}}\nvirtual_services:\n  - address: {VIP}\n    \
         scheduler: wrr\n    weight: 100\n    \
         check: {{each: [{{tcp: {{port: 8080}}}}, {{agent: {{port: 9999, send: web}}}}]}}\n    \
         servers: [192.168.0.2, 192.168.0.3]\n"
    ));
    let director = Running::start(&stage.director, &files, &[]);
    // The second server has no agent: its other check decides.
    wait_for_weights(&mut stage, &[(RS1, 50), (RS2, 100)]);
    director.wait_for("real server 192.168.0.3:80 of TCP 192.168.0.10:80");
    director.wait_for("no agent: connect refused");

    agent.acts(DRAIN);
    wait_for_weights(&mut stage, &[(RS1, 0), (RS2, 100)]);
    director.wait_for(
        "up -> drain (agent 192.168.0.2:9999 send \"web\": the agent says: drain), weight 50 -> 0",
    );
    // It stays drained until the agent says otherwise: when it tells a weight, and when it hangs.
    agent.acts(THREE_QUARTERS);
    let why = |words: &str| {
        wait_for(words, || {
            let why = files.why(&stage.director, "192.168.0.2", &[]);
            why.out.contains(words).then_some(())
        });
    };
    why("the agent says: 75%");
    agent.acts(HANGS);
    director.wait_for("no agent: connected, but no answer came in time");
    wait_for_weights(&mut stage, &[(RS1, 0), (RS2, 100)]);
    agent.acts(READY);
    wait_for_weights(&mut stage, &[(RS1, 75), (RS2, 100)]);

    agent.acts(DOWN);
    wait_for_weights(&mut stage, &[(RS2, 100)]);
    director.wait_for("up -> down (agent 192.168.0.2:9999 send \"web\": the agent says: down # disk full, 1/1), weight 75 -> removed");
    assert!(director.stop().success());

    // What the agent said last lasts over a restart, although the agent is gone.
    drop(agent);
    let director = Running::start(&stage.director, &files, &[]);
    director.wait_for("no agent: connect refused");
    wait_for_weights(&mut stage, &[(RS2, 100)]);
    let agent = Peer::start(&stage.servers[0], 9999, UP, answer);
    wait_for_weights(&mut stage, &[(RS1, 100), (RS2, 100)]);

    // An operator's order wins.
    let mut weight = Command::new(PROGRAM);
    weight.args(["weight", "7", "192.168.0.2", "--socket"]);
    let ordered = said(&stage.director, weight.arg(files.path("socket")));
    assert_eq!(ordered.code, Some(0), "{ordered:?}");
    agent.acts(HALF);
    wait_for("the agent is heard", || {
        let why = files.why(&stage.director, "192.168.0.2", &[]);
        why.out.contains("50 %").then_some(())
    });
    wait_for_weights(&mut stage, &[(RS1, 7), (RS2, 100)]);
    drop(servers);
}
