// SPDX-License-Identifier: MIT OR Apache-2.0
//! Slow start: a real server that has come back gets its weight step by step.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{ServerKey, ServiceKey, Timestamp, Weight};

/// In at most so many steps; they are at least a second apart.
const MOST_STEPS: u64 = 20;

/// One slow start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlowStart {
    /// When the server came back.
    pub since: Timestamp,
    /// How long it takes, at least a second.
    pub time: Duration,
    /// Whether it has its full weight all the same, because no other server could carry the load meanwhile. It does not
    /// count as one that can carry the load of others yet.
    pub in_full: bool,
    step: u64,
}

impl SlowStart {
    /// One that begins.
    #[must_use]
    pub const fn new(time: Duration, since: Timestamp) -> Self {
        Self {
            since,
            time,
            in_full: false,
            step: 0,
        }
    }

    fn steps(&self) -> u64 {
        self.time.as_secs().clamp(1, MOST_STEPS)
    }

    /// When it is over.
    #[must_use]
    pub fn end(&self) -> Timestamp {
        self.since + self.time
    }

    /// When it wants [`SlowStart::advance`].
    #[must_use]
    pub fn deadline(&self) -> Timestamp {
        if self.in_full {
            return self.end();
        }
        let passed = self.time.as_micros() * u128::from(self.step + 1);
        let passed = passed.div_ceil(u128::from(self.steps()));
        let passed = u64::try_from(passed).unwrap_or(u64::MAX);
        self.since + Duration::from_micros(passed)
    }

    /// Takes the step of this moment, never an earlier one. Returns whether it is another one.
    pub fn advance(&mut self, now: Timestamp) -> bool {
        let (before, steps) = (self.step, self.steps());
        let passed = now.since(self.since).as_micros() * u128::from(steps);
        let step = passed / self.time.as_micros().max(1);
        let step = u64::try_from(step).unwrap_or(steps).min(steps);
        self.step = self.step.max(step);
        self.step != before
    }

    /// Whether it is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.step >= self.steps()
    }

    /// How much of its full weight the server has, in per cent, rounded up: at each step what a straight line has in the
    /// middle of it.
    #[must_use]
    pub fn percent(&self) -> u64 {
        if self.in_full || self.is_over() {
            return 100;
        }
        (100 * (2 * self.step + 1)).div_ceil(2 * self.steps())
    }

    /// The present share of a full weight: at least 1, and never more than the full weight. Weight 0 stays 0.
    #[must_use]
    pub fn of(&self, full: Weight) -> Weight {
        if self.in_full || self.is_over() {
            return full;
        }
        let share = u64::from(full.get()) * (2 * self.step + 1);
        let share = share.div_ceil(2 * self.steps());
        let share = u32::try_from(share).ok().and_then(Weight::new);
        share.unwrap_or(full).min(full)
    }
}

/// A slow start as it outlives a director.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecalledSlowStart {
    /// The virtual service.
    pub service: ServiceKey,
    /// The real server.
    pub server: ServerKey,
    /// How long it takes.
    pub time: Duration,
    /// How long ago it began.
    pub age: Duration,
    /// Whether the server has its full weight all the same.
    pub in_full: bool,
}

/// All slow starts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SlowStarts {
    all: BTreeMap<(ServiceKey, ServerKey), SlowStart>,
    /// The first deadline, or an earlier moment.
    next: Option<Timestamp>,
}

impl SlowStarts {
    /// None.
    pub const NONE: Self = Self {
        all: BTreeMap::new(),
        next: None,
    };

    /// The slow start of this server of this service, if there is one.
    #[must_use]
    pub fn get(&self, service: &ServiceKey, server: &ServerKey) -> Option<SlowStart> {
        self.all.get(&(*service, *server)).copied()
    }

    /// Begins one.
    pub fn insert(&mut self, service: ServiceKey, server: ServerKey, slow: SlowStart) {
        let deadline = slow.deadline();
        self.all.insert((service, server), slow);
        self.next = Some(self.next.map_or(deadline, |next| next.min(deadline)));
    }

    /// Ends one. Returns whether there was one.
    pub fn remove(&mut self, service: &ServiceKey, server: &ServerKey) -> bool {
        self.all.remove(&(*service, *server)).is_some()
    }

    /// When it wants [`SlowStarts::advance`].
    #[must_use]
    pub const fn deadline(&self) -> Option<Timestamp> {
        self.next
    }

    /// Each of them, by service and server.
    pub fn iter(&self) -> impl Iterator<Item = (&ServiceKey, &ServerKey, &SlowStart)> {
        let all = self.all.iter();
        all.map(|((service, server), slow)| (service, server, slow))
    }

    /// Whether a server of this service has less than its full weight.
    #[must_use]
    pub fn starts_slowly(&self, service: &ServiceKey) -> bool {
        let from = self.all.range((*service, ServerKey::FIRST)..);
        let mut of = from.take_while(|((it, _), _)| it == service);
        of.any(|(_, slow)| !slow.in_full)
    }

    /// Gives the servers of this service their full weights. Returns those that had less.
    pub fn give_in_full(&mut self, service: &ServiceKey) -> Vec<ServerKey> {
        let from = self.all.range_mut((*service, ServerKey::FIRST)..);
        let of = from.take_while(|((it, _), _)| it == service);
        let mut given = Vec::new();
        for ((_, server), slow) in of {
            if !slow.in_full {
                slow.in_full = true;
                given.push(*server);
            }
        }
        given
    }

