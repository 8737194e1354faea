// SPDX-License-Identifier: MIT OR Apache-2.0
//! Drains: their connections are counted until none are left, or until their deadline. Then the server leaves the table.

use std::collections::BTreeSet;
use std::iter;
use std::sync::Arc;
use std::time::Duration;

use super::describe::count;
use super::event::{Action, Counted};
use super::machine::{Engine, Work};
use super::tell::Untold;
use crate::model::{
    Condition, ConnectionCounts, Drain, DrainCount, DrainTerms, Drains, Flow, Order, Protocol,
    RecalledDrain, ServerKey, ServiceKey, Timestamp, Traffic, Weight,
};
use crate::plan::drains_at_start;

/// The connections are counted this often.
const COUNT_EVERY: Duration = Duration::from_secs(1);
/// As many services are counted in that time; more take longer.
const AT_A_TIME: u32 = 64;
/// A drain ends when no count has found a connection for so long. A handshake that was under way when the drain began is
/// over by then.
const QUIET: Duration = Duration::from_secs(3);
/// Where connections are left that close, it ends when no packet has come for so long. It is several readings of counters
/// that the kernel adds up every 2 s, and time for a packet that was lost to be sent again, three times.
pub const STILL: Duration = Duration::from_secs(10);

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
        for counted in all {
            let service = &counted.service;
            // A recording may have no traffic.
            let traffic = counted.traffic.iter().copied().map(Some);
            let traffic = traffic.chain(iter::repeat(None));
            for ((server, left), traffic) in counted.servers.iter().zip(traffic) {
                let Some(drain) = drains.get_mut(service, server) else {
                    continue;
                };
                // While it still gets connections, nothing has been drained.
                let weight = self.weight(service, server);
                let quiesced = weight.is_none_or(Weight::is_zero);
                let quiet = quiesced && is_quiet(service, drain, *left);
                let traffic = traffic.unwrap_or_default();
                drain.counted = Some(next_count(now, drain.counted, (*left, traffic), quiet));
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
            let why = ending(now, &service, &drain);
            self.finish_drain(now, service, server, drain, why);
            self.drained.push((service, server));
        }
    }

    /// The server of this drain leaves the table.
    pub(super) fn finish_drain(
        &mut self,
        now: Timestamp,
        service: ServiceKey,
        server: ServerKey,
        drain: Drain,
        why: String,
    ) {
        self.untold.push(Untold::Drain {
            at: now,
            service,
            server,
            to: Condition::Drained,
            why: why.into(),
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

    fn ends(
        &self,
        now: Timestamp,
        service: &ServiceKey,
        server: &ServerKey,
        drain: &Drain,
    ) -> bool {
        let counts = !self.leaves_drains_to_peer();
        let over = counts && drain.counted.is_some_and(|it| is_over(service, &it));
        // One that is down is not in the table, and has nothing to drain. Its order stays.
        let gone = drain.leaving.is_some() && self.weight(service, server).is_none();
        over || gone || end(drain).is_some_and(|end| end <= now)
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

/// One more count.
fn next_count(
    now: Timestamp,
    before: Option<DrainCount>,
    (left, traffic): (ConnectionCounts, Traffic),
    quiet: bool,
) -> DrainCount {
    let mut flow = before.map_or(Flow::new(now, traffic), |it| it.flow);
    flow.see(now, traffic);
    let since = before.and_then(|it| it.quiet).unwrap_or(now);
    DrainCount {
        at: now,
        left,
        quiet: quiet.then_some(since),
        flow,
    }
}

/// Whether no connection lives, as far as their states tell.
fn is_quiet(service: &ServiceKey, drain: &Drain, left: ConnectionCounts) -> bool {
    living(service, left) == 0 && (left.persistent == 0 || !drain.terms.templates)
}

/// Whether there is nothing to wait for: no connection is left, or those that are left close and carry nothing any more.
/// It counts only what was read: while the kernel does not answer, no drain is over.
fn is_over(service: &ServiceKey, counted: &DrainCount) -> bool {
    let Some(since) = counted.quiet else {
        return false;
    };
    let quiet = counted.at.since(since);
    let still = counted.flow.still_for(counted.at);
    quiet >= QUIET && (closing(service, counted.left) == 0 || quiet.min(still) >= STILL)
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

/// How many connections close, or have ended: one side at least has said that it sends nothing more. Some of them may still
/// carry a download.
#[must_use]
pub const fn closing(service: &ServiceKey, counts: ConnectionCounts) -> u32 {
    let all = counts.active.saturating_add(counts.inactive);
    all.saturating_sub(living(service, counts))
}

fn beginning(drain: &Drain) -> String {
    let most = drain.terms.deadline.map_or_else(String::new, |deadline| {
        format!(", for {} s at most", deadline.as_secs())
    });
    format!("the configuration has it no more{most}")
}

fn ending(now: Timestamp, service: &ServiceKey, drain: &Drain) -> String {
    let after = now.since(drain.since).as_secs();
    let counted = drain.counted.as_ref();
    let left = counted.map_or_else(ConnectionCounts::default, |it| it.left);
    let (active, closing) = (living(service, left), closing(service, left));
    let number = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    let closing_ones = count(number(closing), "closing connection");
    let over = counted.is_some_and(|it| is_over(service, it));
    match (over, active, closing) {
        (_, 0, 0) => format!("no connection is left after {after} s"),
        (true, ..) => {
            format!(
                "no connection is active after {after} s, and no packet flows over {closing_ones}"
            )
        }
        (false, _, 0) => {
            let left = count(number(active), "connection");
            format!("its deadline of {after} s came, with {left} left")
        }
        (false, ..) => {
            format!("its deadline of {after} s came, with {active} active and {closing_ones} left")
        }
    }
}
