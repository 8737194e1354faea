// SPDX-License-Identifier: MIT OR Apache-2.0
//! What operators order for single servers: taken whole or refused whole, kept until it is taken back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::event::{Command, CommandId};
use super::machine::{Engine, Work};
use super::tell::Untold;
use crate::health::Health;
use crate::model::{Config, Orders, ServerKey, ServiceKey, Timestamp, WithOrders};

/// The answers that are kept for those who asked: the last ones.
const MOST_ANSWERS: usize = 256;

/// The answers to commands, by number: how many servers it changed, or why it was refused.
pub type Answers = BTreeMap<CommandId, Result<usize, Arc<str>>>;

impl Engine {
    /// An operator orders something.
    pub(super) fn ordered(&mut self, now: Timestamp, command: &Command) {
        if let Work::NotStarted | Work::Ended = self.work {
            return;
        }
        let mut orders = Orders::clone(&self.orders);
        let answer = match self.refusal(command, &mut orders) {
            Some(why) => Err(why.into()),
            None => Ok(self.take_orders(now, command, orders)),
        };
        let answers = Arc::make_mut(&mut self.answers);
        answers.insert(command.id, answer);
        while answers.len() > MOST_ANSWERS {
            answers.pop_first();
        }
    }

    /// Why a command cannot be carried out. Gives its orders to `orders`.
    fn refusal(&self, command: &Command, orders: &mut Orders) -> Option<String> {
        let mut services = BTreeSet::new();
        for &(service, server) in &command.servers {
            if !is_configured(&self.config, &service, &server) {
                return Some(format!(
                    "{service} has no real server {server} in the running configuration"
                ));
            }
            orders.set((service, server), command.order);
            services.insert(service);
        }
        if command.force {
            return None;
        }
        let emptied = services
            .iter()
            .find(|key| self.is_emptied_by(orders, key))?;
        Some(format!(
            "{emptied} would have no server for new connections; --force orders it all the same"
        ))
    }

    /// Puts the orders in force. Returns for how many servers something is different now.
    fn take_orders(&mut self, now: Timestamp, command: &Command, orders: Orders) -> usize {
        let mut changed = 0;
        for &(service, server) in &command.servers {
            let before = self.orders.get(&service, &server);
            if before == command.order {
                continue;
            }
            changed += 1;
            self.untold.push(Untold::Ordered {
                at: now,
                service,
                server,
                from: before,
                to: command.order,
                by: command.by.clone(),
                before: self.weight(&service, &server),
            });
            self.dirty.insert(service);
            self.stale.insert(service);
        }
        self.orders = Arc::new(orders);
        changed
    }

    /// Forgets the orders for servers that the configuration does not have any more.
    pub(super) fn forget_orders(&mut self) {
        let lasts =
            |it: &crate::model::Ordered| is_configured(&self.config, &it.service, &it.server);
        if !self.orders.iter().all(|it| lasts(&it)) {
            self.orders = Arc::new(self.orders.iter().filter(lasts).collect());
        }
    }

    /// The orders in force, for a later director.
    #[must_use]
    pub fn orders(&self) -> &Arc<Orders> {
        &self.orders
    }
}

fn is_configured(config: &Config, service: &ServiceKey, server: &ServerKey) -> bool {
    let service = config.services.get(service);
    service.is_some_and(|service| service.servers.contains_key(server))
}

/// What the maker of desired state is told.
pub(super) const fn known<'a>(health: &'a Health, orders: &'a Orders) -> WithOrders<'a, Health> {
    WithOrders {
        standings: health,
        orders,
    }
}
