// SPDX-License-Identifier: MIT OR Apache-2.0
//! Servers whose health a datagram tells.

use std::net::{SocketAddr, UdpSocket};

use lvs_director::model::Protocol::Udp;

use super::process::{Files, QUICK, Running, wait_for_weights};
use crate::Test;
use crate::stage::{Stage, wait_for};

const RS1: &str = "192.168.0.2:5300";
const RS2: &str = "192.168.0.3:5300";
/// The same servers in the service whose check wants an answer.
const ASKED1: &str = "192.168.0.2:5301";
const ASKED2: &str = "192.168.0.3:5301";

pub(super) fn tests() -> Vec<Test> {
    vec![(
        "a_udp_server_leaves_when_its_port_is_closed_and_when_the_wanted_answer_does_not_come",
        datagrams,
    )]
}

fn datagrams() {
    let (mut stage, files) = (Stage::new(2), Files::new());
    for server in &stage.servers {
        // The kernel sends few errors a second to each host; these probes come faster.
        server.sysctl("ipv4/icmp_ratelimit", "0").unwrap();
    }
    files.write(&format!(
        "defaults: {{{QUICK}}}\nvirtual_services:\n  - {{address: 192.168.0.10:5300, protocol: udp, check: udp, servers: \
         [192.168.0.2, 192.168.0.3]}}\n  - {{address: 192.168.0.10:5301, protocol: udp, check: {{udp: {{port: 5300, \
         send: '\\0hi', expect: ' \\0hi'}}}}, servers: [192.168.0.2, 192.168.0.3]}}\n"
    ));
    let (rs1, rs2): (SocketAddr, SocketAddr) = (RS1.parse().unwrap(), RS2.parse().unwrap());
    stage.serve(0, Udp, rs1);
    stage.serve(1, Udp, rs2);
    let director = Running::start(&stage.director, &files, &[]);
    let all = [(RS1, 1), (ASKED1, 1), (RS2, 1), (ASKED2, 1)];
    wait_for_weights(&mut stage, &all);

    stage.stop_serving(0, rs1);
    wait_for_weights(&mut stage, &[(RS2, 1), (ASKED2, 1)]);
    for service in ["5300", "5301"] {
        director.wait_for(&format!(
            "real server 192.168.0.2:{service} of UDP 192.168.0.10:{service}: up -> down (port unreachable, 3/3), \
             weight 1 -> removed"
        ));
    }

    // It takes what comes, and says nothing.
    let silent = stage.servers[0].run(|| UdpSocket::bind(rs1).unwrap());
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1), (ASKED2, 1)]);
    wait_for("the other check waits in vain", || {
        let why = files.why(&stage.director, "192.168.0.2:5301", &[]);
        let check = "  check udp 192.168.0.2:5300 send \"\\0hi\" expect \" \\0hi\"\n";
        assert!(why.out.contains(check), "{why:?}");
        why.out.contains("no answer came in time").then_some(())
    });
    drop(silent);

    stage.serve(0, Udp, rs1);
    wait_for_weights(&mut stage, &all);
}
