// SPDX-License-Identifier: MIT OR Apache-2.0
//! The configuration of one virtual router: what its state machine has to know.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{AddressFamily, Centiseconds, ExecProbe, Priority, ServiceKey, Vrid, VrrpVersion};

/// One virtual router as this host takes part in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VirtualRouter {
    /// Its name in the configuration, for people.
    pub name: Box<str>,
    /// The version of the protocol. Version 2 is for IPv4 only.
    pub version: VrrpVersion,
    /// Its number on the LAN.
    pub vrid: Vrid,
    /// The priority of this host, before anything that is tracked changes it: 1 to 255.
    pub priority: Priority,
    /// How often this host advertises as master.
    pub interval: Centiseconds,
    /// Whether this host takes over from a master of lower priority.
    pub preempt: Preempt,
    /// How long this host does not become master after it has started, or after its link has come up, while it has
    /// heard nothing on the link. An owner of the addresses does not wait.
    pub hold: Duration,
    /// The address that this host's advertisements come from. Its family is that of the virtual router.
    pub source: IpAddr,
    /// The other routers, when they are told one by one; none when advertisements are multicast.
    pub peers: Vec<IpAddr>,
    /// The virtual addresses.
    pub addresses: Vec<IpAddr>,
    /// How often a master announces its addresses again; `None` when only as it takes over.
    pub refresh: Option<Duration>,
}

impl VirtualRouter {
    /// What [`hold`](Self::hold) is when nobody says otherwise. A bridge port of the spanning tree passes nothing for
    /// twice its forward delay of 15 s (IEEE 802.1D).
    pub const HOLD: Duration = Duration::from_secs(30);
    /// What [`refresh`](Self::refresh) is when nobody says otherwise: well before switches and hosts forget.
    pub const REFRESH: Duration = Duration::from_secs(60);

    /// The family of its addresses. Virtual routers of two families are two, even with one number.
    #[must_use]
    pub const fn family(&self) -> AddressFamily {
        AddressFamily::of(self.source)
    }

    /// Whether the virtual addresses are this host's own. Source: RFC 9568, section 5.2.4.
    #[must_use]
    pub fn is_owner(&self) -> bool {
        self.priority == Priority::OWNER
    }
}

/// Whether a router takes over from a master that works, when its own priority is higher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preempt {
    /// Only when the master says that it is worse than it was, and has lost more than this router has.
    #[default]
    Never,
    /// As soon as the master down timer has run out.
    Always,
    /// The same, when its priority has been higher for so long; before that, as with [`Preempt::Never`].
    After(Duration),
    /// As soon as the master has sent all its connections, or a minute after this router has begun; before that, as with
    /// [`Preempt::Never`].
    AfterSync,
}

/// What a virtual router watches beside its peers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrackedObject {
    /// Another interface, by its name: good while it is up.
    Interface(Box<str>),
    /// A route of the main table to exactly this network: good while it is there.
    Route {
        /// The network's address; unspecified for the default route.
        destination: IpAddr,
        /// The length of its prefix.
        prefix: u8,
    },
    /// A script: good while it succeeds.
    Script(Arc<TrackedScript>),
    /// A number in a file, by the file's name.
    File(Box<str>),
    /// A process, by its name: good while it runs.
    Process(Box<str>),
    /// A virtual service: good while it has its quorum of healthy real servers.
    Service(ServiceKey),
}

impl fmt::Display for TrackedObject {
    /// `interface eth1`, `service TCP 192.0.2.10:80`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interface(name) => write!(f, "interface {name}"),
            Self::Route {
                destination,
                prefix,
            } => write!(f, "route {destination}/{prefix}"),
            Self::Script(script) => write!(f, "script {}", script.program.command.join(" ")),
            Self::File(path) => write!(f, "file {path}"),
            Self::Process(name) => write!(f, "process {name}"),
            Self::Service(service) => write!(f, "service {service}"),
        }
    }
}

/// A program that this host runs again and again, and when its result counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TrackedScript {
    /// What is run. Its exit status is good (0) or bad.
    pub program: ExecProbe,
    /// The time from one start to the next.
    pub interval: Duration,
    /// So long it may take.
    pub timeout: Duration,
    /// So many failures in a row make it bad.
    pub fall: u32,
    /// So many successes in a row make it good again.
    pub rise: u32,
}

/// An object that a virtual router watches, and what follows from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tracked {
    /// Which.
    pub object: TrackedObject,
    /// What follows.
    pub consequence: Consequence,
}

/// What follows from a tracked object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Consequence {
    /// While it is bad, the router does not take part: it leaves if it is master.
    Fault,
    /// A positive weight is added to the priority while it is good, a negative one while it is bad. The number in a
    /// file is multiplied by it.
    Weight(i16),
}

impl fmt::Display for Consequence {
    /// `fault`, `weight -50`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault => f.write_str("fault"),
            Self::Weight(weight) => write!(f, "weight {weight}"),
        }
    }
}
