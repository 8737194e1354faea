// SPDX-License-Identifier: MIT OR Apache-2.0
//! An engine on a simulated kernel, with a clock that is an argument.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::config;
use crate::engine::{Action, Counted, Engine, Event, Probed, ReloadId, Start};
use crate::health::{ProbeRequest, WireRequest};
use crate::model::{
    AllUp, Config, ConnectionCounts, IpvsTable, Link, Probe, ProbeOutcome, ProbeReport, Recalled,
    Role, SeenLink, ServiceKey, Sighting, Timestamp, Transition, Way,
};
use crate::pair::Message;
use crate::plan::{HostTarget, SimulatedKernel, Target, desired};

pub(super) const TWO_SERVERS: &str = "  - {address: '192.0.2.10:80', scheduler: wrr, servers: [10.0.0.1, {address: 10.0.0.2, weight: 5}]}\n";

/// A director on a simulated kernel.
pub(super) struct Stand {
    pub(super) engine: Engine,
    pub(super) kernel: SimulatedKernel,
    pub(super) now: Timestamp,
    /// Probes that were asked for.
    pub(super) probes: Vec<ProbeRequest>,
    /// Connections that are held.
    pub(super) wires: Vec<WireRequest>,
    /// What was told.
    pub(super) told: Vec<Arc<Transition>>,
    /// What the state file says; `Err` while it cannot be written.
    pub(super) owned: BTreeSet<ServiceKey>,
    pub(super) disk_full: bool,
    /// Why the kernel does not answer; `None` when it does.
    pub(super) deaf: Option<&'static str>,
    /// What changes the table behind the engine's back, after each batch.
    pub(super) meddler: fn(&mut IpvsTable),
    /// Why the host around the table cannot be read.
    pub(super) unread: Vec<Box<str>>,
    /// How many exchanges with the kernel there were.
    pub(super) exchanges: usize,
    /// Whether the one link has no carrier; probes are then answered by nobody.
    pub(super) unplugged: bool,
    /// Whether every server that is up asks for a drain.
    pub(super) drained: bool,
    pub(super) ended: Option<bool>,
    /// What was said to the other director of the pair.
    pub(super) said: Vec<Message>,
    reloads: u64,
}

pub(super) fn parse(services: &str) -> Arc<Config> {
    parse_with("", services)
}

/// With more sections.
pub(super) fn parse_with(sections: &str, services: &str) -> Arc<Config> {
    let text = format!(
        "{sections}director: {{repair_interval: 10s}}\n\
         defaults: {{check: {{interval: 2s, timeout: 1s, rise: 2, fall: 3, retry_delay: 1s}}}}\n\
         virtual_services:\n{services}"
    );
    config::parse("test.yaml", text.as_bytes())
        .unwrap_or_else(|errors| panic!("{errors}"))
        .into()
}

impl Stand {
    pub(super) fn start(kernel: SimulatedKernel, services: &str) -> Self {
        Self::start_with(kernel, services, BTreeSet::new(), Vec::new())
    }

    pub(super) fn start_with(
        kernel: SimulatedKernel,
        services: &str,
        owned: BTreeSet<ServiceKey>,
        recalled: Vec<Recalled>,
    ) -> Self {
        let mut stand = Self::new(kernel);
        let start = Start {
            config: parse(services),
            owned,
            recalled,
            orders: Vec::new(),
            drains: Vec::new(),
            slow_starts: Vec::new(),
            masters: BTreeSet::new(),
            ledger: Vec::new(),
            origin: 0,
        };
        stand.event(Event::Start(Box::new(start)));
        stand
    }

    pub(super) fn new(kernel: SimulatedKernel) -> Self {
        Self {
            engine: Engine::new(7),
            kernel,
            now: Timestamp::after_start(Duration::from_secs(1_000)),
            probes: Vec::new(),
            wires: Vec::new(),
            told: Vec::new(),
            owned: BTreeSet::new(),
            disk_full: false,
            deaf: None,
            meddler: |_| (),
            unread: Vec::new(),
            exchanges: 0,
            unplugged: false,
            drained: false,
            ended: None,
            said: Vec::new(),
            reloads: 0,
        }
    }

    /// Gives a server so many active connections, and one persistence template for each.
    pub(super) fn connect(&mut self, server: &str, active: u32) {
        let counts = ConnectionCounts {
            active,
            inactive: 0,
            persistent: active,
        };
        let server = server.parse().unwrap();
        self.kernel.connections.insert((key(), server), counts);
    }

    /// Hands an event in, and carries out the actions.
    pub(super) fn event(&mut self, event: Event) {
        let (mut out, mut queue) = (Vec::new(), VecDeque::new());
        self.engine.handle(self.now, event, &mut out);
        queue.extend(out.drain(..));
        while let Some(action) = queue.pop_front() {
            if let Some(answer) = self.carry_out(action) {
                self.engine.handle(self.now, answer, &mut out);
                queue.extend(out.drain(..));
            }
        }
    }

