// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel's connection synchronisation between two directors.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Which end of the synchronisation a daemon is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SyncRole {
    /// Sends this director's connections.
    Master,
    /// Takes in another director's.
    Backup,
}

impl fmt::Display for SyncRole {
    /// As ipvsadm calls it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Master => "master",
            Self::Backup => "backup",
        })
    }
}

/// Which daemons run on a director.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SyncRoles {
    /// A master of a virtual router sends, any other host receives.
    #[default]
    Follow,
    /// Each sends and receives all the time.
    Both,
}

/// How two directors synchronise their connections, as configured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionSync {
    /// Which daemons run.
    pub roles: SyncRoles,
    /// The interface they multicast on.
    pub interface: Box<str>,
    /// Daemons with the same number talk to each other; 0 listens to all.
    pub id: u8,
    /// The multicast group; `None` is the kernel's 224.0.0.81.
    pub group: Option<IpAddr>,
    /// UDP port; 0 is the kernel's 8848.
    pub port: u16,
    /// Time to live of the messages; 0 is the kernel's 1.
    pub ttl: u8,
    /// Longest message in bytes; 0 lets the kernel choose.
    pub max_length: u16,
    /// Before a planned hand-over all connections are sent; the hand-over waits at most so long. Zero sends nothing.
    #[serde(default = "ConnectionSync::usual_send")]
    pub longest_send: Duration,
}

impl Default for ConnectionSync {
    fn default() -> Self {
        Self {
            roles: SyncRoles::default(),
            interface: Box::default(),
            id: 0,
            group: None,
            port: 0,
            ttl: 0,
            max_length: 0,
            longest_send: Self::usual_send(),
        }
    }
}

impl ConnectionSync {
    /// How long a planned hand-over waits when nothing is configured.
    const fn usual_send() -> Duration {
        Duration::from_secs(5)
    }

    /// The daemon of this role.
    #[must_use]
    pub fn daemon(&self, role: SyncRole) -> SyncDaemon {
        SyncDaemon {
            role,
            interface: self.interface.to_string(),
            sync_id: self.id,
            max_length: self.max_length,
            group: self.group,
            port: self.port,
            ttl: self.ttl,
        }
    }

    /// Whether a daemon of this role runs, on a host that is master of a virtual router or is not.
    #[must_use]
    pub const fn runs(&self, role: SyncRole, is_master: bool) -> bool {
        match self.roles {
            SyncRoles::Both => true,
            SyncRoles::Follow => matches!(role, SyncRole::Master) == is_master,
        }
    }
}

/// One sync daemon of the kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncDaemon {
    /// Sending or receiving.
    pub role: SyncRole,
    /// The interface it multicasts on: 1 to 15 characters.
    pub interface: String,
    /// Daemons with the same number talk to each other, 0 to 255.
    pub sync_id: u8,
    /// Longest message in bytes; 0 lets the kernel choose by the interface's MTU.
    pub max_length: u16,
    /// The multicast group; `None` is the kernel's 224.0.0.81.
    pub group: Option<IpAddr>,
    /// UDP port; 0 is the kernel's 8848.
    pub port: u16,
    /// Time to live of the messages; 0 is the kernel's 1.
    pub ttl: u8,
}
