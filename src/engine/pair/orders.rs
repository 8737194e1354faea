// SPDX-License-Identifier: MIT OR Apache-2.0
//! Orders that operators gave at the other director, and what it is told of those that were given here.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Whose;
use crate::engine::event::{Action, Command};
use crate::engine::machine::Engine;
use crate::engine::orders::{Given, is_configured};
use crate::engine::slow_starts::takes_out;
use crate::model::{Condition, Drain, DrainTerms, Order, Orders, ServerKey, ServiceKey, Timestamp};
use crate::pair::{Ledger, LedgerEntry, LedgerLine, OrderNews, OrderVersion};

/// Orders for servers that are not here are noted as far as this. Whoever has more has another file altogether.
const MOST_KEPT_OUT: usize = 1000;

impl Engine {
    /// The ledger of an earlier director, with the orders that were in force.
    pub(in crate::engine) fn recall_ledger(&mut self, lines: Vec<LedgerLine>, origin: u64) {
        let config = &self.config;
        let lines = lines.into_iter();
        let lines = lines.filter(|it| is_configured(config, &it.service, &it.server));
        let ledger = Ledger::of_recalled(lines, self.orders.iter(), origin);
        let orders = &self.orders;
        let kept_back = ledger.iter().filter(|((service, server), entry)| {
            entry.order.is_some() && orders.get(service, server) != entry.order
        });
        self.pair.kept_back = kept_back.map(|(whose, _)| *whose).collect();
        self.pair.ledger = Arc::new(ledger);
        self.pair.origin = origin;
    }

    /// The last order for each server with its version, for a later director.
    #[must_use]
    pub fn ledger(&self) -> &Arc<Ledger> {
        &self.pair.ledger
    }

    /// An operator of this director has ordered something: the other one is told.
    pub(in crate::engine) fn note_in_ledger(
        &mut self,
        now: Timestamp,
        command: &Command,
        out: &mut Vec<Action>,
    ) {
        let has_peer = self.config.peer.is_some();
        let ledger = Arc::make_mut(&mut self.pair.ledger);
        let servers: BTreeSet<Whose> = command.servers.iter().copied().collect();
        for whose in &servers {
            self.pair.kept_back.remove(whose);
            let entry = LedgerEntry {
                order: command.order,
                terms: command.terms,
                force: command.force,
                by: command.by.clone(),
                at_peer: false,
                version: OrderVersion {
                    at: command.given,
                    origin: self.pair.origin,
                },
            };
            ledger.order(*whose, entry);
        }
        if !has_peer {
            // Nobody has the orders that were taken back.
            ledger.forget_taken_back();
        }
        ledger.prune(command.given);
        self.say_orders(now, |whose| servers.contains(whose), out);
    }

    /// The configuration has taken an order back. The other director is told with all the rest after a reload.
    pub(in crate::engine) fn give_way_in_ledger(&mut self, whose: Whose) {
        let has_peer = self.config.peer.is_some();
        let ledger = Arc::make_mut(&mut self.pair.ledger);
        let entry = LedgerEntry {
            order: None,
            terms: DrainTerms::default(),
            force: false,
            by: "the configuration".into(),
            at_peer: false,
            // The ledger makes it later than the order.
            version: OrderVersion::oldest(self.pair.origin),
        };
        ledger.order(whose, entry);
        if !has_peer {
            ledger.forget_taken_back();
        }
    }

    /// What operators have ordered at the other director.
    pub(in crate::engine) fn take_peer_orders(
        &mut self,
        now: Timestamp,
        all: &[OrderNews],
        out: &mut Vec<Action>,
    ) {
        for news in all {
            let whose = (news.service, news.server);
            if !is_configured(&self.config, &news.service, &news.server) {
                self.keep_out(now, whose, news, out);
                continue;
            }
            let later = Arc::make_mut(&mut self.pair.ledger).take(news);
            if later {
                let since = now.before(news.age);
                self.apply_peer_order(now, whose, Some(since), out);
            }
            let known = self.pair.ledger.get(&news.service, &news.server);
            if news.ended && known.is_some_and(|it| it.version == news.version) {
                self.peer_drained(now, &[whose]);
            }
        }
    }

