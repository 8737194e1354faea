// SPDX-License-Identifier: MIT OR Apache-2.0
//! Servers whose health a login to a broker tells.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use lab::netns::Host;

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

/// What a broker does with every connection.
#[derive(Clone, Copy)]
#[repr(u8)]
enum Acts {
    LetsIn,
    Hangs,
    IsFull,
    RefusesTheLogin,
}

const ACTS: [Acts; 4] = [
    Acts::LetsIn,
    Acts::Hangs,
    Acts::IsFull,
    Acts::RefusesTheLogin,
];

/// A broker on port 5673, until it is dropped.
struct Broker {
    acts: Arc<AtomicU8>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Broker {
    fn start(host: &Host) -> Self {
        let listener = host.run(|| TcpListener::bind("0.0.0.0:5673").unwrap());
        listener.set_nonblocking(true).unwrap();
        let acts = Arc::new(AtomicU8::new(Acts::LetsIn as u8));
        let ends = Arc::new(AtomicBool::new(false));
        let (now, over) = (Arc::clone(&acts), Arc::clone(&ends));
        let thread = thread::spawn(move || {
            let mut held = Vec::new();
            while !over.load(Ordering::Relaxed) {
                match (
                    listener.accept(),
                    ACTS[usize::from(now.load(Ordering::Relaxed))],
                ) {
                    (Ok((stream, _)), Acts::Hangs) => held.push(stream),
                    (Ok((stream, _)), acts) => talk(stream, acts),
                    (Err(_), _) => thread::sleep(Duration::from_millis(5)),
                }
            }
        });
        Self {
            acts,
            ends,
            thread: Some(thread),
        }
    }

    fn now(&self, acts: Acts) {
        self.acts.store(acts as u8, Ordering::Relaxed);
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        self.thread.take().map(JoinHandle::join);
    }
}

/// A method of class connection.
fn method(number: u8, arguments: &[u8]) -> Vec<u8> {
    let size = u8::try_from(arguments.len() + 4).unwrap();
    let head = [1, 0, 0, 0, 0, 0, size, 0, 10, 0, number];
    [&head, arguments, &[0xce]].concat()
}

fn close(code: u16, text: &str) -> Vec<u8> {
    let length = [u8::try_from(text.len()).unwrap()];
    method(
        50,
        &[&code.to_be_bytes(), &length[..], text.as_bytes(), &[0; 4]].concat(),
    )
}

/// The broker's part of a login. The probe may have given up.
fn talk(mut stream: TcpStream, acts: Acts) {
    let _ = stream.set_nonblocking(false);
    let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
    let start = method(10, b"\0\x09\0\0\0\0\0\0\0\x05PLAIN\0\0\0\x05en_US");
    let tune = method(30, &[0, 0, 0, 2, 0, 0, 0, 60]);
    let refused = close(403, "ACCESS_REFUSED - Login was refused");
    let full = close(
        530,
        "connection refused: node connection limit (9) is reached",
    );
    let answers = match acts {
        Acts::LetsIn | Acts::Hangs => vec![start, tune, method(41, &[0]), method(51, &[])],
        Acts::IsFull => vec![start, tune, full],
        Acts::RefusesTheLogin => vec![start, refused],
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
    let brokers = [0, 1].map(|index| Broker::start(&stage.servers[index]));
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

    brokers[0].now(Acts::Hangs);
    wait_for_weights(&mut stage, &[(RS2, 1)]);
    director
        .wait_for("up -> down (connected, but no answer came in time, 3/3), weight 1 -> removed");
    brokers[0].now(Acts::LetsIn);
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);

    brokers[0].now(Acts::IsFull);
    wait_for_weights(&mut stage, &[(RS1, 0), (RS2, 1)]);
    director.wait_for("up -> drain (the server takes no more connections: 530");
    brokers[0].now(Acts::LetsIn);
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);

    for broker in &brokers {
        broker.now(Acts::RefusesTheLogin);
    }
    director.wait_for("login of user monitor to virtual host / refused: 403 ACCESS_REFUSED");
    director.wait_for("could not run (4 in a row)");
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);
    for broker in &brokers {
        broker.now(Acts::LetsIn);
    }
    fs::remove_file(&password).unwrap();
    director.wait_for("password: no such file or directory (ENOENT)");
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);
    fs::write(&password, "another\n").unwrap();
    director.wait_for("runs again");
    assert!(!director.log().contains("secret"), "{}", director.log());
}
