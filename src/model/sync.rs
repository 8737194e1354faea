// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel's connection synchronisation between two directors.

use std::fmt;
use std::net::IpAddr;

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
