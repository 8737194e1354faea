// SPDX-License-Identifier: MIT OR Apache-2.0
//! The last transitions: a ring that readers share.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::model::Transition;

/// At most this many transitions are kept.
const KEPT: usize = 1_000;

/// The last transitions, each with its number. Numbers start at 1 and have no gaps.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct History {
    last: u64,
    kept: VecDeque<Arc<Transition>>,
}

impl History {
    /// Adds one, and drops the oldest when there are too many.
    pub fn push(&mut self, transition: Arc<Transition>) {
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(transition);
        self.last += 1;
    }

    /// The number of the last one; 0 when there is none.
    #[must_use]
    pub const fn last(&self) -> u64 {
        self.last
    }

    /// Those after this number that are still kept, each with its number.
    pub fn after(&self, number: u64) -> impl Iterator<Item = (u64, &Arc<Transition>)> {
        let first = self.last + 1 - self.kept.len() as u64;
        let skip =
            usize::try_from(number.saturating_add(1).saturating_sub(first)).unwrap_or(usize::MAX);
        (first..).zip(&self.kept).skip(skip)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Condition, Effect, Object, Timestamp};

    fn transition() -> Arc<Transition> {
        Arc::new(Transition {
            at: Timestamp::ZERO,
            object: Object::Director,
            from: Condition::Absent,
            to: Condition::Running,
            why: "".into(),
            effect: Effect::None,
        })
    }

    fn numbers(history: &History, after: u64) -> Vec<u64> {
        history.after(after).map(|(number, _)| number).collect()
    }

    #[test]
    fn a_reader_goes_on_after_the_number_it_has_seen() {
        let mut history = History::default();
        assert_eq!(numbers(&history, 0), [] as [u64; 0]);
        (0..3).for_each(|_| history.push(transition()));
        assert_eq!(numbers(&history, 0), [1, 2, 3]);
        assert_eq!(numbers(&history, 2), [3]);
        assert_eq!(numbers(&history, 3), [] as [u64; 0]);
        assert_eq!(numbers(&history, 99), [] as [u64; 0]);
    }

    #[test]
    fn the_oldest_goes_and_numbers_stay() {
        let mut history = History::default();
        (0..KEPT + 5).for_each(|_| history.push(transition()));
        assert_eq!(history.last(), KEPT as u64 + 5);
        assert_eq!(numbers(&history, 0).first(), Some(&6));
        assert_eq!(history.after(0).count(), KEPT);
    }
}
