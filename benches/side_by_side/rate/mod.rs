// SPDX-License-Identifier: MIT OR Apache-2.0
//! How many checks a second one processor core makes: the director beside HAProxy, natively, on the same core.
//!
//! The servers run on another core. They count the requests that they answered; TCP checks are counted by the kernel
//! as connections that were opened, because HAProxy resets a connection before the server takes it. Of the director its
//! engine and its probes are measured ([`checker`]). Each program has more checks to make than it can, so its core has
//! no rest. Where it has, because something else runs there, checks for each second of processor time still tell.

#![allow(
    clippy::disallowed_methods,
    reason = "measuring time is what this file is for"
)]

pub(crate) mod checker;
mod haproxy;

pub(crate) use self::haproxy::asks;

use std::fmt::Write as _;
use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

use crate::answer::{Protocol, answer, listener};
use crate::daemon::Running;
use crate::figure::Figure;
use crate::usage::{processes, processor_time};

/// How many servers each program checks.
const SERVERS: u32 = 4000;
/// How often, in milliseconds.
const INTERVAL: u32 = 50;
/// How many checks the director may make at a time.
const DESCRIPTORS: usize = 8192;
/// How long a program runs before it is measured.
const WARM: Duration = Duration::from_secs(2);
/// How long is measured.
const WINDOW: Duration = Duration::from_secs(5);
/// How often each program is measured, turn and turn about. The fastest counts: what else the machine does can only
/// slow it down.
const ROUNDS: usize = 3;

/// Everything, line by line.
pub(crate) fn run(directory: &Path) -> Result<Vec<Figure>> {
    let stage = Stage::set(directory)?;
    let mut figures = vec![Figure::new(
        format!("checks each second on one core, {SERVERS} servers every {INTERVAL} ms"),
        &[&"director", &"HAProxy"],
    )];
    for protocol in Protocol::ALL {
        let mut best = [Rate::default(), Rate::default()];
        let servers = stage.servers(protocol)?;
        for _ in 0..ROUNDS {
            for (best, command) in best.iter_mut().zip(stage.commands(protocol, servers.port)?) {
                let rate = stage.rate(command, &servers)?;
                *best = if rate.checks > best.checks {
                    rate
                } else {
                    *best
                };
            }
        }
        figures.extend(lines(protocol, best));
    }
    Ok(figures)
}

/// How fast a program was.
#[derive(Clone, Copy, Default)]
struct Rate {
    /// Checks each second.
    checks: f64,
    /// The share of its core that it used.
    core: f64,
}

fn lines(protocol: Protocol, [ours, theirs]: [Rate; 2]) -> [Figure; 2] {
    let checks = |rate: Rate| format!("{:.0} ({:.0} %)", rate.checks, rate.core * 100.0);
    let of_time = |rate: Rate| format!("{:.0}", rate.checks / rate.core);
    let goal = ours.checks >= theirs.checks;
    [
        Figure::new(
            format!("{} checks each second (of the core)", protocol.word()),
            &[&checks(ours), &checks(theirs)],
        )
        .goal(">= HAProxy's", goal),
        Figure::new(
            "  for each second of processor time",
            &[&of_time(ours), &of_time(theirs)],
        ),
    ]
}

/// Where the programs run, and their files.
struct Stage {
    directory: PathBuf,
    /// The core of the program that checks.
    checker: usize,
    /// The servers' core.
    servers: usize,
}

/// Servers of one protocol at all addresses of `lo`.
struct Servers {
    protocol: Protocol,
    port: u16,
    answered: Arc<AtomicU64>,
}

impl Servers {
    /// How many checks there were.
    fn checks(&self) -> Result<u64> {
        match self.protocol {
            Protocol::Tcp => opened(),
            Protocol::Http | Protocol::Amqp => Ok(self.answered.load(Ordering::Relaxed)),
        }
    }
}

/// How many connections have been opened from here. Source: `ActiveOpens` of RFC 1213.
fn opened() -> Result<u64> {
    let text = fs::read_to_string("/proc/self/net/snmp")?;
    let mut rows = text.lines().filter_map(|line| line.strip_prefix("Tcp: "));
    let columns = rows.next().zip(rows.next());
    let (names, figures) = columns.context("no figures of TCP")?;
    let mut columns = names.split(' ').zip(figures.split(' '));
    let opened = columns.find(|(name, _)| *name == "ActiveOpens");
    Ok(opened.context("no ActiveOpens")?.1.parse()?)
}

