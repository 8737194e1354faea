// SPDX-License-Identifier: MIT OR Apache-2.0
//! One checker: when to probe, and what the results mean for the verdict.

mod begin;
mod judge;
mod pace;

use std::sync::Arc;
use std::time::Duration;

pub(super) use self::begin::first_spread;
use super::doubt::Heard;
use super::hold::{Held, Hold};
use super::memory::Memory;
use super::passive::Unanswered;
use super::results::{Progress, Results};
use crate::model::{
    AgentState, Check, Fall, FirstFailure, NoResult, ProbeCounts, ProbeOutcome, ProbeReport,
    Standing, Timestamp,
};

/// When a probe has not reported this long after its timeout, the checker gives it up.
///
/// The checker counts from the moment it asked for the probe. The time is long because a probe may wait for its turn.
pub const LOST_AFTER: Duration = Duration::from_secs(30);

/// What happens to a checker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CheckerEvent {
    /// Its deadline has come.
    Deadline,
    /// The run of this number has ended.
    Reported(u64, ProbeReport),
    /// Its tripwire says that the server may be dead; a decisive alarm takes an up server down.
    Alarm { reason: Box<str>, decisive: bool },
    /// Client connections to a server of this check got no answer; whether that may count as a failure.
    Unanswered {
        clients: Unanswered,
        may_count: bool,
    },
}

/// What a checker asks for, or reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CheckerAction {
    /// Make a probe, and report it under this number.
    Probe(u64),
    /// The standing has changed.
    Changed { because: Box<str> },
    /// A probe has found what the configuration had it count as.
    Confirmed,
    /// Nothing is known, and nothing was found: the other checks decide without this one.
    Abstains,
    /// A probe gave no result; the number of such probes in a row.
    NotChecked {
        of: NoResult,
        reason: Box<str>,
        times: u32,
    },
    /// Whether it is down only because it is held down has changed.
    HeldDown,
    /// After that a probe gave a result again.
    CheckedAgain,
    /// What a success warns of has changed; `None` when it warns of nothing any more.
    Warned { of: Option<Arc<str>> },
}

/// Whether a probe is out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The next probe starts then.
    Waiting(Timestamp),
    /// The checker asked for a probe at this time, and it has not come back.
    Probing(Timestamp),
}

/// Where a standing comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Basis {
    /// From its probes; also that nothing is known yet.
    Found,
    /// It is the `initial` one. No probe has found it yet.
    Configured,
    /// The server was down by the checks that it had before a reload. No probe of this one has found it yet.
    Inherited,
}

/// The state of one checker.
#[derive(Debug, Clone)]
pub(super) struct Checker {
    check: Arc<Check>,
    standing: Standing,
    since: Timestamp,
    basis: Basis,
    results: Results,
    /// Its falls, if falls soon after one another hold it down.
    hold: Option<Box<Hold>>,
    /// Probes in a row that gave no result.
    not_checked: u32,
    /// Why the last of them gave none.
    no_result: NoResult,
    /// When the first of them started.
    not_checked_since: Timestamp,
    /// Whether no probe has found anything for or against the server, the last one included.
    abstains: bool,
    /// Whether a probe has had a result, whatever it was.
    judged: bool,
    /// What an agent has told until now.
    told: AgentState,
    /// Whether the last probe heard anything; `None` when it did not run.
    heard: Option<Heard>,
    /// A server of this check took connections when the checker began: its first verdict of down needs `fall` failures,
    /// like any other.
    serving: bool,
    /// What an earlier director knew. The first result that decides clears it.
    recalled: Option<Box<Memory>>,
    /// When its tripwire raised an alarm that no result has answered yet.
    alarm: Option<Timestamp>,
    /// How often client connections without an answer brought a probe forward, if ever, and when they did last.
    hastened: Option<Box<(u32, Timestamp)>>,
    /// Client connections without an answer that count as a failure, unless the next probe gives no result.
    clients: Option<Box<Unanswered>>,
    phase: Phase,
    /// The number of the last run.
    run: u64,
    last_failure: Option<Arc<str>>,
    /// What the last success warned of.
    warning: Option<Arc<str>>,
    last_run: Option<LastRun>,
    /// How its probes have come out.
    counts: ProbeCounts,
}

