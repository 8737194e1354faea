// SPDX-License-Identifier: MIT OR Apache-2.0
//! One change to the kernel's table.

use serde::{Deserialize, Serialize};

use super::{RealServer, ServerKey, ServiceKey, ServiceSettings};

/// One change to the kernel's table: one netlink message, one ipvsadm line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Make a virtual service, without servers.
    AddService(ServiceKey, ServiceSettings),
    /// Replace a virtual service's settings.
    EditService(ServiceKey, ServiceSettings),
    /// Remove a virtual service with all its servers.
    DeleteService(ServiceKey),
    /// Add a real server.
    AddServer(ServiceKey, ServerKey, RealServer),
    /// Replace the settings of a real server.
    EditServer(ServiceKey, ServerKey, RealServer),
    /// Remove a real server.
    DeleteServer(ServiceKey, ServerKey),
}

impl Step {
    /// The virtual service it belongs to.
    #[must_use]
    pub const fn service(&self) -> &ServiceKey {
        match self {
            Self::AddService(key, _)
            | Self::EditService(key, _)
            | Self::DeleteService(key)
            | Self::AddServer(key, ..)
            | Self::EditServer(key, ..)
            | Self::DeleteServer(key, _) => key,
        }
    }
}
