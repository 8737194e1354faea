// SPDX-License-Identifier: MIT OR Apache-2.0
//! The time of day, which outlives the director. It can step back and forth, so a running director measures nothing
//! with it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::system::since_1970;

/// Seconds since the beginning of 1970, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(in crate::daemon) struct WallTime(pub(in crate::daemon) u64);

impl WallTime {
    /// The time of the host's clock.
    pub(in crate::daemon) fn now() -> Self {
        Self(since_1970().as_secs())
    }

    /// How long ago that was; zero when the clock has stepped back to before it.
    pub(super) const fn age(self, now: Self) -> Duration {
        Duration::from_secs(now.0.saturating_sub(self.0))
    }

    /// How long ago that was, unless it is `limit` or more. `None` also when it is to come: the clock was another one
    /// then, and nobody knows how long ago it was.
    pub(super) fn recent(self, now: Self, limit: Duration) -> Option<Duration> {
        let age = Duration::from_secs(now.0.checked_sub(self.0)?);
        (age < limit).then_some(age)
    }

    /// So long before.
    pub(super) const fn before(self, age: Duration) -> Self {
        Self(self.0.saturating_sub(age.as_secs()))
    }
}
