// SPDX-License-Identifier: MIT OR Apache-2.0
//! What becomes of connections when another director takes over.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a take-over does to the connections of a virtual service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failover {
    /// They break: the other director does not know them.
    #[default]
    Usual,
    /// Both directors compute the same server for each client port, and the new one takes on connections that it does not
    /// know. Servers keep their places in the table, whatever happens to them.
    KeepConnections,
}

impl Failover {
    /// Whether it is the default.
    #[must_use]
    pub const fn is_usual(&self) -> bool {
        matches!(self, Self::Usual)
    }

    /// Whether connections live on.
    #[must_use]
    pub const fn keeps_connections(self) -> bool {
        matches!(self, Self::KeepConnections)
    }
}

/// When the kernel takes on TCP connections in the middle: `net.ipv4.vs.sloppy_tcp`. Then a forged packet makes an entry
/// in its table, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Adoption {
    /// While this host has no virtual address, and for so long after a take-over or a start.
    For(Duration),
    /// Always: for directors behind a router that may move connections at any time.
    Always,
}

impl Adoption {
    /// Whether it is the default.
    #[must_use]
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for Adoption {
    /// Two heartbeats of AMQP clients by their default: an idle connection has sent a packet by then.
    fn default() -> Self {
        Self::For(Duration::from_mins(2))
    }
}
