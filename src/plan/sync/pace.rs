// SPDX-License-Identifier: MIT OR Apache-2.0
//! How fast messages are sent: as fast as a receiver with the usual buffer is sure to take them in.

use std::time::Duration;

use crate::model::Timestamp;

/// Each message takes so long: 1,250 a second, with 40 connections of IPv4 or 20 of IPv6 in each. A receiver whose kernel
/// thread does not run for 70 ms still loses nothing.
const EACH: Duration = Duration::from_micros(800);
/// So many at once, at most. A kernel accounts 2 to 4 KiB for a packet, some drivers more, and gives a socket 208 KiB
/// (`net.core.rmem_default`). A sender that sleeps by a timer of 100 Hz still comes near its rate.
const AT_ONCE: u32 = 16;

/// Says when the next message may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// From this moment on all that may be sent at once may be.
    full_at: Timestamp,
}

impl Pace {
    /// Nothing was sent yet.
    #[must_use]
    pub const fn new(now: Timestamp) -> Self {
        Self { full_at: now }
    }

    /// How long the next message has to wait. When it is zero, the message counts as sent.
    ///
    /// Whoever has to wait, waits until half of what may be sent at once is free: so it does not wake for each message.
    pub fn next(&mut self, now: Timestamp) -> Duration {
        let owed = self.full_at.since(now);
        if owed + EACH <= EACH * AT_ONCE {
            self.full_at = self.full_at.max(now) + EACH;
            return Duration::ZERO;
        }
        owed.saturating_sub(EACH * (AT_ONCE / 2))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Sends for so long; what woke late is given. Returns when messages were sent.
    fn sent(seconds: u64, late: &[u64]) -> Vec<Timestamp> {
        let (mut now, mut sent) = (Timestamp::ZERO, Vec::new());
        let mut pace = Pace::new(now);
        let mut late = late.iter().copied().cycle();
        while now.since_start() < Duration::from_secs(seconds) {
            let wait = pace.next(now);
            if wait.is_zero() {
                sent.push(now);
            } else {
                now = now + wait + Duration::from_micros(late.next().unwrap_or(0));
            }
        }
        sent
    }

    #[test]
    fn twelve_hundred_and_fifty_messages_leave_in_a_second_also_by_a_slow_timer() {
        for late in [0, 6_000] {
            let sent = sent(10, &[late]);
            assert!((12_490..=12_540).contains(&sent.len()), "{}", sent.len());
        }
    }

    #[test]
    fn a_sender_that_slept_for_long_does_not_make_up_for_it() {
        let sent = sent(10, &[3_000_000]);
        assert!(sent.len() <= 5 * 16, "{}", sent.len());
    }

    proptest! {
        #[test]
        fn never_more_than_allowed_leave_in_any_time(late in prop::collection::vec(0..50_000_u64, 1..20)) {
            let sent = sent(2, &late);
            for (first, begin) in sent.iter().enumerate() {
                for (count, end) in sent.iter().skip(first).enumerate().step_by(7) {
                    let allowed = end.since(*begin).as_micros() / EACH.as_micros() + u128::from(AT_ONCE);
                    prop_assert!(count as u128 <= allowed);
                }
            }
        }
    }
}
