// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a checker begins: with nothing, with what an earlier director knew, or as the configuration says.

use std::sync::Arc;
use std::time::Duration;

use super::{Basis, Checker, Phase};
use crate::health::hold::Hold;
use crate::health::memory::Memory;
use crate::health::results::Results;
use crate::model::{
    AgentState, Check, Initial, NoResult, ProbeCounts, Recalled, Standing, Timestamp,
};

/// The longest delay of the first probe of a few checkers: they must not all start at once.
const FIRST_PROBE_SPREAD: Duration = Duration::from_millis(800);
/// So much longer it is for each of many. Checkers that begin together stay together for many intervals.
const SPREAD_EACH: Duration = Duration::from_micros(500);

/// The longest delay of a first probe when so many checkers begin together.
pub(in crate::health) fn first_spread(checkers: usize) -> Duration {
    let checkers = u32::try_from(checkers).unwrap_or(u32::MAX);
    FIRST_PROBE_SPREAD.max(SPREAD_EACH.saturating_mul(checkers))
}

impl Checker {
    /// Behaves as if its probes had found this.
    pub(in crate::health) fn believe(&mut self, it: &Recalled) {
        self.standing = it.standing;
        self.basis = Basis::Found;
        if it.only_held_down {
            self.hold = Some(Box::new(Hold::BELIEVED));
            (0..self.check.schedule.rise).for_each(|_| self.results.push(true));
        }
    }

    /// A checker that has found nothing yet, and probes within `spread` (or its interval, if that is shorter) of `now`.
    pub(in crate::health) fn new(
        check: Arc<Check>,
        recalled: Option<Memory>,
        (now, spread): (Timestamp, Duration),
        jitter: &mut fastrand::Rng,
    ) -> Self {
        let spread = spread.min(check.schedule.interval);
        let first = now + spread.mul_f64(jitter.f64());
        let mut checker = Self {
            check,
            standing: Standing::Unknown,
            since: now,
            basis: Basis::Found,
            results: Results::NONE,
            hold: None,
            not_checked: 0,
            no_result: NoResult::CouldNotRun,
            not_checked_since: now,
            abstains: false,
            judged: false,
            told: recalled.map_or(AgentState::NOTHING, |it| AgentState::behind(it.standing)),
            heard: None,
            serving: recalled.is_some_and(|it| it.standing.is_up()),
            recalled: recalled.map(Box::new),
            alarm: None,
            hastened: None,
            clients: None,
            phase: Phase::Waiting(first),
            run: 0,
            last_failure: None,
            warning: None,
            last_run: None,
            counts: ProbeCounts::default(),
        };
        checker.assume(now);
        checker
    }

    /// A checker of the same probe with another schedule; it keeps what `self` knows. It shortens a wait that is now
    /// too long, and asks again for a probe that has not come back.
    pub(in crate::health) fn rescheduled(&self, check: &Arc<Check>, now: Timestamp) -> Self {
        let next = match self.phase {
            Phase::Waiting(at) => at.min(now + check.interval(self.standing)),
            Phase::Probing(_) => now,
        };
        let mut checker = Self {
            check: Arc::clone(check),
            phase: Phase::Waiting(next),
            ..self.clone()
        };
        if self.standing == Standing::Unknown && !self.serving && !self.abstains {
            checker.assume(now);
        }
        checker
    }

    /// Counts as its `initial` says. A standing that an earlier director knew speaks against `up` when it is another
    /// one: a restart must not put a dead server, or one that drains, among those that serve.
    fn assume(&mut self, now: Timestamp) {
        let recalled = self.recalled.as_deref();
        let standing = match (self.check.schedule.initial, recalled.map(|it| it.standing)) {
            (Initial::Up, None) => Standing::UP,
            (Initial::Up, Some(up @ Standing::Up(_))) => up,
            (Initial::Down, _) => Standing::Down,
            (
                Initial::Up,
                Some(Standing::Unknown | Standing::Down | Standing::Drain | Standing::Maintenance),
            )
            | (Initial::Remembered, _) => return,
        };
        let same = recalled.filter(|it| it.standing.word() == standing.word());
        self.since = same.map_or(now, |it| it.since);
        self.standing = standing;
        self.basis = Basis::Configured;
        self.abstains = false;
    }

    /// Whether a probe has found anything about the server.
    pub(in crate::health) fn has_verdict(&self) -> bool {
        self.standing != Standing::Unknown && self.basis == Basis::Found
    }

    /// Whether it has asked for no probe yet, and has no verdict of another checker's probes.
    pub(in crate::health) fn is_untried(&self) -> bool {
        self.run == 0 && !self.has_verdict()
    }

    /// Begins as down: its server has been so since then by the checks before. It comes back as any server that is down.
    pub(in crate::health) const fn inherit_down(&mut self, since: Timestamp) {
        self.standing = Standing::Down;
        self.since = since;
        self.basis = Basis::Inherited;
    }

    /// Knows nothing, if it has inherited what it knows.
    pub(in crate::health) fn disinherit(&mut self) {
        if self.is_inherited() {
            self.know_nothing();
        }
    }

    /// The results of a server that is down say how far it is from up, all others how far it is from down.
    fn know_nothing(&mut self) {
        if self.standing == Standing::Down {
            self.results = Results::NONE;
        }
        self.standing = Standing::Unknown;
        self.basis = Basis::Found;
    }

    /// Whether it matters that a server of this check takes connections: until the first verdict.
    pub(in crate::health) const fn wants_serving(&self) -> bool {
        matches!(self.standing, Standing::Unknown) && !self.serving
    }

    /// Notes that a server of this check takes connections.
    pub(in crate::health) const fn note_serving(&mut self) {
        self.serving = true;
    }

    /// Notes the same of a checker that has just begun: such a server does not count as down, because its connections
    /// would end.
    pub(in crate::health) fn begin_serving(&mut self) {
        self.note_serving();
        if self.is_assumed() && self.standing == Standing::Down {
            self.know_nothing();
        }
    }

    /// Takes a result that is the present standing. Returns whether only the configuration had said so until now.
    pub(super) fn confirm(&mut self, found: Standing) -> bool {
        if found.word() != self.standing.word() {
            return false;
        }
        self.recalled = None;
        std::mem::replace(&mut self.basis, Basis::Found) == Basis::Configured
    }

    /// There is nothing to judge by: what no probe of this check has found does not count beside other checks.
    pub(super) fn assume_nothing(&mut self) {
        if self.basis != Basis::Found {
            self.know_nothing();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_checkers_begin_together_the_longer_their_first_probes_are_spread() {
        for (checkers, milliseconds) in [(0, 800), (1_600, 800), (2_000, 1_000), (10_000, 5_000)] {
            let spread = first_spread(checkers);
            assert_eq!(spread, Duration::from_millis(milliseconds), "{checkers}");
        }
    }
}
