// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is known from reading to reading: the director's view of each object, and what the kernel counts of it.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::columns::Column;
use super::feed::{Listed, Reading};
use super::looks;
use crate::codec::ipvs::{ServerEntry, ServiceEntry};
use crate::control::{ServerStatus, ServiceStatus, Status};
use crate::model::{Counters, ServerKey, ServiceKey, Timestamp};
use crate::screen::{History, Meter, Rates};

/// What the kernel counts of an object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counted {
    pub(super) active: u64,
    pub(super) inactive: u64,
    meter: Meter,
}

impl Counted {
    /// By a further reading.
    fn next(
        before: Option<Self>,
        now: Timestamp,
        (active, inactive): (u64, u64),
        counters: Counters,
    ) -> Self {
        let meter = match before {
            None => Meter::new(now, counters),
            Some(Self { mut meter, .. }) => {
                meter.read(now, counters);
                meter
            }
        };
        Self {
            active,
            inactive,
            meter,
        }
    }

    pub(super) const fn rates(&self) -> Rates {
        self.meter.rates
    }
}

/// A virtual service.
#[derive(Debug, Clone)]
pub(super) struct Service {
    pub(super) status: ServiceStatus,
    pub(super) counted: Option<Counted>,
    /// Connections per second.
    pub(super) history: History,
    pub(super) servers: BTreeMap<ServerKey, Server>,
}

/// A real server of one service.
#[derive(Debug, Clone)]
pub(super) struct Server {
    pub(super) status: ServerStatus,
    pub(super) counted: Option<Counted>,
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// What the director says of itself, without its services.
    pub(super) director: Status,
    pub(super) services: BTreeMap<ServiceKey, Service>,
    /// Connections per second of all services.
    pub(super) history: History,
    /// Why the director does not answer, if it does not. What it said last stays.
    pub(super) lost: Option<String>,
    /// Why the kernel's counters are not known, if they are not.
    pub(super) uncounted: Option<String>,
}

impl Table {
    /// Takes a reading.
    pub(super) fn read(&mut self, reading: Reading) {
        let Reading { at, status, kernel } = reading;
        let (listed, uncounted) = match kernel {
            Ok(listed) => (listed, None),
            Err(why) => (Vec::new(), Some(why)),
        };
        self.uncounted = uncounted;
        match status {
            Ok(mut status) => {
                let services = std::mem::take(&mut status.services);
                self.director = status;
                self.lost = None;
                self.arrange(services);
            }
            Err(why) => self.lost = Some(why),
        }
        self.count(at, &listed);
        self.history.push(self.rates().connections);
    }

    /// Forgets what the director has no more.
    fn arrange(&mut self, all: Vec<ServiceStatus>) {
        let mut before = std::mem::take(&mut self.services);
        for status in all {
            let known = before.remove(&status.service);
            let mut known = known.unwrap_or_else(|| Service {
                status: status.clone(),
                counted: None,
                history: History::default(),
                servers: BTreeMap::new(),
            });
            let mut servers = std::mem::take(&mut known.servers);
            for status in &status.servers {
                let counted = servers.remove(&status.server).and_then(|it| it.counted);
                let status = status.clone();
                known
                    .servers
                    .insert(status.server, Server { status, counted });
            }
            known.status = status;
            self.services.insert(known.status.service, known);
        }
    }

    fn count(&mut self, now: Timestamp, listed: &[Listed]) {
        let entries: BTreeMap<&ServiceKey, (&ServiceEntry, &[ServerEntry])> = listed
            .iter()
            .map(|it| (&it.service.key, (&it.service, &*it.servers)))
            .collect();
        for (key, service) in &mut self.services {
            let Some((entry, servers)) = entries.get(key) else {
                service.forget_counts();
                continue;
            };
            service.count(now, entry, servers);
        }
    }

    /// Of all services.
    pub(super) fn rates(&self) -> Rates {
        let counted = self.services.values().filter_map(|it| it.counted);
        let rates = counted.map(|it| it.rates());
        rates.fold(Rates::default(), Rates::plus)
    }

    /// The active connections of all services.
    pub(super) fn active(&self) -> u64 {
        let counted = self.services.values().filter_map(|it| it.counted);
        counted.map(|it| it.active).sum()
    }

