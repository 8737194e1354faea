// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an operator has ordered for single real servers. An order outlives reloads and restarts.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Config, DrainTerms, ServerKey, ServiceKey, Weight};

/// An order for one real server of one service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// No new connections; the present ones live on. It stays in the table with weight 0.
    Drain,
    /// Out of the table.
    Disable,
    /// This weight in place of the configured one, while it is up.
    Weight(Weight),
}

impl fmt::Display for Order {
    /// `drain`, `disable`, `weight 5`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Drain => f.write_str("drain"),
            Self::Disable => f.write_str("disable"),
            Self::Weight(weight) => write!(f, "weight {weight}"),
        }
    }
}

/// One order, and for whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ordered {
    /// The virtual service.
    pub service: ServiceKey,
    /// The real server.
    pub server: ServerKey,
    /// The order.
    pub order: Order,
}

/// What an operator asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderFor {
    /// For whom: real servers of services of the running configuration.
    pub servers: Vec<(ServiceKey, ServerKey)>,
    /// The order; `None` takes one back.
    pub order: Option<Order>,
    /// How a drain ends, when it is one.
    pub terms: DrainTerms,
    /// Also when a service is left without a server that takes new connections.
    pub force: bool,
}

/// All orders in force.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Orders(BTreeMap<(ServiceKey, ServerKey), Order>);

impl Orders {
    /// The order for this server of this service, if there is one.
    #[must_use]
    pub fn get(&self, service: &ServiceKey, server: &ServerKey) -> Option<Order> {
        self.0.get(&(*service, *server)).copied()
    }

    /// Puts an order in force, or takes back the one that is; returns the one before.
    pub fn set(
        &mut self,
        (service, server): (ServiceKey, ServerKey),
        order: Option<Order>,
    ) -> Option<Order> {
        match order {
            Some(order) => self.0.insert((service, server), order),
            None => self.0.remove(&(service, server)),
        }
    }

    /// Those that stay in force when the configuration `after` follows the configuration `before`: for servers that it
    /// has, and of the weights those that still override what they did. A weight gives way when the configuration gives
    /// the server another one. A drain or a disabled server overrides nothing that a configuration says.
    #[must_use]
    pub fn after(&self, before: &Config, after: &Config) -> Self {
        let stays = |it: &Ordered| {
            let was = configured_weight(before, it);
            let Some(is) = configured_weight(after, it) else {
                return false;
            };
            match it.order {
                Order::Weight(_) => was.is_none_or(|was| was == is),
                Order::Drain | Order::Disable => true,
            }
        };
        self.iter().filter(stays).collect()
    }

    /// Each order, by service and server.
    pub fn iter(&self) -> impl Iterator<Item = Ordered> {
        self.0.iter().map(|(&(service, server), &order)| Ordered {
            service,
            server,
            order,
        })
    }
}

/// The weight that the configuration gives a server; `None` when it does not have it.
fn configured_weight(config: &Config, whose: &Ordered) -> Option<Weight> {
    let service = config.services.get(&whose.service)?;
    let server = service.servers.get(&whose.server)?;
    Some(server.real_server.weight)
}

impl FromIterator<Ordered> for Orders {
    fn from_iter<I: IntoIterator<Item = Ordered>>(all: I) -> Self {
        let all = all.into_iter();
        Self(all.map(|it| ((it.service, it.server), it.order)).collect())
    }
}
