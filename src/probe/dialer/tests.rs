// SPDX-License-Identifier: MIT OR Apache-2.0
//! TCP probes of servers that listen, refuse, are silent, and answer late.

#![allow(
    clippy::disallowed_methods,
    reason = "a test of real connections reads the clock"
)]

use std::io::Read as _;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::task::{LocalSet, spawn_local};

use super::*;
use crate::model::ProbeOutcome;

type Reports = Rc<RefCell<Vec<(u64, ProbeReport)>>>;

/// Dials in rounds, each when the one before has ended, and returns what was reported.
struct Office {
    runtime: tokio::runtime::Runtime,
    local: LocalSet,
    began: Instant,
}

impl Office {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        Self {
            runtime,
            local: LocalSet::new(),
            began: Instant::now(),
        }
    }

    fn dial(&self, rounds: &[&[SocketAddr]], timeout: Duration) -> Vec<(u64, ProbeReport)> {
        let reports = Reports::default();
        let began = self.began;
        let clock = move || Timestamp::after_start(began.elapsed());
        let work = async {
            let dialer = Rc::new(Dialer::new(clock).unwrap());
            let serving = Rc::clone(&dialer);
            let serving = spawn_local(async move { serving.serve().await });
            let running = Rc::new(());
            let turns = Arc::new(Semaphore::new(1000));
            let mut number = 0;
            for round in rounds {
                for at in *round {
                    let reports = Rc::clone(&reports);
                    let report = move |run: RunId, report| {
                        reports.borrow_mut().push((run.run, report));
                    };
                    let check = serde_json::from_str("1").unwrap();
                    let run = RunId { check, run: number };
                    number += 1;
                    let run = OpenRun::new(run, clock(), clock, report, &running);
                    let turn = Arc::clone(&turns).try_acquire_owned().unwrap();
                    let (at, end) = (*at, run.started() + timeout);
                    dialer.dial(Call { at, end, run, turn });
                }
                drop(turns.acquire_many(1000).await.unwrap());
            }
            dialer.close();
            serving.await.unwrap();
        };
        self.local.block_on(&self.runtime, work);
        let mut reports = reports.take();
        reports.sort_by_key(|(number, _)| *number);
        reports
    }
}

fn server(address: &str) -> (TcpListener, SocketAddr) {
    let server = TcpListener::bind(address).unwrap();
    let at = server.local_addr().unwrap();
    (server, at)
}

/// A server that drops what comes, and what keeps it so.
fn silent() -> (
    tokio::net::TcpListener,
    SocketAddr,
    Vec<std::net::TcpStream>,
) {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let server = socket.listen(1).unwrap();
    let at = server.local_addr().unwrap();
    let full = (0..2).map(|_| std::net::TcpStream::connect(at).unwrap());
    let full = full.collect();
    (server, at, full)
}

fn said(reports: &[(u64, ProbeReport)]) -> Vec<(ProbeOutcome, &str)> {
    let said = reports.iter().map(|(_, it)| (it.outcome, &*it.reason));
    said.collect()
}

const PATIENCE: Duration = Duration::from_secs(30);
const UP: (ProbeOutcome, &str) = (ProbeOutcome::Up(None), "");
const REFUSED: (ProbeOutcome, &str) = (ProbeOutcome::Refused, "connect refused");
const SILENT: (ProbeOutcome, &str) = (ProbeOutcome::Silent, "connect timed out");

#[test]
fn each_server_is_told_from_the_others_on_sockets_that_are_used_again() {
    let (_first, up) = server("127.0.0.1:0");
    let (_second, up6) = server("[::1]:0");
    let (gone, down) = server("127.0.0.2:0");
    drop(gone);
    let round = [up, down, up6, up];
    let reports = Office::new().dial(&[&round, &round, &round], PATIENCE);
    let expected = [UP, REFUSED, UP, UP];
    assert_eq!(said(&reports), [expected, expected, expected].concat());
}

#[test]
fn each_connection_is_reset() {
    let (server, at) = server("127.0.0.1:0");
    let reports = Office::new().dial(&[&[at], &[at]], PATIENCE);
    assert_eq!(said(&reports), [UP, UP]);
    for _ in 0..2 {
        let (mut client, _) = server.accept().unwrap();
        let end = client.read(&mut [0]).map_err(|error| error.kind());
        assert_eq!(end, Err(io::ErrorKind::ConnectionReset));
    }
}

