// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why a command ends early, and its exit code.

use std::process::ExitCode;

use crate::daemon::say::printable;

/// Why a command ended early: what to print, and what to exit with.
#[derive(Debug)]
pub(in crate::daemon) struct Failure {
    pub(in crate::daemon) message: String,
    pub(in crate::daemon) code: ExitCode,
}

impl Failure {
    /// Something failed: exit code 1.
    pub(in crate::daemon) fn failed(message: impl Into<Reason>) -> Self {
        Self {
            message: format!("director: {}", message.into().0),
            code: ExitCode::from(1),
        }
    }

    /// The command line is wrong, or cannot be carried out here: exit code 2.
    #[cfg(feature = "watch")]
    pub(in crate::daemon) fn usage(message: impl Into<Reason>) -> Self {
        Self {
            message: format!("director: {}", message.into().0),
            code: ExitCode::from(2),
        }
    }

    /// The configuration is wrong: exit code 3, and the message without a prefix. It may have colours.
    pub(in crate::daemon) fn config(message: &str) -> Self {
        Self {
            message: message.trim_end().to_owned(),
            code: ExitCode::from(3),
        }
    }

    /// Not permitted: exit code 4.
    pub(in crate::daemon) fn permission(message: impl Into<Reason>) -> Self {
        Self {
            message: format!("director: {}", message.into().0),
            code: ExitCode::from(4),
        }
    }
}

/// Anything that can be printed as the reason of a [`Failure`]. File names may have control sequences in them: they
/// reach neither a terminal, nor the log, nor the status.
pub(in crate::daemon) struct Reason(String);

impl<T: std::fmt::Display> From<T> for Reason {
    fn from(reason: T) -> Self {
        Self(printable(&reason.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_carries_no_control_sequence_to_the_log_or_the_status() {
        for failure in [
            Failure::failed("read /tmp/\u{1b}[31m: no"),
            Failure::permission("read /tmp/\u{1b}[31m: no"),
        ] {
            assert_eq!(failure.message, "director: read /tmp/\u{fffd}[31m: no");
        }
    }
}