    /// The services in order.
    pub(super) fn ordered(&self, order: Order) -> Vec<&Service> {
        let value = |it: &Service| it.value(order.column);
        let mut services: Vec<(u64, &Service)> =
            self.services.values().map(|it| (value(it), it)).collect();
        services.sort_by(|(one, left), (other, right)| {
            let names = left.status.service.cmp(&right.status.service);
            order.of(*one, *other, names)
        });
        services.into_iter().map(|(_, service)| service).collect()
    }
}

impl Service {
    fn count(&mut self, now: Timestamp, entry: &ServiceEntry, servers: &[ServerEntry]) {
        let entries: BTreeMap<&ServerKey, &ServerEntry> =
            servers.iter().map(|it| (&it.key, it)).collect();
        for (key, server) in &mut self.servers {
            server.counted = entries.get(key).map(|entry| {
                let counts = entry.connections;
                let counts = (counts.active.into(), counts.inactive.into());
                Counted::next(server.counted, now, counts, entry.counters)
            });
        }
        let sum = |of: fn(&ServerEntry) -> u32| servers.iter().map(|it| u64::from(of(it))).sum();
        let counts = (
            sum(|it| it.connections.active),
            sum(|it| it.connections.inactive),
        );
        let counted = Counted::next(self.counted, now, counts, entry.counters);
        self.history.push(counted.rates().connections);
        self.counted = Some(counted);
    }

    fn forget_counts(&mut self) {
        self.counted = None;
        for server in self.servers.values_mut() {
            server.counted = None;
        }
    }

    fn value(&self, column: Column) -> u64 {
        match column {
            Column::State => badness(looks::service(&self.status).0),
            Column::Weight => {
                let weights = self.servers.values().filter_map(|it| it.status.weight);
                weights.map(u64::from).sum()
            }
            Column::Check => {
                let longest = self.servers.values().filter_map(|it| latency(&it.status));
                longest.max().unwrap_or(0)
            }
            other => counted(self.counted.as_ref(), other),
        }
    }

    /// The servers in order.
    pub(super) fn ordered(&self, order: Order) -> Vec<&Server> {
        let mut servers: Vec<&Server> = self.servers.values().collect();
        servers.sort_by(|one, other| {
            let names = one.status.server.cmp(&other.status.server);
            order.of(one.value(order.column), other.value(order.column), names)
        });
        servers
    }
}

impl Server {
    fn value(&self, column: Column) -> u64 {
        match column {
            Column::State => badness(looks::server(&self.status).0),
            Column::Weight => self.status.weight.unwrap_or(0).into(),
            Column::Check => latency(&self.status).unwrap_or(0),
            other => counted(self.counted.as_ref(), other),
        }
    }
}

/// The worst is the most.
fn badness(it: looks::Badness) -> u64 {
    match it {
        looks::Badness::Down => 3,
        looks::Badness::NotKnown => 2,
        looks::Badness::Out => 1,
        looks::Badness::Up => 0,
    }
}

/// How long the slowest of its last checks took, in microseconds.
pub(super) fn latency(server: &ServerStatus) -> Option<u64> {
    let latencies = server
        .checks
        .iter()
        .filter_map(|it| it.latency_microseconds);
    latencies.max()
}

fn counted(counted: Option<&Counted>, column: Column) -> u64 {
    counted.map_or(0, |it| match column {
        Column::Active => it.active,
        Column::Inactive => it.inactive,
        Column::Conns => it.rates().connections,
        Column::Bytes => it.rates().in_bytes,
        Column::Name | Column::State | Column::Weight | Column::Check => 0,
    })
}

/// The order of rows: names from the lowest, numbers from the highest, equal numbers by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) column: Column,
    pub(super) reversed: bool,
}

impl Order {
    fn of(self, one: u64, other: u64, names: Ordering) -> Ordering {
        match (self.column, self.reversed) {
            (Column::Name, false) => names,
            (Column::Name, true) => names.reverse(),
            (_, false) => other.cmp(&one).then(names),
            (_, true) => one.cmp(&other).then(names),
        }
    }
}
