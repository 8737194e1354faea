// SPDX-License-Identifier: MIT OR Apache-2.0
//! The servers that count as the other director of the pair finds them, and not as the checks of this one do.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ServerKey, ServiceKey, Standing, Timestamp};

/// How a server counts by the word of the other director.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerStanding {
    /// Its standing.
    pub standing: Standing,
    /// Since when.
    pub since: Timestamp,
    /// Whether it is down only because it is held down: its check passes.
    pub only_held_down: bool,
}

/// All of them. Most services have none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overruled(BTreeMap<ServiceKey, BTreeMap<ServerKey, PeerStanding>>);

impl Overruled {
    /// Nobody.
    pub const NONE: Self = Self(BTreeMap::new());

    /// How this server counts by the other's word; `None` when it counts by the checks of this director.
    #[must_use]
    pub fn get(&self, service: &ServiceKey, server: &ServerKey) -> Option<&PeerStanding> {
        self.0.get(service)?.get(server)
    }

    /// Those of one service.
    #[must_use]
    pub fn of(&self, service: &ServiceKey) -> Option<&BTreeMap<ServerKey, PeerStanding>> {
        self.0.get(service)
    }

    /// The services with such servers.
    pub fn services(&self) -> impl Iterator<Item = &ServiceKey> {
        self.0.keys()
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = (ServiceKey, ServerKey, PeerStanding)> {
        let all = self.0.iter();
        all.flat_map(|(service, servers)| {
            let servers = servers.iter();
            servers.map(|(server, it)| (*service, *server, *it))
        })
    }

    /// These are those of this service from now on. Returns the ones before.
    pub fn set(
        &mut self,
        service: ServiceKey,
        servers: BTreeMap<ServerKey, PeerStanding>,
    ) -> BTreeMap<ServerKey, PeerStanding> {
        let before = if servers.is_empty() {
            self.0.remove(&service)
        } else {
            self.0.insert(service, servers)
        };
        before.unwrap_or_default()
    }
}

impl FromIterator<(ServiceKey, ServerKey, PeerStanding)> for Overruled {
    fn from_iter<I: IntoIterator<Item = (ServiceKey, ServerKey, PeerStanding)>>(all: I) -> Self {
        let mut overruled = Self::NONE;
        for (service, server, it) in all {
            overruled.0.entry(service).or_default().insert(server, it);
        }
        overruled
    }
}