impl Stage {
    fn set(directory: &Path) -> Result<Self> {
        let mine = sched_getaffinity(Pid::from_raw(0))?;
        let cores: Vec<usize> = (0..CpuSet::count())
            .filter(|core| mine.is_set(*core).unwrap_or_default())
            .collect();
        let (first, last) = (cores.first().copied(), cores.last().copied());
        ensure!(
            first != last,
            "one core for the checks and one for the servers: this machine has fewer"
        );
        let cores = first.zip(last);
        let (checker, servers) = cores.context("this process may run on no core")?;
        let directory = directory.to_owned();
        Ok(Self {
            directory,
            checker,
            servers,
        })
    }

    fn servers(&self, protocol: Protocol) -> Result<Servers> {
        let listener = listener(0, Some("lo"))?;
        let port = listener.local_addr()?.port();
        let answered = on(self.servers, || answer(listener, protocol))?;
        Ok(Servers {
            protocol,
            port,
            answered,
        })
    }

    /// The director's and HAProxy's.
    fn commands(&self, protocol: Protocol, port: u16) -> Result<[Command; 2]> {
        let file = |name: &str, text: String| {
            let file = self.directory.join(name);
            fs::write(&file, text)?;
            anyhow::Ok(file)
        };
        let mut director = Command::new(std::env::current_exe()?);
        director.arg(checker::ARGUMENT);
        director.arg(file("rate.yaml", for_director(protocol, port))?);
        let mut haproxy = Command::new("haproxy");
        let socket = self.directory.join("haproxy.sock");
        let text = haproxy::configuration(&socket, protocol, port);
        haproxy.arg("-db").arg("-f").arg(file("rate.cfg", text)?);
        Ok([director, haproxy])
    }

    fn rate(&self, mut command: Command, servers: &Servers) -> Result<Rate> {
        let log = self.directory.join("rate.log");
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(File::create(&log)?);
        let child = on(self.checker, || command.spawn());
        let mut child = Running(child.with_context(|| format!("run {command:?}"))?);
        thread::sleep(WARM);
        let pids = processes(child.0.id())?;
        let now = || anyhow::Ok((servers.checks()?, processor_time(&pids)?));
        let (begin, before) = (Instant::now(), now()?);
        thread::sleep(WINDOW);
        let (time, after) = (begin.elapsed().as_secs_f64(), now()?);
        let ended = child.0.try_wait()?;
        ensure!(
            ended.is_none(),
            "{command:?} ended: {}",
            fs::read_to_string(&log)?
        );
        let checks = u32::try_from(after.0 - before.0)?;
        Ok(Rate {
            checks: f64::from(checks) / time,
            core: after.1.saturating_sub(before.1).as_secs_f64() / time,
        })
    }
}

/// A server's address: all of 127/8 is this host.
fn address(server: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(Ipv4Addr::new(127, 1, 0, 0).to_bits() + 1 + server)
}

fn for_director(protocol: Protocol, port: u16) -> String {
    let mut text = format!(
        "defaults: {{check: {{{}: {{}}, interval: {INTERVAL}ms, retry_delay: {INTERVAL}ms}}}}\n\
         virtual_services:\n  - address: 192.0.2.10:{port}\n    servers:\n",
        protocol.word()
    );
    for server in 0..SERVERS {
        let _ = writeln!(text, "      - {}", address(server));
    }
    text
}

/// Runs this on one core only; what it starts runs there, too.
fn on<T: Send>(core: usize, work: impl FnOnce() -> T + Send) -> T {
    let there = || {
        let mut cores = CpuSet::new();
        let pinned = cores.set(core);
        let pinned = pinned.and_then(|()| sched_setaffinity(Pid::from_raw(0), &cores));
        assert_eq!(pinned, Ok(()), "run on core {core}");
        work()
    };
    match thread::scope(|scope| scope.spawn(there).join()) {
        Ok(value) => value,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}
