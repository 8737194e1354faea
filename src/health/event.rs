// SPDX-License-Identifier: MIT OR Apache-2.0
//! What happens to the checkers, and what they ask for.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::passive::Unanswered;
use crate::model::{
    Check, HostEvent, NoResult, ProbeReport, ServerKey, ServiceKey, Sighting, Standing, Timestamp,
    WireNews,
};

/// Names one checker. No number is used twice: a late report cannot reach another checker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CheckId(pub(super) u64);

/// Names one run of one checker. The checker ignores the report of a run that it gave up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RunId {
    /// The checker.
    pub check: CheckId,
    /// The number of the run.
    pub run: u64,
}

/// One probe to make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeRequest {
    /// The name for the report.
    pub run: RunId,
    /// What to ask, and how long to wait for the answer from the start of the probe.
    pub check: Arc<Check>,
    /// The time of the request.
    pub asked: Timestamp,
}

/// One probe has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probed {
    /// Which run of which check.
    pub run: RunId,
    /// Its result.
    pub report: ProbeReport,
    /// When it came back.
    pub at: Timestamp,
}

/// Names one held connection of one checker. The checker ignores the end of an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WireId {
    /// The checker.
    pub check: CheckId,
    /// The number of the connection.
    pub number: u64,
}

/// One connection to hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireRequest {
    /// The name for its reports.
    pub wire: WireId,
    /// The check whose target and path it has; it is open within the check's timeout.
    pub check: Arc<Check>,
}

/// What happens to the checkers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HealthEvent {
    /// The deadline has come.
    Deadline,
    /// A probe has ended.
    Reported(RunId, ProbeReport),
    /// A held connection tells something.
    WireTold(WireId, WireNews),
    /// Client connections to a server have got no answer.
    Unanswered {
        /// Whose server.
        service: ServiceKey,
        /// Which one.
        server: ServerKey,
        /// Those connections.
        clients: Unanswered,
    },
    /// Something happened to the links of this host.
    Happened(HostEvent),
    /// The links of this host, and the ways of the probes in [`Health::questions`](super::Health::questions).
    Seen(Box<Sighting>),
    /// The links and ways could not be read. Failures then count as the servers'.
    NotSeen,
}

/// What the checkers ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HealthAction {
    /// Make this probe, and report its result.
    Probe(ProbeRequest),
    /// Hold this connection, and report what it tells.
    Hold(WireRequest),
    /// Let go of this connection, without a report.
    Release(WireId),
    /// The standing of a server (from all of its checks) changed. There is one such action for each server that uses
    /// the check.
    Changed {
        /// Whose server.
        service: ServiceKey,
        /// Which one.
        server: ServerKey,
        /// What it was.
        from: Standing,
        /// What it is.
        to: Standing,
        /// The last result, how many came in a row, and how many are needed: `connect timed out, 3/3`.
        because: Box<str>,
    },
    /// A probe could not run, or the server does not understand it. No verdict changes. There is one such action for
    /// each server that uses the check.
    NotChecked {
        /// Whose server.
        service: ServiceKey,
        /// Which one.
        server: ServerKey,
        /// Of what kind.
        of: NoResult,
        /// Why.
        reason: Box<str>,
        /// How many times in a row.
        times: u32,
    },
    /// Whether a server is down only because it is held down may have changed. There is one such action for each server
    /// that uses the check.
    HeldDown {
        /// Whose server.
        service: ServiceKey,
        /// Which one.
        server: ServerKey,
    },
    /// What the successes of a check warn of has changed, or what its tripwire warns of. No verdict changes. There is one
    /// such action for each server that uses the check.
    Warned {
        /// Whose server.
        service: ServiceKey,
        /// Which one.
        server: ServerKey,
        /// Of what; `None` when of nothing any more.
        of: Option<Arc<str>>,
    },
    /// After [`HealthAction::NotChecked`] a probe gave a result again. There is one for each server that uses the check.
    CheckedAgain {
        /// Whose server.
        service: ServiceKey,
        /// Which one.
        server: ServerKey,
    },
}
