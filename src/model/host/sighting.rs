// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the kernel answers to the question by which way a probe leaves, with the state of the links at that moment.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{HostEvent, InterfaceAddress, Link, RouteKind};
use crate::model::Probe;

/// The links, the addresses, and the ways of some probes, at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sighting {
    /// What happened to links and addresses before, as far as nobody knew it yet.
    pub happened: Vec<HostEvent>,
    /// The interfaces.
    pub links: Vec<SeenLink>,
    /// The addresses of all interfaces.
    pub addresses: Vec<InterfaceAddress>,
    /// The way of each probe.
    pub ways: Vec<(Probe, Way)>,
    /// Those probes of which it was asked whose first packet this host's own firewall denies (EPERM).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub denied: Vec<Probe>,
}

/// An interface, and how often its carrier came or went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenLink {
    /// The interface. It counts as running only with a carrier; the kernel's events say so up to a second later.
    pub link: Link,
    /// How often the carrier came or went since the interface was made; 0 where the kernel does not count.
    pub carrier_changes: u32,
}

/// The next host on a way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextHop {
    /// The number of the interface.
    pub link: u32,
    /// The source address that the kernel chooses.
    pub source: Option<IpAddr>,
    /// The router, if the target is not on the link.
    pub router: Option<IpAddr>,
    /// Whether packets leave this host: not so to an address of its own.
    pub leaves: bool,
    /// The largest packet that the route lets through, if it says so: somebody wrote it, or path MTU discovery found it.
    pub mtu: Option<u32>,
    /// The largest TCP segment that this host asks for on this route (`advmss`), if somebody wrote one.
    pub segment: Option<u32>,
}

/// The way by which packets to a target leave this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// By this interface.
    Out {
        /// The interface's number.
        link: u32,
        /// The source address that the kernel chooses.
        source: Option<IpAddr>,
    },
    /// There is no route (ENETUNREACH).
    NoRoute,
    /// The route is of this kind: somebody wrote it so that packets do not pass.
    Closed(RouteKind),
    /// The kernel gave no answer that we understand.
    Unknown,
}

impl Way {
    /// The source address that the kernel chooses.
    #[must_use]
    pub const fn source(self) -> Option<IpAddr> {
        match self {
            Self::Out { source, .. } => source,
            Self::NoRoute | Self::Closed(_) | Self::Unknown => None,
        }
    }
}
