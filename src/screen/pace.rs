// SPDX-License-Identifier: MIT OR Apache-2.0
//! When to read again.

use std::time::{Duration, Instant};

/// When was read last, and whether the answer has come: nobody asks while another reading runs.
#[derive(Debug)]
pub struct Pace {
    asked_at: Instant,
    reading: bool,
}

/// What is to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Ask for a reading.
    Now,
    /// Wait so long at most; without a time, for whatever comes.
    Later(Option<Duration>),
}

impl Pace {
    /// Something was read just now.
    #[expect(clippy::disallowed_methods, reason = "the rim: time begins here")]
    #[must_use]
    pub fn begin() -> Self {
        Self {
            asked_at: Instant::now(),
            reading: false,
        }
    }

    /// What is to be done when readings are so far apart; no interval is a pause. Who is told to ask now has asked.
    #[expect(clippy::disallowed_methods, reason = "the rim: when to read again")]
    pub fn due(&mut self, interval: Option<Duration>) -> Due {
        let Some(interval) = interval.filter(|_| !self.reading) else {
            return Due::Later(None);
        };
        let left = interval.saturating_sub(self.asked_at.elapsed());
        if !left.is_zero() {
            return Due::Later(Some(left));
        }
        self.asked_at = Instant::now();
        self.reading = true;
        Due::Now
    }

    /// The reading that was asked for has come.
    pub const fn has_come(&mut self) {
        self.reading = false;
    }
}

/// The interval after this one in such a list of milliseconds, or this one when it is the longest.
#[must_use]
pub fn longer(all: &[u64], now: Duration) -> Duration {
    let mut all = all.iter().copied().map(Duration::from_millis);
    all.find(|it| *it > now).unwrap_or(now)
}

/// The interval before this one in such a list, or this one when it is the shortest.
#[must_use]
pub fn shorter(all: &[u64], now: Duration) -> Duration {
    let mut all = all.iter().rev().copied().map(Duration::from_millis);
    all.find(|it| *it < now).unwrap_or(now)
}
