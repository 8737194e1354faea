// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a sign of a server's death counts for, beside the probes.

use serde::{Deserialize, Serialize};

/// What such a sign counts for: the end of a held connection, or client connections without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counts {
    /// It brings the next probe forward. The probes decide.
    Probe,
    /// It counts against the server by itself.
    Failure,
}

impl Counts {
    /// Every one, by its word.
    pub const ALL: [(&str, Self); 2] = [
        (Self::Probe.word(), Self::Probe),
        (Self::Failure.word(), Self::Failure),
    ];

    /// Its word in the configuration.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Probe => "probe",
            Self::Failure => "failure",
        }
    }
}
