// SPDX-License-Identifier: MIT OR Apache-2.0
//! Steady load from many client addresses, and a record of every answer.
//!
//! Short connections ask one line each at a steady rate. Held connections stay open and ask a line every 200 ms; one
//! that fails is recorded and opened again. A held connection to a dead server is silent until it times out.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::question::{Conversation, ask_tcp, connect};

const HELD_INTERVAL: Duration = Duration::from_millis(200);
/// Questions that can be open at the same time.
const MOST_WORKERS: usize = 1024;

/// Which service to ask, how often, and from which addresses.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The service.
    pub to: SocketAddr,
    /// The source addresses, used in turn; when there are none, the kernel chooses.
    pub sources: Vec<IpAddr>,
    /// New short connections in a second.
    pub rate: u32,
    /// How long one question may take, connecting included.
    pub timeout: Duration,
    /// How many connections to hold.
    pub held: u32,
}

/// The kind of connection for a question.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// One of its own.
    Short,
    /// A held connection.
    Held,
}

/// One question and its result.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Sample {
    /// When it was asked, counted from the start.
    pub at: Duration,
    /// How long it took.
    pub took: Duration,
    /// The requested source address.
    pub source: Option<IpAddr>,
    /// The sort of connection.
    pub kind: Kind,
    /// The name of the server that answered, or the failure.
    pub outcome: Result<String, String>,
}

/// Everything that was asked.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Record {
    /// The questions in the order of their answers.
    pub samples: Vec<Sample>,
}

impl Record {
    /// The questions of one kind within `window`, which counts from the start.
    pub fn of(&self, kind: Kind, window: Range<Duration>) -> impl Iterator<Item = &Sample> {
        self.samples
            .iter()
            .filter(move |sample| sample.kind == kind && window.contains(&sample.at))
    }

    /// How many each server answered.
    #[must_use]
    pub fn per_server(&self, kind: Kind, window: Range<Duration>) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for server in self
            .of(kind, window)
            .filter_map(|sample| sample.outcome.as_ref().ok())
        {
            *counts.entry(server.clone()).or_default() += 1;
        }
        counts
    }

    /// How many failed, by kind of failure.
    #[must_use]
    pub fn failures(&self, kind: Kind, window: Range<Duration>) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for error in self
            .of(kind, window)
            .filter_map(|sample| sample.outcome.as_ref().err())
        {
            *counts.entry(error.clone()).or_default() += 1;
        }
        counts
    }

    /// The longest time in which no question was answered, between the first and the last of them.
    #[must_use]
    pub fn longest_gap(&self) -> Duration {
        let answered = self.samples.iter().filter(|sample| sample.outcome.is_ok());
        let mut times: Vec<Duration> = answered.map(|sample| sample.at + sample.took).collect();
        times.sort_unstable();
        let gaps = times
            .iter()
            .zip(times.iter().skip(1))
            .map(|(early, late)| late.saturating_sub(*early));
        gaps.max().unwrap_or_default()
    }
}

/// The window of all times.
pub const ALWAYS: Range<Duration> = Duration::ZERO..Duration::MAX;

/// A load that is running.
#[derive(Debug)]
pub struct Load {
    started: Instant,
    stop: Arc<AtomicBool>,
    workers: Vec<JoinHandle<()>>,
    samples: mpsc::Receiver<Sample>,
}

impl Load {
    /// Starts it, in the calling thread's network namespace.
    #[must_use]
    pub fn start(plan: &Plan) -> Self {
        let (sender, samples) = mpsc::channel();
        let shared = Arc::new(Shared {
            plan: plan.clone(),
            started: Instant::now(),
            idle: AtomicU32::new(0),
            stop: Arc::new(AtomicBool::new(false)),
        });
        let mut workers = Vec::new();
        for index in 0..plan.held {
            let (shared, sender) = (Arc::clone(&shared), sender.clone());
            workers.push(thread::spawn(move || {
                shared.hold(u64::from(index), &sender);
            }));
        }
        let (started, stop) = (shared.started, Arc::clone(&shared.stop));
        if plan.rate > 0 {
            workers.push(thread::spawn(move || distribute(&shared, &sender)));
        }
        Self {
            started,
            stop,
            workers,
            samples,
        }
    }

    /// The time since the start, as the samples count it.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// The questions that have come to an end since this was last called.
    #[must_use]
    pub fn take(&self) -> Vec<Sample> {
        self.samples.try_iter().collect()
    }

