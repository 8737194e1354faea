// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel's table from read to read: the objects with their rates, and their order.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::columns::Column;
use crate::cli::listing::Listing;
use crate::codec::ipvs::{Info, ServerEntry, ServiceEntry};
use crate::model::{ServerKey, ServiceKey, Timestamp};
use crate::screen::{History, Meter, Rates};

/// A virtual service.
#[derive(Debug, Clone)]
pub(super) struct Service {
    pub(super) entry: ServiceEntry,
    pub(super) meter: Meter,
    pub(super) history: History,
    pub(super) servers: BTreeMap<ServerKey, Server>,
}

/// A real server of one service.
#[derive(Debug, Clone)]
pub(super) struct Server {
    pub(super) entry: ServerEntry,
    pub(super) meter: Meter,
}

/// How a service's servers are, all together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Sum {
    pub(super) servers: u64,
    /// Servers with a weight above 0.
    pub(super) in_use: u64,
    pub(super) active: u64,
    pub(super) inactive: u64,
}

impl Sum {
    const fn plus(self, other: Self) -> Self {
        Self {
            servers: self.servers + other.servers,
            in_use: self.in_use + other.in_use,
            active: self.active + other.active,
            inactive: self.inactive + other.inactive,
        }
    }
}

impl Service {
    fn new(now: Timestamp, entry: ServiceEntry) -> Self {
        Self {
            meter: Meter::new(now, entry.counters),
            history: History::default(),
            servers: BTreeMap::new(),
            entry,
        }
    }

    pub(super) fn sum(&self) -> Sum {
        let servers = self.servers.values().map(|server| Sum {
            servers: 1,
            in_use: u64::from(!server.entry.server.weight.is_zero()),
            active: server.entry.connections.active.into(),
            inactive: server.entry.connections.inactive.into(),
        });
        servers.fold(Sum::default(), Sum::plus)
    }

    fn value(&self, column: Column) -> u64 {
        match column {
            Column::Servers => self.sum().servers,
            Column::Active => self.sum().active,
            Column::Inactive => self.sum().inactive,
            other => rate(&self.meter.rates, other),
        }
    }

    fn read_servers(&mut self, now: Timestamp, entries: Vec<ServerEntry>) {
        let mut before = std::mem::take(&mut self.servers);
        for entry in entries {
            let mut meter = Meter::new(now, entry.counters);
            if let Some(known) = before.remove(&entry.key) {
                meter = known.meter;
                meter.read(now, entry.counters);
            }
            self.servers.insert(entry.key, Server { entry, meter });
        }
    }

    /// The servers in order.
    pub(super) fn ordered(&self, order: Order) -> Vec<&Server> {
        let mut servers: Vec<&Server> = self.servers.values().collect();
        servers.sort_by(|one, other| {
            order.of(
                |column| (one.value(column), other.value(column)),
                one.entry.key.cmp(&other.entry.key),
            )
        });
        servers
    }
}

impl Server {
    fn value(&self, column: Column) -> u64 {
        match column {
            Column::Servers => self.entry.server.weight.get().into(),
            Column::Active => self.entry.connections.active.into(),
            Column::Inactive => self.entry.connections.inactive.into(),
            other => rate(&self.meter.rates, other),
        }
    }
}

/// Columns that are no rate count nothing.
const fn rate(rates: &Rates, column: Column) -> u64 {
    match column {
        Column::Connections => rates.connections,
        Column::InPackets => rates.in_packets,
        Column::InBytes => rates.in_bytes,
        Column::OutBytes => rates.out_bytes,
        Column::Address
        | Column::Method
        | Column::Servers
        | Column::Active
        | Column::Inactive
        | Column::History => 0,
    }
}

/// The order of rows: addresses from the lowest, numbers from the highest, equal numbers by address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) column: Column,
    pub(super) reversed: bool,
}

impl Order {
    fn of(self, values: impl Fn(Column) -> (u64, u64), addresses: Ordering) -> Ordering {
        let (one, other) = values(self.column);
        match (self.column, self.reversed) {
            (Column::Address, false) => addresses,
            (Column::Address, true) => addresses.reverse(),
            (_, false) => other.cmp(&one).then(addresses),
            (_, true) => one.cmp(&other).then(addresses),
        }
    }
}

/// All of it.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) info: Info,
    pub(super) services: BTreeMap<ServiceKey, Service>,
    /// Connections per second of all services.
    pub(super) history: History,
}

impl Table {
    /// After the first read.
    pub(super) fn new(now: Timestamp, listing: Listing) -> Self {
        let mut table = Self {
            info: listing.info,
            services: BTreeMap::new(),
            history: History::default(),
        };
        table.read(now, listing);
        table
    }

    /// Takes a reading of this moment, and forgets objects that are gone.
    pub(super) fn read(&mut self, now: Timestamp, listing: Listing) {
        self.info = listing.info;
        let mut before = std::mem::take(&mut self.services);
        for listed in listing.services {
            let (key, entry) = (listed.service.key, listed.service);
            let mut service = if let Some(mut known) = before.remove(&key) {
                known.meter.read(now, entry.counters);
                known.entry = entry;
                known
            } else {
                Service::new(now, entry)
            };
            service.read_servers(now, listed.servers);
            service.history.push(service.meter.rates.connections);
            self.services.insert(key, service);
        }
        self.history.push(self.rates().connections);
    }

    /// Of all services.
    pub(super) fn rates(&self) -> Rates {
        let all = self.services.values().map(|service| service.meter.rates);
        all.fold(Rates::default(), Rates::plus)
    }

    /// Of all services.
    pub(super) fn sum(&self) -> Sum {
        let all = self.services.values().map(Service::sum);
        all.fold(Sum::default(), Sum::plus)
    }

    /// The services in order.
    pub(super) fn ordered(&self, order: Order) -> Vec<&Service> {
        let values = |service: &Service| service.value(order.column);
        let mut services: Vec<(u64, &Service)> =
            self.services.values().map(|it| (values(it), it)).collect();
        services.sort_by(|(one, left), (other, right)| {
            order.of(|_| (*one, *other), left.entry.key.cmp(&right.entry.key))
        });
        services.into_iter().map(|(_, service)| service).collect()
    }
}
