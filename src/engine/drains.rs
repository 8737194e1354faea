// SPDX-License-Identifier: MIT OR Apache-2.0
//! Drains: their connections are counted until none are left, or until their deadline. Then the server leaves the table.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::describe::count;
use super::event::{Action, Counted};
use super::machine::{Engine, Work};
use super::tell::Untold;
use crate::model::{
    Condition, ConnectionCounts, Drain, DrainTerms, Drains, Order, Protocol, RecalledDrain,
    ServerKey, ServiceKey, Timestamp, Weight,
};
use crate::plan::drains_at_start;

/// The connections are counted this often.
const COUNT_EVERY: Duration = Duration::from_secs(1);
/// As many services are counted in that time; more take longer.
const AT_A_TIME: u32 = 64;
/// A drain ends when no count has found a connection for so long. A handshake that was under way when the drain began is
/// over by then.
const QUIET: Duration = Duration::from_secs(3);

impl Engine {
    /// When drains want something: a count, or their end.
    pub(super) fn drain_deadline(&self) -> Option<Timestamp> {
        let open = self.drains.iter().filter(|(.., drain)| !drain.ended);
        let ends = open
            .map(|(.., drain)| end(drain).map_or(self.next_count, |end| end.min(self.next_count)));
        ends.min()
    }

    /// Ends the drains whose time has come, and has the connections of the others counted.
    pub(super) fn drain(&mut self, now: Timestamp, out: &mut Vec<Action>) {
        if self.drain_deadline().is_none_or(|at| at > now) {
            return;
        }
        self.end_drains(now);
        if self.next_count > now {
            return;
        }
        let open = self.drains.iter().filter(|(.., drain)| !drain.ended);
        let services: BTreeSet<ServiceKey> = open.map(|(service, ..)| *service).collect();
        let rounds = u32::try_from(services.len())
            .unwrap_or(u32::MAX)
            .div_ceil(AT_A_TIME);
        self.next_count = now + COUNT_EVERY.saturating_mul(rounds.max(1));
        if !services.is_empty() {
            out.push(Action::Count(services.into_iter().collect()));
        }
    }

    /// The answer to [`Action::Count`]. A service that could not be read is not among them, and is counted again.
    pub(super) fn counted(&mut self, now: Timestamp, all: &[Counted], out: &mut Vec<Action>) {
        if let Work::NotStarted | Work::Ended = self.work {
            return;
        }
        self.look_at_counters(now, all, out);
        if self.drains.is_empty() {
            return;
        }
        let mut drains = Drains::clone(&self.drains);
        for Counted {
            service, servers, ..
        } in all
        {
            for (server, counts) in servers {
                let Some(drain) = drains.get_mut(service, server) else {
                    continue;
                };
                // While it still gets connections, nothing has been drained.
                let weight = self.weight(service, server);
                let quiesced = weight.is_none_or(Weight::is_zero);
                let quiet = quiesced && is_over(service, drain, *counts);
                drain.left = Some(*counts);
                drain.quiet = quiet.then(|| drain.quiet.unwrap_or(now));
            }
        }
        self.drains = Arc::new(drains);
        self.end_drains(now);
    }

    /// Ends the drains that have nothing to wait for, and those whose deadline has come.
    fn end_drains(&mut self, now: Timestamp) {
        let over: Vec<(ServiceKey, ServerKey, Drain)> = self
            .drains
            .iter()
            .filter(|(service, server, drain)| {
                !drain.ended && self.ends(now, service, server, drain)
            })
            .map(|(service, server, drain)| (*service, *server, *drain))
            .collect();
        for (service, server, drain) in over {
            self.untold.push(Untold::Drain {
                at: now,
                service,
                server,
                to: Condition::Drained,
                why: ending(now, &service, &drain).into(),
                before: self.weight(&service, &server),
            });
            let drains = Arc::make_mut(&mut self.drains);
            if drain.leaving.is_some() {
                drains.remove(&service, &server);
            } else {
                let ended = true;
                drains.insert(service, server, Drain { ended, ..drain });
            }
            self.dirty.insert(service);
            self.stale.insert(service);
        }
    }

    fn ends(
        &self,
        now: Timestamp,
        service: &ServiceKey,
        server: &ServerKey,
        drain: &Drain,
    ) -> bool {
        let quiet = drain.quiet.is_some_and(|since| now.since(since) >= QUIET);
        // One that is down is not in the table, and has nothing to drain. Its order stays.
        let gone = drain.leaving.is_some() && self.weight(service, server).is_none();
        quiet || gone || end(drain).is_some_and(|end| end <= now)
    }

