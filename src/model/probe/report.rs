// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a probe reports.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::AgentState;
use crate::model::{AskedWeight, Timestamp};

/// The result of one run of a probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeReport {
    /// The answer.
    pub outcome: ProbeOutcome,
    /// What the probe saw, in words: `connect refused`. Empty for a plain success.
    pub reason: Box<str>,
    /// When the probe really started: not while it waited for its turn.
    pub started: Timestamp,
    /// From its start to its result.
    pub latency: Duration,
}

/// Why a probe says nothing about the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoResult {
    /// It could not run, for a reason on this host.
    #[default]
    CouldNotRun,
    /// The server does not understand it.
    NotSupported,
    /// It found nothing that speaks for or against the server.
    NoOpinion,
}

impl fmt::Display for NoResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CouldNotRun => "could not run",
            Self::NotSupported => "not supported by the server",
            Self::NoOpinion => "no opinion",
        })
    }
}

/// The answer of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeOutcome {
    /// The server answered as it should, and may have told the weight it wants.
    Up(Option<AskedWeight>),
    /// Nothing came: no answer, which none was wanted, and no error. That is a success, but it says nothing of the way.
    Quiet,
    /// The server did not answer as it should.
    Down,
    /// The connection was refused at once: by the server, or by this host's own firewall.
    Refused,
    /// Nobody answered. That is the server's failure, or that of the way to it.
    Silent,
    /// The server took the connection, and its host acknowledged all that was sent; the answer did not come. It hangs.
    Stalled,
    /// The server took the connection, and then nothing came any more, not even an acknowledgement: its host is gone, or the
    /// way to it was cut meanwhile.
    CutOff,
    /// The server asks for no new connections; its present ones live on.
    Drain,
    /// The server is in maintenance: like [`ProbeOutcome::Drain`], but somebody asked for it.
    Maintenance,
    /// The server does not understand this probe. That says nothing about its health.
    Unsupported,
    /// An agent told this. What it did not tell stays as it told it before.
    Told(AgentState),
    /// The probe found nothing that speaks for or against the server: no agent answers, or there is no file. The other
    /// checks of the server decide; without any, it stays as it is.
    Abstained,
    /// The probe could not run, for a reason on this host.
    CouldNotRun,
}
