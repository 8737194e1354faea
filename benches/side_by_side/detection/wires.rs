// SPDX-License-Identifier: MIT OR Apache-2.0
//! How soon a server is out whose held connection ends (`tripwire`), with a minute between the probes. No other program
//! of this bench holds connections.

#![allow(
    clippy::disallowed_methods,
    reason = "measuring time is what this file is for"
)]

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use lab::netns::{Host, Net};
use lvs_director::kernel::Ipvs;
use lvs_director::model::ServiceKey;
use lvs_director::plan::Target as _;
use nix::sys::socket::{setsockopt, sockopt};

use super::wait_until;
use crate::answer::AMQP_START;
use crate::daemon::{PATIENCE, Running};
use crate::figure::{Figure, quantile};
use crate::measure::DIRECTOR;

const RUNS: usize = 10;
const GOAL: Duration = Duration::from_millis(20);
/// The time between two looks at the kernel's table: a figure may be this much too large.
const LOOK: Duration = Duration::from_millis(1);
/// A connection that is open after this time is held.
const SETTLED: Duration = Duration::from_millis(500);
/// The service, its server that fails, and one that stays.
const SERVICE: &str = "10.0.0.1:5672";
const FAILS: &str = "192.168.0.2";
const STAYS: &str = "192.168.0.3";
const PORT: u16 = 5673;

/// `Connection.Tune`, `Connection.Open-Ok`, `Connection.Close-Ok` and `Connection.Close` with reply code 320.
const TUNE: &[u8] = b"\x01\0\0\0\0\0\x0c\0\x0a\0\x1e\0\0\0\x02\0\0\0\x3c\xce";
const OPEN_OK: &[u8] = b"\x01\0\0\0\0\0\x05\0\x0a\0\x29\0\xce";
const CLOSE_OK: &[u8] = b"\x01\0\0\0\0\0\x04\0\x0a\0\x33\xce";
const FORCED: &[u8] = b"\x01\0\0\0\0\0\x1c\0\x0a\0\x32\x01\x40\x11CONNECTION_FORCED\0\0\0\0\xce";

/// How the server ends its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Closed,
    Reset,
    Forced,
}

impl End {
    const ALL: [Self; 3] = [Self::Closed, Self::Reset, Self::Forced];

    const fn words(self) -> &'static str {
        match self {
            Self::Closed => "closed (FIN), tcp",
            Self::Reset => "reset (RST), tcp",
            Self::Forced => "connection.close 320, amqp",
        }
    }

    const fn by_amqp(self) -> bool {
        match self {
            Self::Closed | Self::Reset => false,
            Self::Forced => true,
        }
    }

    fn end(self, mut stream: TcpStream) {
        match self {
            Self::Closed => {}
            Self::Reset => {
                let linger = libc::linger {
                    l_onoff: 1,
                    l_linger: 0,
                };
                let _ = setsockopt(&stream, sockopt::Linger, &linger);
            }
            Self::Forced => {
                let _ = stream.write_all(FORCED);
                // Like a broker, it ends the connection when the other side has answered.
                thread::spawn(move || drop(stream.read(&mut [0; 64])));
            }
        }
    }
}

/// The connections of a server that are open.
type Held = Arc<Mutex<Vec<TcpStream>>>;

/// A server that keeps its connections, until it is told to end.
struct Server {
    held: Held,
    end: Sender<End>,
    thread: JoinHandle<Instant>,
}

impl Server {
    fn start(host: &Host, amqp: bool) -> Result<Self> {
        let listener = host.run(|| TcpListener::bind(("0.0.0.0", PORT)))?;
        listener.set_nonblocking(true)?;
        let held = Held::default();
        let keeps = Arc::clone(&held);
        let (end, ends) = channel();
        let thread = thread::spawn(move || serve(listener, amqp, &keeps, &ends));
        Ok(Self { held, end, thread })
    }

    /// How many connections are open.
    fn holds(&self) -> usize {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|stream| match stream.peek(&mut [0; 1]) {
            Ok(0) => false,
            Ok(_) => true,
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        });
        held.len()
    }

    /// Takes no more connections, and ends those that are open. Returns when.
    fn end(self, how: End) -> Result<Instant> {
        self.end.send(how)?;
        let ended = self.thread.join();
        ended.map_err(|_| anyhow!("a server has ended by a defect"))
    }
}

fn serve(listener: TcpListener, amqp: bool, held: &Held, ends: &Receiver<End>) -> Instant {
    let how = loop {
        match ends.recv_timeout(Duration::from_millis(10)) {
            Ok(how) => break how,
            Err(RecvTimeoutError::Disconnected) => break End::Closed,
            Err(RecvTimeoutError::Timeout) => {}
        }
        while let Ok((stream, _)) = listener.accept() {
            if !amqp {
                let _ = stream.set_nonblocking(true);
                let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
                held.push(stream);
                continue;
            }
            let held = Arc::clone(held);
            thread::spawn(move || let_in(stream, &held));
        }
    };
    drop(listener);
    let streams = std::mem::take(&mut *held.lock().unwrap_or_else(PoisonError::into_inner));
    let ended = Instant::now();
    for stream in streams {
        let _ = stream.set_nonblocking(false);
        how.end(stream);
    }
    ended
}