    /// Begins, changes or ends a drain as an operator ordered. Returns whether something is different now.
    pub(super) fn order_drain(
        &mut self,
        now: Timestamp,
        (service, server): (ServiceKey, ServerKey),
        order: Option<Order>,
        terms: DrainTerms,
    ) -> bool {
        let known = self.drains.get(&service, &server).copied();
        match (order, known) {
            (Some(Order::Drain), Some(drain)) if drain.ended || drain.terms == terms => false,
            (Some(Order::Drain), known) => {
                let drain = known.unwrap_or(Drain::new(terms, now, None));
                let drain = Drain { terms, ..drain };
                Arc::make_mut(&mut self.drains).insert(service, server, drain);
                true
            }
            (Some(Order::Disable | Order::Weight(_)) | None, Some(_)) => {
                Arc::make_mut(&mut self.drains).remove(&service, &server);
                true
            }
            (Some(Order::Disable | Order::Weight(_)) | None, None) => false,
        }
    }

    /// The drains of a director that starts. An order to drain without one begins it.
    pub(super) fn begin_drains(&mut self, now: Timestamp) {
        let mut drains = drains_at_start(&self.drains, &self.config, &self.observed, now);
        for it in self.orders.iter().filter(|it| it.order == Order::Drain) {
            if drains.get(&it.service, &it.server).is_none() {
                let drain = Drain::new(DrainTerms::default(), now, None);
                drains.insert(it.service, it.server, drain);
            }
        }
        let ordered = |service: &ServiceKey, server: &ServerKey| {
            self.orders.get(service, server) == Some(Order::Drain)
        };
        drains.retain(|service, server, drain| drain.leaving.is_some() || ordered(service, server));
        let leaving = self.leaving(now, &drains);
        self.untold.extend(leaving);
        self.drains = Arc::new(drains);
    }

    /// What to report of the servers that leave the configuration, and drain from now on.
    pub(super) fn leaving(&self, now: Timestamp, after: &Drains) -> Vec<Untold> {
        let new = after.iter().filter(|(service, server, drain)| {
            let before = self.drains.get(service, server);
            drain.leaving.is_some() && before.is_none_or(|it| it.leaving.is_none())
        });
        let untold = new.map(|(&service, &server, drain)| Untold::Drain {
            at: now,
            service,
            server,
            to: Condition::Draining,
            why: beginning(drain).into(),
            before: self.weight(&service, &server),
        });
        untold.collect()
    }

    /// The drains, for a later director.
    #[must_use]
    pub fn drains(&self, now: Timestamp) -> Vec<RecalledDrain> {
        self.drains.recalled(now).collect()
    }
}

/// When a drain ends, whatever is left.
fn end(drain: &Drain) -> Option<Timestamp> {
    Some(drain.since + drain.terms.deadline?)
}

/// Whether there is nothing to wait for.
fn is_over(service: &ServiceKey, drain: &Drain, counts: ConnectionCounts) -> bool {
    living(service, counts) == 0 && (counts.persistent == 0 || !drain.terms.templates)
}

/// How many connections live. A flow of UDP has no state that tells.
#[must_use]
pub const fn living(service: &ServiceKey, counts: ConnectionCounts) -> u32 {
    match service {
        ServiceKey::Address {
            protocol: Protocol::Tcp | Protocol::Sctp,
            ..
        } => counts.active,
        ServiceKey::Address { .. } | ServiceKey::Fwmark { .. } => {
            counts.active.saturating_add(counts.inactive)
        }
    }
}

fn beginning(drain: &Drain) -> String {
    let most = drain.terms.deadline.map_or_else(String::new, |deadline| {
        format!(", for {} s at most", deadline.as_secs())
    });
    format!("the configuration has it no more{most}")
}

fn ending(now: Timestamp, service: &ServiceKey, drain: &Drain) -> String {
    let after = now.since(drain.since).as_secs();
    let left = drain.left.map_or(0, |counts| living(service, counts));
    if drain.quiet.is_some() || left == 0 {
        return format!("no connection is left after {after} s");
    }
    let left = count(usize::try_from(left).unwrap_or(usize::MAX), "connection");
    format!("its deadline of {after} s came, with {left} left")
}
