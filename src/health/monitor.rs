// SPDX-License-Identifier: MIT OR Apache-2.0
//! All checkers together: which there are, which is due next, what they hold of each server.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use super::checker::{Checker, CheckerAction, CheckerEvent, ProbeOutcome, Verdict};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::{Check, Config, ServerKey, ServiceKey, Timestamp};

/// Names one checker. A number is never used twice, so that a late result cannot meet another's checker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CheckId(u64);

/// Names one run of one checker, so that the report of a run that was given up means nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RunId {
    /// Whose run.
    pub check: CheckId,
    /// Which of them.
    pub run: u64,
}

/// One probe to make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeRequest {
    /// Under which name to report.
    pub run: RunId,
    /// What to ask, and how long to wait from its start.
    pub check: Arc<Check>,
    /// When it was asked for.
    pub asked: Timestamp,
}

/// What happens to the checkers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HealthEvent {
    /// The deadline has come.
    Deadline,
    /// A probe has ended.
    Probed(CheckId, ProbeOutcome),
}

/// What the checkers want done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HealthAction {
    /// Make this probe within this time, and report its outcome under this name.
    Probe(CheckId, Arc<Check>, Duration),
    /// The verdict on a server has changed.
    Changed {
        /// Whose server.
        service: ServiceKey,
        /// Which one.
        server: ServerKey,
        /// What was held of it.
        from: Verdict,
        /// What is held of it now.
        to: Verdict,
        /// Why.
        because: String,
    },
    /// A probe could not be made.
    CouldNotRun {
        /// Whose server.
        service: ServiceKey,
        /// Which one.
        server: ServerKey,
        /// Why.
        reason: String,
        /// How many times in a row.
        times: u32,
    },
}

/// What is held of one server, for whoever asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerHealth<'a> {
    /// Up, down or not yet known.
    pub verdict: Verdict,
    /// Why the last probe that was not a success was none.
    pub last_reason: Option<&'a str>,
    /// When the verdict last changed.
    pub changed_at: Timestamp,
}

#[derive(Debug, Clone)]
struct Slot {
    service: ServiceKey,
    server: ServerKey,
    check: Arc<Check>,
    timeout: Duration,
    checker: Checker,
}

/// All checkers of a configuration.
#[derive(Debug, Clone)]
pub struct Health {
    slots: BTreeMap<CheckId, Slot>,
    ids: BTreeMap<(ServiceKey, ServerKey), CheckId>,
    due: BinaryHeap<Reverse<(Timestamp, CheckId)>>,
    last_id: u64,
    seed: u64,
}

