// SPDX-License-Identifier: MIT OR Apache-2.0
//! Servers whose health a login to a broker tells.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::peer::{HANGS, Peer};
use super::process::{Files, QUICK, Running, wait_for_weights};
use crate::Test;
use crate::stage::Stage;

const VIP: &str = "192.168.0.10:5672";
const RS1: &str = "192.168.0.2:5672";
const RS2: &str = "192.168.0.3:5672";

pub(super) fn tests() -> Vec<Test> {
    vec![(
        "a_broker_that_hangs_leaves_one_that_is_full_drains_and_a_wrong_password_costs_nothing",
        broker,
    )]
}

/// What a broker does with every connection, if it does not hang.
pub(super) const LETS_IN: u16 = 1;
const IS_FULL: u16 = 2;
const REFUSES_THE_LOGIN: u16 = 3;

/// A method of class connection.
pub(super) fn method(number: u8, arguments: &[u8]) -> Vec<u8> {
    let size = u8::try_from(arguments.len() + 4).unwrap();
    let head = [1, 0, 0, 0, 0, 0, size, 0, 10, 0, number];
    [&head, arguments, &[0xce]].concat()
}

pub(super) fn close(code: u16, text: &str) -> Vec<u8> {
    let length = [u8::try_from(text.len()).unwrap()];
    method(
        50,
        &[&code.to_be_bytes(), &length[..], text.as_bytes(), &[0; 4]].concat(),
    )
}

/// The broker's part of a login. The probe may have given up.
fn talk(stream: TcpStream, acts: u16) {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
    converse(stream, acts);
}

pub(super) fn converse(mut stream: impl Read + Write, acts: u16) {
    let start = method(10, b"\0\x09\0\0\0\0\0\0\0\x05PLAIN\0\0\0\x05en_US");
    let tune = method(30, &[0, 0, 0, 2, 0, 0, 0, 60]);
    let refused = close(403, "ACCESS_REFUSED - Login was refused");
    let full = close(
        530,
        "connection refused: node connection limit (9) is reached",
    );
    let answers = match acts {
        LETS_IN => vec![start, tune, method(41, &[0]), method(51, &[])],
        IS_FULL => vec![start, tune, full],
        REFUSES_THE_LOGIN => vec![start, refused],
        other => unreachable!("a broker that does {other}"),
    };
    for answer in answers {
        if !matches!(stream.read(&mut [0; 4096]), Ok(1..)) {
            return;
        }
        let _ = stream.write_all(&answer);
    }
    let _ = stream.read(&mut [0; 4096]);
}

fn broker() {
    let mut stage = Stage::direct_routing(2, &[VIP.parse().unwrap()]);
    let brokers = [0, 1].map(|index| Peer::start(&stage.servers[index], 5673, LETS_IN, talk));
    let files = Files::new();
    let password = files.path("password");
    fs::write(&password, "secret\n").unwrap();
    files.write(&format!(
        "defaults: {{{QUICK}}}\nvirtual_services:\n  - address: {VIP}\n    scheduler: rr\n    \
         check: {{amqp: {{port: 5673, user: monitor, password_file: {}}}}}\n    servers: [192.168.0.2, 192.168.0.3]\n",
        password.display()
    ));
    let director = Running::start(&stage.director, &files, &[]);
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);

    brokers[0].acts(HANGS);
    wait_for_weights(&mut stage, &[(RS2, 1)]);
    director
        .wait_for("up -> down (connected, but no answer came in time, 3/3), weight 1 -> removed");
    brokers[0].acts(LETS_IN);
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);

    brokers[0].acts(IS_FULL);
    wait_for_weights(&mut stage, &[(RS1, 0), (RS2, 1)]);
    director.wait_for("up -> drain (the server takes no more connections: 530");
    brokers[0].acts(LETS_IN);
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);

    for broker in &brokers {
        broker.acts(REFUSES_THE_LOGIN);
    }
    director.wait_for("login of user monitor to virtual host / refused: 403 ACCESS_REFUSED");
    director.wait_for("could not run (4 in a row)");
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);
    for broker in &brokers {
        broker.acts(LETS_IN);
    }
    fs::remove_file(&password).unwrap();
    director.wait_for("password: no such file or directory (ENOENT)");
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);
    fs::write(&password, "another\n").unwrap();
    director.wait_for("runs again");
    assert!(!director.log().contains("secret"), "{}", director.log());
}
