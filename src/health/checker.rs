// SPDX-License-Identifier: MIT OR Apache-2.0
//! One checker: when to probe one server, and what its results amount to.

use std::fmt;
use std::time::Duration;

use crate::model::{CheckSchedule, Timestamp};

/// Most a first probe is put off, so that many checkers do not all start in the same instant.
const FIRST_PROBE_SPREAD: Duration = Duration::from_millis(800);
/// An interval is shortened by up to a tenth, so that checkers do not fall into step.
const JITTER_DIVISOR: u32 = 10;

/// What a checker holds a server for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// No probe has come to a result yet. The server stays as the kernel has it.
    Unknown,
    /// It takes connections.
    Up,
    /// It does not.
    Down,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Down => "down",
        })
    }
}

/// What came of one probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbeOutcome {
    /// The server answered as it should.
    Up,
    /// It did not, for this reason.
    Down(String),
    /// The probe could not be made, for this reason, which lies with this host.
    CouldNotRun(String),
}

/// What happens to a checker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckerEvent {
    /// Its deadline has come.
    Deadline,
    /// The probe it asked for has ended.
    Probed(ProbeOutcome),
}

/// What a checker wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckerAction {
    /// Make a probe, and report its outcome.
    Probe,
    /// The verdict has changed.
    Changed {
        /// What it was.
        from: Verdict,
        /// What it is.
        to: Verdict,
        /// The last result, and how many in a row there were of how many needed: `connect timed out, 3/3`.
        because: String,
    },
    /// A probe could not be made, for the so-many-eth time in a row.
    CouldNotRun {
        /// Why.
        reason: String,
        /// How many times in a row.
        times: u32,
    },
}

/// Whether a probe is out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The next probe starts then.
    Waiting(Timestamp),
    /// A probe started then, and has not come back.
    Probing(Timestamp),
}

/// The state of one checker.
#[derive(Debug, Clone)]
pub struct Checker {
    schedule: CheckSchedule,
    verdict: Verdict,
    /// Results in a row that speak against the verdict.
    against: u32,
    could_not_run: u32,
    phase: Phase,
    last_reason: Option<Box<str>>,
    changed_at: Timestamp,
    jitter: fastrand::Rng,
}

impl Checker {
    /// A checker that knows nothing yet, and probes within [`FIRST_PROBE_SPREAD`] (or its interval, if that is
    /// shorter) of `now`. The seed decides when exactly, and every later jitter.
    #[must_use]
    pub fn new(schedule: CheckSchedule, now: Timestamp, seed: u64) -> Self {
        let mut jitter = fastrand::Rng::with_seed(seed);
        let spread = FIRST_PROBE_SPREAD.min(schedule.interval);
        let first = now + spread.mul_f64(jitter.f64());
        Self {
            schedule,
            verdict: Verdict::Unknown,
            against: 0,
            could_not_run: 0,
            phase: Phase::Waiting(first),
            last_reason: None,
            changed_at: now,
            jitter,
        }
    }

    /// What it holds the server for.
    #[must_use]
    pub const fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Why the last probe that was not a success was none.
    #[must_use]
    pub fn last_reason(&self) -> Option<&str> {
        self.last_reason.as_deref()
    }

    /// When the verdict last changed.
    #[must_use]
    pub const fn changed_at(&self) -> Timestamp {
        self.changed_at
    }

    /// Goes on with another schedule: what it knows, it still knows. A wait that is now too long is cut short.
    pub fn reschedule(&mut self, schedule: CheckSchedule, now: Timestamp) {
        self.schedule = schedule;
        if let Phase::Waiting(at) = self.phase {
            self.phase = Phase::Waiting(at.min(now + schedule.interval));
        }
    }

