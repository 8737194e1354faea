// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a report means for the verdict.

use super::{Basis, Checker, CheckerAction, LastRun};
use crate::health::hold::Hold;
use crate::health::passive::Unanswered;
use crate::health::reason::because;
use crate::health::results::Results;
use crate::model::{Counts, NoResult, ProbeOutcome, ProbeReport, ProbeResult, Standing, Timestamp};

impl Checker {
    /// Takes the report of a probe that was asked for at this time.
    pub(super) fn judge(
        &mut self,
        asked: Timestamp,
        now: Timestamp,
        report: ProbeReport,
        out: &mut Vec<CheckerAction>,
    ) {
        let clients = self.clients.take();
        let found = self.found(now, report.outcome, out);
        let passed = self.would_be_up();
        self.last_run = Some(LastRun {
            started: report.started,
            latency: report.latency,
            succeeded: matches!(found, Ok(found) if found.is_up()),
        });
        let found = match found {
            Ok(found) => found,
            Err(of) => {
                if of != NoResult::CouldNotRun {
                    self.alarm = None;
                }
                self.gave_no_result(report.started, of, report.reason, out);
                return;
            }
        };
        self.counts.note(if found.is_up() {
            ProbeResult::Success
        } else {
            ProbeResult::Failure
        });
        if std::mem::take(&mut self.not_checked) > 0 {
            out.push(CheckerAction::CheckedAgain);
        }
        let proves_the_way = self.proves_the_way(report.outcome);
        let down_by_clients = proves_the_way && self.count_clients(asked, now, clients, out);
        if !down_by_clients {
            self.take_result((asked, now), found, passed, &report, out);
        }
        self.judged = true;
    }

    /// Takes what a probe found that was asked for at this time. `passed` is whether it would have been up before.
    fn take_result(
        &mut self,
        (asked, now): (Timestamp, Timestamp),
        found: Standing,
        passed: bool,
        report: &ProbeReport,
        out: &mut Vec<CheckerAction>,
    ) {
        if found.is_up() {
            // What an agent says while its server is up is no warning.
            let told = matches!(report.outcome, ProbeOutcome::Told(_));
            self.note_warning(if told { "" } else { &report.reason }, out);
        } else {
            self.note_failure(&report.reason);
        }
        self.count(asked, found);
        if self.would_be_up() != passed {
            out.push(CheckerAction::HeldDown);
        }
        if self.confirm(found) {
            out.push(CheckerAction::Confirmed);
        }
        // A probe that started before the alarm does not answer it.
        let unanswered = self.alarm.filter(|at| report.started < *at);
        if found == self.standing || self.decide((asked, now), found, &report.reason, out) {
            self.alarm = unanswered;
        }
    }

    /// Comes to what was found by a probe that was asked for at this time, when enough results say so. Returns whether
    /// they do.
    fn decide(
        &mut self,
        (asked, now): (Timestamp, Timestamp),
        found: Standing,
        reason: &str,
        out: &mut Vec<CheckerAction>,
    ) -> bool {
        let progress = self.needs_several(found).then(|| self.progress());
        if progress.is_some_and(|it| !it.is_enough()) || self.is_held_back(found, asked) {
            return false;
        }
        let (from, held) = (self.standing, self.held());
        self.turn(now, found);
        let because = because(from, found, reason, progress, held.or(self.held()));
        out.push(CheckerAction::Changed { because });
        true
    }

    /// Whether such a report shows that the way to the server was open. Who has nothing to say need not have been there,
    /// and a check that does not ask over the network sees no way.
    fn proves_the_way(&self, outcome: ProbeOutcome) -> bool {
        self.check.probe.uses_network() && outcome != ProbeOutcome::Quiet
    }

    /// Counts client connections without an answer as one failure, unless the first result of a probe decides. Returns whether that takes the server down: the probe
    /// that showed that the way was open then says nothing for it.
    fn count_clients(
        &mut self,
        asked: Timestamp,
        now: Timestamp,
        clients: Option<Box<Unanswered>>,
        out: &mut Vec<CheckerAction>,
    ) -> bool {
        let counts = self.standing.is_up() && !self.first_failure_decides();
        let Some(clients) = clients.filter(|_| counts) else {
            return false;
        };
        let reason = clients.to_string();
        self.note_failure(&reason);
        self.count(asked, Standing::Down);
        let down = self.decide((asked, now), Standing::Down, &reason, out);
        if down {
            self.alarm = None;
        }
        down
    }

    /// Probes at once. A decisive alarm counts before that.
    pub(super) fn take_alarm(
        &mut self,
        now: Timestamp,
        reason: &str,
        decisive: bool,
        out: &mut Vec<CheckerAction>,
    ) {
        self.alarm = Some(now);
        if decisive && self.standing.is_up() {
            self.note_failure(reason);
            self.turn(now, Standing::Down);
            let because = reason.into();
            out.push(CheckerAction::Changed { because });
        }
        self.hasten(now);
    }

    /// Whether it is down only because it is held down: its check passes as often as it must.
    pub(in crate::health) fn would_be_up(&self) -> bool {
        self.held().is_some() && self.progress().is_enough()
    }

    /// Clients may know before the next probe that the server is dead. They are listened to once in an interval. When that
    /// is to count as a failure, it does so as soon as the probe shows that the way to the server is open.
    pub(super) fn take_unanswered(&mut self, now: Timestamp, clients: Unanswered, may_count: bool) {
        let times = self.hastened();
        let last = self.hastened.as_ref().map(|hastened| hastened.1);
        let schedule = &self.check.schedule;
        let soon = last.is_some_and(|last| now < last + schedule.interval);
        let Some(counts) = schedule.passive else {
            return;
        };
        if soon || self.standing == Standing::Down || !self.is_waiting() {
            return;
        }
        self.hastened = Some(Box::new((times.saturating_add(1), now)));
        self.clients = (may_count && counts == Counts::Failure).then(|| Box::new(clients));
        self.alarm = Some(now);
        self.hasten(now);
    }

