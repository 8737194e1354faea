// SPDX-License-Identifier: MIT OR Apache-2.0
//! Parts of a status in words, the same wherever people read them.

use std::fmt;

use super::status::{DrainStatus, MemoryStatus, TakeOverStatus};
use crate::engine::count;

/// What a drain waits for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Left {
    /// The connections that are active.
    pub active: u32,
    /// Those that close or have ended.
    pub closing: u32,
    /// Whether packets flow over any of them.
    pub packets_flow: bool,
    /// For how long no packet has come, in seconds.
    pub still_seconds: u64,
    /// The persistence templates, when it waits for them.
    pub templates: Option<u32>,
}

fn number(of: u32, what: &str) -> String {
    count(usize::try_from(of).unwrap_or(usize::MAX), what)
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.active, self.closing) {
            (active, 0) => write!(f, "{} left", number(active, "connection"))?,
            (active, closing) => {
                write!(f, "{active} active, {closing} closing")?;
            }
        }
        if self.active == 0 && self.closing > 0 {
            if self.packets_flow {
                f.write_str("; packets still flow")?;
            } else {
                write!(f, "; no packet for {} s", self.still_seconds)?;
            }
        }
        match self.templates {
            Some(templates) => write!(f, ", {}", number(templates, "persistence template")),
            None => Ok(()),
        }
    }
}

impl fmt::Display for DrainStatus {
    /// `12 connections left, at most 3590 s more`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.ended {
            return write!(f, "drained; the drain began {} s ago", self.since_seconds);
        }
        match self.connections {
            Some(active) => Left {
                active,
                closing: self.closing.unwrap_or(0),
                packets_flow: self.packets_flow,
                still_seconds: self.still_seconds.unwrap_or(0),
                templates: self.templates,
            }
            .fmt(f)?,
            None => f.write_str("connections not counted yet")?,
        }
        match self.deadline_seconds {
            Some(seconds) => write!(f, ", at most {seconds} s more"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for MemoryStatus {
    /// `remembered as up, last known 12 s ago`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            standing,
            confirmed_seconds_ago: ago,
        } = self;
        write!(f, "remembered as {standing}, last known {ago} s ago")
    }
}

impl fmt::Display for TakeOverStatus {
    /// `a take-over would break 57 of 1210 open connections`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Counted { open, would_break } => write!(
                f,
                "a take-over would break {would_break} of {open} open connections"
            ),
            Self::NotCounted(why) => {
                write!(f, "what a take-over would break is not known: {why}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_take_over_would_do_is_a_line() {
        let counted = TakeOverStatus::Counted {
            open: 1210,
            would_break: 57,
        };
        let line = "a take-over would break 57 of 1210 open connections";
        assert_eq!(counted.to_string(), line);
        let unknown = TakeOverStatus::NotCounted("no permission".to_owned());
        let line = "what a take-over would break is not known: no permission";
        assert_eq!(unknown.to_string(), line);
    }

    #[test]
    fn a_drain_says_what_it_waits_for() {
        let drain = |connections, closing, packets_flow, still_seconds| {
            DrainStatus {
                since_seconds: 9,
                connections,
                closing,
                packets_flow,
                still_seconds,
                templates: None,
                deadline_seconds: Some(51),
                ended: false,
            }
            .to_string()
        };
        for (said, expected) in [
            (
                drain(None, None, false, None),
                "connections not counted yet",
            ),
            (drain(Some(1), Some(0), true, Some(0)), "1 connection left"),
            (drain(Some(12), None, false, None), "12 connections left"),
            (
                drain(Some(2), Some(3), true, Some(0)),
                "2 active, 3 closing",
            ),
            (
                drain(Some(0), Some(3), true, Some(1)),
                "0 active, 3 closing; packets still flow",
            ),
            (
                drain(Some(0), Some(3), false, Some(4)),
                "0 active, 3 closing; no packet for 4 s",
            ),
        ] {
            assert_eq!(said, format!("{expected}, at most 51 s more"));
        }
    }
}
