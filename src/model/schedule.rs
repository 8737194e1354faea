// SPDX-License-Identifier: MIT OR Apache-2.0
//! When a check runs, and how many results make a verdict.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Counts;

/// When probes run, and how many results make a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CheckSchedule {
    /// From one probe to the start of the next.
    pub interval: Duration,
    /// Where the interval before the next probe begins.
    #[serde(default, skip_serializing_if = "IntervalFrom::is_usual")]
    pub interval_from: IntervalFrom,
    /// The one deadline of a probe, from its start to its result.
    pub timeout: Duration,
    /// This many successes in a row bring a down server up.
    pub rise: u32,
    /// How many failures take an up server down.
    pub fall: Fall,
    /// What the first result of the check means when it is a failure.
    #[serde(default, skip_serializing_if = "FirstFailure::is_usual")]
    pub first_failure: FirstFailure,
    /// When the next probe starts while the verdict is in doubt.
    #[serde(flatten)]
    pub retry: Retry,
    /// As `interval`, while the server is down or asks for a drain; `None` when it is not another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub down_interval: Option<Duration>,
    /// How a server is held down that goes down again and again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_down: Option<HoldDown>,
    /// What the end of a connection held to the server counts for; `None` when none is held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tripwire: Option<Counts>,
    /// What a server counts as before its first verdict.
    #[serde(default, skip_serializing_if = "Initial::is_usual")]
    pub initial: Initial,
    /// What client connections without an answer count for; `None` when nobody watches them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passive: Option<Counts>,
}

impl CheckSchedule {
    /// A port that refuses is out at most 1.4 s later, a host that is dead 4.7 s. The kernel repeats a SYN after 1 s, so
    /// one lost packet fails no probe.
    pub const DEFAULT: Self = Self {
        interval: Duration::from_secs(1),
        interval_from: IntervalFrom::Start,
        timeout: Duration::from_millis(1100),
        rise: 2,
        fall: Fall::InARow(3),
        first_failure: FirstFailure::Counts,
        retry: Retry::Delay(Duration::from_millis(200)),
        down_interval: None,
        hold_down: None,
        tripwire: None,
        initial: Initial::Remembered,
        passive: None,
    };
}

/// How many failures take an up server down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Fall {
    /// This many in a row.
    InARow(u32),
    /// This many of the last results.
    OfTheLast {
        /// How many failures.
        failures: u32,
        /// Of how many results.
        of: u32,
    },
}

impl Fall {
    /// As many results count at most.
    pub const MOST: u32 = 100;
}

/// What a server counts as before its first verdict.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Initial {
    /// Nothing: it stays as the kernel has it. What an earlier director remembered of it makes the first verdict
    /// careful.
    #[default]
    Remembered,
    /// Up, unless an earlier director remembered something else.
    Up,
    /// Down, unless it takes connections already.
    Down,
}

impl Initial {
    /// Every one, by its word.
    pub const ALL: [(&str, Self); 3] = [
        ("remembered", Self::Remembered),
        ("up", Self::Up),
        ("down", Self::Down),
    ];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Remembered => "remembered",
            Self::Up => "up",
            Self::Down => "down",
        }
    }

    /// Whether it is what a file without the key says.
    #[must_use]
    pub const fn is_usual(&self) -> bool {
        matches!(self, Self::Remembered)
    }
}

/// Where the interval before the next probe begins. Keepalived's begin at the end of a probe.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum IntervalFrom {
    /// At the start of the last probe. It is shortened at random, so that checks do not fall into step.
    #[default]
    Start,
    /// At the end of the last probe, and it lasts as long as it says.
    End,
}

impl IntervalFrom {
    /// Every one, by its word.
    pub const ALL: [(&str, Self); 2] = [("start", Self::Start), ("end", Self::End)];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::End => "end",
        }
    }

    /// Whether it is what a file without the key says.
    #[must_use]
    pub const fn is_usual(&self) -> bool {
        matches!(self, Self::Start)
    }
}

/// What the first result of a check means when it is a failure.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum FirstFailure {
    /// One failure, unless nothing speaks for the server: then it is down.
    #[default]
    Counts,
    /// The server is down, whatever speaks for it. Keepalived does the same.
    Decides,
}

impl FirstFailure {
    /// Every one, by its word.
    pub const ALL: [(&str, Self); 2] = [("counts", Self::Counts), ("decides", Self::Decides)];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Counts => "counts",
            Self::Decides => "decides",
        }
    }

    /// Whether it is what a file without the key says.
    #[must_use]
    pub const fn is_usual(&self) -> bool {
        matches!(self, Self::Counts)
    }
}

/// When the next probe starts while the verdict is in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Retry {
    /// So long after the end of a failed probe. It does not hasten the return of a server that is down.
    #[serde(rename = "retry_delay")]
    Delay(Duration),
    /// An interval like the others.
    #[serde(rename = "fast_interval")]
    FastInterval(Duration),
}

/// How a server is held down that goes down again soon after it has come back: it must pass its check for some time
/// before it is up. The time doubles with each such fall.
///
/// A server that has been back for as long as the ceiling begins anew. The first fall has no hold-down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct HoldDown {
    /// The time after the second fall.
    pub first: Duration,
    /// The longest time.
    pub ceiling: Duration,
}

impl HoldDown {
    /// What is not written in the file.
    pub const DEFAULT: Self = Self {
        first: Duration::from_secs(5),
        ceiling: Duration::from_mins(5),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_is_written_as_older_directors_read_it() {
        let text = r#"{"interval":{"secs":1,"nanos":0},"timeout":{"secs":1,"nanos":100000000},"rise":2,"fall":3,"retry_delay":{"secs":0,"nanos":200000000}}"#;
        assert_eq!(
            serde_json::to_string(&CheckSchedule::DEFAULT).unwrap(),
            text
        );
        assert_eq!(
            serde_json::from_str::<CheckSchedule>(text).unwrap(),
            CheckSchedule::DEFAULT
        );
    }

    #[test]
    fn every_setting_of_a_schedule_survives_a_recording() {
        let schedule = CheckSchedule {
            retry: Retry::FastInterval(Duration::from_millis(300)),
            down_interval: Some(Duration::from_secs(30)),
            hold_down: Some(HoldDown::DEFAULT),
            initial: Initial::Down,
            interval_from: IntervalFrom::End,
            first_failure: FirstFailure::Decides,
            passive: Some(Counts::Failure),
            fall: Fall::OfTheLast {
                failures: 5,
                of: 10,
            },
            ..CheckSchedule::DEFAULT
        };
        let text = serde_json::to_string(&schedule).unwrap();
        assert_eq!(
            serde_json::from_str::<CheckSchedule>(&text).unwrap(),
            schedule
        );
    }
}