/// The last run that came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LastRun {
    /// When it started.
    pub(super) started: Timestamp,
    /// How long it took.
    pub(super) latency: Duration,
    /// Whether the server answered as it should.
    pub(super) succeeded: bool,
}

impl Checker {
    /// What is asked, and when.
    pub(super) const fn check(&self) -> &Arc<Check> {
        &self.check
    }

    /// Its standing.
    pub(super) const fn standing(&self) -> Standing {
        self.standing
    }

    /// Whether the other checks of the server decide without this one.
    pub(super) const fn abstains(&self) -> bool {
        self.abstains
    }

    /// Since when.
    pub(super) const fn since(&self) -> Timestamp {
        self.since
    }

    /// Whether the configuration has it count so, and no probe has found it yet.
    pub(super) const fn is_assumed(&self) -> bool {
        matches!(self.basis, Basis::Configured)
    }

    /// Whether its server was down before this checker began, and no probe has found anything else yet.
    pub(super) const fn is_inherited(&self) -> bool {
        matches!(self.basis, Basis::Inherited)
    }

    /// What an earlier director knew, as long as no probe has confirmed it or found something else.
    pub(super) fn memory(&self) -> Option<&Memory> {
        self.recalled.as_deref()
    }

    /// Its standing and since when. Before the first verdict: the standing that an earlier director knew.
    pub(super) fn belief(&self) -> Option<(Standing, Timestamp)> {
        let recalled = self.memory().map(|memory| (memory.standing, memory.since));
        if self.is_assumed() {
            return recalled;
        }
        match self.standing {
            Standing::Unknown => recalled,
            Standing::Up(_) | Standing::Down | Standing::Drain | Standing::Maintenance => {
                Some((self.standing, self.since))
            }
        }
    }

    /// What the last probe without success saw.
    pub(super) const fn last_failure(&self) -> Option<&Arc<str>> {
        self.last_failure.as_ref()
    }

    /// What the last success warned of.
    pub(super) const fn warning(&self) -> Option<&Arc<str>> {
        self.warning.as_ref()
    }

    /// The last run that came back.
    pub(super) const fn last_run(&self) -> Option<LastRun> {
        self.last_run
    }

    /// How its probes have come out.
    pub(super) const fn counts(&self) -> ProbeCounts {
        self.counts
    }

    /// How far it is from another standing: from down to up, otherwise to down.
    pub(super) fn progress(&self) -> Progress {
        let schedule = &self.check.schedule;
        match self.standing {
            Standing::Down => self.results.towards_up(schedule.rise),
            Standing::Unknown if !self.serving => self.results.towards_down(Fall::InARow(1)),
            Standing::Unknown | Standing::Up(_) | Standing::Drain | Standing::Maintenance => {
                let first = self.first_failure_decides();
                let fall = if first {
                    Fall::InARow(1)
                } else {
                    schedule.fall
                };
                self.results.towards_down(fall)
            }
        }
    }

    /// Whether the next result is the first one, and takes the server down when it is a failure.
    pub(super) fn first_failure_decides(&self) -> bool {
        let decides = match self.check.schedule.first_failure {
            FirstFailure::Counts => false,
            FirstFailure::Decides => true,
        };
        decides && !self.judged
    }

    /// How its server is held down, if it is.
    pub(super) fn held(&self) -> Option<Held> {
        let rule = self.check.schedule.hold_down?;
        let hold = self
            .hold
            .as_deref()
            .filter(|_| self.standing == Standing::Down);
        hold?.held(rule)
    }

