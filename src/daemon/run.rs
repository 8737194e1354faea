// SPDX-License-Identifier: MIT OR Apache-2.0
//! `director run`: the threads, the signals, the end.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::thread;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::unbounded_channel;
use tokio::task::LocalSet;
use tracing::{debug, error, info, warn};
use tracing_subscriber::filter::LevelFilter;

use super::args::Failure;
use super::clock::Clock;
use super::describe::count;
use super::desk::{self, Desk};
use super::engine::{Engine, ProbeSender};
use super::event::{Event, ProbeResult};
use super::log;
use super::oneshot::{load, open};
use super::published::Published;
use super::state::StateFile;
use crate::control::ControlSocket;
use crate::engine::{Counters, History, ReloadId, Reloads, ServerView, ServiceView, Snapshot};
use crate::health::{CheckId, ProbeOutcome, Verdict};
use crate::kernel::{Ipvs, share_one_arena};
use crate::model::{Config, Standing, Timestamp};
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
    log::start(level);
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
    let published = Arc::new(Published::default());
    let engine = start_engine(config, clock, probe, inbox, release, Arc::clone(&published))?;
    let outside = Outside {
        events: events.clone(),
        path: path.to_owned(),
        reloads: AtomicU64::new(0),
    };
    let outside = Arc::new(outside);
    let desk = {
        let outside = Arc::clone(&outside);
        Desk {
            published,
            reload: Box::new(move || outside.reload()),
            clock,
            path: path.to_owned(),
        }
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
            () = desk::serve(&socket, desk) => {}
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
    reloads: AtomicU64,
}

impl Outside {
    /// Returns when the director is to end.
    async fn heed(&self, mut signals: Signals) {
        loop {
            tokio::select! {
                _ = signals.hangup.recv() => { self.reload(); }
                _ = signals.interrupt.recv() => return,
                _ = signals.terminate.recv() => return,
            }
        }
    }

    /// Reads the file on a thread of its own, so that a large one delays neither checks nor signals.
    fn reload(&self) -> ReloadId {
        let id = ReloadId(self.reloads.fetch_add(1, Ordering::Relaxed) + 1);
        let (events, path) = (self.events.clone(), self.path.clone());
        let read = move || {
            let event = match load(&path) {
                Ok(config) => Event::Reload(id, Box::new(config)),
                Err(failure) => Event::ReloadRefused(id, failure.message),
            };
            // The director may be ending meanwhile.
            let _ = events.send(event);
        };
        if let Err(error) = thread::Builder::new().name("reload".to_owned()).spawn(read) {
            error!("reload: start a thread: {error}; the running configuration stays");
        }
        id
    }
}

/// Starts the engine on its own thread and waits until it has made the kernel right for the first time.
fn start_engine(
    config: Config,
    clock: Clock,
    probe: ProbeSender,
    inbox: Receiver<Event>,
    release: bool,
    published: Arc<Published>,
) -> Result<thread::JoinHandle<ExitCode>, Failure> {
    let (started, outcome) = channel();
    let run = move || {
        let engine = open().and_then(|ipvs| {
            let state = StateFile::at(config.director.state_file.clone());
            let seed = u64::from(std::process::id());
            Engine::start(ipvs, config, state, probe, seed, clock.now()).map_err(Failure::failed)
        });
        match engine {
            Ok(engine) => {
                // The main thread waits for this, or is gone with the whole process.
                let _ = started.send(Ok(()));
                drive(engine, &clock, &inbox, release, &published)
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
    published: &Published,
) -> ExitCode {
    let mut next = None;
    let mut answered = ReloadId::default();
    published.publish(snapshot(&engine, clock.now(), answered));
    loop {
        let event = match next.take() {
            Some(event) => Some(event),
            None => wait(&engine, clock, inbox),
        };
        let quiet = event.is_none();
        let repairs = engine.drift_repairs;
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
            Some(Event::Reload(id, config)) => {
                engine.reload(clock.now(), *config);
                answered = id;
            }
            Some(Event::ReloadRefused(id, why)) => {
                engine.reload_refused(why);
                answered = id;
            }
            Some(Event::Stop) => return end(&mut engine, release),
        }
        if !quiet || engine.drift_repairs != repairs {
            published.publish(snapshot(&engine, clock.now(), answered));
        }
    }
}

fn snapshot(engine: &Engine<Ipvs>, at: Timestamp, answered: ReloadId) -> Snapshot {
    let services = engine.config.services.iter().map(|(key, service)| {
        let present = engine.observed.services.get(key);
        let servers = service.servers.keys().map(|server| {
            let health = engine.health.server(key, server);
            ServerView {
                key: *server,
                standing: health.as_ref().map(|it| match it.verdict {
                    Verdict::Unknown => Standing::Unknown,
                    Verdict::Up => Standing::UP,
                    Verdict::Down => Standing::Down,
                }),
                since: health.map_or(Timestamp::ZERO, |it| it.changed_at),
                weight: present
                    .and_then(|it| it.servers.get(server))
                    .map(|it| it.weight),
                checks: Box::default(),
            }
        });
        let view = ServiceView {
            error: engine.errors.get(key).map(|error| error.as_str().into()),
            servers: servers.collect(),
        };
        (*key, Arc::new(view))
    });
    Snapshot {
        at,
        started: Timestamp::ZERO,
        config: Arc::new(engine.config.clone()),
        services: services.collect(),
        owned: Arc::new(engine.owned.clone()),
        counters: Counters {
            drift_repairs: engine.drift_repairs,
            probes_not_run: engine.probes_not_run,
            verdict_delay: engine.verdict_delay,
        },
        reloads: Reloads {
            answered,
            refused: engine.reload_error.as_deref().map(Into::into),
            steps: 0,
        },
        history: Arc::new(History::default()),
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
