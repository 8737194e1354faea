// SPDX-License-Identifier: MIT OR Apache-2.0
//! The engine's shell: it owns the kernel, the state file and the clock, carries out the engine's actions, and hands in
//! the results.

use std::collections::VecDeque;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tracing::debug;

use super::clock::Clock;
use super::kernel::Kernel;
use super::log;
use super::pair::PeerSender;
use super::published::Published;
use super::recorder::Recorder;
use super::state::{
    CONFIRM_INTERVAL, Confirm, Confirming, LAST_WRITE, Noted, OwnedFile, RememberedWriter,
    WRITE_INTERVAL, WallTime,
};
use super::vrrp::VrrpFollower;
use crate::engine::{Action, Counted, Engine, Event, PeerNews, Questions, STEP};
use crate::health::ProbeRequest;
use crate::kernel::Lookout;
use crate::model::{Condition, Object, ServiceKey, Timestamp, Transition};
use crate::pair::Message;
use crate::probe::WireOrder;
use crate::system::{beat, entrusted, rest};

/// The largest number of reports to collect before their changes go to the kernel.
const MOST_REPORTS: usize = 1024;
/// While events come without a break, readers get a new snapshot this often.
const PUBLISH_EVERY: Duration = Duration::from_millis(100);
/// The longest wait when the engine has no deadline.
const LONGEST_REST: Duration = Duration::from_secs(1);
/// A round reads at least so many services back in one step, and as many as half of its time needs: verdicts must find the
/// processor free.
const READ_IN_A_STEP: usize = 4;

/// How many services were read back in one step.
#[derive(Debug, Default)]
pub(super) struct ReadBack {
    count: usize,
    step: Timestamp,
}

impl ReadBack {
    /// How long until one more of so many in a step may be read. Zero counts it.
    fn next(&mut self, now: Timestamp, in_a_step: usize) -> Duration {
        if now > self.step {
            *self = Self {
                count: 0,
                step: now.rounded_up(STEP),
            };
        }
        if self.count < in_a_step {
            self.count += 1;
            return Duration::ZERO;
        }
        self.step.since(now).max(Duration::from_millis(1))
    }
}

/// The engine and all that it acts on.
pub(super) struct Shell<K> {
    pub(super) engine: Engine,
    pub(super) kernel: K,
    pub(super) lookout: Lookout,
    pub(super) clock: Clock,
    pub(super) owned: OwnedFile,
    pub(super) remembered: RememberedWriter,
    pub(super) probes: UnboundedSender<ProbeRequest>,
    pub(super) wires: UnboundedSender<WireOrder>,
    pub(super) published: Arc<Published>,
    pub(super) recorder: Option<Recorder>,
    /// An event that came after reports; it is the next one.
    pub(super) set_aside: Option<Event>,
    pub(super) last_published: Timestamp,
    /// The services that were read back in this step.
    pub(super) read_back: ReadBack,
    /// Whether something has happened since.
    pub(super) news: bool,
    /// Whether a verdict has changed that must be remembered.
    pub(super) verdicts: bool,
    /// Whether a drain has begun whose deadline counts from now on, over a kill, too.
    pub(super) drain_begun: bool,
    pub(super) last_noted: Timestamp,
    pub(super) confirming: Confirming,
    /// Tells the virtual routers what they need to know.
    pub(super) virtual_routers: VrrpFollower,
    /// Sends to the other director of the pair.
    pub(super) peer: PeerSender,
    pub(super) end: Option<ExitCode>,
}

