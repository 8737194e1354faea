// SPDX-License-Identifier: MIT OR Apache-2.0
//! The rim's clock, from which all moments come.

use std::time::Instant;

use crate::model::Timestamp;

/// Never steps back, starts at zero.
#[derive(Clone, Copy)]
pub(super) struct Clock(Instant);

impl Clock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the rim's clock, from which all moments come"
    )]
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp::after_start(self.0.elapsed())
    }

    /// Since the start, for a line that says what took how long.
    pub(super) fn milliseconds(&self) -> f64 {
        self.0.elapsed().as_secs_f64() * 1000.0
    }
}
