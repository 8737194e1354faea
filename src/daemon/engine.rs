// SPDX-License-Identifier: MIT OR Apache-2.0
//! The owner of all state: takes one event at a time, and keeps the kernel's table what it should be.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tracing::{error, info, warn};

use super::describe::{count, steps};
use super::event::ProbeResult;
use super::kernel::Kernel;
use super::queue::Queue;
use super::state::StateFile;
use crate::engine::VerdictDelay;
use crate::health::{CheckId, Health, HealthAction, HealthEvent};
use crate::model::{Check, Config, IpvsTable, ServerKey, ServiceKey, Timestamp, VirtualService};
use crate::plan::Outcome;

/// How many services are read back between two events: one, so that a verdict waits for no more than that. (With 16
/// every second verdict in a large table was later than 5 ms in the lab.)
const REPAIR_SLICE: usize = 1;
/// After an exchange with the kernel failed, the table is read back this soon.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Asks for a probe.
pub(super) type ProbeSender = Box<dyn Fn(CheckId, std::sync::Arc<Check>, Duration) + Send>;

/// The director's state and its kernel.
pub(super) struct Engine<K> {
    pub(super) kernel: K,
    pub(super) config: Config,
    pub(super) health: Health,
    /// What the kernel is believed to hold of what is ours.
    pub(super) observed: IpvsTable,
    /// What the state file says is ours, besides what is configured.
    pub(super) owned: BTreeSet<ServiceKey>,
    pub(super) state: StateFile,
    pub(super) probe: ProbeSender,
    /// The services that are still to be read back: those of the round, and those just changed.
    pub(super) unread: Queue,
    pub(super) next_round: Timestamp,
    /// Why the kernel is not as it should be, by service; said once, not at every try.
    pub(super) errors: BTreeMap<ServiceKey, String>,
    pub(super) drift_repairs: u64,
    pub(super) probes_not_run: u64,
    pub(super) reload_error: Option<String>,
    pub(super) verdict_delay: VerdictDelay,
}

