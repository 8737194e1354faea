// SPDX-License-Identifier: MIT OR Apache-2.0
//! What reaches the engine.

use tokio::sync::oneshot;

use crate::control::Status;
use crate::health::RunId;
use crate::model::{Config, ProbeReport, Timestamp};

/// What came of one probe, and when.
#[derive(Debug)]
pub(super) struct ProbeResult {
    pub(super) run: RunId,
    pub(super) report: ProbeReport,
    /// When the probe came back.
    pub(super) at: Timestamp,
}

/// One thing that happened.
#[derive(Debug)]
pub(super) enum Event {
    /// A probe has ended.
    Probed(ProbeResult),
    /// A new configuration has been read and checked.
    Reload(Box<Config>),
    /// A new configuration was asked for, and is no good. The old one stays.
    ReloadRefused(String),
    /// Somebody wants to know how everything is.
    Status(oneshot::Sender<Status>),
    /// The director is to end.
    Stop,
}
