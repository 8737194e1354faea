// SPDX-License-Identifier: MIT OR Apache-2.0
//! What operators order for single servers: taken whole or refused whole, kept until it is taken back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::event::{Action, Command, CommandId};
use super::machine::{Engine, Work};
use super::slow_starts::takes_out;
use super::tell::Untold;
use crate::health::Health;
use crate::model::{
    Condition, Config, ConfiguredService, DrainTerms, Drains, Effect, Object, Order, Ordered,
    Orders, Overruled, Pools, ServerKey, ServiceKey, SlowStarts, Timestamp, Transition,
    VirtualService, WithOrders,
};

/// The answers that are kept for those who asked: more than clients may ask at a time.
const MOST_ANSWERS: usize = 2048;

/// The answers to commands, by number: how many servers it changed, or why it was refused.
pub type Answers = BTreeMap<CommandId, Result<usize, Arc<str>>>;

impl Engine {
    /// An operator orders something.
    pub(super) fn ordered(&mut self, now: Timestamp, command: &Command, out: &mut Vec<Action>) {
        if let Work::NotStarted | Work::Ended = self.work {
            return;
        }
        let mut orders = Orders::clone(&self.orders);
        if let Some(why) = self.refusal(command, &mut orders) {
            return self.answer(command.id, Err(why.into()));
        }
        let given = Given {
            id: Some(command.id),
            order: command.order,
            terms: command.terms,
            by: command.by.clone(),
        };
        let servers = command.servers.iter().copied().collect();
        let changed = self.take_orders(now, &servers, &given, orders);
        self.note_in_ledger(now, command, out);
        self.unanswered.insert(command.id, Ok(changed));
        self.answer_commands();
    }

    /// Notes what the kernel said to an order.
    pub(super) fn note_order(&mut self, untold: &Untold, effect: &Effect) {
        if let (Untold::Ordered { id: Some(id), .. }, Effect::Refused(why)) = (untold, effect) {
            let why = format!(
                "ordered, but the kernel refused: {why}; the order stays, and the director tries again"
            );
            self.unanswered.insert(*id, Err(why.into()));
        }
    }

    /// Answers the commands that the kernel has answered.
    pub(super) fn answer_commands(&mut self) {
        let waits = |id: &CommandId| {
            let of = |it: &Untold| matches!(it, Untold::Ordered { id: Some(of), .. } if of == id);
            self.untold.iter().any(of)
        };
        let answered: Vec<CommandId> = self
            .unanswered
            .keys()
            .filter(|id| !waits(id))
            .copied()
            .collect();
        for id in answered {
            if let Some(answer) = self.unanswered.remove(&id) {
                self.answer(id, answer);
            }
        }
    }

    fn answer(&mut self, id: CommandId, answer: Result<usize, Arc<str>>) {
        let answers = Arc::make_mut(&mut self.answers);
        answers.insert(id, answer);
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
    pub(super) fn take_orders(
        &mut self,
        now: Timestamp,
        servers: &BTreeSet<(ServiceKey, ServerKey)>,
        given: &Given,
        orders: Orders,
    ) -> usize {
        let mut turned = Vec::new();
        for &(service, server) in servers {
            let before = self.orders.get(&service, &server);
            let drains = self.order_drain(now, (service, server), given.order, given.terms);
            if before == given.order && !drains {
                continue;
            }
            self.untold.push(Untold::Ordered {
                id: given.id,
                at: now,
                service,
                server,
                from: before,
                to: given.order,
                by: given.by.clone(),
                before: self.weight(&service, &server),
            });
            self.dirty.insert(service);
            self.stale.insert(service);
            turned.push(((service, server), before));
        }
        self.orders = Arc::new(orders);
        let changed = turned.len();
        for (whose, before) in turned {
            self.start_slowly_after_order(now, whose, before, given.order);
        }
        changed
    }

    /// Forgets the orders for servers that the configuration does not have any more, and the weights in whose place it
    /// has other ones now than the configuration before; tells so.
    pub(super) fn forget_orders(&mut self, now: Timestamp, before: &Config, out: &mut Vec<Action>) {
        for gone in self.keep_orders(before) {
            let (service, server) = (gone.service, gone.server);
            let configured = self.config.services.get(&service);
            let configured = configured.and_then(|it| it.servers.get(&server));
            let why = match configured.map(|it| it.real_server.weight) {
                None => "the configuration, which has the server no more".into(),
                Some(weight) => {
                    self.give_way_in_ledger((service, server));
                    format!("the configuration, which gives the server weight {weight} now")
                }
            };
            let weight = self.weight(&service, &server);
            let told = Transition {
                at: now,
                object: Object::Server(service, server),
                from: Condition::Ordered(Some(gone.order)),
                to: Condition::Ordered(None),
                why: why.into(),
                effect: Effect::Weight {
                    before: weight,
                    after: weight,
                },
            };
            self.tell(told, out);
        }
    }

    /// The orders are those that stay in force after the configuration `before`. Returns the others.
    pub(super) fn keep_orders(&mut self, before: &Config) -> Vec<Ordered> {
        let kept = self.orders.after(before, &self.config);
        let goes = |it: &Ordered| kept.get(&it.service, &it.server).is_none();
        let gone: Vec<Ordered> = self.orders.iter().filter(goes).collect();
        if !gone.is_empty() {
            self.orders = Arc::new(kept);
        }
        gone
    }

    /// The service that a new configuration would leave without a server for new connections, because all of its servers
    /// are ordered out, and that has one now.
    pub(super) fn emptied_by(&self, config: &Config) -> Option<ServiceKey> {
        let orders = self.orders.after(&self.config, config);
        let mut services = config.services.iter();
        let emptied = services.find(|(key, service)| {
            let observed = self.observed.services.get(key);
            observed.is_some_and(VirtualService::can_serve) && all_are_out(service, key, &orders)
        });
        emptied.map(|(key, _)| *key)
    }

    /// The orders in force, for a later director.
    #[must_use]
    pub fn orders(&self) -> &Arc<Orders> {
        &self.orders
    }
}

/// What is ordered, by whom, and who waits for an answer.
#[derive(Debug)]
pub(super) struct Given {
    /// The command of an operator of this director.
    pub(super) id: Option<CommandId>,
    pub(super) order: Option<Order>,
    pub(super) terms: DrainTerms,
    pub(super) by: Box<str>,
}

pub(super) fn is_configured(config: &Config, service: &ServiceKey, server: &ServerKey) -> bool {
    let service = config.services.get(service);
    service.is_some_and(|service| service.servers.contains_key(server))
}

/// Whether every server of a service gets nothing, because that was ordered.
pub(super) fn all_are_out(service: &ConfiguredService, key: &ServiceKey, orders: &Orders) -> bool {
    let out = |server: &ServerKey| orders.get(key, server).is_some_and(takes_out);
    !service.servers.is_empty() && service.servers.keys().all(out)
}

impl Engine {
    /// What the maker of desired state is told of what is in force.
    pub(super) fn known(&self) -> WithOrders<'_, Health> {
        known(
            &self.health,
            &self.orders,
            &self.drains,
            &self.pools,
            &self.slow_starts,
            &self.overruled,
        )
    }
}

/// What the maker of desired state is told.
pub(super) const fn known<'a>(
    health: &'a Health,
    orders: &'a Orders,
    drains: &'a Drains,
    pools: &'a Pools,
    slow_starts: &'a SlowStarts,
    overruled: &'a Overruled,
) -> WithOrders<'a, Health> {
    WithOrders {
        overruled,
        slow_starts,
        standings: health,
        orders,
        pools,
        drains,
    }
}
