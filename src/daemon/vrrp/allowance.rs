// SPDX-License-Identifier: MIT OR Apache-2.0
//! How much the thread reads in a time. A flood leaves it time to advertise, and leaves the processor to others.

use std::time::Duration;

use crate::model::Timestamp;

/// The time that an allowance is for.
const EVERY: Duration = Duration::from_millis(10);

/// So many may be read, then nothing before the time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Allowance {
    most: u32,
    left: u32,
    renewed_at: Timestamp,
}

impl Allowance {
    /// So many in each 10 ms.
    pub(super) const fn of(most: u32) -> Self {
        Self {
            most,
            left: most,
            renewed_at: Timestamp::ZERO,
        }
    }

    /// Whether one more may be read now. It counts.
    pub(super) fn take(&mut self, now: Timestamp) -> bool {
        if now.since(self.renewed_at) >= EVERY {
            self.renewed_at = now;
            self.left = self.most;
        }
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }

    /// When the next one may be read, if none may be now.
    pub(super) fn renews_at(&self) -> Option<Timestamp> {
        (self.left == 0).then(|| self.renewed_at + EVERY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_read_so_far_and_goes_on_when_the_time_is_over() {
        let at = |milliseconds| Timestamp::after_start(Duration::from_millis(milliseconds));
        let mut allowance = Allowance::of(2);
        assert!(allowance.take(at(100)) && allowance.renews_at().is_none());
        assert!(allowance.take(at(105)));
        assert_eq!(allowance.renews_at(), Some(at(110)));
        assert!(!allowance.take(at(109)));
        assert!(allowance.take(at(110)) && allowance.renews_at().is_none());
        // What was not used is not kept.
        assert!(allowance.take(at(500)) && allowance.take(at(500)) && !allowance.take(at(509)));
    }
}
