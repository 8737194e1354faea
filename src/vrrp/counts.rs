// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is counted.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::heard::{NotForUs, Notice};

/// What has happened to one virtual router since this process started.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    /// Advertisements that came in, well formed.
    pub heard: u64,
    /// Those of them that were dropped, by reason.
    pub refused: BTreeMap<NotForUs, u64>,
    /// What was odd about those that were accepted.
    pub notices: BTreeMap<Notice, u64>,
    /// Advertisements sent.
    pub sent: u64,
    /// How often it became master.
    pub became_master: u64,
    /// Changes of its state.
    pub transitions: u64,
    /// How late an advertisement of a master was at most.
    pub late_at_most: Duration,
}
