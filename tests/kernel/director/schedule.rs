// SPDX-License-Identifier: MIT OR Apache-2.0
//! When checks run, and what their results make of a server. An interval of an hour never passes here: what happens,
//! happens by another interval.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};

use nix::sys::signal::Signal::SIGHUP;

use super::peer::Peer;
use super::process::{Files, Running, wait_for_weights};
use crate::Test;
use crate::stage::{Stage, wait_for};

const VIP: &str = "192.168.0.10:80";
const RS1: &str = "192.168.0.2:80";
const RS2: &str = "192.168.0.3:80";
/// Probes of another server that go by while one is watched.
const MANY: usize = 20;

pub(super) fn tests() -> Vec<Test> {
    vec![
        (
            "a_server_in_doubt_is_asked_by_the_fast_interval_and_goes_down_after_fall_failures",
            fast,
        ),
        (
            "a_down_server_is_asked_by_the_down_interval_only_and_a_reload_shortens_it",
            down,
        ),
        (
            "a_server_that_fails_every_second_probe_goes_down_by_its_last_results",
            flap,
        ),
        (
            "a_server_that_goes_down_again_is_held_down_until_a_reload_without_hold_down",
            held,
        ),
        (
            "a_reload_that_changes_a_named_check_changes_all_services_that_name_it",
            named,
        ),
    ]
}

/// Every second answer is a success.
const FLAPS: u16 = 1;
static ANSWERS: AtomicUsize = AtomicUsize::new(0);

fn answer(mut stream: TcpStream, status: u16) {
    let _ = stream.read(&mut [0; 1024]);
    let status = match status {
        FLAPS if ANSWERS.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) => 200,
        FLAPS => 503,
        status => status,
    };
    let answer = format!("HTTP/1.1 {status} Word\r\ncontent-length: 0\r\n\r\n");
    let _ = stream.write_all(answer.as_bytes());
}

/// The other server has a check that runs all the time.
fn yaml(schedule: &str) -> String {
    format!(
        "defaults: {{scheduler: rr, check: {{http: {{port: 8080}}, interval: 100ms}}}}\n\
         virtual_services:\n  - address: {VIP}\n    servers:\n    \
         - {{address: 192.168.0.2, check: {{{schedule}}}}}\n    - 192.168.0.3\n"
    )
}

fn set_up(schedule: &str) -> (Stage, Files, [Peer; 2]) {
    let stage = Stage::new(2);
    let files = Files::new();
    files.write(&yaml(schedule));
    let webs = [0, 1].map(|index| Peer::start(&stage.servers[index], 8080, 200, answer));
    (stage, files, webs)
}

/// Waits while the other server is probed many times.
fn wait_long(other: &Peer) {
    let before = other.taken();
    wait_for("the other server is probed many times", || {
        (other.taken() >= before + MANY).then_some(())
    });
}

fn fast() {
    let schedule = "interval: 1h, fast_interval: 50ms, rise: 2, fall: 3";
    let (mut stage, files, webs) = set_up(schedule);
    // It served before the director began: three failures take it out.
    stage.program(&yaml(schedule));
    webs[0].acts(503);
    let director = Running::start(&stage.director, &files, &[]);
    director.wait_for("status 503 Word, not 200-299, 3/3), weight 1 -> removed");
    wait_for_weights(&mut stage, &[(RS2, 1)]);
    wait_long(&webs[1]);
    assert_eq!(webs[0].taken(), 3, "when it is down, the interval counts");

    // The first success comes by the new interval, the others by the fast one.
    webs[0].acts(200);
    files.write(&yaml(
        "interval: 1h, fast_interval: 50ms, rise: 4, down_interval: 50ms",
    ));
    director.signal(SIGHUP);
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);
    director.wait_for("down -> up (check passed, 4/4)");
    wait_long(&webs[1]);
    assert_eq!(webs[0].taken(), 7, "when it is up, the interval counts");
}

fn down() {
    let (mut stage, files, webs) = set_up("fall: 1, rise: 1, down_interval: 1h");
    let director = Running::start(&stage.director, &files, &[]);
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);
    webs[0].acts(503);
    wait_for_weights(&mut stage, &[(RS2, 1)]);
    let asked = webs[0].taken();
    webs[0].acts(200);
    wait_long(&webs[1]);
    assert_eq!(webs[0].taken(), asked, "nobody asks it");

    files.write(&yaml("fall: 1, rise: 1"));
    director.signal(SIGHUP);
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);
}

