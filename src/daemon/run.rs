// SPDX-License-Identifier: MIT OR Apache-2.0
//! `director run`: the threads, the signals, the end.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::thread;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc::unbounded_channel, oneshot};
use tokio::task::LocalSet;
use tracing::{debug, error, info, warn};
use tracing_subscriber::filter::LevelFilter;

use super::args::Failure;
use super::clock::Clock;
use super::describe::count;
use super::engine::{Engine, ProbeSender};
use super::event::{Event, ProbeResult};
use super::log;
use super::oneshot::{load, open};
use super::state::OwnedFile;
use crate::control::{ControlSocket, Reply, Request, serve};
use crate::health::{CheckId, ProbeOutcome};
use crate::kernel::{Ipvs, share_one_arena};
use crate::model::Config;
use crate::probe::{self, ProbeRequest};

/// Descriptors kept back from probes: sockets, log, state file, control clients.
const RESERVED_DESCRIPTORS: u64 = 64;
/// Most probes at a time, however many descriptors there are.
const MOST_PROBES: u64 = 16_384;
/// Most results taken together before the kernel is told of what they change.
const MOST_RESULTS: usize = 1024;

/// The command.
pub(super) fn run(path: &Path, release: bool, level: LevelFilter) -> Result<ExitCode, Failure> {
    share_one_arena();
    let log = log::start(level)
        .map_err(|error| Failure::failed(format!("start the log's thread: {error}")))?;
    // By the log: standard error may be a pipe that nobody reads.
    run_until_stopped(path, release).or_else(|failure| {
        log.line(&failure.message);
        Ok(failure.code)
    })
}

fn run_until_stopped(path: &Path, release: bool) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("start the runtime: {error}")))?;
    let signals = {
        let _inside = runtime.enter();
        Signals::listen()
            .map_err(|error| Failure::failed(format!("listen for signals: {error}")))?
    };
    let config = load(path)?;
    let socket = ControlSocket::open(&config.director.socket).map_err(Failure::failed)?;
    let (events, inbox) = channel();
    let (probes, requests) = unbounded_channel();
    let probe: ProbeSender = Box::new(move |id, kind, timeout| {
        // Nobody listens any more once the director ends.
        let _ = probes.send(ProbeRequest { id, kind, timeout });
    });
    let clock = Clock::start();
    let engine = start_engine(config, clock, probe, inbox, release)?;
    let outside = Outside {
        events: events.clone(),
        path: path.to_owned(),
        socket,
    };
    let report = {
        let events = events.clone();
        move |id: CheckId, outcome: ProbeOutcome| {
            let at = clock.now();
            // The engine may have ended by itself.
            let _ = events.send(Event::Probed(ProbeResult { id, outcome, at }));
        }
    };
    LocalSet::new().block_on(&runtime, async {
        tokio::select! {
            () = probe::run(requests, probes_at_once(), report) => {}
            () = outside.heed(signals) => {}
            () = outside.control() => {}
        }
    });
    // The engine may have ended by itself, with nobody left to tell.
    let _ = events.send(Event::Stop);
    engine
        .join()
        .map_err(|_| Failure::failed("the engine ended by a defect; this is a bug"))
}

/// The signals we heed. One that comes while the director starts is heeded afterwards.
struct Signals {
    hangup: Signal,
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }
}

/// The side that faces the world.
struct Outside {
    events: Sender<Event>,
    path: PathBuf,
    socket: ControlSocket,
}

impl Outside {
    /// Returns when the director is to end.
    async fn heed(&self, mut signals: Signals) {
        loop {
            tokio::select! {
                _ = signals.hangup.recv() => self.reload(),
                _ = signals.interrupt.recv() => return,
                _ = signals.terminate.recv() => return,
            }
        }
    }

    /// Reads the file on a thread of its own, so that a large one delays neither checks nor signals.
    fn reload(&self) {
        let (events, path) = (self.events.clone(), self.path.clone());
        let read = move || {
            let event = match load(&path) {
                Ok(config) => Event::Reload(Box::new(config)),
                Err(failure) => Event::ReloadRefused(failure.message),
            };
            // The director may be ending meanwhile.
            let _ = events.send(event);
        };
        if let Err(error) = thread::Builder::new().name("reload".to_owned()).spawn(read) {
            error!("reload: start a thread: {error}; the running configuration stays");
        }
    }

    async fn control(&self) {
        let events = self.events.clone();
        serve(&self.socket, move |request| {
            let events = events.clone();
            async move {
                let Request::Status = request;
                let (answer, status) = oneshot::channel();
                // Either way the client gets an answer: a sender that is gone shows below.
                let _ = events.send(Event::Status(answer));
                match status.await {
                    Ok(status) => Reply::Status(status),
                    Err(_) => Reply::Error("the director is ending".to_owned()),
                }
            }
        })
        .await;
    }
}