    fn carry_out(&mut self, action: Action) -> Option<Event> {
        let deaf = self.deaf.map(Box::from);
        match action {
            Action::Probe(request) => self.probes.push(request),
            Action::Hold(request) => self.wires.push(request),
            Action::Release(wire) => self.wires.retain(|it| it.wire != wire),
            Action::Look(questions) => {
                return Some(Event::Seen(Ok(Box::new(self.sighting(questions.probes)))));
            }
            Action::ReadTable => {
                self.exchanges += 1;
                let table = self.kernel.table.clone();
                return Some(Event::TableRead(deaf.map_or(Ok(table), Err)));
            }
            Action::ReadService(key) => {
                self.exchanges += 1;
                let service = self.kernel.table.services.get(&key).cloned();
                return Some(Event::ServiceRead(key, deaf.map_or(Ok(service), Err)));
            }
            Action::Count(services) => {
                // What cannot be read is left out.
                let services = services.into_iter().filter(|_| deaf.is_none());
                let counted = services.map(|service| {
                    let all = self.kernel.count(&service);
                    Counted::of(service, all.unwrap_or_else(|never| match never {}))
                });
                return Some(Event::Counted(counted.collect()));
            }
            Action::Apply(steps) => {
                self.exchanges += 1;
                if let Some(why) = deaf {
                    return Some(Event::Applied(Err(why)));
                }
                let refused = self
                    .kernel
                    .apply(&steps)
                    .unwrap_or_else(|never| match never {});
                (self.meddler)(&mut self.kernel.table);
                return Some(Event::Applied(Ok(refused)));
            }
            Action::ReadHost(scope) => {
                let host = self.kernel.read_host(&scope).host;
                return Some(Event::HostRead(Box::new(host), self.unread.clone()));
            }
            Action::ApplyHost(steps) => {
                assert!(self.kernel.apply_host(&steps).is_empty(), "{steps:?}");
                return Some(Event::HostApplied(Vec::new()));
            }
            Action::WriteOwned(_) if self.disk_full => {
                return Some(Event::OwnedWritten(Err("no space left on device".into())));
            }
            Action::WriteOwned(owned) => {
                self.owned = BTreeSet::clone(&owned);
                return Some(Event::OwnedWritten(Ok(())));
            }
            Action::ToPeer(message) => self.said.push(*message),
            Action::Tell(transition) => self.told.push(transition),
            Action::End(complete) => self.ended = Some(complete),
        }
        None
    }

    /// Every way is by one link, which has a carrier or has none.
    fn sighting(&self, probes: Vec<Probe>) -> Sighting {
        let link = Link {
            up: true,
            running: !self.unplugged,
            ..Link::new(2, "eth0")
        };
        let way = Way::Out {
            link: 2,
            source: None,
        };
        Sighting {
            happened: Vec::new(),
            links: vec![SeenLink {
                link,
                carrier_changes: self.unplugged.into(),
            }],
            addresses: Vec::new(),
            ways: probes.into_iter().map(|probe| (probe, way)).collect(),
            denied: Vec::new(),
        }
    }

    /// Lets time pass, and answers every probe at once: `up` says whether a server is up.
    pub(super) fn pass(&mut self, time: Duration, up: impl Fn(&str) -> bool) {
        let end = self.now + time;
        while self.now < end {
            self.now = self.now + Duration::from_millis(50);
            self.event(Event::Deadline);
            while self.engine.has_time_to_fill() {
                self.event(Event::Deadline);
            }
            let asked = std::mem::take(&mut self.probes);
            if asked.is_empty() {
                continue;
            }
            let reports = asked.into_iter().map(|request| {
                let up = up(&request.check.probe.target.to_string());
                self.report(&request, up)
            });
            let reports = reports.collect();
            self.event(Event::Probed(reports));
        }
    }

    fn report(&self, request: &ProbeRequest, up: bool) -> Probed {
        let (outcome, reason) = if self.unplugged {
            (ProbeOutcome::Silent, "connect timed out")
        } else if up && self.drained {
            (ProbeOutcome::Drain, "full")
        } else if up {
            (ProbeOutcome::Up(None), "")
        } else {
            (ProbeOutcome::Down, "connect refused")
        };
        let report = ProbeReport {
            outcome,
            reason: reason.into(),
            started: self.now,
            latency: Duration::from_millis(1),
        };
        Probed {
            run: request.run,
            report,
            at: self.now,
        }
    }

    pub(super) fn seconds(&mut self, seconds: u64, up: impl Fn(&str) -> bool) {
        self.pass(Duration::from_secs(seconds), up);
    }

    /// Changes to a new configuration. Returns why it was refused, if it was.
    pub(super) fn reload(&mut self, services: &str) -> Option<String> {
        self.reload_to(parse(services))
    }

    pub(super) fn reload_to(&mut self, config: Arc<Config>) -> Option<String> {
        self.reloads += 1;
        let id = ReloadId(self.reloads);
        self.event(Event::Next(id, config));
        let reloads = self.engine.snapshot(self.now).reloads;
        assert_eq!(reloads.answered, id);
        reloads.refused.map(|why| why.to_string())
    }

    /// The weights of the servers of one service in the kernel, by address.
    pub(super) fn weights(&self) -> BTreeMap<String, u32> {
        let service = self.kernel.table.services.get(&key());
        let servers = service.into_iter().flat_map(|service| &service.servers);
        servers
            .map(|(key, real)| (key.to_string(), real.weight.get()))
            .collect()
    }

    /// The lines of the log.
    pub(super) fn log(&self) -> Vec<String> {
        self.told.iter().map(ToString::to_string).collect()
    }

    /// How many lines of the log have these words.
    pub(super) fn count(&self, words: &str) -> usize {
        self.log()
            .iter()
            .filter(|line| line.contains(words))
            .count()
    }
}

/// The table of a configuration when every server is up.
pub(super) fn all_up(config: &Config) -> IpvsTable {
    desired(config, &AllUp, Role::Serving, &IpvsTable::new())
}

pub(super) fn key() -> ServiceKey {
    ServiceKey::tcp("192.0.2.10:80".parse().unwrap())
}

pub(super) fn weights(of: &[(&str, u32)]) -> BTreeMap<String, u32> {
    of.iter()
        .map(|(server, weight)| ((*server).to_owned(), *weight))
        .collect()
}

pub(super) fn all(_: &str) -> bool {
    true
}