    /// Takes the steps of this moment. Returns those that are at another step, with how they are now; those that are over
    /// are among them, and gone.
    pub fn advance(&mut self, now: Timestamp) -> Vec<(ServiceKey, ServerKey, SlowStart)> {
        let mut moved = Vec::new();
        for (&(service, server), slow) in &mut self.all {
            if slow.advance(now) {
                moved.push((service, server, *slow));
            }
        }
        self.all.retain(|_, slow| !slow.is_over());
        self.next = self.all.values().map(SlowStart::deadline).min();
        moved
    }

    /// Keeps those for which this is true.
    pub fn retain(&mut self, keep: impl Fn(&ServiceKey, &ServerKey) -> bool) {
        self.all
            .retain(|(service, server), _| keep(service, server));
    }

    /// As they outlive a director.
    pub fn recalled(&self, now: Timestamp) -> impl Iterator<Item = RecalledSlowStart> {
        self.iter()
            .map(move |(&service, &server, slow)| RecalledSlowStart {
                service,
                server,
                time: slow.time,
                age: now.since(slow.since),
                in_full: slow.in_full,
            })
    }

    /// Those of an earlier director.
    #[must_use]
    pub fn of_recalled(all: &[RecalledSlowStart], now: Timestamp) -> Self {
        let slow = all.iter().map(|it| {
            let mut slow = SlowStart::new(it.time, now.before(it.age));
            slow.in_full = it.in_full;
            slow.advance(now);
            ((it.service, it.server), slow)
        });
        let all: BTreeMap<_, _> = slow.filter(|(_, slow)| !slow.is_over()).collect();
        let next = all.values().map(SlowStart::deadline).min();
        Self { all, next }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::after_start(Duration::from_secs(seconds))
    }

    #[test]
    fn a_minute_is_twenty_steps_of_three_seconds() {
        let mut slow = SlowStart::new(Duration::from_secs(60), at(100));
        let full = Weight::new(100).unwrap();
        let mut weights = Vec::new();
        for second in 100..=160 {
            slow.advance(at(second));
            weights.push(slow.of(full).get());
        }
        assert_eq!(weights[0..4], [3, 3, 3, 8]);
        assert_eq!(weights[30..34], [53, 53, 53, 58]);
        assert_eq!(weights[57..], [98, 98, 98, 100]);
        weights.dedup();
        assert_eq!(weights.len(), 21);
        assert!(slow.is_over());
    }

    #[test]
    fn a_short_one_has_a_step_a_second_and_a_small_weight_has_few_weights() {
        let mut slow = SlowStart::new(Duration::from_secs(3), at(0));
        let mut steps = Vec::new();
        for second in 0..=3 {
            slow.advance(at(second));
            steps.push((
                slow.percent(),
                slow.of(Weight::new(4).unwrap()).get(),
                slow.of(Weight::ONE),
                slow.of(Weight::ZERO),
            ));
        }
        let (one, zero) = (Weight::ONE, Weight::ZERO);
        let expected = [(17, 1), (50, 2), (84, 4), (100, 4)];
        assert_eq!(
            steps,
            expected.map(|(share, four)| (share, four, one, zero))
        );
    }

    #[test]
    fn a_later_director_is_never_behind_the_earlier_one() {
        let mut slows = SlowStarts::default();
        let (service, server) = ("FWM 7".parse().unwrap(), "10.0.0.1:80".parse().unwrap());
        slows.insert(
            service,
            server,
            SlowStart::new(Duration::from_secs(20), at(10)),
        );
        slows.advance(at(15));
        let recalled: Vec<_> = slows.recalled(at(15)).collect();
        assert_eq!(SlowStarts::of_recalled(&recalled, at(15)), slows);
        let later = SlowStarts::of_recalled(&recalled, at(100));
        assert_eq!(later.recalled(at(100)).collect::<Vec<_>>(), recalled);
    }

    proptest! {
        #[test]
        fn its_weight_only_grows_stays_in_range_and_reaches_the_full_one_on_time(
            time in 1_000_u64..90_000_000,
            full in 0..=Weight::MAX.get(),
            late in prop::collection::vec(0_u64..5_000_000, 0..100),
        ) {
            let full = Weight::new(full).unwrap();
            let mut slow = SlowStart::new(Duration::from_millis(time), at(5));
            let (mut now, mut last, mut turns) = (at(5), Weight::ZERO, 0);
            let mut late = late.into_iter();
            while !slow.is_over() {
                let weight = slow.of(full);
                prop_assert!(last <= weight && weight <= full);
                prop_assert!(full.is_zero() || !weight.is_zero());
                prop_assert!(slow.percent() <= 100);
                last = weight;
                let deadline = slow.deadline();
                prop_assert!(deadline <= slow.end());
                now = now.max(deadline) + Duration::from_micros(late.next().unwrap_or(0));
                prop_assert!(slow.advance(now), "nothing happened at its deadline");
                turns += 1;
                prop_assert!(turns <= 20);
            }
            prop_assert_eq!(slow.of(full), full);
        }
    }
}
