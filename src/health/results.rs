// SPDX-License-Identifier: MIT OR Apache-2.0
//! The last results of one checker.

use crate::model::Fall;

/// Which of the last results speak against the standing: a bit each, the last result in the lowest one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Results(u128);

// Every result that a fall may look at has its bit.
const _: () = assert!(Fall::MOST <= u128::BITS);

/// How far a checker is from another standing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// How many results speak against the standing: in a row, or of the last ones.
    pub against: u32,
    /// How many of them change it: from down to up, otherwise to down.
    pub needed: u32,
    /// Of how many last results they are; `None` when they must come in a row.
    pub of: Option<u32>,
}

impl Results {
    /// None.
    pub(super) const NONE: Self = Self(0);

    /// Adds the last one.
    pub(super) const fn push(&mut self, against: bool) {
        self.0 = self.0 << 1 | against as u128;
    }

    /// Whether the last one speaks against the standing.
    pub(super) const fn last(self) -> bool {
        self.0 & 1 == 1
    }

    /// How far they are from a verdict of up.
    pub(super) const fn towards_up(self, rise: u32) -> Progress {
        Progress {
            against: self.0.trailing_ones(),
            needed: rise,
            of: None,
        }
    }

    /// How far they are from a verdict of down.
    pub(super) const fn towards_down(self, fall: Fall) -> Progress {
        match fall {
            Fall::InARow(needed) => Progress {
                against: self.0.trailing_ones(),
                needed,
                of: None,
            },
            Fall::OfTheLast { failures, of } => Progress {
                against: (self.0 << u128::BITS.saturating_sub(of)).count_ones(),
                needed: failures,
                of: Some(of),
            },
        }
    }
}

impl Progress {
    /// Whether the standing changes.
    #[must_use]
    pub const fn is_enough(self) -> bool {
        self.against >= self.needed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(text: &str) -> Results {
        let mut results = Results::NONE;
        text.chars().for_each(|it| results.push(it == 'x'));
        results
    }

    #[test]
    fn failures_count_in_a_row_or_among_the_last_results() {
        let window = |failures, of| Fall::OfTheLast { failures, of };
        let table = [
            ("", Fall::InARow(1), 0, false),
            ("x.xx", Fall::InARow(3), 2, false),
            ("x.xxx", Fall::InARow(3), 3, true),
            ("xxx.", Fall::InARow(3), 0, false),
            ("x.x.x", window(3, 5), 3, true),
            (".x.x.x", window(3, 5), 3, true),
            ("x.x.x.", window(3, 5), 2, false),
            ("x", window(1, 2), 1, true),
            ("x.", window(1, 2), 1, true),
        ];
        for (text, fall, against, enough) in table {
            let progress = results(text).towards_down(fall);
            assert_eq!(progress.against, against, "{text} {fall:?}");
            assert_eq!(progress.is_enough(), enough, "{text} {fall:?}");
        }
        let many = results(&"x".repeat(300));
        assert_eq!(
            many.towards_down(window(99, Fall::MOST)).against,
            Fall::MOST
        );
        assert!(many.towards_down(Fall::InARow(Fall::MOST)).is_enough());
        assert!(many.towards_up(100).is_enough());
    }
}
