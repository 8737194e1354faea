// SPDX-License-Identifier: MIT OR Apache-2.0
//! The checks of a real server: its probes, and when they run.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{CheckSchedule, Few, Probe, Standing};

/// A probe and when it runs. Servers with an equal check share one checker.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Check {
    /// The probe of one run.
    pub probe: Probe,
    /// When, and how many results make a verdict. The checks of a service nearly always have the same.
    pub schedule: Arc<CheckSchedule>,
}

impl Check {
    /// From one probe to the start of the next, while the server has this standing and no result speaks
    /// against it.
    #[must_use]
    pub fn interval(&self, standing: Standing) -> Duration {
        let CheckSchedule {
            interval,
            down_interval,
            ..
        } = *self.schedule;
        match standing {
            Standing::Unknown | Standing::Up(_) | Standing::Maintenance => interval,
            Standing::Down => down_interval.unwrap_or(interval),
            Standing::Drain => {
                let polite = self.probe.kind.drain_interval();
                down_interval.unwrap_or_else(|| interval.max(polite))
            }
        }
    }
}

/// The checks of one server, and how many of them have to find it up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checks {
    /// How many have to pass.
    pub need: Need,
    /// The checks of a server. When there are none, the server counts as up.
    pub each: Few<Arc<Check>>,
}

impl Checks {
    /// No check: the server counts as up.
    pub const NONE: Self = Self {
        need: Need::All,
        each: Few::NONE,
    };

    /// Only one check.
    #[must_use]
    pub fn one(check: Check) -> Self {
        Self {
            need: Need::All,
            each: Few::One(Arc::new(check)),
        }
    }
}

/// How many of a server's checks have to pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// Every one.
    All,
    /// One is enough.
    Any,
    /// At least this many.
    AtLeast(u32),
}

impl Need {
    /// How many of this many checks have to pass: at least one, at most all.
    #[must_use]
    pub fn of(self, checks: usize) -> usize {
        match self {
            Self::All => checks,
            Self::Any => 1,
            Self::AtLeast(number) => usize::try_from(number).unwrap_or(usize::MAX),
        }
        .clamp(1, checks.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_least_one_check_has_to_pass_and_at_most_all() {
        assert_eq!(Need::All.of(3), 3);
        assert_eq!(Need::Any.of(3), 1);
        assert_eq!(Need::AtLeast(2).of(3), 2);
        assert_eq!(Need::AtLeast(0).of(3), 1);
        assert_eq!(Need::AtLeast(9).of(3), 3);
    }
}
