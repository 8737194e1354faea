// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the kernel counts. Counters are not part of the table: they change by themselves, a table only when somebody
//! changes it.

use serde::{Deserialize, Serialize};

/// Traffic since the last zeroing, and rates over the last seconds. The kernel refreshes both every 2 s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Connections scheduled.
    pub connections: u64,
    /// Packets from clients.
    pub in_packets: u64,
    /// Packets to clients. Only masquerading sees them.
    pub out_packets: u64,
    /// Bytes from clients.
    pub in_bytes: u64,
    /// Bytes to clients. Only masquerading sees them.
    pub out_bytes: u64,
    /// Connections per second.
    pub connection_rate: u64,
    /// Packets per second from clients.
    pub in_packet_rate: u64,
    /// Packets per second to clients.
    pub out_packet_rate: u64,
    /// Bytes per second from clients.
    pub in_byte_rate: u64,
    /// Bytes per second to clients.
    pub out_byte_rate: u64,
}

impl Counters {
    /// The counters without the rates, in the order of listings.
    #[must_use]
    pub const fn totals(&self) -> [u64; 5] {
        [
            self.connections,
            self.in_packets,
            self.out_packets,
            self.in_bytes,
            self.out_bytes,
        ]
    }
}

/// What the kernel has counted of one real server's traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Traffic {
    /// Connections scheduled.
    pub connections: u64,
    /// Packets from clients.
    pub in_packets: u64,
    /// Packets to clients. Only masquerading sees them.
    pub out_packets: u64,
}

impl Traffic {
    /// What has come since `before`; `None` when the counters have begun anew.
    #[must_use]
    pub fn since(self, before: Self) -> Option<Self> {
        Some(Self {
            connections: self.connections.checked_sub(before.connections)?,
            in_packets: self.in_packets.checked_sub(before.in_packets)?,
            out_packets: self.out_packets.checked_sub(before.out_packets)?,
        })
    }
}

impl From<Counters> for Traffic {
    fn from(counters: Counters) -> Self {
        Self {
            connections: counters.connections,
            in_packets: counters.in_packets,
            out_packets: counters.out_packets,
        }
    }
}

/// The connections of one real server at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ConnectionCounts {
    /// Established.
    pub active: u32,
    /// In any other state.
    pub inactive: u32,
    /// Persistence templates.
    pub persistent: u32,
}
