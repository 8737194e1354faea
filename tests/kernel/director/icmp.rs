// SPDX-License-Identifier: MIT OR Apache-2.0
//! Servers whose health an ICMP echo tells.

use super::process::{Files, QUICK, Running, wait_for_weights};
use crate::Test;
use crate::stage::{Stage, wait_for};

/// The same server in two services, and beside it one that goes on answering.
const RS1: &str = "192.168.0.2:80";
const AGAIN1: &str = "192.168.0.2:81";
const RS2: &str = "192.168.0.3:80";
const V6: &str = "[fd00:a::2]:80";
/// A network behind the second server.
const BEYOND: &str = "10.77.0.1";

pub(super) fn tests() -> Vec<Test> {
    vec![(
        "a_host_that_answers_no_echo_leaves_by_raw_sockets_and_by_ping_sockets",
        echoes,
    )]
}

fn echoes() {
    let (mut stage, files) = (Stage::new(2), Files::new());
    let router = &stage.servers[1];
    router.sysctl("ipv4/ip_forward", "1").unwrap();
    router.sysctl("ipv4/icmp_ratelimit", "0").unwrap();
    router.ip("route add unreachable 10.77.0.0/24\n").unwrap();
    stage
        .director
        .ip("route add 10.77.0.0/24 via 192.168.0.3\n")
        .unwrap();
    files.write(&format!(
        "defaults: {{{QUICK}, min_healthy: 0}}\nvirtual_services:\n  - {{address: 192.168.0.10:80, check: icmp, servers: \
         [192.168.0.2, 192.168.0.3]}}\n  - {{address: 192.168.0.10:81, protocol: udp, check: icmp, servers: \
         [192.168.0.2]}}\n  - {{address: \"[fd00:a::10]:80\", check: {{icmp: , source: \"fd00:a::11\"}}, servers: \
         [\"fd00:a::2\"]}}\n  - {{address: 192.168.0.10:82, check: {{icmp: {{address: {BEYOND}}}}}, servers: \
         [192.168.0.2]}}\n"
    ));
    // Nobody may have a ping socket.
    let groups = "ipv4/ping_group_range";
    stage.director.sysctl(groups, "1 0").unwrap();
    let director = Running::start(&stage.director, &files, &[]);
    let all = [(RS1, 1), (AGAIN1, 1), (RS2, 1), (V6, 1)];
    wait_for_weights(&mut stage, &all);

    for (round, range) in [(1, "1 0"), (2, "0 2147483647")] {
        stage.director.sysctl(groups, range).unwrap();
        answers(&stage, "1");
        wait_for_weights(&mut stage, &[(RS2, 1)]);
        for service in ["TCP 192.168.0.10:80", "UDP 192.168.0.10:81"] {
            let line = format!(
                " of {service}: up -> down (no answer came in time, 3/3), weight 1 -> removed"
            );
            wait_for("each fall is told", || {
                (director.count(&line) == round).then_some(())
            });
        }
        answers(&stage, "0");
        wait_for_weights(&mut stage, &all);
    }

    let why = files.why(&stage.director, "192.168.0.2:81", &[]);
    assert!(why.out.contains("  check icmp 192.168.0.2\n"), "{why:?}");
    wait_for("the router is named", || {
        let why = files.why(&stage.director, "192.168.0.2:82", &[]);
        let said = "host unreachable, says 192.168.0.3";
        why.out.contains(said).then_some(())
    });
}

/// Whether the first server leaves echoes without an answer.
fn answers(stage: &Stage, ignores: &str) {
    for name in ["ipv4/icmp_echo_ignore_all", "ipv6/icmp/echo_ignore_all"] {
        stage.servers[0].sysctl(name, ignores).unwrap();
    }
}
