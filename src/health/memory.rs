// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an earlier director knew.

use std::time::Duration;

use crate::model::{Recalled, Standing, Timestamp};

/// A standing that an earlier director knew, and that no probe has confirmed since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// The standing.
    pub standing: Standing,
    /// Since when, as far as this host's clock reaches back: not before the host's start.
    pub since: Timestamp,
    /// When it was recalled.
    recalled: Timestamp,
    /// How long before that a director knew it by itself for the last time.
    before: Duration,
}

impl Memory {
    /// What is recalled now.
    pub(super) fn of(recalled: &Recalled, now: Timestamp) -> Self {
        Self {
            standing: recalled.standing,
            since: Timestamp::after_start(now.since_start().saturating_sub(recalled.age)),
            recalled: now,
            before: recalled.unconfirmed,
        }
    }

    /// How long ago a director knew it by itself for the last time.
    #[must_use]
    pub fn unconfirmed(&self, now: Timestamp) -> Duration {
        self.before.saturating_add(now.since(self.recalled))
    }
}
