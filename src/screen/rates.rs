// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rates out of counters that were read twice.
//!
//! The kernel updates the counters that it shows every 2 s, all at once: a counter that is read every second stands
//! still, then makes the step of two seconds. We divide such a step by the kernel's 2 s, and the rate stays until the
//! next step. When reads are further apart, we divide the difference by the time between them.

use std::time::Duration;

use crate::model::{Counters, Timestamp};

/// How often the kernel brings its counters up to date (`estimation_timer` in `net/netfilter/ipvs/ip_vs_est.c`).
const STEP: Duration = Duration::from_secs(2);
/// Up to this interval a read finds one step, or none: the kernel's timer and ours are sometimes a little late.
const ONE_STEP: Duration = Duration::from_millis(2100);
/// Steps that follow sooner than this do not come from the kernel's period of [`STEP`].
const TOO_SOON: Duration = Duration::from_millis(900);

/// The rate per second, in tenths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rates {
    /// Connections scheduled.
    pub connections: u64,
    /// Packets from clients.
    pub in_packets: u64,
    /// Bytes from clients.
    pub in_bytes: u64,
    /// Bytes to clients.
    pub out_bytes: u64,
}

impl Rates {
    /// The kernel's own estimate, smoothed over about eight seconds.
    const fn kernels(counters: &Counters) -> Self {
        Self {
            connections: counters.connection_rate.saturating_mul(10),
            in_packets: counters.in_packet_rate.saturating_mul(10),
            in_bytes: counters.in_byte_rate.saturating_mul(10),
            out_bytes: counters.out_byte_rate.saturating_mul(10),
        }
    }

    fn between(then: &Counters, now: &Counters, time: Duration) -> Self {
        let rate = |then: u64, now: u64| {
            let tenths = u128::from(now.saturating_sub(then)) * 10_000_000;
            u64::try_from(tenths / time.as_micros().max(1)).unwrap_or(u64::MAX)
        };
        Self {
            connections: rate(then.connections, now.connections),
            in_packets: rate(then.in_packets, now.in_packets),
            in_bytes: rate(then.in_bytes, now.in_bytes),
            out_bytes: rate(then.out_bytes, now.out_bytes),
        }
    }

    /// Both together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            connections: self.connections.saturating_add(other.connections),
            in_packets: self.in_packets.saturating_add(other.in_packets),
            in_bytes: self.in_bytes.saturating_add(other.in_bytes),
            out_bytes: self.out_bytes.saturating_add(other.out_bytes),
        }
    }
}

/// The counters of one service or server from read to read.
#[derive(Debug, Clone, Copy)]
pub struct Meter {
    counters: Counters,
    read: Timestamp,
    changed: Timestamp,
    /// The rates to show.
    pub rates: Rates,
}

impl Meter {
    /// At the first read there are the kernel's rates only.
    #[must_use]
    pub const fn new(now: Timestamp, counters: Counters) -> Self {
        Self {
            counters,
            read: now,
            changed: now,
            rates: Rates::kernels(&counters),
        }
    }

    /// Takes in another read.
    pub fn read(&mut self, now: Timestamp, counters: Counters) {
        let elapsed = now.since(self.read);
        if elapsed.is_zero() {
            return;
        }
        if backwards(&self.counters, &counters) {
            // Zeroed, or deleted and made again.
            *self = Self::new(now, counters);
            return;
        }
        self.read = now;
        if self.counters.totals() == counters.totals() {
            // A read may just miss the kernel's step; no step comes twice.
            let still = now.since(self.changed);
            if elapsed > ONE_STEP || still > STEP + elapsed / 2 {
                self.rates = Rates::default();
            }
            return;
        }
        let time = if elapsed > ONE_STEP || now.since(self.changed) < TOO_SOON {
            elapsed
        } else {
            STEP
        };
        self.rates = Rates::between(&self.counters, &counters, time);
        self.changed = now;
        self.counters = counters;
    }
}

fn backwards(then: &Counters, now: &Counters) -> bool {
    then.totals()
        .iter()
        .zip(now.totals())
        .any(|(then, now)| now < *then)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> Timestamp {
        Timestamp::after_start(Duration::from_millis(milliseconds))
    }

    fn counted(connections: u64, kernels_rate: u64) -> Counters {
        Counters {
            connections,
            in_bytes: connections * 100,
            connection_rate: kernels_rate,
            ..Counters::default()
        }
    }

    /// The rate after each of these reads: milliseconds, connections so far. The kernel's estimate is 7 per second.
    fn rates(reads: &[(u64, u64)]) -> Vec<u64> {
        let mut meter = Meter::new(at(0), counted(0, 7));
        reads
            .iter()
            .map(|(time, connections)| {
                meter.read(at(*time), counted(*connections, 7));
                meter.rates.connections
            })
            .collect()
    }

    #[test]
    fn the_first_read_shows_what_the_kernel_reckons() {
        let meter = Meter::new(at(0), counted(1000, 7));
        assert_eq!(meter.rates.connections, 70);
    }

    #[test]
    fn the_kernels_step_of_two_seconds_is_no_saw() {
        let reads = [(1000, 0), (2000, 40), (3000, 40), (4000, 80), (5000, 80)];
        assert_eq!(rates(&reads), [70, 200, 200, 200, 200]);
        let often: Vec<(u64, u64)> = (1..60).map(|it| (it * 100, it / 20 * 41)).collect();
        assert!(rates(&often).iter().all(|it| [70, 205].contains(it)));
    }

    #[test]
    fn a_step_seen_late_is_still_one_of_two_seconds() {
        let reads = [(1000, 0), (2000, 40), (3000, 40), (4001, 40), (5001, 80)];
        assert_eq!(rates(&reads), [70, 200, 200, 200, 200]);
    }

    #[test]
    fn what_stands_still_has_rate_zero_soon() {
        let reads = [(1000, 40), (2000, 40), (3000, 40), (4000, 40)];
        assert_eq!(rates(&reads), [200, 200, 200, 0]);
        assert_eq!(rates(&[(5000, 0)]), [0]);
    }

    #[test]
    fn reads_far_apart_are_divided_by_the_time_between_them() {
        assert_eq!(rates(&[(10_000, 1234)]), [1234]);
        assert_eq!(rates(&[(5000, 100), (10_500, 155)]), [200, 100]);
    }

    #[test]
    fn counters_that_go_backwards_give_the_kernels_rate() {
        assert_eq!(rates(&[(1000, 40), (2000, 3)]), [200, 70]);
        assert_eq!(rates(&[(2000, 40), (4000, 3), (6000, 23)])[2], 100);
    }

    #[test]
    fn two_reads_at_one_moment_and_counters_at_their_ends_make_no_nonsense() {
        assert_eq!(rates(&[(0, 9)]), [70]);
        let mut meter = Meter::new(at(0), counted(0, 0));
        let full = Counters {
            connections: u64::MAX,
            ..Counters::default()
        };
        meter.read(at(1), full);
        assert_eq!(meter.rates.connections, u64::MAX, "at its end");
        assert_eq!(
            meter.rates.plus(meter.rates).connections,
            u64::MAX,
            "and not beyond"
        );
    }
}
