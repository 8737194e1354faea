// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is believed of a real server, and what that means to the kernel's table.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Probe, ServerKey, ServiceKey, Weight};

/// What is believed of a real server: of one of its checks, or of all of them together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// No probe has come to a result yet. The server stays as the kernel has it.
    Unknown,
    /// It takes connections, with the weight it asked for, or else the configured one.
    Up(Option<Weight>),
    /// It does not.
    Down,
    /// It asked for no new connections. Those it has live on.
    Drain,
    /// It is in maintenance: no new connections, those it has live on.
    Maintenance,
}

impl Standing {
    /// Up, with the configured weight.
    pub const UP: Self = Self::Up(None);

    /// Whether it takes new connections.
    #[must_use]
    pub const fn is_up(self) -> bool {
        matches!(self, Self::Up(_))
    }

    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up(_) => "up",
            Self::Down => "down",
            Self::Drain => "drain",
            Self::Maintenance => "maintenance",
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// What was believed of one check of one server, and since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recalled {
    /// Whose server.
    pub service: ServiceKey,
    /// Which one.
    pub server: ServerKey,
    /// By which probe. Another question to the same server says nothing about this one.
    pub probe: Probe,
    /// What was believed.
    pub standing: Standing,
    /// How long it had been so, counted until now.
    pub age: Duration,
}

/// What is believed of each checked server of each service. A server that is not in it has no standing yet.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Standings(pub BTreeMap<ServiceKey, BTreeMap<ServerKey, Standing>>);

/// Where the standing of a server comes from.
pub trait KnowsStandings {
    /// What is believed of this server of this service; `None` when nothing checks it yet.
    fn standing(&self, service: &ServiceKey, server: &ServerKey) -> Option<Standing>;
}

impl KnowsStandings for Standings {
    fn standing(&self, service: &ServiceKey, server: &ServerKey) -> Option<Standing> {
        self.0.get(service)?.get(server).copied()
    }
}

/// Every server is considered up: for whoever checks none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AllUp;

impl KnowsStandings for AllUp {
    fn standing(&self, _: &ServiceKey, _: &ServerKey) -> Option<Standing> {
        Some(Standing::UP)
    }
}

/// What this director does with the services of its configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It serves them.
    #[default]
    Serving,
    /// It ends, and takes away what it made.
    Leaving,
}
