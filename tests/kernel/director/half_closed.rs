// SPDX-License-Identifier: MIT OR Apache-2.0
//! Drains and connections that one side has closed: a download goes on, and what has ended holds nobody up.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use lab::question::connect;
use lvs_director::model::Protocol;

use super::process::{Files, PROGRAM, QUICK, Running, Said, said, wait_for_weights, weights};
use crate::Test;
use crate::stage::{PATIENCE, Stage, wait_for};

/// A piece of a download comes this often.
const PACE: Duration = Duration::from_millis(100);
/// The download goes on for so long beside the drain: longer than any reading, and longer than ended connections hold it.
const LONG: Duration = Duration::from_secs(25);

pub(super) fn tests() -> Vec<Test> {
    vec![
        (
            "a_drain_breaks_no_half_closed_download_under_direct_routing",
            routed,
        ),
        (
            "a_drain_breaks_no_half_closed_download_under_nat",
            translated,
        ),
        (
            "a_drain_does_not_wait_for_connections_that_have_ended",
            ended,
        ),
    ]
}

fn routed() {
    let vip: SocketAddr = "192.168.0.10:80".parse().unwrap();
    downloaded(vip, "dr");
}

fn translated() {
    let vip: SocketAddr = "10.9.0.10:80".parse().unwrap();
    downloaded(vip, "nat");
}

/// Sends its name without an end to everybody who has said all, until it should stop.
struct Downloads {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<TcpListener>>,
}

impl Downloads {
    fn start(stage: &Stage, port: u16) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let threads = stage.servers.iter().map(|server| {
            let any = IpAddr::from([0, 0, 0, 0]);
            let listener = server.run(|| TcpListener::bind((any, port)).unwrap());
            listener.set_nonblocking(true).unwrap();
            let (stop, name) = (Arc::clone(&stop), server.name().to_owned());
            server.spawn(move || serve(listener, &stop, name.as_bytes()))
        });
        Self {
            threads: threads.collect(),
            stop,
        }
    }

    /// All downloads come to their end. The servers still listen: they pass their checks.
    fn end(self) -> Vec<TcpListener> {
        self.stop.store(true, Ordering::Relaxed);
        let threads = self.threads.into_iter();
        threads.map(|thread| thread.join().unwrap()).collect()
    }
}

fn serve(listener: TcpListener, stop: &AtomicBool, name: &[u8]) -> TcpListener {
    let mut asking: Vec<TcpStream> = Vec::new();
    let mut told: Vec<TcpStream> = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        while let Ok((stream, _)) = listener.accept() {
            stream.set_nonblocking(true).unwrap();
            stream.set_nodelay(true).unwrap();
            asking.push(stream);
        }
        let (said_all, still) = asking.into_iter().partition(|stream: &TcpStream| {
            let mut stream = stream;
            matches!(stream.read(&mut [0; 64]), Ok(0))
        });
        asking = still;
        told.extend::<Vec<TcpStream>>(said_all);
        told.retain_mut(|stream| stream.write_all(name).is_ok());
        sleep(PACE);
    }
    listener
}

fn yaml(vip: SocketAddr, forwarding: &str) -> String {
    format!(
        "defaults: {{{QUICK}}}\nvirtual_services:\n  - {{address: \"{vip}\", scheduler: rr, forwarding: {forwarding}, \
         servers: [192.168.0.2, 192.168.0.3]}}\n"
    )
}

fn set_up(vip: SocketAddr, forwarding: &str) -> (Stage, Files) {
    let (stage, files) = (Stage::new(2), Files::new());
    stage.vip(vip.ip());
    if forwarding == "dr" {
        stage.servers_hold(vip.ip(), "lo");
    }
    files.write(&yaml(vip, forwarding));
    (stage, files)
}

fn order(stage: &Stage, files: &Files, words: &[&str]) -> Said {
    let mut program = Command::new(PROGRAM);
    program
        .args(words)
        .arg("--socket")
        .arg(files.path("socket"));
    said(&stage.director, &mut program)
}

fn downloaded(vip: SocketAddr, forwarding: &str) {
    let (mut stage, files) = set_up(vip, forwarding);
    let downloads = Downloads::start(&stage, vip.port());
    let director = Running::start(&stage.director, &files, &[]);
    wait_for_weights(&mut stage, &[("192.168.0.2:80", 1), ("192.168.0.3:80", 1)]);
    let mut stream = stage.client.run(|| connect(None, vip, PATIENCE).unwrap());
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"GET").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut name = [0; 3];
    stream.read_exact(&mut name).unwrap();
    let (own, other) = match &name {
        b"rs1" => ("192.168.0.2", "192.168.0.3"),
        _ => ("192.168.0.3", "192.168.0.2"),
    };

    let drain = order(&stage, &files, &["drain", own]);
    assert_eq!(drain.code, Some(0), "{drain:?}");
    let end = Instant::now() + LONG;
    while Instant::now() < end {
        stream.read_exact(&mut [0; 3]).unwrap();
    }
    assert_eq!(weights(&mut stage).get(&format!("{own}:80")), Some(&0));
    wait_for("the status says what it waits for", || {
        let status = files.once(&stage.director, "status", &[]);
        stream.read_exact(&mut [0; 3]).unwrap();
        let said = "0 active, 1 closing; packets still flow";
        status.out.contains(said).then_some(())
    });
    let wait = order(&stage, &files, &["drain", own, "--wait", "--timeout", "1"]);
    assert_eq!(wait.code, Some(1), "{wait:?}");
    assert!(wait.out.contains("0 active, 1 closing"), "{wait:?}");
    assert_eq!(director.count("drained ("), 0, "{}", director.log());

    // It ends as its server wants it to. Then the drain is over.
    let _listening = downloads.end();
    stream.read_to_end(&mut Vec::new()).unwrap();
    let wait = order(&stage, &files, &["drain", own, "--wait"]);
    assert_eq!(wait.code, Some(0), "{wait:?}");
    director.wait_for("drained (no connection is ");
    wait_for_weights(&mut stage, &[(&format!("{other}:80"), 1)]);
}

fn ended() {
    let vip: SocketAddr = "192.168.0.10:80".parse().unwrap();
    let (mut stage, files) = set_up(vip, "dr");
    stage.serve_everywhere(Protocol::Tcp, "0.0.0.0:80".parse().unwrap());
    let director = Running::start(&stage.director, &files, &[]);
    wait_for_weights(&mut stage, &[("192.168.0.2:80", 1), ("192.168.0.3:80", 1)]);
    for _ in 0..100 {
        stage.ask(Protocol::Tcp, None, vip);
    }
    let drain = order(&stage, &files, &["drain", "192.168.0.2", "--wait"]);
    assert_eq!(drain.code, Some(0), "{drain:?}");
    assert!(drain.out.contains("0 active, "), "{drain:?}");
    assert!(drain.out.ends_with("\ndrained\n"), "{drain:?}");
    // The kernel remembered some of them for longer.
    let line = director.wait_for("drained (no connection is active after ");
    assert!(line.contains("no packet flows over "), "{line}");
    wait_for_weights(&mut stage, &[("192.168.0.3:80", 1)]);
}