impl Health {
    /// No checkers yet. The seed decides every jitter.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self {
            slots: BTreeMap::new(),
            ids: BTreeMap::new(),
            due: BinaryHeap::new(),
            last_id: 0,
            seed,
        }
    }

    /// Makes the checkers those of `config`. One whose server is still probed the same way goes on with all it knows;
    /// new ones start from nothing.
    pub fn configure(&mut self, config: &Config, now: Timestamp) {
        let mut before = std::mem::take(&mut self.ids);
        for (service, configured) in &config.services {
            for (server, configured) in &configured.servers {
                let Some(check) = configured.checks.each.first() else {
                    continue;
                };
                let known = before.remove(&(*service, *server));
                let id = if let Some(id) = known.filter(|id| self.goes_on(*id, check)) {
                    self.reschedule(id, check, now)
                } else {
                    if let Some(other) = known {
                        self.slots.remove(&other);
                    }
                    self.start(*service, *server, check, now)
                };
                self.ids.insert((*service, *server), id);
            }
        }
        for id in before.values() {
            self.slots.remove(id);
        }
        let waiting = self.slots.iter();
        self.due = waiting
            .filter_map(|(id, it)| Some(Reverse((it.checker.deadline()?, *id))))
            .collect();
    }

    /// What is held of a server; `None` when nothing checks it.
    #[must_use]
    pub fn server(&self, service: &ServiceKey, server: &ServerKey) -> Option<ServerHealth<'_>> {
        let checker = &self.slots.get(self.ids.get(&(*service, *server))?)?.checker;
        Some(ServerHealth {
            verdict: checker.verdict(),
            last_reason: checker.last_reason(),
            changed_at: checker.changed_at(),
        })
    }

    /// When [`HealthEvent::Deadline`] is wanted.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        self.due.peek().map(|Reverse((at, _))| *at)
    }

    /// One event.
    pub fn handle(&mut self, now: Timestamp, event: HealthEvent, out: &mut Vec<HealthAction>) {
        match event {
            HealthEvent::Deadline => {
                while let Some(&Reverse((at, id))) = self.due.peek() {
                    if at > now {
                        break;
                    }
                    self.due.pop();
                    self.feed(now, id, CheckerEvent::Deadline, out);
                }
            }
            HealthEvent::Probed(id, outcome) => {
                self.feed(now, id, CheckerEvent::Probed(outcome), out);
            }
        }
    }

    fn feed(
        &mut self,
        now: Timestamp,
        id: CheckId,
        event: CheckerEvent,
        out: &mut Vec<HealthAction>,
    ) {
        let Some(slot) = self.slots.get_mut(&id) else {
            return;
        };
        let was_probing = slot.checker.deadline().is_none();
        let mut actions = Vec::new();
        slot.checker.handle(now, event, &mut actions);
        let (service, server) = (slot.service, slot.server);
        out.extend(actions.into_iter().map(|action| match action {
            CheckerAction::Probe => HealthAction::Probe(id, Arc::clone(&slot.check), slot.timeout),
            CheckerAction::Changed { from, to, because } => HealthAction::Changed {
                service,
                server,
                from,
                to,
                because,
            },
            CheckerAction::CouldNotRun { reason, times } => HealthAction::CouldNotRun {
                service,
                server,
                reason,
                times,
            },
        }));
        if let (true, Some(at)) = (was_probing, slot.checker.deadline()) {
            self.due.push(Reverse((at, id)));
        }
    }

    fn goes_on(&self, id: CheckId, check: &Check) -> bool {
        self.slots
            .get(&id)
            .is_some_and(|slot| slot.check.probe == check.probe)
    }

    fn reschedule(&mut self, id: CheckId, check: &Check, now: Timestamp) -> CheckId {
        if let Some(slot) = self.slots.get_mut(&id) {
            slot.timeout = check.schedule.timeout;
            slot.checker.reschedule(check.schedule, now);
        }
        id
    }

    fn start(
        &mut self,
        service: ServiceKey,
        server: ServerKey,
        check: &Arc<Check>,
        now: Timestamp,
    ) -> CheckId {
        self.last_id += 1;
        let id = CheckId(self.last_id);
        let checker = Checker::new(check.schedule, now, self.seed.wrapping_add(self.last_id));
        let (check, timeout) = (Arc::clone(check), check.schedule.timeout);
        self.slots.insert(
            id,
            Slot {
                service,
                server,
                check,
                timeout,
                checker,
            },
        );
        id
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::SocketAddr;

    use super::*;
    use crate::model::{
        CheckSchedule, ConfiguredServer, ConfiguredService, DirectorSettings, ForwardingMethod,
        IpvsSettings, RealServer, Scheduler, ServiceSettings, Weight,
    };

    const SERVICE: &str = "192.0.2.10:80";

    fn config(servers: &[&str], interval: Duration) -> Config {
        let check = |at: &str| Check {
            kind: CheckKind::Tcp(at.parse().unwrap()),
            schedule: CheckSchedule {
                interval,
                timeout: Duration::from_secs(1),
                rise: 1,
                fall: 1,
                retry_delay: Duration::from_secs(1),
            },
        };
        let server = |at: &&str| {
            let real_server = RealServer::new(ForwardingMethod::DirectRouting, Weight::ONE);
            let configured = ConfiguredServer {
                real_server,
                check: Some(check(at)),
                inhibit_on_failure: false,
            };
            (at.parse::<SocketAddr>().unwrap().into(), configured)
        };
        let service = ConfiguredService {
            settings: ServiceSettings::new(Scheduler::WLC),
            servers: servers.iter().map(server).collect(),
        };
        Config {
            services: BTreeMap::from([(ServiceKey::tcp(SERVICE.parse().unwrap()), service)]),
            ipvs: IpvsSettings {
                tcp_timeout: None,
                tcp_fin_timeout: None,
                udp_timeout: None,
                expire_nodest_conn: None,
            },
            director: DirectorSettings {
                state_file: "/nowhere".into(),
                socket: "/nowhere".into(),
                repair_interval: Duration::from_secs(10),
            },
        }
    }

    fn verdict(health: &Health, server: &str) -> Verdict {
        let server = server.parse::<SocketAddr>().unwrap().into();
        health
            .server(&ServiceKey::tcp(SERVICE.parse().unwrap()), &server)
            .map_or(Verdict::Up, |health| health.verdict)
    }

    /// Runs everything due up to `now` and answers every probe as the server's last octet tells: odd is up.
    fn run(health: &mut Health, now: Timestamp) -> usize {
        let mut probes = 0;
        while health.deadline().is_some_and(|at| at <= now) {
            let mut out = Vec::new();
            health.handle(now, HealthEvent::Deadline, &mut out);
            for action in std::mem::take(&mut out) {
                if let HealthAction::Probe(id, CheckKind::Tcp(at), _) = action {
                    probes += 1;
                    let odd = at
                        .to_string()
                        .trim_end_matches(":80")
                        .ends_with(['1', '3', '5']);
                    let outcome = if odd {
                        ProbeOutcome::Up
                    } else {
                        ProbeOutcome::Down("connection refused".to_owned())
                    };
                    health.handle(now, HealthEvent::Probed(id, outcome), &mut out);
                }
            }
        }
        probes
    }

    #[test]
    fn every_server_has_a_verdict_within_the_first_second() {
        let servers: Vec<String> = (1..=200).map(|n| format!("10.0.0.{n}:80")).collect();
        let servers: Vec<&str> = servers.iter().map(String::as_str).collect();
        let mut health = Health::new(7);
        health.configure(&config(&servers, Duration::from_secs(60)), Timestamp::ZERO);
        let mut now = Timestamp::ZERO;
        while now <= Timestamp::after_start(Duration::from_secs(1)) {
            run(&mut health, now);
            now = now + Duration::from_millis(10);
        }
        assert!(
            servers
                .iter()
                .all(|server| verdict(&health, server) != Verdict::Unknown)
        );
    }

    #[test]
    fn a_new_configuration_keeps_what_is_known_of_servers_that_stay() {
        let second = Timestamp::after_start(Duration::from_secs(1));
        let mut health = Health::new(7);
        health.configure(
            &config(&["10.0.0.1:80", "10.0.0.2:80"], Duration::from_secs(60)),
            Timestamp::ZERO,
        );
        run(&mut health, second);
        health.configure(
            &config(&["10.0.0.2:80", "10.0.0.3:80"], Duration::from_secs(30)),
            second,
        );
        assert_eq!(verdict(&health, "10.0.0.2:80"), Verdict::Down);
        assert_eq!(verdict(&health, "10.0.0.3:80"), Verdict::Unknown);
    }

    #[test]
    fn the_result_of_a_checker_that_is_gone_means_nothing() {
        let second = Timestamp::after_start(Duration::from_secs(1));
        let mut health = Health::new(7);
        health.configure(
            &config(&["10.0.0.1:80"], Duration::from_secs(60)),
            Timestamp::ZERO,
        );
        let mut out = Vec::new();
        health.handle(second, HealthEvent::Deadline, &mut out);
        let Some(HealthAction::Probe(id, ..)) = out.pop() else {
            panic!("no probe")
        };
        health.configure(&config(&["10.0.0.2:80"], Duration::from_secs(60)), second);
        health.handle(second, HealthEvent::Probed(id, ProbeOutcome::Up), &mut out);
        assert_eq!(out, []);
        assert_eq!(verdict(&health, "10.0.0.2:80"), Verdict::Unknown);
    }
}
