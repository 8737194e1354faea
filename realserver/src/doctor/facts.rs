// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is known of a host that is, or shall be, a real server.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use lvs_director::doctor::{Caretaker, Fact};
use lvs_director::model::{Host, NextHop, Protocol};

use crate::placement::Placement;

/// Everything that the checks know.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Where VIPs belong.
    pub placements: BTreeSet<Placement>,
    /// Where programs should listen.
    pub served: BTreeSet<Served>,
    /// Whether a director masquerades to this host.
    pub masqueraded: bool,
    /// The director's address, if somebody named it.
    pub director: Option<IpAddr>,
    /// Links, addresses, and the settings of interest.
    pub host: Host,
    /// The addresses for which this host is a director.
    pub directed: BTreeSet<IpAddr>,
    /// Where programs listen by TCP, or have a UDP socket.
    pub listening: Fact<BTreeSet<Served>>,
    /// Whether something asks clients for smaller segments.
    pub clamps: Fact<bool>,
    /// Programs that look after interfaces.
    pub caretakers: Fact<Vec<Caretaker>>,
    /// The way to the director; `None` when there is none.
    pub to_director: Fact<Option<NextHop>>,
    /// The default route; `None` when there is none.
    pub to_anywhere: Fact<Option<NextHop>>,
}

/// A place where a program listens, or should.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Served {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// Where.
    pub at: SocketAddr,
}