/// Starts the engine on its own thread and waits until it has made the kernel right for the first time.
fn start_engine(
    config: Config,
    clock: Clock,
    probe: ProbeSender,
    inbox: Receiver<Event>,
    release: bool,
) -> Result<thread::JoinHandle<ExitCode>, Failure> {
    let (started, outcome) = channel();
    let run = move || {
        let engine = open().and_then(|ipvs| {
            let state = OwnedFile::open(&config.director.state_file).map_err(Failure::failed)?;
            let seed = u64::from(std::process::id());
            Engine::start(ipvs, config, state, probe, seed, clock.now()).map_err(Failure::failed)
        });
        match engine {
            Ok(engine) => {
                // The main thread waits for this, or is gone with the whole process.
                let _ = started.send(Ok(()));
                drive(engine, &clock, &inbox, release)
            }
            Err(failure) => {
                let _ = started.send(Err(failure));
                ExitCode::FAILURE
            }
        }
    };
    let thread = thread::Builder::new()
        .name("engine".to_owned())
        .spawn(run)
        .map_err(|error| Failure::failed(format!("start the engine's thread: {error}")))?;
    match outcome.recv() {
        Ok(Ok(())) => Ok(thread),
        Ok(Err(failure)) => Err(failure),
        Err(_) => Err(Failure::failed(
            "the engine ended by a defect; this is a bug",
        )),
    }
}

/// The engine's loop: one event at a time, and what is due in between.
fn drive(
    mut engine: Engine<Ipvs>,
    clock: &Clock,
    inbox: &Receiver<Event>,
    release: bool,
) -> ExitCode {
    let mut next = None;
    loop {
        let event = match next.take() {
            Some(event) => Some(event),
            None => wait(&engine, clock, inbox),
        };
        match event {
            None => engine.tick(clock.now()),
            Some(Event::Probed(result)) => {
                let (results, other) = drain_results(result, inbox);
                if let Some(since) = engine.probed(clock.now(), results) {
                    let delay = clock.now().since(since);
                    debug!(
                        "verdict in the kernel {} us after the probe",
                        delay.as_micros()
                    );
                    engine.verdict_delay.note(delay);
                }
                next = other;
                // A flood of results must not put off the probes that are due.
                engine.tick(clock.now());
            }
            Some(Event::Reload(config)) => engine.reload(clock.now(), *config),
            Some(Event::ReloadRefused(why)) => engine.reload_refused(why),
            Some(Event::Status(answer)) => {
                // A client that has gone away needs no answer.
                let _ = answer.send(engine.status(clock.now()));
            }
            Some(Event::Stop) => return end(&mut engine, release),
        }
    }
}

/// The next event; `None` when a deadline comes first, or there is reading back to go on with.
fn wait(engine: &Engine<Ipvs>, clock: &Clock, inbox: &Receiver<Event>) -> Option<Event> {
    let patience = if engine.is_reading_back() {
        Duration::ZERO
    } else {
        engine.deadline().since(clock.now())
    };
    match inbox.recv_timeout(patience) {
        Ok(event) => Some(event),
        Err(RecvTimeoutError::Timeout) => None,
        Err(RecvTimeoutError::Disconnected) => Some(Event::Stop),
    }
}

/// All results that are there already, up to the first event of another kind, which comes next.
fn drain_results(first: ProbeResult, inbox: &Receiver<Event>) -> (Vec<ProbeResult>, Option<Event>) {
    let mut results = vec![first];
    while results.len() < MOST_RESULTS {
        match inbox.try_recv() {
            Ok(Event::Probed(result)) => results.push(result),
            Ok(other) => return (results, Some(other)),
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
        }
    }
    (results, None)
}

fn end(engine: &mut Engine<Ipvs>, release: bool) -> ExitCode {
    if !release {
        info!(
            "stopped; the kernel goes on forwarding with {}",
            count(engine.observed.services.len(), "virtual service")
        );
        return ExitCode::SUCCESS;
    }
    match engine.release() {
        Ok(outcome) if outcome.is_complete() => {
            info!(
                "stopped; removed {}",
                count(outcome.done, "virtual service")
            );
            ExitCode::SUCCESS
        }
        Ok(outcome) => {
            outcome
                .failures
                .iter()
                .for_each(|failure| error!("{failure}"));
            ExitCode::FAILURE
        }
        Err(error) => {
            error!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// As many probes at a time as there are descriptors for, of which as many are asked for as may be.
fn probes_at_once() -> usize {
    let limit = match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok((soft, hard))
            if soft < hard && setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok() =>
        {
            hard
        }
        Ok((soft, _)) => soft,
        Err(errno) => {
            warn!("read the limit of open files: {errno}; probing 512 servers at a time");
            512 + RESERVED_DESCRIPTORS
        }
    };
    let probes = limit
        .saturating_sub(RESERVED_DESCRIPTORS)
        .clamp(16, MOST_PROBES);
    usize::try_from(probes).unwrap_or(16)
}