    /// When it wants [`CheckerEvent::Deadline`]; `None` while a probe is out.
    #[must_use]
    pub const fn deadline(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Waiting(at) => Some(at),
            Phase::Probing(_) => None,
        }
    }

    /// One event. A deadline that is not due and a result nobody asked for are late messages, and mean nothing.
    pub fn handle(&mut self, now: Timestamp, event: CheckerEvent, out: &mut Vec<CheckerAction>) {
        match (self.phase, event) {
            (Phase::Waiting(at), CheckerEvent::Deadline) => {
                if at <= now {
                    self.phase = Phase::Probing(now);
                    out.push(CheckerAction::Probe);
                }
            }
            (Phase::Probing(started), CheckerEvent::Probed(outcome)) => {
                self.judge(now, outcome, out);
                self.phase = Phase::Waiting(self.next_probe(started, now));
            }
            (Phase::Waiting(_), CheckerEvent::Probed(_))
            | (Phase::Probing(_), CheckerEvent::Deadline) => {}
        }
    }

    fn judge(&mut self, now: Timestamp, outcome: ProbeOutcome, out: &mut Vec<CheckerAction>) {
        let (speaks_for, reason) = match outcome {
            ProbeOutcome::Up => (Verdict::Up, None),
            ProbeOutcome::Down(reason) => (Verdict::Down, Some(reason)),
            ProbeOutcome::CouldNotRun(reason) => {
                self.could_not_run = self.could_not_run.saturating_add(1);
                self.last_reason = Some(reason.as_str().into());
                out.push(CheckerAction::CouldNotRun {
                    reason,
                    times: self.could_not_run,
                });
                return;
            }
        };
        self.could_not_run = 0;
        if let Some(reason) = &reason {
            self.last_reason = Some(reason.as_str().into());
        }
        if self.verdict == speaks_for {
            self.against = 0;
            return;
        }
        self.against += 1;
        let needed = match (self.verdict, speaks_for) {
            (Verdict::Unknown, _) => 1,
            (Verdict::Down, _) => self.schedule.rise,
            (Verdict::Up, _) => self.schedule.fall,
        };
        if self.against < needed {
            return;
        }
        let said = reason.as_deref().unwrap_or("check passed");
        let because = format!("{said}, {}/{needed}", self.against);
        out.push(CheckerAction::Changed {
            from: self.verdict,
            to: speaks_for,
            because,
        });
        self.verdict = speaks_for;
        self.against = 0;
        self.changed_at = now;
    }

    /// Doubt is cleared up soon, and so is ignorance; otherwise the interval runs from start to start.
    fn next_probe(&mut self, started: Timestamp, now: Timestamp) -> Timestamp {
        let doubtful = self.verdict == Verdict::Up && self.against > 0;
        if doubtful || self.verdict == Verdict::Unknown {
            return now + self.schedule.retry_delay;
        }
        let jitter = (self.schedule.interval / JITTER_DIVISOR).mul_f64(self.jitter.f64());
        (started + self.schedule.interval.saturating_sub(jitter)).max(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEDULE: CheckSchedule = CheckSchedule {
        interval: Duration::from_secs(6),
        timeout: Duration::from_secs(3),
        rise: 2,
        fall: 3,
        retry_delay: Duration::from_secs(1),
    };

    /// Plays results one after the other, each probe at its deadline, and returns the verdict after each.
    fn play(checker: &mut Checker, outcomes: &[ProbeOutcome]) -> Vec<Verdict> {
        let mut out = Vec::new();
        outcomes
            .iter()
            .map(|outcome| {
                let now = checker.deadline().expect("no probe is out");
                checker.handle(now, CheckerEvent::Deadline, &mut out);
                checker.handle(now, CheckerEvent::Probed(outcome.clone()), &mut out);
                checker.verdict()
            })
            .collect()
    }

    fn up() -> ProbeOutcome {
        ProbeOutcome::Up
    }

    fn down() -> ProbeOutcome {
        ProbeOutcome::Down("connect timed out".to_owned())
    }

    fn unable() -> ProbeOutcome {
        ProbeOutcome::CouldNotRun("no file descriptor left (EMFILE)".to_owned())
    }

    /// From a verdict and the results against it so far, by a result, to a verdict and results against it.
    /// `None` as the result stands for a probe that could not run.
    #[test]
    fn transition_table_is_exhaustive_and_correct() {
        use Verdict::{Down, Unknown, Up};
        let table = [
            ((Unknown, 0), Some(true), (Up, 0)),
            ((Unknown, 0), Some(false), (Down, 0)),
            ((Unknown, 0), None, (Unknown, 0)),
            ((Up, 0), Some(true), (Up, 0)),
            ((Up, 0), Some(false), (Up, 1)),
            ((Up, 0), None, (Up, 0)),
            ((Up, 1), Some(true), (Up, 0)),
            ((Up, 1), Some(false), (Up, 2)),
            ((Up, 1), None, (Up, 1)),
            ((Up, 2), Some(true), (Up, 0)),
            ((Up, 2), Some(false), (Down, 0)),
            ((Up, 2), None, (Up, 2)),
            ((Down, 0), Some(true), (Down, 1)),
            ((Down, 0), Some(false), (Down, 0)),
            ((Down, 0), None, (Down, 0)),
            ((Down, 1), Some(true), (Up, 0)),
            ((Down, 1), Some(false), (Down, 0)),
            ((Down, 1), None, (Down, 1)),
        ];
        for ((verdict, against), result, expected) in table {
            let mut checker = Checker::new(SCHEDULE, Timestamp::ZERO, 1);
            (checker.verdict, checker.against) = (verdict, against);
            let outcome = match result {
                Some(true) => up(),
                Some(false) => down(),
                None => unable(),
            };
            play(&mut checker, &[outcome]);
            let reached = (checker.verdict, checker.against);
            assert_eq!(
                reached, expected,
                "from {verdict:?}/{against} by {result:?}"
            );
        }
    }

    #[test]
    fn the_first_result_is_the_first_verdict() {
        let mut checker = Checker::new(SCHEDULE, Timestamp::ZERO, 1);
        assert!(checker.deadline().unwrap().since_start() <= FIRST_PROBE_SPREAD);
        assert_eq!(play(&mut checker, &[down()]), [Verdict::Down]);
    }

    #[test]
    fn a_change_says_what_was_seen_and_how_often() {
        let mut checker = Checker::new(SCHEDULE, Timestamp::ZERO, 1);
        play(&mut checker, &[up(), down(), down()]);
        let mut out = Vec::new();
        let now = checker.deadline().unwrap();
        checker.handle(now, CheckerEvent::Deadline, &mut out);
        checker.handle(now, CheckerEvent::Probed(down()), &mut out);
        let because = "connect timed out, 3/3".to_owned();
        let changed = CheckerAction::Changed {
            from: Verdict::Up,
            to: Verdict::Down,
            because,
        };
        assert_eq!(out, [CheckerAction::Probe, changed]);
    }

    #[test]
    fn probes_that_cannot_run_move_no_verdict_however_many() {
        let mut checker = Checker::new(SCHEDULE, Timestamp::ZERO, 1);
        play(&mut checker, &[up()]);
        let verdicts = play(&mut checker, &vec![unable(); 50]);
        assert!(verdicts.iter().all(|verdict| *verdict == Verdict::Up));
        let mut out = Vec::new();
        let now = checker.deadline().unwrap();
        checker.handle(now, CheckerEvent::Deadline, &mut out);
        checker.handle(now, CheckerEvent::Probed(unable()), &mut out);
        assert!(matches!(
            out.last(),
            Some(CheckerAction::CouldNotRun { times: 51, .. })
        ));
    }

    #[test]
    fn a_failure_is_looked_into_after_the_retry_delay() {
        let mut checker = Checker::new(SCHEDULE, Timestamp::ZERO, 1);
        play(&mut checker, &[up()]);
        let at = checker.deadline().unwrap();
        play(&mut checker, &[down()]);
        assert_eq!(checker.deadline().unwrap().since(at), SCHEDULE.retry_delay);
    }

    #[test]
    fn intervals_run_from_start_to_start_and_are_at_most_a_tenth_short() {
        let mut checker = Checker::new(SCHEDULE, Timestamp::ZERO, 1);
        let mut before = checker.deadline().unwrap();
        for _ in 0..100 {
            play(&mut checker, &[up()]);
            let at = checker.deadline().unwrap();
            let gap = at.since(before);
            assert!(
                gap <= SCHEDULE.interval && gap >= SCHEDULE.interval * 9 / 10,
                "{gap:?}"
            );
            before = at;
        }
    }

    #[test]
    fn a_late_result_means_nothing() {
        let mut checker = Checker::new(SCHEDULE, Timestamp::ZERO, 1);
        let mut out = Vec::new();
        checker.handle(Timestamp::ZERO, CheckerEvent::Probed(down()), &mut out);
        assert_eq!((checker.verdict(), out.len()), (Verdict::Unknown, 0));
    }

    #[test]
    fn a_new_schedule_keeps_what_is_known() {
        let mut checker = Checker::new(SCHEDULE, Timestamp::ZERO, 1);
        play(&mut checker, &[up(), down(), down()]);
        let now = checker.deadline().unwrap();
        checker.reschedule(
            CheckSchedule {
                interval: Duration::from_millis(50),
                ..SCHEDULE
            },
            now,
        );
        assert_eq!(play(&mut checker, &[down()]), [Verdict::Down]);
    }
}
