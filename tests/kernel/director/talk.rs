// SPDX-License-Identifier: MIT OR Apache-2.0
//! Servers whose health a few words by TCP tell.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use super::peer::{HANGS, Peer};
use super::process::{Files, QUICK, Running, wait_for_weights};
use crate::Test;
use crate::stage::Stage;

const VIP: &str = "192.168.0.10:6379";
const RS1: &str = "192.168.0.2:6379";
const RS2: &str = "192.168.0.3:6379";

pub(super) fn tests() -> Vec<Test> {
    vec![(
        "a_server_that_gives_another_answer_or_none_leaves_and_returns",
        talks,
    )]
}

const SERVES: u16 = 1;
const LOADS: u16 = 2;

/// The probe may have given up.
fn answer(mut stream: TcpStream, acts: u16) {
    let mut question = [0; 6];
    if stream.read_exact(&mut question).is_err() || question != *b"PING\r\n" {
        return;
    }
    let answer: &[u8] = match acts {
        SERVES => b"+PONG\r\n",
        _ => b"-LOADING \x1b[31mthe dataset\r\n",
    };
    for byte in answer {
        let _ = stream.write_all(&[*byte]);
    }
}

fn talks() {
    let mut stage = Stage::direct_routing(2, &[VIP.parse().unwrap()]);
    let files = Files::new();
    files.write(&format!(
        "defaults: {{{QUICK}}}\nvirtual_services:\n  - address: {VIP}\n    scheduler: rr\n    \
         check: {{tcp: {{port: 6380, send: 'PING\\r\\n', expect: +PONG}}}}\n    servers: [192.168.0.2, 192.168.0.3]\n"
    ));
    let peers = [0, 1].map(|index| Peer::start(&stage.servers[index], 6380, SERVES, answer));
    let director = Running::start(&stage.director, &files, &[]);
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);

    peers[0].acts(LOADS);
    wait_for_weights(&mut stage, &[(RS2, 1)]);
    director.wait_for(
        "up -> down (the server closed the connection before \"+PONG\", after 27 bytes: -LOADING [31mthe dataset, 3/3), \
         weight 1 -> removed",
    );
    peers[0].acts(SERVES);
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);

    peers[1].acts(HANGS);
    wait_for_weights(&mut stage, &[(RS1, 1)]);
    director.wait_for("up -> down (connected, but no answer came in time, 3/3)");
    let why = files.why(&stage.director, "192.168.0.3", &[]);
    let check = "  check tcp 192.168.0.3:6380 send \"PING\\r\\n\" expect \"+PONG\"\n";
    assert!(why.out.contains(check), "{why:?}");
    peers[1].acts(SERVES);
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);
}
