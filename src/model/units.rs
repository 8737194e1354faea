// SPDX-License-Identifier: MIT OR Apache-2.0
//! Numbers with a meaning: weights, seconds, marks, moments.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The weight of a real server: 0 to 2147483647. 0 quiesces it: no new connections, the old ones live on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Weight(u32);

impl Weight {
    /// Weight 0: quiesced.
    pub const ZERO: Self = Self(0);
    /// Weight 1: ipvsadm's default.
    pub const ONE: Self = Self(1);
    /// The largest weight the kernel takes (a C `int`).
    pub const MAX: Self = Self(i32::MAX as u32);

    /// A weight, or `None` when it is above [`Weight::MAX`].
    #[must_use]
    pub const fn new(weight: u32) -> Option<Self> {
        if weight <= Self::MAX.0 {
            Some(Self(weight))
        } else {
            None
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Whether a server of this weight takes no new connections.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

/// A number that is not a weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a weight is 0 to 2147483647, got {0}")]
pub struct WeightError(u32);

impl TryFrom<u32> for Weight {
    type Error = WeightError;

    fn try_from(weight: u32) -> Result<Self, WeightError> {
        Self::new(weight).ok_or(WeightError(weight))
    }
}

impl From<Weight> for u32 {
    fn from(weight: Weight) -> Self {
        weight.0
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A firewall mark: any 32-bit number but 0, which is "no mark" to the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fwmark(NonZeroU32);

impl Fwmark {
    /// A mark, or `None` for 0.
    #[must_use]
    pub const fn new(mark: u32) -> Option<Self> {
        match NonZeroU32::new(mark) {
            Some(mark) => Some(Self(mark)),
            None => None,
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for Fwmark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Whole seconds, the kernel's unit for persistence and connection timeouts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seconds(pub u32);

impl Seconds {
    /// The longest timeout ipvsadm and the kernel agree on: 31 days.
    pub const MAX: Self = Self(31 * 24 * 3600);
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The connection timeouts of one network namespace. 0 means "leave as it is" when they are set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeouts {
    /// TCP, ESTABLISHED (the kernel starts with 900 s).
    pub tcp: Seconds,
    /// TCP after a FIN (the kernel starts with 120 s).
    pub tcp_fin: Seconds,
    /// UDP (the kernel starts with 300 s).
    pub udp: Seconds,
}

impl fmt::Display for Timeouts {
    /// Three numbers, in the order of `ipvsadm --set`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.tcp, self.tcp_fin, self.udp)
    }
}

/// A moment, in microseconds since the zero of a clock that never steps back. The daemon's clock is zero when the host
/// starts.
///
/// State machines get it as an argument. So a test or a recording can play any night again.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The clock's zero.
    pub const ZERO: Self = Self(0);

    /// The moment this long after the clock's zero.
    #[must_use]
    pub fn after_start(elapsed: Duration) -> Self {
        Self(u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX))
    }

    /// Time since the clock's zero.
    #[must_use]
    pub const fn since_start(self) -> Duration {
        Duration::from_micros(self.0)
    }

    /// So long before; the clock's zero when that was before it.
    #[must_use]
    pub fn before(self, earlier: Duration) -> Self {
        let earlier = u64::try_from(earlier.as_micros()).unwrap_or(u64::MAX);
        Self(self.0.saturating_sub(earlier))
    }

    /// How long after `earlier` this is; zero when it is not after it.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, later: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(later.as_micros()).unwrap_or(u64::MAX)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weight_stops_at_the_kernels_int() {
        assert_eq!(Weight::new(2_147_483_647), Some(Weight::MAX));
        assert_eq!(Weight::new(2_147_483_648), None);
    }

    #[test]
    fn mark_zero_is_no_mark() {
        assert_eq!(Fwmark::new(0), None);
    }

    #[test]
    fn a_later_moment_is_since_an_earlier_one_and_never_negative() {
        let early = Timestamp::after_start(Duration::from_millis(5));
        let late = early + Duration::from_millis(7);
        assert_eq!(late.since(early), Duration::from_millis(7));
        assert_eq!(early.since(late), Duration::ZERO);
    }
}
