// SPDX-License-Identifier: MIT OR Apache-2.0
//! The history of a rate, drawn as a line of characters.

use std::collections::VecDeque;

/// How much is kept: as much as the widest terminal shows.
pub const LONGEST: usize = 120;

/// Eight heights, and below them nothing.
const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// The same for terminals that know letters only.
const LETTERS: [char; 9] = [' ', '.', ':', '-', '=', '+', '*', '#', '@'];

/// The last values, the newest at the end.
#[derive(Debug, Clone, Default)]
pub struct History(VecDeque<u64>);

impl History {
    /// Adds a value, and forgets the oldest of too many.
    pub fn push(&mut self, value: u64) {
        if self.0.len() == LONGEST {
            self.0.pop_front();
        }
        self.0.push_back(value);
    }

    /// The last `width` values from left to right, the newest at the right edge; the highest of them has full height.
    #[must_use]
    pub fn sparkline(&self, width: usize, unicode: bool) -> String {
        let heights = if unicode { BLOCKS } else { LETTERS };
        let shown = self.0.iter().skip(self.0.len().saturating_sub(width));
        let highest = shown.clone().max().copied().unwrap_or_default().max(1);
        let blank = width.saturating_sub(self.0.len());
        let bars = shown.map(|value| {
            // Rounded up: every value above 0 is visible.
            let height = (u128::from(*value) * 8).div_ceil(u128::from(highest));
            let height = usize::try_from(height).unwrap_or_default();
            heights.get(height).copied().unwrap_or(' ')
        });
        std::iter::repeat_n(' ', blank).chain(bars).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(values: impl IntoIterator<Item = u64>) -> History {
        let mut history = History::default();
        values.into_iter().for_each(|value| history.push(value));
        history
    }

    #[test]
    fn the_newest_is_at_the_right_and_the_highest_is_full() {
        let some = history([0, 1, 400, 800]);
        assert_eq!(some.sparkline(6, true), "   ▁▄█");
        assert_eq!(some.sparkline(6, false), "   .=@");
        assert_eq!(some.sparkline(2, true), "▄█");
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        assert_eq!(history([]).sparkline(3, true), "   ");
        assert_eq!(history([0, 0]).sparkline(3, true), "   ");
        assert_eq!(history([1]).sparkline(0, true), "");
    }

    #[test]
    fn it_does_not_grow_for_ever() {
        let long = history(0..10_000);
        assert_eq!(long.0.len(), LONGEST);
        assert_eq!(long.sparkline(1000, true).chars().count(), 1000);
        assert!(history([u64::MAX]).sparkline(1, true) == "█");
    }
}
