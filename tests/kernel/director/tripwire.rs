// SPDX-License-Identifier: MIT OR Apache-2.0
//! Connections that are held to servers beside their checks. The next regular probe is always an hour away.

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::thread;
use std::time::Duration;

use lab::tls::{Authority, take};
use lvs_director::control::TripwireStatus;
use tokio_rustls::rustls::{ALL_VERSIONS, ServerConfig};

use super::amqp::{close, method};
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
        (
            "a_tripwire_by_tls_finds_a_server_that_dies_and_bears_one_that_closes_idle_connections",
            by_tls,
        ),
        (
            "the_kernels_word_that_a_neighbour_is_gone_brings_the_probe_of_a_tripwire_once",
            neighbours,
        ),
        (
            "a_link_without_carrier_is_told_at_once_beside_a_tripwire_and_removes_nobody",
            no_carrier,
        ),
        (
            "what_a_broker_says_on_a_tripwire_counts_at_once_and_its_login_is_closed_as_it_should_be",
            says,
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

/// Both servers are up, and a connection is held to each.
fn held() -> (Stage, Files, [Peer; 2], Running) {
    let checks = ["{tripwire: true}", "{tripwire: {counts: failure}}"];
    let (mut stage, files, peers) = set_up(HANGS, checks);
    let director = Running::start(&stage.director, &files, &[]);
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);
    for server in [0, 1] {
        wait_for_wire(&stage, &files, server, |it| it.held_seconds.is_some());
    }
    (stage, files, peers, director)
}

fn dies() {
    let (mut stage, files, [first, second], director) = held();

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
    director.wait_for("real server 192.168.0.3:80 of TCP 192.168.0.10:80: up -> down (the server closed the held connection)");
    assert_eq!(director.count("up -> down"), 1, "{}", director.log());
    assert!(director.stop().success());
}

/// Tells the director's kernel that the neighbour of this server does not answer.
fn lose_neighbour(stage: &Stage, last: u8) {
    let neighbour = format!("192.168.0.{last} dev eth0");
    // First it is known, as if it had answered: the kernel tells a change only.
    let known = format!("neigh replace {neighbour} lladdr 02:00:00:00:00:99 nud stale\n");
    stage.director.ip(&known).unwrap();
    let lost = format!("neigh change {neighbour} nud failed\n");
    stage.director.ip(&lost).unwrap();
}

fn neighbours() {
    let (mut stage, files, [first, second], director) = held();
    // A probe and a held connection each.
    let both = [&first, &second];
    wait_for("the connections are there", || {
        both.iter().all(|it| it.taken() == 2).then_some(())
    });

    lose_neighbour(&stage, 2);
    wait_for("the first server is probed", || {
        (first.taken() == 3).then_some(())
    });
    // It is alive, and stays in. More of the same costs nothing, and neither do strangers.
    for stranger in 100..200 {
        lose_neighbour(&stage, 2);
        lose_neighbour(&stage, stranger);
    }
    lose_neighbour(&stage, 3);
    wait_for("the second server is probed", || {
        (second.taken() == 3).then_some(())
    });
    assert_eq!(first.taken(), 3);
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);
    assert_eq!(director.count("up -> down"), 0, "{}", director.log());
    assert!(director.stop().success());

    // A host that is dead indeed is out, although the next probe is an hour away.
    let director = Running::start(&stage.director, &files, &[]);
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);
    wait_for_wire(&stage, &files, 0, |it| it.held_seconds.is_some());
    stage.servers[0].plug(false).unwrap();
    lose_neighbour(&stage, 2);
    wait_for_weights(&mut stage, &[(RS2, 1)]);
    director.wait_for("real server 192.168.0.2:80 of TCP 192.168.0.10:80: up -> down");
    assert!(director.stop().success());
}

