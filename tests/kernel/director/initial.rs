// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a server counts as before its first verdict. An interval of an hour never passes here.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use nix::sys::signal::Signal::SIGHUP;

use super::peer::Peer;
use super::process::{Files, Running, wait_for_weights};
use crate::Test;
use crate::stage::{Stage, wait_for};

const VIP: &str = "192.168.0.10:80";
const RS1: &str = "192.168.0.2:80";
const RS2: &str = "192.168.0.3:80";
const BY_CONFIGURATION: &str = "by configuration, not found so by a check yet,";

pub(super) fn tests() -> Vec<Test> {
    vec![
        (
            "a_server_that_begins_up_is_in_the_table_at_once_and_goes_down_after_fall_failures",
            up,
        ),
        (
            "kill_9_puts_no_dead_server_back_that_begins_up_while_its_verdict_is_remembered",
            remembered,
        ),
        (
            "a_server_that_begins_down_needs_rise_successes_and_a_restart_does_not_take_it_out",
            down,
        ),
        ("a_reload_adds_a_server_as_its_check_begins", added),
        (
            "a_first_failure_that_decides_takes_a_server_out_that_serves_and_the_next_one_counts",
            decides,
        ),
    ]
}

fn answer(mut stream: TcpStream, status: u16) {
    let _ = stream.read(&mut [0; 1024]);
    let answer = format!("HTTP/1.1 {status} Word\r\ncontent-length: 0\r\n\r\n");
    let _ = stream.write_all(answer.as_bytes());
}

fn yaml(schedule: &str, servers: &str) -> String {
    format!(
        "defaults: {{scheduler: rr, min_healthy: 0}}\n\
         virtual_services:\n  - address: {VIP}\n    check: {{http: {{port: 8080}}, {schedule}}}\n    \
         servers: [{servers}]\n"
    )
}

fn set_up(schedule: &str) -> (Stage, Files, Peer) {
    let stage = Stage::new(2);
    let files = Files::new();
    files.write(&yaml(schedule, "192.168.0.2"));
    let web = Peer::start(&stage.servers[0], 8080, 200, answer);
    (stage, files, web)
}

fn wait_until_asked(web: &Peer, times: usize) {
    wait_for("it is asked", || (web.taken() >= times).then_some(()));
}

/// Waits until `director why` says this.
fn wait_for_why(stage: &Stage, files: &Files, words: &str) {
    wait_for(&format!("why says {words:?}"), || {
        let why = files.why(&stage.director, "192.168.0.2", &[]);
        why.out.contains(words).then_some(())
    });
}

fn up() {
    let (mut stage, files, web) = set_up("initial: up, fall: 2, retry_delay: 1h");
    web.acts(503);
    let director = Running::start(&stage.director, &files, &[]);
    wait_for_weights(&mut stage, &[(RS1, 1)]);
    wait_for_why(&stage, &files, "1 of 2 failures in a row to be down");
    wait_for_weights(&mut stage, &[(RS1, 1)]);
    let why = files.why(&stage.director, "192.168.0.2", &[]);
    assert!(why.out.contains(BY_CONFIGURATION), "{why:?}");
    let status = files.once(&stage.director, "status", &[]);
    assert!(status.out.contains(BY_CONFIGURATION), "{status:?}");
    assert_eq!(director.count("-> up"), 0, "{}", director.log());

    files.write(&yaml(
        "initial: up, fall: 2, retry_delay: 50ms, rise: 1, interval: 50ms",
        "192.168.0.2",
    ));
    director.signal(SIGHUP);
    director.wait_for("up -> down (status 503 Word, not 200-299, 2/2), weight 1 -> removed");
    wait_for_weights(&mut stage, &[]);
    web.acts(200);
    wait_for_weights(&mut stage, &[(RS1, 1)]);
    wait_for_why(&stage, &files, "  up for ");
}

