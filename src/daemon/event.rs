// SPDX-License-Identifier: MIT OR Apache-2.0
//! What reaches the engine.

use crate::engine::ReloadId;
use crate::health::{CheckId, ProbeOutcome};
use crate::model::{Config, Timestamp};

/// What came of one probe, and when.
#[derive(Debug)]
pub(super) struct ProbeResult {
    pub(super) id: CheckId,
    pub(super) outcome: ProbeOutcome,
    /// When the probe came back.
    pub(super) at: Timestamp,
}

/// One thing that happened.
#[derive(Debug)]
pub(super) enum Event {
    /// A probe has ended.
    Probed(ProbeResult),
    /// A new configuration has been read and checked.
    Reload(ReloadId, Box<Config>),
    /// A new configuration was asked for, and is no good. The old one stays.
    ReloadRefused(ReloadId, String),
    /// The director is to end.
    Stop,
}
