// SPDX-License-Identifier: MIT OR Apache-2.0
//! Mail servers whose hello tells their health.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::sync::mpsc::{Sender, channel};

use super::peer::{HANGS, Peer};
use super::process::{Files, QUICK, Running, wait_for_weights};
use crate::Test;
use crate::stage::{Stage, wait_for};

const VIP: &str = "192.168.0.10:25";
const RS1: &str = "192.168.0.2:25";
const RS2: &str = "192.168.0.3:25";

pub(super) fn tests() -> Vec<Test> {
    vec![(
        "a_mail_server_leaves_when_it_refuses_or_hangs_and_hears_a_goodbye_after_each_hello",
        mail,
    )]
}

const SERVES: u16 = 1;
const REFUSES: u16 = 2;
const OLD: u16 = 3;

/// Talks until the goodbye or the end of the connection, and tells each line that came.
fn answer(mut stream: TcpStream, acts: u16, came: &Sender<String>) {
    let greeting = match acts {
        REFUSES => "421-rs1\r\n421 4.3.2 \x1b[31mall busy\r\n",
        _ => "220-rs1\r\n220 ready\r\n",
    };
    let _ = stream.write_all(greeting.as_bytes());
    for line in BufReader::new(stream.try_clone().unwrap()).lines() {
        // The probe may have given up.
        let Ok(line) = line else {
            return;
        };
        let reply = match line.split(' ').next() {
            Some("EHLO") if acts == OLD => "500 unknown\r\n",
            Some("EHLO" | "HELO") => "250-rs1\r\n250 HELP\r\n",
            _ => "221 bye\r\n",
        };
        let _ = stream.write_all(reply.as_bytes());
        let ends = reply.starts_with("221");
        let _ = came.send(line);
        if ends {
            return;
        }
    }
}

fn mail() {
    let mut stage = Stage::direct_routing(2, &[VIP.parse().unwrap()]);
    let files = Files::new();
    files.write(&format!(
        "defaults: {{{QUICK}}}\nvirtual_services:\n  - address: {VIP}\n    check: {{smtp: {{port: 2525}}}}\n    servers: \
         [{{address: 192.168.0.2, check: {{smtp: {{helo: lvs.example}}}}}}, 192.168.0.3]\n"
    ));
    let (senders, lines): (Vec<_>, Vec<_>) = [channel(), channel()].into_iter().unzip();
    let mut senders = senders.into_iter();
    let peers = [0, 1].map(|index| {
        let came = senders.next().unwrap();
        Peer::start(&stage.servers[index], 2525, SERVES, move |stream, acts| {
            answer(stream, acts, &came);
        })
    });
    let director = Running::start(&stage.director, &files, &[]);
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);
    let of = |index: usize| [0, 1].map(|_| lines[index].recv().unwrap());
    assert_eq!(of(0), ["EHLO lvs.example", "QUIT"]);
    assert_eq!(of(1), ["EHLO [192.168.0.11]", "QUIT"]);

    peers[0].acts(REFUSES);
    wait_for_weights(&mut stage, &[(RS2, 1)]);
    director.wait_for(
        "up -> down (the server greets with 421 4.3.2 [31mall busy, 3/3), weight 1 -> removed",
    );
    let why = files.why(&stage.director, "192.168.0.2", &[]);
    let check = "  check smtp 192.168.0.2:2525 helo lvs.example\n";
    assert!(why.out.contains(check), "{why:?}");
    peers[0].acts(OLD);
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);
    wait_for("the old hello is said", || {
        let line = lines[0].recv().unwrap();
        (line == "HELO lvs.example").then_some(())
    });

    peers[1].acts(HANGS);
    wait_for_weights(&mut stage, &[(RS1, 1)]);
    director.wait_for("up -> down (connected, but no answer came in time, 3/3)");
    peers[1].acts(SERVES);
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);
}
