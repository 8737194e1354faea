// SPDX-License-Identifier: MIT OR Apache-2.0
//! Slow starts: the weights that the kernel has, and the connections that follow from them.

use nix::sys::signal::Signal::SIGHUP;

use super::http::answer;
use super::peer::Peer;
use super::process::{Files, Running, wait_for_weights, weights};
use crate::Test;
use crate::stage::{Stage, wait_for};
use lvs_director::model::Protocol;

const VIP: &str = "192.168.0.10:80";
const RS1: &str = "192.168.0.2:80";
const RS2: &str = "192.168.0.3:80";
/// The weights of a slow start of five seconds.
const STEPS: [u32; 6] = [10, 30, 50, 70, 90, 100];

pub(super) fn tests() -> Vec<Test> {
    vec![
        (
            "a_server_that_comes_back_gets_a_small_share_of_the_connections_also_after_a_restart",
            share,
        ),
        (
            "a_slow_start_goes_up_step_by_step_in_the_kernel_and_ends",
            steps,
        ),
    ]
}

fn yaml(slow_start: &str) -> String {
    format!(
        "defaults:\n  scheduler: wrr\n  weight: 100\n  slow_start: {slow_start}\n  \
         check: {{http: {{port: 8080}}, interval: 100ms, rise: 1, fall: 1}}\n\
         virtual_services:\n  - {{address: {VIP}, servers: [192.168.0.2, 192.168.0.3]}}\n"
    )
}

/// Both servers serve; then the second one is down.
fn set_up(slow_start: &str) -> (Stage, Files, [Peer; 2], Running) {
    let mut stage = Stage::direct_routing(2, &[VIP.parse().unwrap()]);
    let files = Files::new();
    files.write(&yaml(slow_start));
    let webs = [0, 1].map(|index| Peer::start(&stage.servers[index], 8080, 200, answer));
    let director = Running::start(&stage.director, &files, &[]);
    wait_for_weights(&mut stage, &[(RS1, 100), (RS2, 100)]);
    assert_eq!(director.count("starts slowly"), 0, "{}", director.log());
    webs[1].acts(503);
    wait_for_weights(&mut stage, &[(RS1, 100)]);
    (stage, files, webs, director)
}

/// How many of so many new connections the second server gets.
fn to_second(stage: &Stage, of: usize) -> usize {
    let vip = VIP.parse().unwrap();
    let answers = (0..of).map(|_| stage.ask(Protocol::Tcp, None, vip));
    answers.filter(|name| name == "rs2").count()
}

fn share() {
    // A step of three minutes does not pass here.
    let (mut stage, files, webs, director) = set_up("1h");
    webs[1].acts(200);
    wait_for_weights(&mut stage, &[(RS1, 100), (RS2, 3)]);
    director.wait_for(&format!(
        "real server {RS2} of TCP {VIP}: starts slowly (for 3600 s), added with weight 3"
    ));
    assert_eq!(to_second(&stage, 103), 3);
    let why = files.why(&stage.director, "192.168.0.3", &[]);
    assert!(why.out.contains("\n  slow start, 3 % until "), "{why:?}");
    let status = files.status(&stage.director);
    let slow = status.services[0].servers[1].slow_start.unwrap();
    assert_eq!(slow.percent, 3);
    let plan = files.once(&stage.director, "plan", &[]);
    assert!(!plan.out.contains("192.168.0.3"), "{plan:?}");

    // The next director goes on there.
    assert!(director.stop().success());
    let director = Running::start(&stage.director, &files, &[]);
    director.wait_for("found 1 of ours in the kernel, 0 steps");
    wait_for_weights(&mut stage, &[(RS1, 100), (RS2, 3)]);

    files.write(&yaml("none"));
    director.signal(SIGHUP);
    wait_for_weights(&mut stage, &[(RS1, 100), (RS2, 100)]);
    assert_eq!(to_second(&stage, 100), 50);
}

fn steps() {
    let (mut stage, _files, webs, director) = set_up("5s");
    webs[1].acts(200);
    let mut seen = Vec::new();
    wait_for("the full weight", || {
        let weight = weights(&mut stage).get(RS2).copied();
        seen.extend(weight);
        (weight == Some(100)).then_some(())
    });
    seen.dedup();
    // A slow machine may miss some.
    assert!(seen.is_sorted(), "{seen:?}");
    assert!(seen.iter().all(|it| STEPS.contains(it)), "{seen:?}");
    assert!(seen.len() > 1, "{seen:?}");
    director.wait_for(&format!(
        "real server {RS2} of TCP {VIP}: slow start over (after 5 s), weight "
    ));
    println!("weights in the kernel: {seen:?}");
}
