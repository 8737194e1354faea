// SPDX-License-Identifier: MIT OR Apache-2.0
//! Slow starts: a server that has come back gets its weight step by step, while others carry the load.

use std::collections::BTreeSet;

use super::machine::Engine;
use super::tell::Untold;
use crate::model::{
    Condition, Order, RecalledSlowStart, ServerKey, ServiceKey, SlowStart, SlowStarts, Standing,
    Timestamp, Weight,
};
use crate::plan::is_carried;

impl Engine {
    /// The verdict on a server has changed. A first verdict begins nothing: nobody knows for how long the server has
    /// been there.
    pub(super) fn start_slowly_after_verdict(
        &mut self,
        now: Timestamp,
        (service, server): (ServiceKey, ServerKey),
        from: Standing,
        to: Standing,
    ) {
        match (from, to) {
            (_, Standing::Down | Standing::Drain | Standing::Maintenance) => {
                self.forget_slow_start(&service, &server);
            }
            (Standing::Down | Standing::Drain | Standing::Maintenance, Standing::Up(_)) => {
                self.start_slowly(now, service, server);
            }
            (_, Standing::Unknown) | (Standing::Unknown | Standing::Up(_), Standing::Up(_)) => {}
        }
    }

    /// What is ordered for a server has changed. An ordered weight is what it has from now on.
    pub(super) fn start_slowly_after_order(
        &mut self,
        now: Timestamp,
        (service, server): (ServiceKey, ServerKey),
        from: Option<Order>,
        to: Option<Order>,
    ) {
        if to.is_some() {
            self.forget_slow_start(&service, &server);
        } else if from.is_some_and(takes_out) && !self.is_down(&service, &server) {
            self.start_slowly(now, service, server);
        }
    }

    fn is_down(&self, service: &ServiceKey, server: &ServerKey) -> bool {
        let health = self.health.server(service, server);
        health.is_some_and(|it| match it.standing {
            Standing::Down | Standing::Drain | Standing::Maintenance => true,
            Standing::Unknown | Standing::Up(_) => false,
        })
    }

    /// A server that takes connections in the kernel's table was never away.
    fn start_slowly(&mut self, now: Timestamp, service: ServiceKey, server: ServerKey) {
        let configured = self.config.services.get(&service);
        let configured = configured.and_then(|it| it.servers.get(&server));
        let Some(time) = configured.and_then(|it| it.slow_start) else {
            return;
        };
        let takes_connections = self
            .weight(&service, &server)
            .is_some_and(|it| !it.is_zero());
        if takes_connections || self.orders.get(&service, &server).is_some_and(takes_out) {
            return;
        }
        let slow = SlowStart::new(time, now);
        self.slow_starts.insert(service, server, slow);
        let why = format!("for {} s", time.as_secs());
        self.tell_slow_start(now, (service, server), Condition::StartsSlowly, &why);
    }

    fn forget_slow_start(&mut self, service: &ServiceKey, server: &ServerKey) {
        if self.slow_starts.remove(service, server) {
            self.untell_slow_start(service, server);
            self.stale.insert(*service);
        }
    }

    /// Before these services are planned for: where nobody else carries the load, servers that have come back get their
    /// full weight at once.
    pub(super) fn give_load_to_slow_starts(&mut self, now: Timestamp, keys: &BTreeSet<ServiceKey>) {
        for key in keys {
            if !self.slow_starts.starts_slowly(key) {
                continue;
            }
            let observed = self.observed.services.get(key);
            if is_carried(&self.config, &self.known(), self.role, key, observed) {
                continue;
            }
            for server in self.slow_starts.give_in_full(key) {
                if !self.untell_slow_start(key, &server) {
                    let why = "no other server carries the load";
                    self.tell_slow_start(now, (*key, server), Condition::Right, why);
                }
            }
        }
    }

    /// Takes the steps whose time has come.
    pub(super) fn step_slow_starts(&mut self, now: Timestamp) {
        if self.slow_starts.deadline().is_none_or(|at| at > now) {
            return;
        }
        for (service, server, slow) in self.slow_starts.advance(now) {
            self.dirty.insert(service);
            self.stale.insert(service);
            if slow.is_over() && !slow.in_full {
                let why = format!("after {} s", slow.time.as_secs());
                self.tell_slow_start(now, (service, server), Condition::Right, &why);
            }
        }
    }

    fn tell_slow_start(
        &mut self,
        now: Timestamp,
        (service, server): (ServiceKey, ServerKey),
        to: Condition,
        why: &str,
    ) {
        self.untold.push(Untold::SlowStart {
            at: now,
            service,
            server,
            to,
            why: why.into(),
            before: self.weight(&service, &server),
        });
    }

    /// Takes back that it begins, if that has not been told. Returns whether.
    fn untell_slow_start(&mut self, service: &ServiceKey, server: &ServerKey) -> bool {
        let before = self.untold.len();
        self.untold.retain(|it| {
            let Untold::SlowStart {
                service: of,
                server: whose,
                ..
            } = it
            else {
                return true;
            };
            (of, whose) != (service, server)
        });
        self.untold.len() != before
    }

    /// Those of an earlier director go on, for servers that the configuration starts slowly still.
    pub(super) fn recall_slow_starts(&mut self, now: Timestamp, all: &[RecalledSlowStart]) {
        self.slow_starts = SlowStarts::of_recalled(all, now);
        self.keep_configured_slow_starts();
    }

    /// Ends those of servers that the configuration does not have any more, or does not start slowly.
    pub(super) fn keep_configured_slow_starts(&mut self) {
        let services = &self.config.services;
        let configured = |service: &ServiceKey, server: &ServerKey| {
            let configured = services.get(service).and_then(|it| it.servers.get(server));
            configured.is_some_and(|it| it.slow_start.is_some())
        };
        self.slow_starts.retain(configured);
        // The others may carry less of the load now.
        let left: Vec<ServiceKey> = self.slow_starts.iter().map(|it| *it.0).collect();
        self.dirty.extend(left);
    }

    /// The slow starts, for a later director.
    #[must_use]
    pub fn slow_starts(&self, now: Timestamp) -> Vec<RecalledSlowStart> {
        self.slow_starts.recalled(now).collect()
    }
}

/// Whether a server with this order gets no new connections.
pub(super) const fn takes_out(order: Order) -> bool {
    match order {
        Order::Drain | Order::Disable => true,
        Order::Weight(weight) => Weight::is_zero(weight),
    }
}