    /// The standing by this outcome alone, if it says anything.
    fn found(
        &mut self,
        now: Timestamp,
        outcome: ProbeOutcome,
        out: &mut Vec<CheckerAction>,
    ) -> Result<Standing, NoResult> {
        match outcome {
            ProbeOutcome::Up(weight) => Ok(Standing::Up(weight)),
            ProbeOutcome::Quiet => Ok(Standing::UP),
            ProbeOutcome::Told(told) => {
                self.told.add(told);
                Ok(self.told.standing())
            }
            ProbeOutcome::Down
            | ProbeOutcome::Refused
            | ProbeOutcome::Silent
            | ProbeOutcome::Stalled
            | ProbeOutcome::CutOff => Ok(Standing::Down),
            ProbeOutcome::Drain => Ok(Standing::Drain),
            ProbeOutcome::Maintenance => Ok(Standing::Maintenance),
            ProbeOutcome::Abstained => {
                self.abstain(now, out);
                Err(NoResult::NoOpinion)
            }
            ProbeOutcome::Unsupported => Err(NoResult::NotSupported),
            ProbeOutcome::CouldNotRun => Err(NoResult::CouldNotRun),
        }
    }

    /// There is nothing to judge by: what is known stays, also what an earlier director knew.
    fn abstain(&mut self, now: Timestamp, out: &mut Vec<CheckerAction>) {
        self.assume_nothing();
        if self.standing != Standing::Unknown {
            return;
        }
        match self.recalled.as_deref() {
            Some(&memory) => {
                self.turn(now, memory.standing);
                // Nobody has confirmed it.
                self.recalled = Some(Box::new(memory));
                let because = "as it was before the start".into();
                out.push(CheckerAction::Changed { because });
            }
            None if self.abstains => {}
            None => {
                self.abstains = true;
                out.push(CheckerAction::Abstains);
            }
        }
    }

    /// Counts a result of a probe that was asked for at this time.
    fn count(&mut self, asked: Timestamp, found: Standing) {
        self.results.push(match self.standing {
            Standing::Down => found.is_up(),
            Standing::Unknown | Standing::Up(_) | Standing::Drain | Standing::Maintenance => {
                found == Standing::Down
            }
        });
        if let Some(hold) = &mut self.hold {
            hold.note(asked, found.is_up());
        }
    }

    /// Whether a hold-down keeps it from what a probe found that was asked for at this time.
    fn is_held_back(&self, found: Standing, asked: Timestamp) -> bool {
        let held = self.held().filter(|_| found.is_up());
        held.is_some_and(|held| held.until.is_none_or(|until| asked < until))
    }

    /// A probe that could not run, or that the server does not understand, says nothing about the server's health.
    pub(super) fn gave_no_result(
        &mut self,
        started: Timestamp,
        of: NoResult,
        reason: Box<str>,
        out: &mut Vec<CheckerAction>,
    ) {
        if self.not_checked == 0 {
            self.not_checked_since = started;
        }
        self.not_checked = self.not_checked.saturating_add(1);
        self.counts.note(ProbeResult::None(of));
        self.no_result = of;
        self.note_failure(&reason);
        out.push(CheckerAction::NotChecked {
            of,
            reason,
            times: self.not_checked,
        });
    }

    fn note_failure(&mut self, reason: &str) {
        if self.last_failure.as_deref() != Some(reason) {
            self.last_failure = Some(reason.into());
        }
    }

    /// A success may have a reason: something that somebody may want to look at. It is told when it changes.
    fn note_warning(&mut self, reason: &str, out: &mut Vec<CheckerAction>) {
        let reason = Some(reason).filter(|reason| !reason.is_empty());
        if self.warning.as_deref() != reason {
            self.warning = reason.map(Into::into);
            let of = self.warning.clone();
            out.push(CheckerAction::Warned { of });
        }
    }

    /// Whether it needs more than one result to come from the present standing to the one found.
    const fn needs_several(&self, found: Standing) -> bool {
        use Standing::{Down, Drain, Maintenance, Unknown, Up};
        match (self.standing, found) {
            (Unknown, Down) => self.serving,
            (Up(_) | Drain | Maintenance, Down) | (Down, Up(_)) => true,
            (Unknown | Up(_) | Down | Drain | Maintenance, _) => false,
        }
    }

    /// Changes the standing. When only the weight changes, the time since when it is up stays. When a first verdict
    /// confirms what an earlier director knew, it keeps that director's time.
    fn turn(&mut self, now: Timestamp, to: Standing) {
        let same = |standing: Standing| standing.word() == to.word();
        let recalled = self.recalled.take();
        if !same(self.standing) {
            self.since = recalled
                .filter(|it| same(it.standing) && !self.is_assumed())
                .map_or(now, |it| it.since);
        }
        if to == Standing::Down {
            let before = self.hold.take().map(|hold| *hold);
            let rule = self.check.schedule.hold_down;
            self.hold = rule.map(|rule| Box::new(Hold::fallen(before, now, rule)));
            self.results = Results::NONE;
        } else if self.standing == Standing::Down {
            if let Some(hold) = &mut self.hold {
                hold.come_back(now);
            }
            self.results = Results::NONE;
        }
        self.standing = to;
        self.basis = Basis::Found;
        self.abstains = false;
    }
}
