// SPDX-License-Identifier: MIT OR Apache-2.0
//! When the next probe starts.

use super::{Basis, Checker};
use crate::model::{IntervalFrom, Retry, Standing, Timestamp};

/// The checker shortens an interval by up to a tenth at random: checkers must not fall into step.
const JITTER_DIVISOR: u32 = 10;

impl Checker {
    /// Whether the verdict is open (and somebody can answer), or the last result spoke against it.
    const fn is_in_doubt(&self) -> bool {
        (matches!(self.standing, Standing::Unknown) && !self.abstains) || self.results.last()
    }

    /// Intervals run from start to start, or from end to start. While the verdict is in doubt, the next probe comes soon;
    /// but not while a hold-down must pass. Then one comes at its end. After an alarm the next one comes at once.
    pub(super) fn next_probe(
        &self,
        asked: Timestamp,
        now: Timestamp,
        jitter: &mut fastrand::Rng,
    ) -> Timestamp {
        let alarmed = self.alarm.is_some() && self.standing != Standing::Down;
        if alarmed && self.not_checked == 0 {
            return now;
        }
        let schedule = &self.check.schedule;
        let held_until = self.held().and_then(|held| held.until);
        let held_until = held_until.filter(|until| asked < *until);
        let doubt = (alarmed || self.is_in_doubt()).then_some(schedule.retry);
        let interval = match (doubt, self.standing) {
            (None, _) if self.basis != Basis::Found => schedule.interval,
            (None, standing) => self.check.interval(standing),
            (Some(_), _) if held_until.is_some() => schedule.interval,
            (Some(Retry::FastInterval(interval)), _) => interval,
            (Some(Retry::Delay(_)), Standing::Down) => schedule.interval,
            (
                Some(Retry::Delay(delay)),
                Standing::Unknown | Standing::Up(_) | Standing::Drain | Standing::Maintenance,
            ) => return now + delay,
        };
        let next = match schedule.interval_from {
            IntervalFrom::Start => {
                let jitter = (interval / JITTER_DIVISOR).mul_f64(jitter.f64());
                asked + interval.saturating_sub(jitter)
            }
            IntervalFrom::End => now + interval,
        };
        held_until.map_or(next, |until| next.min(until)).max(now)
    }
}
