// SPDX-License-Identifier: MIT OR Apache-2.0
//! The rim's clocks, from which all moments come.

use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

use crate::model::Timestamp;

/// Never steps back; zero when the host started.
#[derive(Clone, Copy)]
pub(super) struct Clock {
    started: Instant,
    /// The host's uptime at `started`.
    uptime: Duration,
}

impl Clock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the rim's clock, from which all moments come"
    )]
    pub(super) fn start() -> Self {
        // Every Linux has this clock. Without it, moments count from the start of the program.
        let uptime = clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Duration::ZERO, Duration::from);
        Self {
            started: Instant::now(),
            uptime,
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp::after_start(self.uptime + self.started.elapsed())
    }

    /// The time since the host started, also while it slept. Processes of one boot agree on it.
    pub(super) fn since_boot() -> Timestamp {
        // Every Linux since 2.6.39 has this clock. Without it nothing that another process did was ever just now.
        let since = clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::MAX, Duration::from);
        Timestamp::after_start(since)
    }

    /// The time since the program started, for lines that report durations.
    pub(super) fn milliseconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64() * 1000.0
    }
}
