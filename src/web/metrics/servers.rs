// SPDX-License-Identifier: MIT OR Apache-2.0
//! The services, their real servers, and the checks of these.

use std::collections::BTreeMap;

use super::Known;
use super::families::{self, Family};
use super::routers::seconds;
use super::text::{Labels, Text};
use crate::control::{CheckStatus, ServerStatus, ServiceStatus};
use crate::model::{ConnectionCounts, Counters, ProbeResult};
use crate::web::traffic::{Reading, ServerTraffic, ServiceTraffic};

/// A service, and what the kernel has counted of it.
struct Service<'a> {
    labels: String,
    status: &'a ServiceStatus,
    traffic: Option<&'a ServiceTraffic>,
}

/// A real server of a service, and what the kernel has counted of it.
struct Server<'a> {
    labels: String,
    status: &'a ServerStatus,
    traffic: Option<&'a ServerTraffic>,
}

/// A check of a real server of a service.
struct Check<'a> {
    labels: String,
    status: &'a CheckStatus,
}

pub(super) fn write(text: &mut Text, known: &Known<'_>) {
    let services = known.status.services.iter();
    let services: Vec<Service<'_>> = services.map(|it| Service::of(it, known.kernel)).collect();
    of_services(text, &services);
    let servers: Vec<Server<'_>> = services.iter().flat_map(Service::servers).collect();
    of_servers(text, &servers);
    let checks: Vec<Check<'_>> = servers.iter().flat_map(Server::checks).collect();
    of_checks(text, &checks);
}

impl<'a> Service<'a> {
    fn of(status: &'a ServiceStatus, kernel: Option<&'a Reading>) -> Self {
        Self {
            labels: Labels(&[("service", &status.service)]).to_string(),
            traffic: kernel.and_then(|it| it.services.get(&status.service)),
            status,
        }
    }

    fn servers(&self) -> impl Iterator<Item = Server<'a>> {
        let (service, traffic) = (self.labels.clone(), self.traffic);
        let servers = self.status.servers.iter();
        servers.map(move |status| Server {
            labels: format!("{service},{}", Labels(&[("server", &status.server)])),
            traffic: traffic.and_then(|it| it.servers.get(&status.server)),
            status,
        })
    }

    /// How many of its servers are in which state.
    fn states(&self) -> BTreeMap<&str, u64> {
        let mut states = BTreeMap::from([("up", 0), ("down", 0)]);
        for server in &self.status.servers {
            *states.entry(&*server.health).or_default() += 1;
        }
        states
    }
}

impl<'a> Server<'a> {
    fn checks(&self) -> impl Iterator<Item = Check<'a>> {
        let server = self.labels.clone();
        let checks = self.status.checks.iter();
        checks.map(move |status| Check {
            labels: format!("{server},{}", Labels(&[("check", &status.probe)])),
            status,
        })
    }

    fn is_up(&self) -> bool {
        matches!(&*self.status.health, "up" | "unchecked")
    }
}

