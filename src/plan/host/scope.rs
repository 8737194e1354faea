// SPDX-License-Identifier: MIT OR Apache-2.0
//! What to look at of a host.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::model::SysctlName;

/// What is read of a host. The rest stays empty in the value.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HostScope {
    /// The interfaces.
    pub links: bool,
    /// The addresses of all interfaces.
    pub addresses: bool,
    /// The neighbours.
    pub neighbours: bool,
    /// The routes of all tables.
    pub routes: bool,
    /// These settings.
    pub settings: BTreeSet<SysctlName>,
    /// The connection timeouts of IPVS.
    pub timeouts: bool,
    /// The sync daemons of IPVS.
    pub sync_daemons: bool,
}

impl HostScope {
    /// Whether there is nothing to look at.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
