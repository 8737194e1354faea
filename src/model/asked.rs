// SPDX-License-Identifier: MIT OR Apache-2.0
//! The weight that a check asks for.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Weight;

/// A share of the configured weight, in per cent. It may be above 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Percent(pub u32);

impl Percent {
    /// This share of a weight. A fraction is rounded up, so that only 0 per cent quiesces a server.
    #[must_use]
    pub fn of(self, weight: Weight) -> Weight {
        let share = (u64::from(weight.get()) * u64::from(self.0)).div_ceil(100);
        let share = u32::try_from(share).ok().and_then(Weight::new);
        share.unwrap_or(Weight::MAX)
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", self.0)
    }
}

/// The weight that the checks of a server ask for: a number, a share of the configured weight, or the smaller of both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AskedWeight {
    /// This weight.
    Weight(Weight),
    /// This share of the configured weight.
    Percent(Percent),
    /// The smaller of the two: one check asks for the one, another check for the other.
    Smaller(Weight, Percent),
}

impl AskedWeight {
    /// The smallest of what two checks ask for.
    #[must_use]
    pub fn smallest(self, other: Self) -> Self {
        let weight = least(self.weight(), other.weight());
        let percent = least(self.share(), other.share());
        match (weight, percent) {
            (Some(weight), Some(percent)) => Self::Smaller(weight, percent),
            (Some(weight), None) => Self::Weight(weight),
            (None, Some(percent)) => Self::Percent(percent),
            (None, None) => self,
        }
    }

    /// The weight of a server with this configured weight.
    #[must_use]
    pub fn of(self, configured: Weight) -> Weight {
        match self {
            Self::Weight(weight) => weight,
            Self::Percent(percent) => percent.of(configured),
            Self::Smaller(weight, percent) => weight.min(percent.of(configured)),
        }
    }

    const fn weight(self) -> Option<Weight> {
        match self {
            Self::Weight(weight) | Self::Smaller(weight, _) => Some(weight),
            Self::Percent(_) => None,
        }
    }

    const fn share(self) -> Option<Percent> {
        match self {
            Self::Percent(percent) | Self::Smaller(_, percent) => Some(percent),
            Self::Weight(_) => None,
        }
    }
}

fn least<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

impl fmt::Display for AskedWeight {
    /// `weight 4`, `75 % of its weight`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Weight(weight) => write!(f, "weight {weight}"),
            Self::Percent(percent) => write!(f, "{percent} of its weight"),
            Self::Smaller(weight, percent) => {
                write!(
                    f,
                    "weight {weight} or {percent} of its weight, whichever is smaller"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weight(number: u32) -> Weight {
        Weight::new(number).unwrap()
    }

    #[test]
    fn only_zero_per_cent_of_a_weight_is_zero() {
        for (percent, configured, expected) in [
            (75, 100, 75),
            (0, 100, 0),
            (50, 1, 1),
            (1, 1, 1),
            (1, 10, 1),
            (150, 10, 15),
            (100, 0, 0),
            (u32::MAX, 2_147_483_647, 2_147_483_647),
        ] {
            let share = Percent(percent).of(weight(configured));
            assert_eq!(share, weight(expected), "{percent} % of {configured}");
        }
    }

    #[test]
    fn of_what_two_checks_ask_for_the_smallest_wins() {
        use AskedWeight::{Percent as Share, Smaller, Weight as Number};
        let (four, seven) = (weight(4), weight(7));
        let (half, all) = (Percent(50), Percent(100));
        for (one, other, smallest) in [
            (Number(four), Number(seven), Number(four)),
            (Share(all), Share(half), Share(half)),
            (Number(four), Share(half), Smaller(four, half)),
            (Smaller(seven, half), Number(four), Smaller(four, half)),
            (Smaller(four, half), Share(all), Smaller(four, half)),
        ] {
            assert_eq!(one.smallest(other), smallest);
            assert_eq!(other.smallest(one), smallest);
        }
        assert_eq!(Smaller(four, half).of(weight(10)), four);
        assert_eq!(Smaller(four, half).of(weight(6)), weight(3));
    }
}