    /// An order for a server that this configuration does not have: it is told once.
    fn keep_out(&mut self, now: Timestamp, whose: Whose, news: &OrderNews, out: &mut Vec<Action>) {
        let room = self.pair.kept_out.len() < MOST_KEPT_OUT;
        let Some(order) = news.order.filter(|_| room) else {
            return;
        };
        if self.pair.kept_out.insert(whose) {
            let (service, server) = whose;
            let why = format!(
                "{order} was ordered there for real server {server} of {service}, which this configuration does not have; \
                 the two files differ"
            );
            self.tell_peer(now, Condition::Running, Condition::Differs, &why, out);
        }
    }

    /// Puts what the ledger has for this server in force, unless that would leave its service without a server.
    fn apply_peer_order(
        &mut self,
        now: Timestamp,
        whose: Whose,
        drains_since: Option<Timestamp>,
        out: &mut Vec<Action>,
    ) {
        let (service, server) = whose;
        let Some(entry) = self.pair.ledger.get(&service, &server).cloned() else {
            return;
        };
        let mut orders = Orders::clone(&self.orders);
        let before = orders.set(whose, entry.order);
        let empties = !entry.force
            && entry.order.is_some_and(takes_out)
            && !before.is_some_and(takes_out)
            && self.is_emptied_by(&orders, &service);
        if empties {
            if self.pair.kept_back.insert(whose) {
                self.tell_kept_back(now, whose, entry.order, out);
            }
            return;
        }
        self.pair.kept_back.remove(&whose);
        let given = Given {
            id: None,
            order: entry.order,
            terms: entry.terms,
            by: self.who_ordered(&entry).into(),
        };
        self.take_orders(now, &[whose].into(), &given, orders);
        if let (Some(Order::Drain), Some(since)) = (entry.order, drains_since)
            && let Some(drain) = Arc::make_mut(&mut self.drains).get_mut(&service, &server)
        {
            drain.since = since;
        }
    }

    fn tell_kept_back(
        &mut self,
        now: Timestamp,
        (service, server): Whose,
        order: Option<Order>,
        out: &mut Vec<Action>,
    ) {
        let order = order.map_or_else(String::new, |order| order.to_string());
        let why = format!(
            "{order} was ordered there for real server {server} of {service}; it waits, because it would leave the service \
             without a server for new connections here"
        );
        self.tell_peer(now, Condition::Running, Condition::Differs, &why, out);
    }

    /// Tries again what was kept back of these services.
    pub(in crate::engine) fn try_kept_back(
        &mut self,
        now: Timestamp,
        keys: &BTreeSet<ServiceKey>,
        out: &mut Vec<Action>,
    ) {
        let waiting: Vec<Whose> = self
            .pair
            .kept_back
            .iter()
            .filter(|(service, _)| keys.contains(service))
            .copied()
            .collect();
        for whose in waiting {
            self.apply_peer_order(now, whose, None, out);
        }
    }

    /// Who gave an order, and where.
    fn who_ordered(&self, entry: &LedgerEntry) -> String {
        let by = &entry.by;
        if entry.at_peer {
            format!("{by} at the peer {}", self.peer_name())
        } else {
            by.to_string()
        }
    }

    /// Drains have ended at the director that leads.
    pub(in crate::engine) fn peer_drained(&mut self, now: Timestamp, servers: &[Whose]) {
        if !self.leaves_drains_to_peer() {
            return;
        }
        for (service, server) in servers {
            let drain = self.drains.get(service, server).copied();
            if let Some(drain) = drain.filter(|drain| !drain.ended) {
                let why = format!("as the director {} says", self.peer_name());
                self.finish_drain(now, *service, *server, drain, why);
            }
        }
    }

    /// Whether the clients of a drain are at another director: then the connections of this kernel say nothing of when it
    /// is over.
    pub(in crate::engine) fn leaves_drains_to_peer(&self) -> bool {
        let backup = self.config.peer.is_some()
            && !self.config.routers.is_empty()
            && !self.mastership.is_master();
        self.pair.belief.follows() || backup
    }

    /// The clients come here from now on. What was counted of drains before says nothing.
    pub(in crate::engine) fn count_drains_anew(&mut self) {
        let open: Vec<(ServiceKey, ServerKey, Drain)> = self
            .drains
            .iter()
            .filter(|(.., drain)| !drain.ended && drain.counted.is_some())
            .map(|(service, server, drain)| (*service, *server, *drain))
            .collect();
        let drains = Arc::make_mut(&mut self.drains);
        for (service, server, drain) in open {
            let counted = None;
            drains.insert(service, server, Drain { counted, ..drain });
        }
    }
}
