// SPDX-License-Identifier: MIT OR Apache-2.0
//! When a check runs, and how many results make a verdict.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::config::setting::{Setting, innermost_or};
use crate::config::tree::Entry;
use crate::config::value::{duration, integer};
use crate::diagnostic::{Findings, Wrong};
use crate::model::CheckSchedule;

const INTERVAL: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_hours(1);
const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_mins(1);
const COUNT: RangeInclusive<u32> = 1..=100;

/// Two seconds each, and at most seven from the failure of a server to its removal.
const DEFAULT: CheckSchedule = CheckSchedule {
    interval: Duration::from_secs(2),
    timeout: Duration::from_secs(2),
    rise: 2,
    fall: 3,
    retry_delay: Duration::from_secs(1),
};

/// How many results make a verdict when nothing is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts {
    rise: u32,
    fall: u32,
}

impl Counts {
    /// A server that is asked may fail by chance.
    pub(super) const SEVERAL: Self = Self {
        rise: DEFAULT.rise,
        fall: DEFAULT.fall,
    };
    /// What somebody has told on purpose counts at once.
    pub(super) const ONE: Self = Self { rise: 1, fall: 1 };
}

/// The schedule settings of one layer.
#[derive(Debug, Clone, Default)]
pub(super) struct ScheduleLayer {
    interval: Setting<Duration>,
    timeout: Setting<Duration>,
    rise: Setting<u32>,
    fall: Setting<u32>,
    retry_delay: Setting<Duration>,
}

impl ScheduleLayer {
    /// Reads a key if it is a setting of the schedule, and returns whether it is.
    pub(super) fn take(&mut self, entry: &Entry<'_>, out: &mut Findings) -> bool {
        let (name, node) = (&*entry.key, &entry.value);
        match name {
            "interval" => self.interval = Setting::read(node, duration(name, node, INTERVAL, out)),
            "timeout" => self.timeout = Setting::read(node, duration(name, node, TIMEOUT, out)),
            "rise" => self.rise = Setting::read(node, integer(name, node, COUNT, None, out)),
            "fall" => self.fall = Setting::read(node, integer(name, node, COUNT, None, out)),
            "retry_delay" => {
                self.retry_delay = Setting::read(node, duration(name, node, INTERVAL, out));
            }
            _ => return false,
        }
        true
    }

    /// The schedule, from all layers, the innermost first.
    pub(super) fn resolve(layers: &[&Self], usual: Counts) -> Result<CheckSchedule, Wrong> {
        Ok(CheckSchedule {
            interval: innermost_or(layers, |layer| &layer.interval, DEFAULT.interval)?,
            timeout: innermost_or(layers, |layer| &layer.timeout, DEFAULT.timeout)?,
            rise: innermost_or(layers, |layer| &layer.rise, usual.rise)?,
            fall: innermost_or(layers, |layer| &layer.fall, usual.fall)?,
            retry_delay: innermost_or(layers, |layer| &layer.retry_delay, DEFAULT.retry_delay)?,
        })
    }
}