/// A broker's part of a login. A connection that says goodbye is answered; one that says nothing more is held.
fn let_in(mut stream: TcpStream, held: &Held) {
    let _ = stream.set_nonblocking(false);
    let mut bytes = [0; 4096];
    for answer in [AMQP_START, TUNE, OPEN_OK] {
        if !matches!(stream.read(&mut bytes), Ok(1..)) || stream.write_all(answer).is_err() {
            return;
        }
    }
    // The goodbye of a probe comes at once.
    let _ = stream.set_read_timeout(Some(SETTLED));
    match stream.read(&mut bytes) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => {
            let _ = stream.set_nonblocking(true);
            let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
            held.push(stream);
        }
        Ok(_) => drop(stream.write_all(CLOSE_OK)),
        Err(_) => {}
    }
}

/// A line for each end.
pub(super) fn run(directory: &Path) -> Result<Vec<Figure>> {
    let net = Net::new()?;
    let host = |name, address: &str| net.host(name, &[&format!("{address}/24")]);
    let director = host("director", "192.168.0.11")?;
    let (fails, stays) = (host("fails", FAILS)?, host("stays", STAYS)?);
    fs::write(directory.join("password"), "secret\n")?;
    let mut figures = vec![Figure::new(
        format!(
            "with a tripwire, from the end of the connection until the server is out, every 60 s, {RUNS} runs: median (range)"
        ),
        &[&"director"],
    )];
    for end in End::ALL {
        let steady = Server::start(&stays, end.by_amqp())?;
        let running = start(&director, directory, end)?;
        let mut times = Vec::new();
        for _ in 0..RUNS {
            times.push(once(&director, &fails, end)?);
        }
        drop(running);
        // Its port is free when it has ended.
        steady.end(End::Closed)?;
        times.sort_unstable();
        let median = quantile(&mut times.clone(), 50);
        let (first, last) = (times.first().copied(), times.last().copied());
        let [first, median_ms, last] =
            [first.unwrap_or_default(), median, last.unwrap_or_default()]
                .map(|it| it.as_secs_f64() * 1000.0);
        let cell = format!("{median_ms:.1} ms ({first:.1}-{last:.1})");
        let line = Figure::new(format!("  {}", end.words()), &[&cell]);
        figures.push(line.goal("20 ms", median <= GOAL));
    }
    Ok(figures)
}

/// Starts the server, waits until the director holds a connection to it, and ends that.
fn once(director: &Host, fails: &Host, end: End) -> Result<Duration> {
    let server = Server::start(fails, end.by_amqp())?;
    let mut ipvs = director.run(Ipvs::open)?;
    let service: ServiceKey = format!("TCP {SERVICE}")
        .parse()
        .map_err(|_| anyhow!("no service"))?;
    let mut is_in = || -> Result<bool> {
        let found = ipvs.read_service(&service)?;
        let servers = found.iter().flat_map(|it| it.servers.keys());
        let mut addresses = servers.map(|key| key.address.to_string());
        Ok(addresses.any(|it| it == FAILS))
    };
    let mut settled = None;
    wait_until("a connection is held", PATIENCE, || {
        // One that stays is the tripwire's.
        let held = is_in().unwrap_or(false) && server.holds() == 1;
        let since = *settled.get_or_insert_with(Instant::now);
        if !held {
            settled = None;
        }
        held && since.elapsed() > SETTLED
    })?;
    let ended = server.end(end)?;
    let deadline = ended + PATIENCE;
    while is_in()? && Instant::now() < deadline {
        thread::sleep(LOOK);
    }
    Ok(ended.elapsed())
}

fn start(host: &Host, directory: &Path, end: End) -> Result<Running> {
    for name in ["state.json", "remembered.json"] {
        let _ = fs::remove_file(directory.join(name));
    }
    let path = directory.display();
    let check = if end.by_amqp() {
        format!("amqp: {{port: {PORT}, user: monitor, password_file: {path}/password}}")
    } else {
        format!("tcp: {{port: {PORT}}}")
    };
    let text = format!(
        "director: {{state_file: {path}/state.json, socket: {path}/director.sock}}\n\
         virtual_services:\n  - address: {SERVICE}\n    scheduler: rr\n    check:\n      {check}\n      \
         interval: 60s\n      down_interval: 500ms\n      rise: 1\n      tripwire: true\n    servers: [{FAILS}, {STAYS}]\n"
    );
    let file = directory.join("wires.yaml");
    fs::write(&file, text)?;
    let log = File::create(directory.join("wires.yaml.log"))?;
    let mut program = Command::new(DIRECTOR);
    program.arg("run").arg(file).stdin(Stdio::null());
    program.stdout(log.try_clone()?).stderr(log);
    host.adopt(&mut program);
    let child = program.spawn();
    Ok(Running(child.context("run the director")?))
}