fn flap() {
    let schedule = "interval: 50ms, retry_delay: 50ms, rise: 5, fall: {failures: 4, of: 8}";
    let (mut stage, files, webs) = set_up(schedule);
    let director = Running::start(&stage.director, &files, &[]);
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);
    webs[0].acts(FLAPS);
    wait_for_weights(&mut stage, &[(RS2, 1)]);
    director.wait_for("up -> down (status 503 Word, not 200-299, 4 of the last 8), weight 1");
    wait_long(&webs[1]);
    assert_eq!(director.count("down -> up"), 0, "{}", director.log());
    let why = files.why(&stage.director, "192.168.0.2", &[]);
    assert!(
        why.out.contains(" of 5 successes in a row to be up"),
        "{why:?}"
    );

    webs[0].acts(200);
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);
    let why = files.why(&stage.director, "192.168.0.2", &[]);
    assert!(
        why.out.contains("0 of 4 failures in the last 8 to be down"),
        "{why:?}"
    );
}

fn held() {
    // The hold-down of an hour does not pass here.
    let schedule = "fall: 1, rise: 1, hold_down: {first: 1h, ceiling: 1h}";
    let (mut stage, files, webs) = set_up(schedule);
    let director = Running::start(&stage.director, &files, &[]);
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);
    webs[0].acts(503);
    wait_for_weights(&mut stage, &[(RS2, 1)]);
    webs[0].acts(200);
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);
    assert_eq!(director.count("it must pass"), 0, "{}", director.log());

    webs[0].acts(503);
    director.wait_for(
        "up -> down (status 503 Word, not 200-299, 1/1; fall number 2: it must pass for 3600 s)",
    );
    webs[0].acts(200);
    let asked = webs[0].taken();
    wait_for("it passes its check many times", || {
        (webs[0].taken() >= asked + MANY).then_some(())
    });
    wait_for_weights(&mut stage, &[(RS2, 1)]);
    let why = files.why(&stage.director, "192.168.0.2", &[]);
    let words = "held down: this is fall number 2, and the check must pass for 3600.0 s; ";
    assert!(why.out.contains(words), "{why:?}");

    // The other one fails: the service is not empty because of the hold-down.
    webs[1].acts(503);
    wait_for_weights(&mut stage, &[(RS1, 1)]);
    director.wait_for(&format!(
        "service TCP {VIP}: too few others are healthy: {RS1} serves although it is held down"
    ));
    let why = files.why(&stage.director, "192.168.0.2", &[]);
    let words = "\n  serves although it is held down: its check passes";
    assert!(why.out.contains(words), "{why:?}");
    // When the other one is back, it goes on for as long as it passes.
    webs[1].acts(200);
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);
    webs[0].acts(503);
    wait_for_weights(&mut stage, &[(RS2, 1)]);
    director.wait_for("no real server that is held down serves any more");
    webs[0].acts(200);

    files.write(&yaml("fall: 1, rise: 1"));
    director.signal(SIGHUP);
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);
}

fn named() {
    let (mut stage, files) = (Stage::new(1), Files::new());
    let yaml = |port: u16| {
        format!(
            "checks: {{web: {{http: {{port: {port}}}, interval: 100ms, rise: 1, fall: 1}}}}\n\
             defaults: {{scheduler: rr, min_healthy: 0, check: web}}\n\
             virtual_services:\n  - {{address: {VIP}, servers: [192.168.0.2]}}\n  \
             - {{address: 192.168.0.10:81, servers: [192.168.0.2], check: web}}\n"
        )
    };
    let well = Peer::start(&stage.servers[0], 8080, 200, answer);
    let _ill = Peer::start(&stage.servers[0], 8081, 503, answer);
    files.write(&yaml(8080));
    let director = Running::start(&stage.director, &files, &[]);
    wait_for_weights(&mut stage, &[(RS1, 1), ("192.168.0.2:81", 1)]);
    let asked = well.taken();
    wait_for("both share the probes", || {
        (well.taken() >= asked + MANY).then_some(())
    });
    files.write(&yaml(8081));
    director.signal(SIGHUP);
    wait_for_weights(&mut stage, &[]);
    files.write(&yaml(8080));
    director.signal(SIGHUP);
    wait_for_weights(&mut stage, &[(RS1, 1), ("192.168.0.2:81", 1)]);
}
