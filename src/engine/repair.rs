// SPDX-License-Identifier: MIT OR Apache-2.0
//! Finding out when the kernel is not as it should be: rounds of reading back, drift, and a kernel that does not
//! answer.

use std::collections::BTreeMap;
use std::time::Duration;

use super::event::Action;
use super::machine::{Engine, Look, Work};
use crate::model::{Condition, ServiceKey, Timestamp, VirtualService};
use crate::plan::Plan;

/// After an exchange with the kernel failed, the table is read back this soon; then ever later.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// When a service does not stay as we made it, we make it again after this time, and then after longer and longer
/// times.
const FIRST_WAIT: Duration = Duration::from_secs(1);

impl Engine {
    /// Puts all our services, and the host's settings, on the list to read back.
    pub(super) fn begin_round(&mut self, now: Timestamp, out: &mut Vec<Action>) {
        if let Work::NotStarted | Work::Ended = self.work {
            return;
        }
        self.next_round = now + self.config.director.repair_interval.max(self.pause);
        self.tries.clear();
        self.settle(now, out);
        if !self.owned_written {
            self.write_owned(out);
        }
        let ours = self.ours();
        self.unread.extend(ours);
    }

    /// The answer to [`Action::ReadService`]. A difference from what we left is drift: somebody else's change. The
    /// engine undoes and reports it.
    pub(super) fn service_read(
        &mut self,
        now: Timestamp,
        key: ServiceKey,
        found: Result<Option<VirtualService>, Box<str>>,
        out: &mut Vec<Action>,
    ) {
        let Work::ReadingService(look) = self.work else {
            return;
        };
        self.work = Work::Idle;
        let actual = match found {
            Ok(actual) => actual,
            Err(why) => return self.exchange_failed(now, &why, out),
        };
        self.answered(now, out);
        let as_left = actual.as_ref() == self.observed.services.get(&key);
        match actual {
            Some(service) => self.observed.services.insert(key, service),
            None => self.observed.services.remove(&key),
        };
        if !as_left {
            self.stale.insert(key);
        }
        match look {
            Look::Surprise => {
                self.surprises.remove(&key);
                self.dirty.insert(key);
            }
            Look::Round => self.looked(now, key, as_left),
        }
    }

    fn looked(&mut self, now: Timestamp, key: ServiceKey, as_left: bool) {
        let plan = self.plan([&key]);
        if plan.is_empty() {
            if as_left {
                self.strikes.forget(&key);
            }
            return;
        }
        if as_left && !self.strikes.is_due(&key) {
            // The kernel refused it before: its turn has come again.
            if !self.strikes.waits(&key) {
                self.dirty.insert(key);
            }
            return;
        }
        let longest = self.config.director.repair_interval;
        if self.strikes.strike(key, now, longest) {
            self.expect_repair(now, &plan);
            self.dirty.insert(key);
        }
    }

    /// Reports what these steps repair when the kernel has confirmed them.
    fn expect_repair(&mut self, now: Timestamp, plan: &Plan) {
        for step in plan.differences() {
            let untold = self.untold_repair(now, step, Condition::Drifted);
            self.untold.push(untold);
        }
    }

    /// How much of the last exchange was carried out is unknown: everything is read back soon.
    pub(super) fn exchange_failed(&mut self, now: Timestamp, why: &str, out: &mut Vec<Action>) {
        self.figures.failed_exchanges += 1;
        if self.pause.is_zero() {
            self.tell_ipvs(now, Condition::Refused, why, out);
        }
        let longest = self.config.director.repair_interval.max(FIRST_PAUSE);
        self.pause = (self.pause * 2).clamp(FIRST_PAUSE, longest);
        self.next_round = now + self.pause;
        self.unread.clear();
        self.surprises.clear();
        self.tell_refused(why, out);
    }

    /// The kernel answered.
    pub(super) fn answered(&mut self, now: Timestamp, out: &mut Vec<Action>) {
        if !self.pause.is_zero() {
            self.pause = Duration::ZERO;
            self.tell_ipvs(now, Condition::Right, "", out);
        }
    }
}

/// Services that did not stay as we made them: another program changes them, or the kernel stores them differently.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Strikes(BTreeMap<ServiceKey, Strike>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Strike {
    times: u32,
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// It was made again, and must be checked.
    Made,
    /// Leave it alone until then.
    Waits(Timestamp),
    /// It is made again now.
    Due,
}

impl Strikes {
    /// It stayed as we made it.
    fn forget(&mut self, key: &ServiceKey) {
        self.0.remove(key);
    }

    fn is_due(&self, key: &ServiceKey) -> bool {
        self.0.get(key).is_some_and(|it| it.phase == Phase::Due)
    }

    fn waits(&self, key: &ServiceKey) -> bool {
        let strike = self.0.get(key);
        strike.is_some_and(|it| matches!(it.phase, Phase::Waits(_)))
    }

    /// It is not as we made it. Returns whether to make it again at once: the first time, and after a wait.
    fn strike(&mut self, key: ServiceKey, now: Timestamp, longest: Duration) -> bool {
        let new = Strike {
            times: 0,
            phase: Phase::Due,
        };
        let strike = self.0.entry(key).or_insert(new);
        match strike.phase {
            Phase::Due => {
                strike.phase = Phase::Made;
                strike.times = strike.times.saturating_add(1);
                true
            }
            Phase::Made => {
                let doubled = 1_u32.checked_shl(strike.times - 1).unwrap_or(u32::MAX);
                let wait = FIRST_WAIT.saturating_mul(doubled).min(longest);
                strike.phase = Phase::Waits(now + wait);
                false
            }
            Phase::Waits(_) => false,
        }
    }

    /// The services whose wait is over.
    pub(super) fn due(&mut self, now: Timestamp) -> Vec<ServiceKey> {
        let mut due = Vec::new();
        for (key, strike) in &mut self.0 {
            if let Phase::Waits(until) = strike.phase
                && until <= now
            {
                strike.phase = Phase::Due;
                due.push(*key);
            }
        }
        due
    }

    /// When the first wait is over.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        let waits = self.0.values().filter_map(|strike| match strike.phase {
            Phase::Waits(until) => Some(until),
            Phase::Made | Phase::Due => None,
        });
        waits.min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_that_does_not_stay_is_made_again_ever_later() {
        let key = ServiceKey::tcp((std::net::Ipv4Addr::LOCALHOST, 80).into());
        let longest = Duration::from_secs(5);
        let (mut strikes, mut now) = (Strikes::default(), Timestamp::ZERO);
        let mut waits = Vec::new();
        assert!(strikes.strike(key, now, longest), "the first time at once");
        for _ in 0..5 {
            assert!(!strikes.strike(key, now, longest));
            let until = strikes.deadline().unwrap();
            waits.push(until.since(now).as_secs());
            assert_eq!(strikes.due(now), []);
            assert!(strikes.waits(&key));
            now = until;
            assert_eq!(strikes.due(now), [key]);
            assert!(strikes.is_due(&key) && strikes.strike(key, now, longest));
        }
        assert_eq!(waits, [1, 2, 4, 5, 5]);
        strikes.forget(&key);
        assert_eq!(strikes, Strikes::default());
    }
}
