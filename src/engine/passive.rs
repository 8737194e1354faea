// SPDX-License-Identifier: MIT OR Apache-2.0
//! Passive checks: the kernel's counters of real servers are read, and connections without an answer bring a probe
//! forward, or count as a failure.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::event::{Action, Counted};
use super::machine::Engine;
use crate::health::{HealthEvent, Unanswered, Watch};
use crate::model::{
    ConfiguredServer, ConfiguredService, Protocol, ServerKey, ServiceKey, Timestamp,
};

/// Each service is read this often. The kernel adds up every two seconds.
const EVERY: Duration = Duration::from_secs(3);
/// Readings are at least so far apart.
const APART: Duration = Duration::from_millis(250);
/// So many services are read at a time at most,
const SERVICES: usize = 16;
/// and no further one when there are so many servers. With more than these, each is read less often.
const SERVERS: usize = 256;

/// The services with a passive check.
#[derive(Debug, Default)]
pub(super) struct Passive {
    /// When each is read next, the first one first.
    due: VecDeque<(Timestamp, ServiceKey)>,
    earliest: Timestamp,
    watches: BTreeMap<(ServiceKey, ServerKey), Watch>,
}

impl Passive {
    /// When it wants a reading.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        let (at, _) = self.due.front()?;
        Some(self.earliest.max(*at))
    }
}

impl Engine {
    /// Watches the services of the configuration in force.
    pub(super) fn watch_services(&mut self, now: Timestamp) {
        let services = self.config.services.iter();
        let watched = services.filter(|(key, service)| is_tcp(key) && has_passive(service));
        self.passive.due = watched.map(|(key, _)| (now, *key)).collect();
        let services = &self.config.services;
        self.passive.watches.retain(|(service, server), _| {
            let service = services.get(service);
            service.is_some_and(|it| it.servers.contains_key(server))
        });
    }

    /// Has the services read whose time has come.
    pub(super) fn read_counters(&mut self, now: Timestamp, out: &mut Vec<Action>) {
        if self.passive.deadline().is_none_or(|at| at > now) {
            return;
        }
        let (mut keys, mut servers) = (Vec::new(), 0);
        while keys.len() < SERVICES && servers < SERVERS {
            let Some((_, key)) = self.passive.due.pop_front_if(|(at, _)| *at <= now) else {
                break;
            };
            let service = self.config.services.get(&key);
            servers += service.map_or(0, |service| service.servers.len());
            keys.push(key);
        }
        let again = keys.iter().map(|key| (now + EVERY, *key));
        self.passive.due.extend(again);
        self.passive.earliest = now + APART;
        out.push(Action::Count(keys));
    }

    /// Looks at what was read, and asks the servers whose clients get no answer.
    pub(super) fn look_at_counters(
        &mut self,
        now: Timestamp,
        all: &[Counted],
        out: &mut Vec<Action>,
    ) {
        for (service, server, clients) in self.unanswered_clients(now, all) {
            let event = HealthEvent::Unanswered {
                service,
                server,
                clients,
            };
            let actions = self.hand_to_health(now, event);
            self.take_health(now, actions, out);
            self.stale.insert(service);
        }
    }

    fn unanswered_clients(
        &mut self,
        now: Timestamp,
        all: &[Counted],
    ) -> Vec<(ServiceKey, ServerKey, Unanswered)> {
        let Self {
            config, passive, ..
        } = self;
        let mut found = Vec::new();
        for counted in all {
            let key = counted.service;
            let Some(service) = config.services.get(&key).filter(|_| is_tcp(&key)) else {
                continue;
            };
            let counts = counted.servers.iter().zip(&counted.traffic);
            for (&(server, _), &traffic) in counts {
                let Some(configured) = service.servers.get(&server).filter(|it| is_passive(it))
                else {
                    continue;
                };
                let replies = configured.real_server.forwarding.shows_replies();
                let new = Watch::new(now, traffic);
                let watch = passive.watches.entry((key, server)).or_insert(new);
                if let Some(clients) = watch.see(now, traffic, replies) {
                    found.push((key, server, clients));
                }
            }
        }
        found
    }
}

fn is_tcp(key: &ServiceKey) -> bool {
    matches!(
        key,
        ServiceKey::Address {
            protocol: Protocol::Tcp,
            ..
        }
    )
}

fn has_passive(service: &ConfiguredService) -> bool {
    service.servers.values().any(is_passive)
}

fn is_passive(server: &ConfiguredServer) -> bool {
    let checks = server.checks.each.iter();
    checks
        .into_iter()
        .any(|check| check.schedule.passive.is_some())
}
