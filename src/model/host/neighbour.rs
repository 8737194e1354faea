// SPDX-License-Identifier: MIT OR Apache-2.0
//! The hosts next to this one, as ARP and neighbour discovery know them.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::LinkLayerAddress;

/// A host on the same link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Neighbour {
    /// The number of the interface it is reached through.
    pub index: u32,
    /// Its address.
    pub address: IpAddr,
    /// What the kernel knows of it.
    pub state: NeighbourState,
    /// Its link-layer address, once it is known.
    pub link_layer: Option<LinkLayerAddress>,
}

/// What the kernel knows of a neighbour (`NUD_*`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NeighbourState {
    /// Nothing yet.
    None,
    /// The kernel is asking for it; nobody has answered yet.
    Incomplete,
    /// It answered a short while ago.
    Reachable,
    /// It answered once; the kernel asks again when there is something to send.
    Stale,
    /// There was something to send; the kernel will ask again in a moment.
    Delay,
    /// The kernel is asking again.
    Probe,
    /// Nobody answered.
    Failed,
    /// The kernel never asks for it.
    NoArp,
    /// Somebody added it by hand.
    Permanent,
    /// Any other bits.
    Other(u16),
}