fn remembered() {
    let schedule = "initial: up, fall: 1, interval: 1h, retry_delay: 1h";
    let (mut stage, files, web) = set_up(schedule);
    web.acts(503);
    let director = Running::start(&stage.director, &files, &[]);
    director.wait_for("up -> down");
    wait_for_weights(&mut stage, &[]);
    let file = files.path("remembered.json");
    wait_for("the verdict is written down", || {
        let text = fs::read_to_string(&file).ok()?;
        text.contains("\"standing\":\"down\"").then_some(())
    });
    drop(director);

    // The next one does not count it as up before its first result.
    web.acts(200);
    let director = Running::start(&stage.director, &files, &[]);
    director.wait_for("unknown -> up");
    assert_eq!(director.count("up -> up"), 0, "{}", director.log());
    wait_for_weights(&mut stage, &[(RS1, 1)]);
    assert!(director.stop().success());

    fs::remove_file(&file).unwrap();
    let director = Running::start(&stage.director, &files, &[]);
    director.wait_for("up -> up (until now by configuration, now found so), weight 1");
}

fn down() {
    let slow = "initial: down, rise: 2, interval: 1h";
    let (mut stage, files, web) = set_up(slow);
    let director = Running::start(&stage.director, &files, &[]);
    wait_until_asked(&web, 1);
    wait_for_why(&stage, &files, "1 of 2 successes in a row to be up");
    wait_for_weights(&mut stage, &[]);
    let why = files.why(&stage.director, "192.168.0.2", &[]);
    assert!(
        why.out.contains("down by configuration, not found so"),
        "{why:?}"
    );
    files.write(&yaml(
        "initial: down, rise: 2, interval: 50ms",
        "192.168.0.2",
    ));
    director.signal(SIGHUP);
    director.wait_for("down -> up (check passed, 2/2), added with weight 1");
    wait_for_weights(&mut stage, &[(RS1, 1)]);
    drop(director);

    // Without a memory, too: it serves.
    let _ = fs::remove_file(files.path("remembered.json"));
    files.write(&yaml(slow, "192.168.0.2"));
    let director = Running::start(&stage.director, &files, &[]);
    director.wait_for("unknown -> up");
    assert_eq!(director.count("removed"), 0, "{}", director.log());
    wait_for_weights(&mut stage, &[(RS1, 1)]);
}

fn added() {
    let (mut stage, files, _web) = set_up("interval: 1h, retry_delay: 1h");
    let director = Running::start(&stage.director, &files, &[]);
    wait_for_weights(&mut stage, &[(RS1, 1)]);
    // Nothing listens on the second server: one failure of three.
    let both = |initial: &str| {
        yaml(
            "interval: 1h, retry_delay: 1h",
            &format!("192.168.0.2, {{address: 192.168.0.3, check: {{initial: {initial}}}}}"),
        )
    };
    files.write(&both("up"));
    director.signal(SIGHUP);
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);
    files.write(&yaml("interval: 1h, retry_delay: 1h", "192.168.0.2"));
    director.signal(SIGHUP);
    wait_for_weights(&mut stage, &[(RS1, 1)]);
    files.write(&both("down"));
    director.signal(SIGHUP);
    wait_for("it counts as down", || {
        let why = files.why(&stage.director, "192.168.0.3", &[]);
        why.out.contains("  down ").then_some(())
    });
    wait_for_weights(&mut stage, &[(RS1, 1)]);
}

fn decides() {
    let check = "initial: up, first_failure: decides, fall: 2, rise: 1, interval_from: end";
    let quick = format!("{check}, interval: 50ms, retry_delay: 1h");
    let (mut stage, files, web) = set_up(&quick);
    stage.program(&yaml(&quick, "192.168.0.2"));
    wait_for_weights(&mut stage, &[(RS1, 1)]);
    web.acts(503);
    let director = Running::start(&stage.director, &files, &[]);
    director.wait_for("up -> down (status 503 Word, not 200-299, 1/1), weight 1 -> removed");
    wait_for_weights(&mut stage, &[]);

    // Now that there was a result, a failure is one of two.
    web.acts(200);
    wait_for_weights(&mut stage, &[(RS1, 1)]);
    web.acts(503);
    wait_for_why(&stage, &files, "1 of 2 failures in a row to be down");
    wait_for_weights(&mut stage, &[(RS1, 1)]);
}