impl<K: Kernel> Engine<K>
where
    K::Error: std::fmt::Display,
{
    /// Takes over what the kernel holds and makes it what it should be: nothing that is right is touched.
    pub(super) fn start(
        kernel: K,
        config: Config,
        state: StateFile,
        probe: ProbeSender,
        seed: u64,
        now: Timestamp,
    ) -> Result<Self, K::Error> {
        let mut engine = Self {
            kernel,
            health: Health::new(seed),
            observed: IpvsTable::new(),
            owned: BTreeSet::new(),
            state,
            probe,
            unread: Queue::default(),
            next_round: now + config.director.repair_interval,
            errors: BTreeMap::new(),
            drift_repairs: 0,
            probes_not_run: 0,
            reload_error: None,
            verdict_delay: VerdictDelay::default(),
            config,
        };
        match engine.state.read() {
            Ok(owned) => engine.owned = owned,
            Err(error) => error!("{error}"),
        }
        engine.settle();
        engine.read_all()?;
        let adopted = engine.observed.services.len();
        engine.health.configure(&engine.config, now);
        let keys = engine.ours();
        engine.remember(&keys);
        let outcome = engine.converge(keys)?;
        engine.forget_removed();
        engine.tell_start(adopted, outcome.done);
        Ok(engine)
    }

    fn tell_start(&self, adopted: usize, done: usize) {
        let configured: usize = self
            .config
            .services
            .values()
            .map(|it| it.servers.len())
            .sum();
        let waiting = configured.saturating_sub(self.observed.server_count());
        let wait = match waiting {
            0 => String::new(),
            _ => format!("; {} to come in when found up", count(waiting, "server")),
        };
        info!(
            "started: {}, {}; found {adopted} of ours in the kernel, {}{wait}",
            count(self.config.services.len(), "virtual service"),
            count(configured, "real server"),
            steps(done),
        );
    }

    /// When it wants to be called without an event.
    pub(super) fn deadline(&self) -> Timestamp {
        let health = self.health.deadline().unwrap_or(self.next_round);
        health.min(self.next_round)
    }

    /// Whether a round of reading back is under way, so that there is something to do between events.
    pub(super) fn is_reading_back(&self) -> bool {
        !self.unread.is_empty()
    }

    /// Probes that are due start; a round of reading back that is due begins, or goes on by one slice.
    pub(super) fn tick(&mut self, now: Timestamp) {
        let mut actions = Vec::new();
        self.health.handle(now, HealthEvent::Deadline, &mut actions);
        self.carry_out(actions);
        if self.next_round <= now {
            self.next_round = now + self.config.director.repair_interval;
            self.settle();
            self.unread.extend(self.ours());
        }
        let keys = self.unread.take(REPAIR_SLICE);
        if let Err(error) = self.repair(&keys) {
            self.exchange_failed(&error, now);
        }
    }

    /// The results of probes, all that are there: what many of them change goes to the kernel in one batch. When the
    /// kernel has confirmed a change, returned is when the first probe that brought it about came back.
    pub(super) fn probed(
        &mut self,
        now: Timestamp,
        results: Vec<ProbeResult>,
    ) -> Option<Timestamp> {
        let mut actions = Vec::new();
        let mut first = None;
        for ProbeResult { id, outcome, at } in results {
            let before = actions.len();
            self.health
                .handle(now, HealthEvent::Probed(id, outcome), &mut actions);
            let decided = |action: &HealthAction| matches!(action, HealthAction::Changed { .. });
            if actions.iter().skip(before).any(decided) {
                first = Some(first.map_or(at, |first: Timestamp| first.min(at)));
            }
        }
        let changed = self.carry_out(actions);
        if changed.is_empty() {
            return None;
        }
        match self.converge(changed.into_iter().collect()) {
            Ok(outcome) => first.filter(|_| outcome.done > 0),
            Err(error) => {
                self.exchange_failed(&error, now);
                None
            }
        }
    }

    /// Removes all services that are ours.
    pub(super) fn release(&mut self) -> Result<Outcome, K::Error> {
        let keys = self.ours();
        self.config.services.clear();
        self.read_all()?;
        let outcome = self.converge(keys)?;
        self.forget_removed();
        Ok(outcome)
    }

    /// Sends probes off, tells of verdicts, and returns the services they change.
    fn carry_out(&mut self, actions: Vec<HealthAction>) -> BTreeSet<ServiceKey> {
        let mut changed = BTreeSet::new();
        for action in actions {
            match action {
                HealthAction::Probe(id, kind, timeout) => (self.probe)(id, kind, timeout),
                HealthAction::Changed {
                    service,
                    server,
                    from,
                    to,
                    because,
                } => {
                    let effect = self.weight_change(&service, &server);
                    info!(
                        "real server {server} of {service}: {from} -> {to} ({because}), {effect}"
                    );
                    changed.insert(service);
                }
                HealthAction::CouldNotRun {
                    service,
                    server,
                    reason,
                    times,
                } => {
                    self.probes_not_run += 1;
                    // The first, and then ever fewer: a host out of descriptors has better uses for its disk.
                    if times.is_power_of_two() {
                        warn!(
                            "check of real server {server} of {service} could not run ({times} in a row): {reason}"
                        );
                    }
                }
            }
        }
        changed
    }

    /// `weight 10 -> removed`: what the kernel has of a server, and what the verdict leads to.
    fn weight_change(&self, service: &ServiceKey, server: &ServerKey) -> String {
        let weight = |table: Option<&VirtualService>| {
            table
                .and_then(|service| service.servers.get(server))
                .map(|real| real.weight)
        };
        let before = weight(self.observed.services.get(service));
        match (before, weight(self.desired(service).as_ref())) {
            (None, None) => "not in the kernel".to_owned(),
            (None, Some(weight)) => format!("added with weight {weight}"),
            (Some(weight), None) => format!("weight {weight} -> removed"),
            (Some(before), Some(after)) if before == after => format!("weight {before}"),
            (Some(before), Some(after)) => format!("weight {before} -> {after}"),
        }
    }

    /// Every service that is configured or said to be ours.
    pub(super) fn ours(&self) -> Vec<ServiceKey> {
        self.config
            .services
            .keys()
            .chain(&self.owned)
            .copied()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect()
    }

    /// Writes down that these services are, or may be about to become, ours.
    pub(super) fn remember(&mut self, keys: &[ServiceKey]) {
        self.owned.extend(keys);
        self.write_state();
    }

    /// Strikes out what is neither configured nor in the kernel any more.
    pub(super) fn forget_removed(&mut self) {
        let (config, observed) = (&self.config.services, &self.observed.services);
        self.owned
            .retain(|key| config.contains_key(key) || observed.contains_key(key));
        self.write_state();
    }

    /// A disk that is full must not keep servers from being removed: the services matter more than the note of them.
    fn write_state(&mut self) {
        if let Err(error) = self.state.write(&self.owned) {
            warn!("{error}");
        }
    }

    pub(super) fn settle(&mut self) {
        for result in self.kernel.settle(&self.config.ipvs) {
            match result {
                Ok(changed) => info!("{changed}"),
                Err(error) => warn!("{error}"),
            }
        }
    }

    /// How much of the last exchange was carried out is unknown: read back soon.
    pub(super) fn exchange_failed(&mut self, error: &K::Error, now: Timestamp) {
        error!("{error}; reading the table back");
        self.next_round = now + AFTER_FAILURE;
    }
}
