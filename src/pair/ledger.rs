// SPDX-License-Identifier: MIT OR Apache-2.0
//! The last order for each server, with its version. Both directors come to the same ledger, in whatever order news come,
//! and however often.
//!
//! What an operator takes back stays as an entry without an order for a while: so an old order does not come back with a
//! director that was away.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::message::OrderNews;
use crate::model::{Drain, DrainTerms, Order, Ordered, ServerKey, ServiceKey};

/// The version of an entry: the later one counts, at both directors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OrderVersion {
    /// When it was ordered, in milliseconds since 1970 by the clock of the director where that was. Where the clock of the
    /// other one is ahead, it is a millisecond after the entry before: who orders last wins, whatever the clocks say.
    pub at: u64,
    /// The director where it was ordered: of two in one millisecond the same one wins everywhere.
    pub origin: u64,
}

impl OrderVersion {
    /// Of an order of a director that kept no versions: every other one is later.
    #[must_use]
    pub const fn oldest(origin: u64) -> Self {
        Self { at: 0, origin }
    }
}

/// The last that was ordered for one server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// The order; `None` when the last one was taken back.
    pub order: Option<Order>,
    /// What ends it, when it is a drain.
    #[serde(default)]
    pub terms: DrainTerms,
    /// Whether it was ordered also if a service is left without a server.
    #[serde(default)]
    pub force: bool,
    /// Who ordered it, in words.
    pub by: Box<str>,
    /// Whether that was at the other director.
    #[serde(default)]
    pub at_peer: bool,
    /// Its version.
    pub version: OrderVersion,
}

/// An entry, and for whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerLine {
    /// Whose server.
    pub service: ServiceKey,
    /// Which one.
    pub server: ServerKey,
    /// The entry.
    #[serde(flatten)]
    pub entry: LedgerEntry,
}

/// The last order for each server that ever had one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ledger(BTreeMap<(ServiceKey, ServerKey), LedgerEntry>);

impl Ledger {
    /// So many entries without an order are kept: those that were taken back last.
    pub const MOST_TAKEN_BACK: usize = 4096;
    /// And for so long, in milliseconds: 30 days. A director that was away for longer may bring an old order back.
    pub const KEPT_FOR: u64 = 30 * 24 * 3600 * 1000;

    /// The entry of a server.
    #[must_use]
    pub fn get(&self, service: &ServiceKey, server: &ServerKey) -> Option<&LedgerEntry> {
        self.0.get(&(*service, *server))
    }

    /// Each entry.
    pub fn iter(&self) -> impl Iterator<Item = (&(ServiceKey, ServerKey), &LedgerEntry)> {
        self.0.iter()
    }

    /// As it outlives a director.
    pub fn lines(&self) -> impl Iterator<Item = LedgerLine> {
        self.0.iter().map(|(&(service, server), entry)| LedgerLine {
            service,
            server,
            entry: entry.clone(),
        })
    }

    /// That of an earlier director. The orders in force win over what it says of them: that director may have been an older
    /// program, which kept no ledger.
    pub fn of_recalled(
        lines: impl IntoIterator<Item = LedgerLine>,
        orders: impl IntoIterator<Item = Ordered>,
        origin: u64,
    ) -> Self {
        let lines = lines.into_iter();
        let mut known: BTreeMap<_, _> = lines
            .map(|line| ((line.service, line.server), line.entry))
            .collect();
        let in_force: BTreeMap<_, _> = orders
            .into_iter()
            .map(|it| ((it.service, it.server), it.order))
            .collect();
        // An order that is not in force was kept back here, or has been taken back: the other director knows.
        known.retain(|whose, entry| {
            entry.at_peer || entry.order.is_none() || in_force.contains_key(whose)
        });
        for (whose, order) in in_force {
            let is_it = known.get(&whose).is_some_and(|it| it.order == Some(order));
            if !is_it {
                known.insert(whose, Self::unversioned(order, origin));
            }
        }
        Self(known)
    }

    fn unversioned(order: Order, origin: u64) -> LedgerEntry {
        LedgerEntry {
            order: Some(order),
            terms: DrainTerms::default(),
            force: false,
            by: "an earlier director".into(),
            at_peer: false,
            version: OrderVersion::oldest(origin),
        }
    }

    /// An operator of this director orders something. The version is made later than what is known.
    pub fn order(
        &mut self,
        whose: (ServiceKey, ServerKey),
        mut entry: LedgerEntry,
    ) -> &LedgerEntry {
        if let Some(before) = self.0.get(&whose) {
            let next = before.version.at.saturating_add(1);
            entry.version.at = entry.version.at.max(next);
        }
        self.0.entry(whose).insert_entry(entry).into_mut()
    }

    /// What the other director has of a server. Returns whether it is later than what is known here.
    pub fn take(&mut self, news: &OrderNews) -> bool {
        let whose = (news.service, news.server);
        let known = self.0.get(&whose);
        if known.is_some_and(|it| it.version >= news.version) {
            return false;
        }
        let entry = LedgerEntry {
            order: news.order,
            terms: news.terms,
            force: news.force,
            by: news.by.clone(),
            at_peer: news.at_sender,
            version: news.version,
        };
        self.0.insert(whose, entry);
        true
    }

    /// What the other director is told of one server. `drain` is how far it is here.
    #[must_use]
    pub fn news(
        (service, server): (ServiceKey, ServerKey),
        entry: &LedgerEntry,
        drain: Option<(&Drain, std::time::Duration)>,
    ) -> OrderNews {
        OrderNews {
            service,
            server,
            order: entry.order,
            terms: drain.map_or(entry.terms, |(drain, _)| drain.terms),
            age: drain.map(|(_, age)| age).unwrap_or_default(),
            ended: drain.is_some_and(|(drain, _)| drain.ended),
            force: entry.force,
            by: entry.by.clone(),
            at_sender: !entry.at_peer,
            version: entry.version,
        }
    }

    /// Forgets what was taken back.
    pub fn forget_taken_back(&mut self) {
        self.0.retain(|_, entry| entry.order.is_some());
    }

    /// Keeps the entries of these servers.
    pub fn retain(&mut self, keep: impl Fn(&ServiceKey, &ServerKey) -> bool) {
        self.0.retain(|(service, server), _| keep(service, server));
    }

    /// Forgets what was taken back long ago, at this time since 1970 in milliseconds, or before too many others.
    pub fn prune(&mut self, now: u64) {
        let is_old = |entry: &LedgerEntry| entry.version.at.saturating_add(Self::KEPT_FOR) < now;
        self.0
            .retain(|_, entry| entry.order.is_some() || !is_old(entry));
        let taken_back = self.0.iter().filter(|(_, entry)| entry.order.is_none());
        let mut versions: Vec<OrderVersion> = taken_back.map(|(_, entry)| entry.version).collect();
        let surplus = versions.len().saturating_sub(Self::MOST_TAKEN_BACK);
        if surplus == 0 {
            return;
        }
        versions.sort_unstable();
        let Some(first) = versions.get(surplus).copied() else {
            return;
        };
        self.0
            .retain(|_, entry| entry.order.is_some() || entry.version >= first);
    }
}