fn no_carrier() {
    let (mut stage, _files, _peers, director) = held();
    stage.director.plug(false).unwrap();
    for server in ["192.168.0.2:80", "192.168.0.3:80"] {
        director.wait_for(&format!(
            "check of real server {server} of TCP 192.168.0.10:80 could not run (1 in a row): eth0 has no carrier"
        ));
    }
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);
    stage.director.plug(true).unwrap();
    assert_eq!(director.count("up -> down"), 0, "{}", director.log());
    assert!(director.stop().success());
}

/// A web server by TLS that closes a connection on which nobody asks, after so many turns of 20 ms, or when it ends.
fn web(stream: TcpStream, config: &Arc<ServerConfig>, turns: u16, ends: &AtomicBool) {
    let _ = stream.set_read_timeout(Some(Duration::from_millis(20)));
    let mut taken = take(config, stream).unwrap();
    let mut left = turns;
    loop {
        match taken.read(&mut [0; 4096]) {
            Ok(1..) => {
                let _ = taken.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock && left > 0 => {
                left -= u16::from(turns != NEVER);
                if !ends.load(Ordering::Relaxed) {
                    continue;
                }
            }
            Ok(0) | Err(_) => {}
        }
        taken.conn.send_close_notify();
        let _ = taken.flush();
        return;
    }
}

/// A web server that keeps idle connections for ever.
const NEVER: u16 = u16::MAX;

fn by_tls() {
    let mut stage = Stage::direct_routing(2, &[VIP.parse().unwrap()]);
    let files = Files::new();
    let authority = Authority::new("the CA of the test").unwrap();
    let ca = files.path("ca.pem");
    fs::write(&ca, authority.pem()).unwrap();
    let identity = authority.sign(&["web.example"], 9).unwrap();
    let config = identity.server(ALL_VERSIONS, None).unwrap();
    let dies = Arc::new(AtomicBool::new(false));
    let [first, _second] = [(0, NEVER), (1, 5)].map(|(index, turns)| {
        let (config, dies) = (Arc::clone(&config), Arc::clone(&dies));
        Peer::start(&stage.servers[index], 8443, CLOSES, move |stream, _| {
            let (config, dies) = (Arc::clone(&config), Arc::clone(&dies));
            thread::spawn(move || web(stream, &config, turns, &dies));
        })
    });
    files.write(&format!(
        "virtual_services:\n  - address: {VIP}\n    scheduler: rr\n    check:\n      \
         https: {{port: 8443, host: web.example, ca_file: {}}}\n      \
         interval: 1h\n      timeout: 30s\n      retry_delay: 1h\n      rise: 1\n      tripwire: true\n    \
         servers: [192.168.0.2, 192.168.0.3]\n",
        ca.display()
    ));
    let director = Running::start(&stage.director, &files, &[]);
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);
    wait_for_wire(&stage, &files, 0, |it| it.held_seconds.is_some());
    wait_for_wire(&stage, &files, 1, |it| it.ended >= 2);
    assert_eq!(director.count("up -> down"), 0, "{}", director.log());

    drop(first);
    dies.store(true, Ordering::Relaxed);
    director.wait_for("real server 192.168.0.2:80 of TCP 192.168.0.10:80: up -> down (connect refused, 3/3), weight 1 -> removed");
    wait_for_weights(&mut stage, &[(RS2, 1)]);
    assert!(director.stop().success());
}

/// What a broker says on its connections.
const NOTHING: u16 = 0;
const BLOCKED: u16 = 1;
const UNBLOCKED: u16 = 2;
const LEAVE: u16 = 3;

/// A broker that lets everybody in, and says on all its connections what the test tells it.
struct Broker {
    peer: Option<Peer>,
    says: Arc<AtomicU16>,
    /// Whether a client has closed a connection that it held, as the protocol has it.
    closed: Arc<AtomicBool>,
}

impl Broker {
    fn start(stage: &Stage, index: usize) -> Self {
        let (says, closed) = (
            Arc::new(AtomicU16::new(NOTHING)),
            Arc::new(AtomicBool::new(false)),
        );
        let (now, ended) = (Arc::clone(&says), Arc::clone(&closed));
        let talk = move |stream, _| {
            let (now, ended) = (Arc::clone(&now), Arc::clone(&ended));
            thread::spawn(move || serve(stream, &now, &ended));
        };
        Self {
            peer: Some(Peer::start(&stage.servers[index], 5673, CLOSES, talk)),
            says,
            closed,
        }
    }

