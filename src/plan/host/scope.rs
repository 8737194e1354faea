// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which parts of a host to read.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::model::SysctlName;

/// A part of a host that is read as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostPart {
    /// The interfaces.
    Links,
    /// The addresses of all interfaces.
    Addresses,
    /// The neighbours.
    Neighbours,
    /// The routes of all tables.
    Routes,
    /// The connection timeouts of IPVS.
    Timeouts,
    /// The sync daemons of IPVS.
    SyncDaemons,
}

/// The parts of a host to read. The others stay empty in the value.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HostScope {
    /// These parts.
    pub parts: BTreeSet<HostPart>,
    /// These settings.
    pub settings: BTreeSet<SysctlName>,
    /// Those of the settings that the kernel may not have: the absence of one is no failure.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub optional: BTreeSet<SysctlName>,
}

impl HostScope {
    /// These parts, and no settings.
    #[must_use]
    pub fn of(parts: impl IntoIterator<Item = HostPart>) -> Self {
        Self {
            parts: parts.into_iter().collect(),
            ..Self::default()
        }
    }

    /// These settings, and nothing else.
    #[must_use]
    pub fn of_settings(settings: impl IntoIterator<Item = SysctlName>) -> Self {
        Self {
            settings: settings.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Whether there is nothing to look at.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether this part is read.
    #[must_use]
    pub fn has(&self, part: HostPart) -> bool {
        self.parts.contains(&part)
    }
}