    /// When the next probe starts; `None` while one is out.
    pub(super) const fn next(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Waiting(at) => Some(at),
            Phase::Probing(_) => None,
        }
    }

    /// When the first of the probes without a result started.
    pub(super) const fn not_checked_since(&self) -> Timestamp {
        self.not_checked_since
    }

    /// Whether the last probe heard anything; `None` when it did not run.
    pub(super) const fn heard(&self) -> Option<Heard> {
        self.heard
    }

    /// Whether it waits for the report of this run.
    pub(super) fn awaits(&self, run: u64) -> bool {
        matches!(self.phase, Phase::Probing(_)) && run == self.run
    }

    /// Whether this report would take the server down.
    pub(super) fn would_fall(&self, now: Timestamp, run: u64, report: &ProbeReport) -> bool {
        if self.standing == Standing::Down {
            return false;
        }
        let mut trial = self.clone();
        let event = CheckerEvent::Reported(run, report.clone());
        // The time of the next probe does not matter here.
        let mut jitter = fastrand::Rng::with_seed(0);
        trial.handle(now, event, &mut jitter, &mut Vec::new());
        trial.standing == Standing::Down
    }

    /// Notes what the awaited report says of the way to the server.
    pub(super) fn hear(&mut self, report: &ProbeReport) {
        let ended = report.started + report.latency;
        if !self.check.probe.uses_network() {
            return;
        }
        self.heard = match report.outcome {
            ProbeOutcome::Silent => Some(Heard::Silence(ended)),
            // It took the connection, some time after the start.
            ProbeOutcome::CutOff => Some(Heard::CutOff {
                answered: report.started,
                silent: ended,
            }),
            // Who has nothing to say need not have been there.
            ProbeOutcome::Quiet | ProbeOutcome::Abstained | ProbeOutcome::CouldNotRun => None,
            ProbeOutcome::Up(_)
            | ProbeOutcome::Told(_)
            | ProbeOutcome::Down
            | ProbeOutcome::Refused
            | ProbeOutcome::Stalled
            | ProbeOutcome::Drain
            | ProbeOutcome::Maintenance
            | ProbeOutcome::Unsupported => Some(Heard::Answer(ended)),
        };
    }

    /// Whether no probe is out.
    pub(super) const fn is_waiting(&self) -> bool {
        matches!(self.phase, Phase::Waiting(_))
    }

    /// Probes now, if no probe is out.
    pub(super) const fn hasten(&mut self, now: Timestamp) {
        if self.is_waiting() {
            self.phase = Phase::Waiting(now);
        }
    }

    /// Why the last of the probes without a result gave none.
    pub(super) const fn no_result(&self) -> NoResult {
        self.no_result
    }

    /// How often client connections without an answer brought a probe forward.
    pub(super) fn hastened(&self) -> u32 {
        match &self.hastened {
            Some(hastened) => hastened.0,
            None => 0,
        }
    }

    /// How many probes in a row gave no result.
    pub(super) const fn not_checked(&self) -> u32 {
        self.not_checked
    }

    /// When it wants [`CheckerEvent::Deadline`]: to start the next probe, or to give up the one that has not come back.
    pub(super) fn deadline(&self) -> Timestamp {
        match self.phase {
            Phase::Waiting(at) => at,
            Phase::Probing(asked) => asked + self.check.schedule.timeout + LOST_AFTER,
        }
    }

    /// Handles one event. It ignores late messages: a deadline that is not due, and the report of another run.
    pub(super) fn handle(
        &mut self,
        now: Timestamp,
        event: CheckerEvent,
        jitter: &mut fastrand::Rng,
        out: &mut Vec<CheckerAction>,
    ) {
        let due = self.deadline() <= now;
        match (self.phase, event) {
            (Phase::Waiting(_), CheckerEvent::Deadline) if due => {
                self.phase = Phase::Probing(now);
                self.run += 1;
                out.push(CheckerAction::Probe(self.run));
            }
            (Phase::Probing(asked), CheckerEvent::Deadline) if due => {
                let waited = now.since(asked).as_secs();
                self.clients = None;
                let reason = format!("no report after {waited} s").into();
                self.gave_no_result(asked, NoResult::CouldNotRun, reason, out);
                self.phase = Phase::Waiting(self.next_probe(asked, now, jitter));
            }
            (Phase::Probing(asked), CheckerEvent::Reported(run, report)) if run == self.run => {
                self.judge(asked, now, report, out);
                self.phase = Phase::Waiting(self.next_probe(asked, now, jitter));
            }
            (Phase::Waiting(_) | Phase::Probing(_), CheckerEvent::Alarm { reason, decisive }) => {
                self.take_alarm(now, &reason, decisive, out);
            }
            (
                Phase::Waiting(_) | Phase::Probing(_),
                CheckerEvent::Unanswered { clients, may_count },
            ) => {
                self.take_unanswered(now, clients, may_count);
            }
            (
                Phase::Waiting(_) | Phase::Probing(_),
                CheckerEvent::Deadline | CheckerEvent::Reported(..),
            ) => {}
        }
    }
}