    fn says(&self, what: u16) {
        self.says.store(what, Ordering::Relaxed);
    }
}

/// Lets one client in, and stays with it. It ends with the client.
fn serve(mut stream: TcpStream, says: &AtomicU16, closed: &AtomicBool) {
    let start = method(10, b"\0\x09\0\0\0\0\0\0\0\x05PLAIN\0\0\0\x05en_US");
    let tune = method(30, &[0, 0, 0, 2, 0, 0, 0, 60]);
    let mut bytes = [0; 4096];
    for answer in [start, tune, method(41, &[0])] {
        if !matches!(stream.read(&mut bytes), Ok(1..)) || stream.write_all(&answer).is_err() {
            return;
        }
    }
    let _ = stream.set_read_timeout(Some(Duration::from_millis(20)));
    let mut said = NOTHING;
    loop {
        let says = says.load(Ordering::Relaxed);
        if says != said {
            said = says;
            let _ = stream.write_all(&match says {
                BLOCKED => method(60, b"\x0dlow on memory"),
                UNBLOCKED => method(61, &[]),
                LEAVE => close(320, "CONNECTION_FORCED - shutdown"),
                other => unreachable!("a broker that says {other}"),
            });
        }
        match stream.read(&mut bytes) {
            Ok(0) => return,
            Ok(length) => {
                let goodbye = method(50, b"\0\xc8\x11health check done\0\0\0\0");
                if bytes[..length].ends_with(&goodbye) {
                    closed.store(true, Ordering::Relaxed);
                    let _ = stream.write_all(&method(51, &[]));
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}

fn says() {
    let mut stage = Stage::direct_routing(2, &[VIP.parse().unwrap()]);
    let files = Files::new();
    let password = files.path("password");
    fs::write(&password, "secret\n").unwrap();
    files.write(&format!(
        "virtual_services:\n  - address: {VIP}\n    scheduler: rr\n    \
         check:\n      amqp: {{port: 5673, user: monitor, password_file: {}}}\n      \
         interval: 1h\n      timeout: 30s\n      retry_delay: 1h\n      rise: 1\n      tripwire: true\n    \
         servers: [192.168.0.2, 192.168.0.3]\n",
        password.display()
    ));
    let [mut first, second] = [0, 1].map(|index| Broker::start(&stage, index));
    let director = Running::start(&stage.director, &files, &[]);
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);
    for server in [0, 1] {
        wait_for_wire(&stage, &files, server, |it| it.held_seconds.is_some());
    }
    // The probes have said goodbye before they were a success; from now on only the held logins do.
    for broker in [&first, &second] {
        broker.closed.store(false, Ordering::Relaxed);
    }

    first.says(BLOCKED);
    director.wait_for("check of real server 192.168.0.2:80 of TCP 192.168.0.10:80 warns: the server takes no messages from publishers: low on memory");
    let why = files.why(&stage.director, "192.168.0.2:80", &[]);
    assert!(
        why.out.contains("warning: the server takes no messages"),
        "{why:?}"
    );
    first.says(UNBLOCKED);
    director.wait_for("check of real server 192.168.0.2:80 of TCP 192.168.0.10:80 warns no more");
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);

    first.peer.take();
    first.says(LEAVE);
    wait_for_weights(&mut stage, &[(RS2, 1)]);
    director
        .wait_for("warns: the server asks its clients to leave: 320 CONNECTION_FORCED - shutdown");
    director.wait_for("real server 192.168.0.2:80 of TCP 192.168.0.10:80: up -> down (connect refused, 3/3), weight 1 -> removed");

    assert!(director.stop().success());
    wait_for("the login is closed as it should be", || {
        second.closed.load(Ordering::Relaxed).then_some(())
    });
}