fn of_services(text: &mut Text, services: &[Service<'_>]) {
    let mut each = |family: &Family, value: fn(&Service<'_>) -> Option<u64>| {
        let samples = services.iter();
        text.family(
            family,
            samples.filter_map(|it| Some((&*it.labels, value(it)?))),
        );
    };
    each(&families::SERVICE_UP, |it| {
        let mut servers = it.status.servers.iter();
        Some(servers.any(|it| it.weight.is_some_and(|it| it > 0)).into())
    });
    each(&families::SERVICE_RIGHT, |it| {
        Some(it.status.error.is_none().into())
    });
    each(&families::SERVICE_ALARM, |it| {
        Some(it.status.alarm.is_some().into())
    });
    each(&families::SERVICE_ACTIVE, |it| Some(open(it)?.active));
    each(&families::SERVICE_INACTIVE, |it| Some(open(it)?.inactive));
    each(&families::SERVICE_PERSISTENT, |it| {
        Some(open(it)?.persistent)
    });
    let counters = |it: &Service<'_>| it.traffic.map(|it| it.counters);
    let samples = || services.iter().map(|it| (&*it.labels, counters(it)));
    counted(text, &OF_SERVICES, samples);
    let states = services.iter().flat_map(|service| {
        let states = service.states().into_iter();
        states.map(|(state, count)| {
            let state = Labels(&[("state", &state)]);
            (format!("{},{state}", service.labels), count)
        })
    });
    text.family(&families::SERVICE_SERVERS, states);
}

/// The connections of all servers of a service.
struct Open {
    active: u64,
    inactive: u64,
    persistent: u64,
}

fn open(service: &Service<'_>) -> Option<Open> {
    let servers = || service.traffic.map(|it| it.servers.values());
    let sum = |of: fn(&ConnectionCounts) -> u32| {
        Some(servers()?.map(|it| u64::from(of(&it.connections))).sum())
    };
    Some(Open {
        active: sum(|it| it.active)?,
        inactive: sum(|it| it.inactive)?,
        persistent: sum(|it| it.persistent)?,
    })
}

/// The families of the kernel's counters, in the order of [`Counters::totals`].
type Totals = [&'static Family; 5];

const OF_SERVICES: Totals = [
    &families::SERVICE_CONNECTIONS,
    &families::SERVICE_IN_PACKETS,
    &families::SERVICE_OUT_PACKETS,
    &families::SERVICE_IN_BYTES,
    &families::SERVICE_OUT_BYTES,
];

const OF_SERVERS: Totals = [
    &families::SERVER_CONNECTIONS,
    &families::SERVER_IN_PACKETS,
    &families::SERVER_OUT_PACKETS,
    &families::SERVER_IN_BYTES,
    &families::SERVER_OUT_BYTES,
];

fn counted<'a, I: Iterator<Item = (&'a str, Option<Counters>)>>(
    text: &mut Text,
    names: &Totals,
    samples: impl Fn() -> I,
) {
    for (position, family) in names.iter().enumerate() {
        let each = samples().filter_map(|(labels, counters)| {
            let totals = counters?.totals();
            Some((labels, *totals.get(position)?))
        });
        text.family(family, each);
    }
}

fn of_servers(text: &mut Text, servers: &[Server<'_>]) {
    let mut each = |family: &Family, value: fn(&Server<'_>) -> Option<u32>| {
        let samples = servers.iter();
        text.family(
            family,
            samples.filter_map(|it| Some((&*it.labels, value(it)?))),
        );
    };
    each(&families::SERVER_UP, |it| Some(it.is_up().into()));
    each(&families::SERVER_WEIGHT, |it| it.status.weight);
    each(&families::SERVER_CONFIGURED_WEIGHT, |it| {
        Some(it.status.configured_weight)
    });
    each(&families::SERVER_ORDERED, |it| {
        it.status.order.is_some().then_some(1)
    });
    each(&families::SERVER_ACTIVE, |it| {
        it.traffic.map(|it| it.connections.active)
    });
    each(&families::SERVER_INACTIVE, |it| {
        it.traffic.map(|it| it.connections.inactive)
    });
    each(&families::SERVER_PERSISTENT, |it| {
        it.traffic.map(|it| it.connections.persistent)
    });
    let counters = |it: &Server<'_>| it.traffic.map(|it| it.counters);
    let samples = || servers.iter().map(|it| (&*it.labels, counters(it)));
    counted(text, &OF_SERVERS, samples);
    let states = servers.iter().map(|server| {
        let state = Labels(&[("state", &server.status.health)]);
        (format!("{},{state}", server.labels), 1)
    });
    text.family(&families::SERVER_STATE, states);
}

fn of_checks(text: &mut Text, checks: &[Check<'_>]) {
    let probes = checks.iter().flat_map(|check| {
        ProbeResult::ALL.into_iter().filter_map(|result| {
            let count = check.status.probes.of(result);
            let always = match result {
                ProbeResult::Success | ProbeResult::Failure => true,
                ProbeResult::None(_) => false,
            };
            let labels = || format!("{},outcome=\"{}\"", check.labels, result.name());
            (always || count > 0).then(|| (labels(), count))
        })
    });
    text.family(&families::CHECK_PROBES, probes);
    let mut each = |family: &Family, value: fn(&CheckStatus) -> Option<u64>| {
        let samples = checks.iter();
        text.family(
            family,
            samples.filter_map(|it| Some((&*it.labels, value(it.status)?))),
        );
    };
    each(&families::CHECK_SUCCESS, |it| {
        it.last_succeeded.map(u64::from)
    });
    each(&families::CHECK_AGE, |it| it.checked_seconds_ago);
    each(&families::CHECK_WARNING, |it| {
        it.warning.is_some().then_some(1)
    });
    each(&families::CHECK_NOT_CHECKED, |it| it.not_checked_seconds);
    let latencies = checks.iter().filter_map(|it| {
        let latency = it.status.latency_microseconds?;
        Some((&*it.labels, seconds(latency)))
    });
    text.family(&families::CHECK_LAST_LATENCY, latencies);
}
