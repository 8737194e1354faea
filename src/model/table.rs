// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel as a value.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{RealServer, ServerKey, ServiceKey, ServiceSettings};

/// All virtual services of one network namespace with their real servers: desired, observed and fake alike.
///
/// Counters are not part of it: two tables are equal when they treat every packet alike.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct IpvsTable {
    /// By identity, in ipvsadm's listing order.
    pub services: BTreeMap<ServiceKey, VirtualService>,
}

impl IpvsTable {
    /// An empty table.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            services: BTreeMap::new(),
        }
    }

    /// Whether this server of this service takes new connections: it is there, with a weight above 0.
    #[must_use]
    pub fn has_serving(&self, service: &ServiceKey, server: &ServerKey) -> bool {
        let service = self.services.get(service);
        let server = service.and_then(|service| service.servers.get(server));
        server.is_some_and(|server| !server.weight.is_zero())
    }

    /// How many real servers there are, over all services.
    #[must_use]
    pub fn server_count(&self) -> usize {
        self.services
            .values()
            .map(|service| service.servers.len())
            .sum()
    }
}

/// One virtual service with its real servers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VirtualService {
    /// How it spreads connections.
    pub settings: ServiceSettings,
    /// To whom, by address and port.
    pub servers: BTreeMap<ServerKey, RealServer>,
}

impl VirtualService {
    /// A service without servers.
    #[must_use]
    pub const fn new(settings: ServiceSettings) -> Self {
        Self {
            settings,
            servers: BTreeMap::new(),
        }
    }

    /// Whether it has a server that can take a new connection.
    #[must_use]
    pub fn can_serve(&self) -> bool {
        self.servers.values().any(|server| !server.weight.is_zero())
    }
}