    /// Ends it; questions under way are waited for.
    #[must_use]
    pub fn stop(self) -> Record {
        self.stop.store(true, Ordering::Relaxed);
        for worker in self.workers {
            let _ = worker.join();
        }
        Record {
            samples: self.samples.try_iter().collect(),
        }
    }
}

/// Runs a load for some time.
#[must_use]
pub fn run(plan: &Plan, duration: Duration) -> Record {
    let load = Load::start(plan);
    thread::sleep(duration);
    load.stop()
}

#[derive(Debug)]
struct Shared {
    plan: Plan,
    started: Instant,
    /// Workers without a turn.
    idle: AtomicU32,
    stop: Arc<AtomicBool>,
}

/// Gives each turn of the timetable to an idle worker or a new one: slow answers must not lower the rate.
fn distribute(shared: &Arc<Shared>, samples: &mpsc::Sender<Sample>) {
    let (turns, queue) = mpsc::channel();
    let queue = Arc::new(Mutex::new(queue));
    let mut workers = Vec::new();
    let interval = Duration::from_secs(1) / shared.plan.rate.max(1);
    for turn in 0_u32.. {
        if !shared.sleep_until(interval.saturating_mul(turn)) {
            break;
        }
        if workers.len() < MOST_WORKERS && shared.idle.load(Ordering::Relaxed) == 0 {
            let (shared, queue, samples) =
                (Arc::clone(shared), Arc::clone(&queue), samples.clone());
            workers.push(thread::spawn(move || shared.ask_short(&queue, &samples)));
        } else if !shared.take_idle() {
            break;
        }
        if turns.send(u64::from(turn)).is_err() {
            break;
        }
    }
    drop(turns);
    for worker in workers {
        let _ = worker.join();
    }
}

impl Shared {
    /// Takes one turn after another, until there are no more.
    fn ask_short(&self, turns: &Mutex<mpsc::Receiver<u64>>, samples: &mpsc::Sender<Sample>) {
        loop {
            let turn = turns.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(turn) = turn else { return };
            let source = self.source(turn);
            let at = self.started.elapsed();
            let answer = ask_tcp(source, self.plan.to, self.plan.timeout);
            self.record(samples, Kind::Short, source, at, answer);
            self.idle.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Claims an idle worker, waiting for one if need be; `false` when it is time to stop.
    fn take_idle(&self) -> bool {
        let claim = |idle: u32| idle.checked_sub(1);
        while self
            .idle
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, claim)
            .is_err()
        {
            if self.stop.load(Ordering::Relaxed) {
                return false;
            }
            thread::sleep(Duration::from_millis(1));
        }
        true
    }

    fn hold(&self, index: u64, samples: &mpsc::Sender<Sample>) {
        let source = self.source(index);
        let mut open: Option<Conversation> = None;
        let mut due = Duration::ZERO;
        while self.sleep_until(due) {
            let at = self.started.elapsed();
            due = at + HELD_INTERVAL;
            let deadline = Instant::now() + self.plan.timeout;
            let ready = match open.take() {
                Some(conversation) => Ok(conversation),
                None => {
                    connect(source, self.plan.to, self.plan.timeout).and_then(Conversation::new)
                }
            };
            let answer = ready.and_then(|mut conversation| {
                let answer = conversation.ask("still here", deadline)?;
                open = Some(conversation);
                Ok(answer)
            });
            self.record(samples, Kind::Held, source, at, answer);
        }
    }

    fn record(
        &self,
        samples: &mpsc::Sender<Sample>,
        kind: Kind,
        source: Option<IpAddr>,
        at: Duration,
        answer: std::io::Result<String>,
    ) {
        let took = self.started.elapsed().saturating_sub(at);
        let name = |line: String| line.split(' ').next().unwrap_or_default().to_owned();
        let outcome = answer.map(name).map_err(|error| error.to_string());
        // This fails when nobody reads the record any more.
        let _ = samples.send(Sample {
            at,
            took,
            source,
            kind,
            outcome,
        });
    }

    fn source(&self, turn: u64) -> Option<IpAddr> {
        let count = u64::try_from(self.plan.sources.len()).unwrap_or(1).max(1);
        self.plan
            .sources
            .get(usize::try_from(turn % count).unwrap_or(0))
            .copied()
    }

    /// Sleeps until `due` since the start; `false` when it is time to stop.
    fn sleep_until(&self, due: Duration) -> bool {
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return false;
            }
            let left = due.saturating_sub(self.started.elapsed());
            if left.is_zero() {
                return true;
            }
            thread::sleep(left.min(Duration::from_millis(100)));
        }
    }
}