impl<K: Kernel> Shell<K>
where
    K::Error: std::fmt::Display,
{
    /// One event after the other, until the engine has ended.
    pub(super) fn run(mut self, first: Event, inbox: &Receiver<Event>) -> ExitCode {
        let mut event = first;
        loop {
            self.handle(event);
            if let Some(code) = self.end {
                self.publish();
                if self.verdicts {
                    self.note(self.clock.now());
                }
                // By then everything is written, or the disk hangs.
                let _ = self.remembered.close(LAST_WRITE);
                let _ = self.recorder.map(|recorder| recorder.close(LAST_WRITE));
                return code;
            }
            event = self.wait(inbox);
        }
    }

    /// Hands an event in, and carries out all that follows from it.
    fn handle(&mut self, event: Event) {
        beat();
        self.news |= !matches!(event, Event::Deadline);
        let ordered = match &event {
            Event::Ordered(command) => Some(command.id),
            _ => None,
        };
        // An operator was told at the other director that it is ordered.
        let from_peer = matches!(&event, Event::Peer(PeerNews::Said(said)) if matches!(**said, Message::Orders(_)));
        let mut actions = VecDeque::new();
        let reports = matches!(event, Event::Probed(_));
        self.hand_in(event, &mut actions);
        // A flood of reports must not delay the probes that are due. A report, or the look that settles it, may have the next
        // probe come at once: that one must not wait for the next step.
        for _ in 0..2 {
            if reports && self.is_due() {
                self.hand_in(Event::Deadline, &mut actions);
            }
            while let Some(action) = actions.pop_front() {
                // Nobody knows how long the kernel takes, or the disk of the state file.
                if let Some(answer) = entrusted(|| self.carry_out(action)) {
                    self.hand_in(answer, &mut actions);
                }
            }
        }
        self.virtual_routers.follow(&self.engine, self.clock.now());
        let drain_begun = std::mem::take(&mut self.drain_begun);
        if ordered.is_some() || drain_begun || from_peer {
            // Who ordered it waits for the answer until this is written, and relies on it over a kill.
            let noted = self.noted(self.clock.now());
            self.remembered.note_now(ordered, noted);
            self.publish();
        } else if self.clock.now().since(self.last_published) >= PUBLISH_EVERY {
            self.publish();
        }
    }

    fn hand_in(&mut self, event: Event, actions: &mut VecDeque<Action>) {
        let now = self.clock.now();
        let record = self.recorder.as_ref().map(|_| event.clone());
        let batches = self.engine.verdict_delay().batches;
        let mut out = Vec::new();
        self.engine.handle(now, event, &mut out);
        if let (Some(recorder), Some(event)) = (&mut self.recorder, record) {
            recorder.record(now, event, &out);
        }
        let delay = self.engine.verdict_delay();
        if delay.batches != batches {
            debug!(
                "verdict in the kernel {} us after the probe",
                delay.latest.as_micros()
            );
        }
        actions.extend(out);
    }

    /// Carries an action out, and returns its answer if the action has one.
    fn carry_out(&mut self, action: Action) -> Option<Event> {
        match action {
            Action::Probe(request) => {
                // When the director ends, nobody listens any more.
                let _ = self.probes.send(request);
                None
            }
            Action::Hold(request) => {
                let _ = self.wires.send(WireOrder::Hold(request));
                None
            }
            Action::Release(wire) => {
                let _ = self.wires.send(WireOrder::Release(wire));
                None
            }
            Action::Look(Questions { probes, suspects }) => {
                let seen = self.lookout.look(&probes, &suspects).map(Box::new);
                Some(Event::Seen(seen.map_err(in_words)))
            }
            Action::ReadTable => Some(Event::TableRead(self.kernel.read().map_err(in_words))),
            Action::ReadService(key) => {
                let found = self.kernel.read_service(&key).map_err(in_words);
                Some(Event::ServiceRead(key, found))
            }
            Action::Count(services) => Some(Event::Counted(self.count(services))),
            Action::Apply(steps) => {
                let refused = self.kernel.apply(&steps).map_err(in_words);
                Some(Event::Applied(refused))
            }
            Action::ReadHost(scope) => {
                let reading = self.kernel.read_host(&scope);
                let unread = reading.failures.iter().map(in_words).collect();
                Some(Event::HostRead(Box::new(reading.host), unread))
            }
            Action::ApplyHost(steps) => {
                let failed = self.kernel.apply_host(&steps);
                let failed = failed.iter().map(|it| (it.index, in_words(it)));
                Some(Event::HostApplied(failed.collect()))
            }
            Action::WriteOwned(services) => {
                let written = self.owned.write(&services).map_err(in_words);
                Some(Event::OwnedWritten(written))
            }
            Action::ToPeer(message) => {
                self.peer.say(*message);
                None
            }
            Action::Tell(transition) => {
                self.tell(&transition);
                None
            }
            Action::End(complete) => {
                self.end = Some(if complete {
                    ExitCode::SUCCESS
                } else {
                    ExitCode::FAILURE
                });
                None
            }
        }
    }

    /// Counts the connections of the servers of these services. The engine asks again for one that could not be read.
    fn count(&mut self, services: Vec<ServiceKey>) -> Vec<Counted> {
        let counted = services.into_iter().filter_map(|service| {
            let all = self.kernel.count(&service).ok()?;
            Some(Counted::of(service, all))
        });
        counted.collect()
    }

    fn tell(&mut self, transition: &Arc<Transition>) {
        self.news = true;
        self.verdicts |= matches!(
            (&transition.object, transition.to),
            (
                Object::Server(..),
                Condition::Standing(_)
                    | Condition::Draining
                    | Condition::Drained
                    | Condition::StartsSlowly
            ) | (Object::Configuration, _)
        );
        self.drain_begun |= transition.to == Condition::Draining;
        log::tell(transition);
    }

    /// The next event: one that has come, or the deadline. Readers get a snapshot before the engine waits.
    fn wait(&mut self, inbox: &Receiver<Event>) -> Event {
        self.confirm();
        if let Some(event) = self.set_aside.take() {
            return event;
        }
        match inbox.try_recv() {
            Ok(event) => return self.gather(event, inbox),
            Err(TryRecvError::Disconnected) => return Event::Stop { release: false },
            Err(TryRecvError::Empty) => {}
        }
        let happened = self.lookout.happened();
        if !happened.is_empty() {
            return Event::Happened(happened);
        }
        self.publish();
        let patience = self.patience();
        if patience.is_zero() {
            return Event::Deadline;
        }
        rest(Some(patience));
        match inbox.recv_timeout(patience) {
            Ok(event) => self.gather(event, inbox),
            Err(RecvTimeoutError::Timeout) => Event::Deadline,
            Err(RecvTimeoutError::Disconnected) => Event::Stop { release: false },
        }
    }

    /// How long nothing is to do unless an event comes.
    fn patience(&mut self) -> Duration {
        let now = self.clock.now();
        let deadline = self.engine.deadline();
        let patience = deadline.map_or(LONGEST_REST, |at| at.rounded_up(STEP).since(now));
        let patience = patience.min(CONFIRM_INTERVAL);
        if !self.engine.has_time_to_fill() {
            return patience;
        }
        let config = self.engine.config();
        let steps = (config.director.repair_interval / 2).as_micros() / STEP.as_micros();
        let steps = usize::try_from(steps).unwrap_or(usize::MAX).max(1);
        let in_a_step = config.services.len().div_ceil(steps).max(READ_IN_A_STEP);
        patience.min(self.read_back.next(now, in_a_step))
    }

    fn is_due(&self) -> bool {
        let deadline = self.engine.deadline();
        deadline.is_some_and(|at| at <= self.clock.now())
    }

    /// Takes all waiting reports together. The first event of another kind comes next.
    fn gather(&mut self, event: Event, inbox: &Receiver<Event>) -> Event {
        let Event::Probed(mut reports) = event else {
            return event;
        };
        while reports.len() < MOST_REPORTS {
            match inbox.try_recv() {
                Ok(Event::Probed(more)) => reports.extend(more),
                Ok(other) => {
                    self.set_aside = Some(other);
                    break;
                }
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
        }
        Event::Probed(reports)
    }

    /// Has the standings of the servers, and the orders, written down.
    fn note(&mut self, now: Timestamp) {
        let noted = self.noted(now);
        self.remembered.note(noted);
    }

    /// Has it written down, from time to time, that what was noted last is still so.
    fn confirm(&mut self) {
        let now = self.clock.now();
        match self.confirming.due(now, WallTime::now) {
            None => {}
            Some(Confirm::Time) if !self.verdicts && !self.remembered.has_lost() => {
                self.remembered.confirm(WallTime::now());
            }
            Some(Confirm::Time | Confirm::All) => self.note(now),
        }
    }

    fn noted(&mut self, now: Timestamp) -> impl FnOnce() -> Noted + Send + 'static {
        self.verdicts = false;
        self.last_noted = now;
        let recalled = self.engine.remembered(now);
        let orders = Arc::clone(self.engine.orders());
        let drains = self.engine.drains(now);
        let slow_starts = self.engine.slow_starts(now);
        let ledger = Arc::clone(self.engine.ledger());
        move || Noted {
            ledger: ledger.lines().collect(),
            recalled,
            drains,
            slow_starts,
            orders: orders.iter().collect(),
        }
    }

    fn publish(&mut self) {
        if !std::mem::take(&mut self.news) && !self.engine.has_news() {
            return;
        }
        let now = self.clock.now();
        self.last_published = now;
        if self.verdicts && now.since(self.last_noted) >= WRITE_INTERVAL {
            self.note(now);
        }
        self.published.publish(self.engine.snapshot(now));
    }
}

fn in_words(error: impl std::fmt::Display) -> Box<str> {
    error.to_string().into()
}
