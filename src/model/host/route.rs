// SPDX-License-Identifier: MIT OR Apache-2.0
//! Routes.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// One route of one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteEntry {
    /// The table: 254 is `main`, 255 is `local`.
    pub table: u32,
    /// Where it leads: the network's address.
    pub destination: IpAddr,
    /// The length of the network's prefix. 0 is the default route.
    pub prefix: u8,
    /// What happens to a packet.
    pub kind: RouteKind,
    /// The router, if there is one between.
    pub gateway: Option<IpAddr>,
    /// The number of the interface; `None` for a route with none, or with several.
    pub index: Option<u32>,
    /// The priority: of two routes to the same network the smaller one counts.
    pub metric: u32,
}

/// What happens to a packet that takes a route (`RTN_*`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RouteKind {
    /// It goes on to the network.
    Unicast,
    /// It is for this host.
    Local,
    /// It goes to all on the link.
    Broadcast,
    /// It is for this host, which shares the address.
    Anycast,
    /// It goes to a group.
    Multicast,
    /// It is dropped without a message (EINVAL).
    Blackhole,
    /// It is dropped: host unreachable (EHOSTUNREACH).
    Unreachable,
    /// It is dropped: administratively prohibited (EACCES).
    Prohibit,
    /// The next table decides (ENETUNREACH if there is none).
    Throw,
    /// Any other number.
    Other(u8),
}
