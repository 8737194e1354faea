// SPDX-License-Identifier: MIT OR Apache-2.0
//! DNS servers whose answers tell their health.

use std::io::{Read as _, Write as _};
use std::net::{TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use lab::netns::Host;

use super::peer::Peer;
use super::process::{Files, QUICK, Running, wait_for_weights};
use crate::Test;
use crate::stage::{Stage, wait_for};

const RS1: &str = "192.168.0.2:53";
const RS2: &str = "192.168.0.3:53";

pub(super) fn tests() -> Vec<Test> {
    vec![(
        "a_dns_server_leaves_when_it_fails_or_answers_something_else_and_a_truncated_answer_is_asked_for_by_tcp",
        questions,
    )]
}

const SERVES: u16 = 1;
const FAILS: u16 = 2;
const ANOTHER: u16 = 3;
const TRUNCATES: u16 = 4;

/// The answer to a question: one address, a failure, or half of it.
fn answer(question: &[u8], acts: u16) -> Vec<u8> {
    let mut message = question.to_vec();
    message[2] |= if acts == TRUNCATES { 0x82 } else { 0x80 };
    match acts {
        SERVES | ANOTHER => {
            message[7] = 1;
            message.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 0, 0]);
            message.push(if acts == SERVES { 5 } else { 6 });
        }
        FAILS => message[3] |= 2,
        _ => {}
    }
    message
}

/// The probe may have given up.
fn answer_by_tcp(mut stream: TcpStream, acts: u16) {
    let mut length = [0; 2];
    if stream.read_exact(&mut length).is_err() {
        return;
    }
    let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
    if stream.read_exact(&mut question).is_err() {
        return;
    }
    let message = answer(&question, acts);
    let length = u16::try_from(message.len()).unwrap().to_be_bytes();
    let _ = stream.write_all(&[&length, &*message].concat());
}

/// A server by UDP, until it is dropped.
struct Names {
    acts: Arc<AtomicU16>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Names {
    fn start(host: &Host) -> Self {
        let socket = host.run(|| UdpSocket::bind("0.0.0.0:53").unwrap());
        let wait = Duration::from_millis(50);
        socket.set_read_timeout(Some(wait)).unwrap();
        let (acts, ends) = (
            Arc::new(AtomicU16::new(SERVES)),
            Arc::new(AtomicBool::new(false)),
        );
        let (now, over) = (Arc::clone(&acts), Arc::clone(&ends));
        let thread = thread::spawn(move || {
            let mut bytes = [0; 512];
            while !over.load(Ordering::Relaxed) {
                if let Ok((length, from)) = socket.recv_from(&mut bytes) {
                    let message = answer(&bytes[..length], now.load(Ordering::Relaxed));
                    let _ = socket.send_to(&message, from);
                }
            }
        });
        Self {
            acts,
            ends,
            thread: Some(thread),
        }
    }

    fn acts(&self, acts: u16) {
        self.acts.store(acts, Ordering::Relaxed);
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        self.thread.take().map(JoinHandle::join);
    }
}

fn questions() {
    let (mut stage, files) = (Stage::new(2), Files::new());
    for server in &stage.servers {
        // The kernel sends few errors a second to each host; these probes come faster.
        server.sysctl("ipv4/icmp_ratelimit", "0").unwrap();
    }
    files.write(&format!(
        "defaults: {{{QUICK}}}\nvirtual_services:\n  - {{address: 192.168.0.10:53, protocol: udp, min_healthy: 0, check: \
         {{dns: {{name: www.Example., expect: [10.0.0.5, 10.0.0.9]}}}}, servers: [192.168.0.2]}}\n  - \
         {{address: 192.168.0.10:53, min_healthy: 0, check: {{dns: {{name: www.example, transport: tcp}}}}, servers: \
         [192.168.0.3]}}\n"
    ));
    let by_udp = Names::start(&stage.servers[0]);
    let [by_tcp1, by_tcp2] =
        [0, 1].map(|index| Peer::start(&stage.servers[index], 53, SERVES, answer_by_tcp));
    let director = Running::start(&stage.director, &files, &[]);
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);

    by_udp.acts(FAILS);
    wait_for_weights(&mut stage, &[(RS2, 1)]);
    director.wait_for("up -> down (the server answers with rcode servfail, 3/3)");
    let asked = by_tcp1.taken();
    by_udp.acts(TRUNCATES);
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);
    assert!(by_tcp1.taken() > asked);

    by_tcp1.acts(ANOTHER);
    wait_for_weights(&mut stage, &[(RS2, 1)]);
    director.wait_for(
        "the answer by UDP is truncated, and by TCP: the answer is 10.0.0.6, not 10.0.0.5 or 10.0.0.9",
    );
    let why = files.why(&stage.director, "192.168.0.2", &[]);
    let check = "  check dns 192.168.0.2:53 www.example a expect \"10.0.0.5\" or \"10.0.0.9\"\n";
    assert!(why.out.contains(check), "{why:?}");
    by_udp.acts(SERVES);
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);

    drop(by_udp);
    by_tcp2.acts(FAILS);
    wait_for_weights(&mut stage, &[]);
    director.wait_for("UDP 192.168.0.10:53: up -> down (port unreachable, 3/3)");
    let _by_udp = Names::start(&stage.servers[0]);
    by_tcp2.acts(SERVES);
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);
    wait_for("the check by TCP is told", || {
        let why = files.why(&stage.director, "192.168.0.3", &[]);
        let check = "  check dns 192.168.0.3:53 www.example a by tcp\n";
        why.out.contains(check).then_some(())
    });
}
