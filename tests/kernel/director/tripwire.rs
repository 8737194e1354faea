// SPDX-License-Identifier: MIT OR Apache-2.0
//! Connections that are held to servers beside their checks. The next regular probe is always an hour away.

use lvs_director::control::TripwireStatus;

use super::peer::{HANGS, Peer};
use super::process::{Files, Running, wait_for_weights};
use crate::Test;
use crate::stage::{Stage, wait_for};

const VIP: &str = "192.168.0.10:80";
const RS1: &str = "192.168.0.2:80";
const RS2: &str = "192.168.0.3:80";
/// How a server acts that closes every connection at once.
const CLOSES: u16 = 1;

pub(super) fn tests() -> Vec<Test> {
    vec![
        (
            "a_server_that_dies_with_a_tripwire_is_out_although_its_next_probe_is_an_hour_away",
            dies,
        ),
        (
            "a_server_that_closes_the_connections_of_its_tripwire_and_lives_stays_in",
            closes,
        ),
    ]
}

/// Two servers behind [`VIP`] with these checks, which act so with every connection.
fn set_up(acts: u16, checks: [&str; 2]) -> (Stage, Files, [Peer; 2]) {
    let stage = Stage::direct_routing(2, &[VIP.parse().unwrap()]);
    let files = Files::new();
    let [first, second] = checks;
    files.write(&format!(
        "defaults: {{check: {{tcp: {{port: 8080}}, interval: 1h, timeout: 30s, retry_delay: 1h, rise: 1, fall: 3}}}}\n\
         virtual_services:\n  - address: {VIP}\n    scheduler: rr\n    servers:\n      \
         - {{address: 192.168.0.2, check: {first}}}\n      - {{address: 192.168.0.3, check: {second}}}\n"
    ));
    let peers =
        [0, 1].map(|index| Peer::start(&stage.servers[index], 8080, acts, |it, _| drop(it)));
    (stage, files, peers)
}

/// The tripwire of a server, as soon as it is so.
fn wait_for_wire(
    stage: &Stage,
    files: &Files,
    server: usize,
    is: impl Fn(&TripwireStatus) -> bool,
) {
    wait_for("the tripwire is as it should be", || {
        let status = files.status(&stage.director);
        let check = status
            .services
            .first()?
            .servers
            .get(server)?
            .checks
            .first()?;
        check.tripwire.as_ref().filter(|it| is(it)).map(|_| ())
    });
}

fn dies() {
    let checks = ["{tripwire: true}", "{tripwire: {counts: failure}}"];
    let (mut stage, files, [first, second]) = set_up(HANGS, checks);
    let director = Running::start(&stage.director, &files, &[]);
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);
    for server in [0, 1] {
        wait_for_wire(&stage, &files, server, |it| it.held_seconds.is_some());
    }

    drop(first);
    wait_for_weights(&mut stage, &[(RS2, 1)]);
    director.wait_for("real server 192.168.0.2:80 of TCP 192.168.0.10:80: up -> down (connect refused, 3/3), weight 1 -> removed");

    // The last one stays in the table, because some server has to.
    drop(second);
    director.wait_for("real server 192.168.0.3:80 of TCP 192.168.0.10:80: up -> down");
    let why = files.why(&stage.director, "192.168.0.3:80", &[]);
    assert!(
        why.out
            .contains("tripwire: waits for a success of the check; 1 ended so far"),
        "{why:?}"
    );
    assert!(director.stop().success());
}

fn closes() {
    let checks = ["{tripwire: true}", "{tripwire: {counts: failure}}"];
    let (mut stage, files, _peers) = set_up(CLOSES, checks);
    let director = Running::start(&stage.director, &files, &[]);
    for server in [0, 1] {
        wait_for_wire(&stage, &files, server, |it| it.ended >= 2);
    }
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);
    assert_eq!(director.count("up -> down"), 1, "{}", director.log());
    director.wait_for("real server 192.168.0.3:80 of TCP 192.168.0.10:80: up -> down (the server closed the held connection)");
    assert!(director.stop().success());
}
