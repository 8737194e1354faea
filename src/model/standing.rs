// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether the director considers a real server up, and what that means for the kernel's table.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    AskedWeight, Drain, Drains, Order, Orders, Overruled, PoolState, Pools, Probe, ServerKey,
    ServiceKey, SlowStart, SlowStarts, Timestamp,
};

/// What the director considers a real server to be: by one of its checks, or by all of them together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// No probe has come to a result yet. The server stays as the kernel has it.
    Unknown,
    /// It takes connections, with the weight it asked for, or else the configured one.
    Up(Option<AskedWeight>),
    /// It takes no connections.
    Down,
    /// It asked for no new connections; its present ones live on.
    Drain,
    /// It is in maintenance: no new connections; its present ones live on.
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

/// The standing of one server by one check, and since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recalled {
    /// The virtual service.
    pub service: ServiceKey,
    /// The real server.
    pub server: ServerKey,
    /// The probe. Another probe of the same server says nothing about this one.
    pub probe: Probe,
    /// The standing.
    pub standing: Standing,
    /// How long it had been so, counted until now.
    pub age: Duration,
    /// How long ago a director knew it by itself for the last time; zero when it still does.
    #[serde(default, skip_serializing_if = "Duration::is_zero")]
    pub unconfirmed: Duration,
    /// Whether it is down only because it is held down: the check passes. Files do not keep it: a director's start forgets
    /// hold-downs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub only_held_down: bool,
}

/// The standing of each checked server of each service. A server that is not in it has no standing yet.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Standings(pub BTreeMap<ServiceKey, BTreeMap<ServerKey, Standing>>);

/// Where the standing of a server comes from.
pub trait KnowsStandings {
    /// The standing of this server of this service; `None` when nothing checks it yet.
    fn standing(&self, service: &ServiceKey, server: &ServerKey) -> Option<Standing>;

    /// What an operator has ordered for this server, if anything.
    fn order(&self, _: &ServiceKey, _: &ServerKey) -> Option<Order> {
        None
    }

    /// Since when it has this standing, if that is known.
    fn since(&self, _: &ServiceKey, _: &ServerKey) -> Option<Timestamp> {
        None
    }

    /// Whether a server is down only because it is held down: its check passes.
    fn is_only_held_down(&self, _: &ServiceKey, _: &ServerKey) -> bool {
        false
    }

    /// How the servers of a service were together when that was last looked at; `None` when as usual.
    fn pool(&self, _: &ServiceKey) -> Option<&PoolState> {
        None
    }

    /// The drains of the servers of this service.
    fn drains(&self, _: &ServiceKey) -> Vec<(ServerKey, Drain)> {
        Vec::new()
    }

    /// The slow start of this server, if it has come back lately.
    fn slow_start(&self, _: &ServiceKey, _: &ServerKey) -> Option<SlowStart> {
        None
    }
}

/// Standings, and what is known beside them.
#[derive(Debug, Clone, Copy)]
pub struct WithOrders<'a, S: ?Sized> {
    /// Who knows the standings.
    pub standings: &'a S,
    /// The servers that count as the other director finds them.
    pub overruled: &'a Overruled,
    /// The orders.
    pub orders: &'a Orders,
    /// How the servers of each service are together.
    pub pools: &'a Pools,
    /// The drains.
    pub drains: &'a Drains,
    /// The slow starts.
    pub slow_starts: &'a SlowStarts,
}

impl<S: KnowsStandings + ?Sized> KnowsStandings for WithOrders<'_, S> {
    fn standing(&self, service: &ServiceKey, server: &ServerKey) -> Option<Standing> {
        match self.overruled.get(service, server) {
            Some(word) => Some(word.standing),
            None => self.standings.standing(service, server),
        }
    }

    fn order(&self, service: &ServiceKey, server: &ServerKey) -> Option<Order> {
        self.orders.get(service, server)
    }

    fn since(&self, service: &ServiceKey, server: &ServerKey) -> Option<Timestamp> {
        match self.overruled.get(service, server) {
            Some(word) => Some(word.since),
            None => self.standings.since(service, server),
        }
    }

    fn is_only_held_down(&self, service: &ServiceKey, server: &ServerKey) -> bool {
        match self.overruled.get(service, server) {
            Some(word) => word.only_held_down,
            None => self.standings.is_only_held_down(service, server),
        }
    }

    fn pool(&self, service: &ServiceKey) -> Option<&PoolState> {
        self.pools.get(service)
    }

    fn drains(&self, service: &ServiceKey) -> Vec<(ServerKey, Drain)> {
        self.drains
            .of(service)
            .map(|(key, it)| (*key, *it))
            .collect()
    }

    fn slow_start(&self, service: &ServiceKey, server: &ServerKey) -> Option<SlowStart> {
        self.slow_starts.get(service, server)
    }
}

impl KnowsStandings for Standings {
    fn standing(&self, service: &ServiceKey, server: &ServerKey) -> Option<Standing> {
        self.0.get(service)?.get(server).copied()
    }
}

/// Considers every server up: for programs that check none.
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
    /// It ends, and removes what it made.
    Leaving,
}
