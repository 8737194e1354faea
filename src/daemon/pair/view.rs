// SPDX-License-Identifier: MIT OR Apache-2.0
//! The channel as others see it, and what is said of its trouble: once a minute at most.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tracing::warn;

use crate::model::Timestamp;

/// Trouble is logged this often at most.
const SAY_EVERY: Duration = Duration::from_mins(1);
/// That the other director is not there is logged ever less often, down to this.
const SAY_SELDOM: Duration = Duration::from_mins(64);

/// The channel, for any number of readers.
#[derive(Debug, Clone, Default)]
pub(in crate::daemon) struct ChannelView(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Whether there is a connection.
    linked: bool,
    /// When something was heard last.
    heard: Option<Timestamp>,
    /// What was refused or passed over, by reason.
    refused: BTreeMap<&'static str, u64>,
    /// Why there is no connection.
    problem: Option<String>,
    /// When trouble is logged again.
    complains: Turn,
    /// When it is logged again that the other director is not there.
    misses: Turn,
}

/// When something may be logged again.
#[derive(Debug, Default)]
struct Turn {
    next: Option<Instant>,
    wait: Duration,
}

impl Turn {
    /// Whether it is its turn. The next one comes after a wait that doubles up to `longest`.
    fn take(&mut self, longest: Duration) -> bool {
        let now = Instant::now();
        if self.next.is_some_and(|next| now < next) {
            return false;
        }
        self.wait = (self.wait * 2).clamp(SAY_EVERY, longest);
        self.next = Some(now + self.wait);
        true
    }
}

/// It at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::daemon) struct Shown {
    pub(in crate::daemon) heard: Option<Timestamp>,
    pub(in crate::daemon) refused: BTreeMap<&'static str, u64>,
    pub(in crate::daemon) problem: Option<String>,
}

impl ChannelView {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It at this moment.
    pub(in crate::daemon) fn shown(&self) -> Shown {
        let state = self.state();
        Shown {
            heard: state.heard,
            refused: state.refused.clone(),
            problem: state.problem.clone(),
        }
    }

    /// There is a connection.
    pub(super) fn linked(&self, now: Timestamp) {
        let mut state = self.state();
        state.linked = true;
        state.heard = Some(now);
        state.problem = None;
        // Whatever comes next is news.
        state.misses = Turn::default();
    }

    /// There is none any more. Returns whether there was one.
    pub(super) fn forget(&self) -> bool {
        let mut state = self.state();
        state.problem = None;
        std::mem::take(&mut state.linked)
    }

    pub(super) fn heard(&self, now: Timestamp) {
        self.state().heard = Some(now);
    }

    /// Counts something that was refused or passed over.
    pub(super) fn count(&self, reason: &'static str) {
        *self.state().refused.entry(reason).or_default() += 1;
    }

    /// Why there is no connection.
    pub(super) fn problem(&self, why: &str) {
        let mut state = self.state();
        state.problem = Some(why.to_owned());
        if state.misses.take(SAY_SELDOM) {
            drop(state);
            warn!("peer: no channel to it, this director is alone: {why}");
        }
    }

    /// Logs trouble, unless some was logged a moment ago.
    pub(super) fn complain(&self, why: &str) {
        if self.state().complains.take(SAY_EVERY) {
            warn!("peer: {why}");
        }
    }
}