#[test]
fn a_silent_server_ends_when_its_time_does_and_delays_nobody() {
    let office = Office::new();
    let _inside = office.runtime.enter();
    let (_first, up) = server("127.0.0.1:0");
    let (_server, at, _full) = silent();
    // The socket of the first round is used again.
    let rounds: [&[SocketAddr]; 3] = [&[up], &[at, up], &[at]];
    // Long enough that a busy machine does not make the end late.
    let timeout = Duration::from_secs(2);
    let reports = office.dial(&rounds, timeout);
    assert_eq!(said(&reports), [UP, SILENT, UP, SILENT]);
    for (number, report) in reports {
        let waited = report.latency >= timeout;
        assert_eq!(waited, report.outcome == ProbeOutcome::Silent, "{number}");
    }
}

#[test]
fn when_this_host_hangs_silence_says_nothing_and_an_answer_is_still_heard() {
    let office = Office::new();
    let _inside = office.runtime.enter();
    let (_first, up) = server("127.0.0.1:0");
    let (_server, at, _full) = silent();
    // It runs when the calls have begun.
    office.local.spawn_local(async {
        std::thread::sleep(Duration::from_millis(700));
    });
    let reports = office.dial(&[&[at, up, up, up]], Duration::from_millis(100));
    let said = said(&reports);
    assert_eq!(said[1..], [UP, UP, UP]);
    assert_eq!(said[0].0, ProbeOutcome::CouldNotRun, "{said:?}");
    assert!(said[0].1.starts_with("this host was busy"), "{said:?}");
}

#[test]
fn a_server_that_answers_late_is_waited_for() {
    let office = Office::new();
    let _inside = office.runtime.enter();
    let (server, at, full) = silent();
    office.local.spawn_local(async move {
        for _ in &full {
            server.accept().await.unwrap();
        }
        // The kernel has dropped the first packet, and repeats it after a second.
        tokio::time::sleep(PATIENCE).await;
    });
    assert_eq!(said(&office.dial(&[&[at]], PATIENCE)), [UP]);
}

#[test]
fn a_probe_that_ends_sooner_does_not_wait_for_one_that_ends_later() {
    let office = Office::new();
    let _inside = office.runtime.enter();
    let (_server, at, _full) = silent();
    let began = office.began;
    let clock = move || Timestamp::after_start(began.elapsed());
    let reports = Reports::default();
    let into = Rc::clone(&reports);
    office.local.block_on(&office.runtime, async move {
        let dialer = Rc::new(Dialer::new(clock).unwrap());
        let serving = Rc::clone(&dialer);
        spawn_local(async move { serving.serve().await });
        let running = Rc::new(());
        let turns = Arc::new(Semaphore::new(2));
        for (number, seconds) in [(0, 3600), (1, 0)] {
            let into = Rc::clone(&into);
            let report = move |run: RunId, it| into.borrow_mut().push((run.run, it));
            let check = serde_json::from_str("1").unwrap();
            let run = RunId { check, run: number };
            let run = OpenRun::new(run, clock(), clock, report, &running);
            let turn = Arc::clone(&turns).try_acquire_owned().unwrap();
            let end = run.started() + Duration::from_secs(seconds);
            dialer.dial(Call { at, end, run, turn });
            tokio::task::yield_now().await;
        }
        drop(turns.acquire().await.unwrap());
    });
    // On a busy machine the end is late.
    let outcomes: Vec<_> = said(&reports.take()).iter().map(|it| it.0).collect();
    let expected = [[ProbeOutcome::Silent], [ProbeOutcome::CouldNotRun]];
    assert!(
        expected.iter().any(|it| *it == outcomes[..]),
        "{outcomes:?}"
    );
}

#[test]
fn the_sockets_that_are_kept_are_few() {
    let (_server, at) = server("127.0.0.1:0");
    let office = Office::new();
    let descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let before = descriptors();
    let many = [at; 4 * MOST_IDLE];
    assert_eq!(said(&office.dial(&[&many], PATIENCE)), [UP; 4 * MOST_IDLE]);
    // Other tests of this process open files meanwhile; a leak would have kept them all.
    assert!(descriptors() < before + 4 * MOST_IDLE);
}
