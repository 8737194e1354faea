// SPDX-License-Identifier: MIT OR Apache-2.0
//! The engine against a kernel made of a value, and a clock that is an argument.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::engine::Engine;
use super::event::ProbeResult;
use super::state::OwnedFile;
use crate::config;
use crate::health::{CheckId, ProbeOutcome};
use crate::model::{
    CheckKind, Config, IpvsTable, Scheduler, ServiceKey, ServiceSettings, Timestamp,
};
use crate::model::{VirtualService, Weight};
use crate::plan::{SimulatedKernel, Step};

const VIP: &str = "192.0.2.10:80";

/// A director on a simulated kernel, with the probes it asked for.
struct Director {
    engine: Engine<SimulatedKernel>,
    probes: Arc<Mutex<Vec<(CheckId, CheckKind)>>>,
    now: Timestamp,
    directory: tempfile::TempDir,
}

fn parse(directory: &Path, services: &str) -> Config {
    let text = format!(
        "director: {{state_file: {0}/state.json, socket: {0}/sock, repair_interval: 10s}}\n\
         defaults: {{check: {{interval: 2s, timeout: 1s, rise: 2, fall: 3, retry_delay: 1s}}}}\n\
         virtual_services:\n{services}",
        directory.display()
    );
    config::parse("test.yaml", text.as_bytes()).unwrap_or_else(|errors| panic!("{errors}"))
}

const TWO_SERVERS: &str = "  - {address: '192.0.2.10:80', scheduler: wrr, servers: [10.0.0.1, {address: 10.0.0.2, weight: 5}]}\n";

impl Director {
    fn start(kernel: SimulatedKernel, services: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let config = parse(directory.path(), services);
        let probes = Arc::new(Mutex::new(Vec::new()));
        let asked = Arc::clone(&probes);
        let probe = Box::new(move |id, kind, _: Duration| asked.lock().unwrap().push((id, kind)));
        let state = OwnedFile::open(&config.director.state_file).unwrap();
        let engine = Engine::start(kernel, config, state, probe, 7, Timestamp::ZERO)
            .unwrap_or_else(|never| match never {});
        Self {
            engine,
            probes,
            now: Timestamp::ZERO,
            directory,
        }
    }

    /// Lets time pass. Every probe is answered at once: `up` tells of each server whether it is.
    fn pass(&mut self, time: Duration, up: impl Fn(&str) -> bool) {
        let end = self.now + time;
        while self.now < end {
            self.now = self.now + Duration::from_millis(50);
            self.engine.tick(self.now);
            let asked = std::mem::take(&mut *self.probes.lock().unwrap());
            let results = asked
                .into_iter()
                .map(|(id, CheckKind::Tcp(at))| ProbeResult {
                    id,
                    outcome: if up(&at.to_string()) {
                        ProbeOutcome::Up
                    } else {
                        ProbeOutcome::Down("connect refused".to_owned())
                    },
                    at: self.now,
                });
            self.engine.probed(self.now, results.collect());
        }
    }

    fn table(&self) -> &IpvsTable {
        &self.engine.kernel.table
    }

    /// The weights of the service's servers in the kernel, by address.
    fn weights(&self) -> BTreeMap<String, u32> {
        let servers = self
            .table()
            .services
            .get(&key())
            .map(|service| &service.servers);
        let weight = |(key, real): (&crate::model::ServerKey, &crate::model::RealServer)| {
            (key.to_string(), real.weight.get())
        };
        servers.into_iter().flatten().map(weight).collect()
    }
}

fn key() -> ServiceKey {
    ServiceKey::tcp(VIP.parse().unwrap())
}

fn weights(of: &[(&str, u32)]) -> BTreeMap<String, u32> {
    of.iter()
        .map(|(server, weight)| ((*server).to_owned(), *weight))
        .collect()
}

fn all(_: &str) -> bool {
    true
}

#[test]
fn servers_enter_an_empty_kernel_when_they_are_found_up() {
    let mut director = Director::start(SimulatedKernel::default(), TWO_SERVERS);
    assert_eq!(director.weights(), weights(&[]));
    director.pass(Duration::from_secs(1), |server| server == "10.0.0.2:80");
    assert_eq!(director.weights(), weights(&[("10.0.0.2:80", 5)]));
}

#[test]
fn a_server_is_removed_after_fall_failures_and_restored_after_rise_successes_by_one_message_each() {
    let mut director = Director::start(SimulatedKernel::default(), TWO_SERVERS);
    director.pass(Duration::from_secs(1), all);
    let before = director.engine.kernel.messages;
    director.pass(Duration::from_secs(5), |server| server == "10.0.0.2:80");
    assert_eq!(director.weights(), weights(&[("10.0.0.2:80", 5)]));
    assert_eq!(director.engine.kernel.messages, before + 1);
    director.pass(Duration::from_secs(5), all);
    assert_eq!(
        director.weights(),
        weights(&[("10.0.0.1:80", 1), ("10.0.0.2:80", 5)])
    );
    assert_eq!(director.engine.kernel.messages, before + 2);
}

#[test]
fn a_kernel_that_is_right_already_is_not_touched_by_a_start() {
    let mut first = Director::start(SimulatedKernel::default(), TWO_SERVERS);
    first.pass(Duration::from_secs(1), all);
    let mut kernel = first.engine.kernel;
    kernel.messages = 0;
    let mut second = Director::start(kernel, TWO_SERVERS);
    second.pass(Duration::from_secs(60), all);
    assert_eq!(second.engine.kernel.messages, 0);
}

#[test]
fn drift_is_put_right_within_a_period_and_the_services_of_others_are_left() {
    let mut director = Director::start(SimulatedKernel::default(), TWO_SERVERS);
    director.pass(Duration::from_secs(1), all);
    let foreign = ServiceKey::tcp("192.0.2.99:80".parse().unwrap());
    let theirs = VirtualService::new(ServiceSettings::new(Scheduler::WLC));
    let table = &mut director.engine.kernel.table;
    table.services.insert(foreign, theirs.clone());
    let ours = table.services.get_mut(&key()).unwrap();
    ours.servers.pop_first();
    ours.servers.values_mut().next().unwrap().weight = Weight::ZERO;
    ours.settings.scheduler = Scheduler::MH;
    director.pass(Duration::from_secs(11), all);
    assert_eq!(
        director.weights(),
        weights(&[("10.0.0.1:80", 1), ("10.0.0.2:80", 5)])
    );
    assert_eq!(
        director.table().services[&key()].settings.scheduler.name(),
        "wrr"
    );
    assert_eq!(director.table().services.get(&foreign), Some(&theirs));
    assert_eq!(director.engine.drift_repairs, 3);
}

#[test]
fn a_verdict_that_meets_a_table_somebody_changed_still_ends_with_the_right_one() {
    let mut director = Director::start(SimulatedKernel::default(), TWO_SERVERS);
    director.pass(Duration::from_secs(1), all);
    // Gone already when the engine wants to remove it, and the whole service when it wants to add it.
    director
        .engine
        .kernel
        .table
        .services
        .get_mut(&key())
        .unwrap()
        .servers
        .pop_first();
    director.pass(Duration::from_secs(5), |server| server == "10.0.0.2:80");
    assert_eq!(director.weights(), weights(&[("10.0.0.2:80", 5)]));
    director.engine.kernel.table.services.clear();
    director.pass(Duration::from_secs(5), all);
    assert_eq!(
        director.weights(),
        weights(&[("10.0.0.1:80", 1), ("10.0.0.2:80", 5)])
    );
}

#[test]
fn a_reload_the_kernel_refuses_leaves_everything_as_it_was() {
    let mut director = Director::start(SimulatedKernel::default(), TWO_SERVERS);
    director.pass(Duration::from_secs(1), all);
    let before = director.table().clone();
    director
        .engine
        .kernel
        .missing_schedulers
        .insert(Scheduler::new("twos").unwrap());
    let services = "  - {address: '192.0.2.10:80', scheduler: twos, servers: [10.0.0.1, 10.0.0.3]}\n  \
                    - {address: '192.0.2.11:80', servers: [10.0.0.1]}\n";
    let config = parse(director.directory.path(), services);
    director.engine.reload(director.now, config);
    director.pass(Duration::from_secs(15), all);
    assert_eq!(director.table(), &before);
    let why = director.engine.reload_error.as_deref().unwrap();
    assert!(why.contains("modprobe ip_vs_twos"), "{why}");
}

#[test]
fn a_reload_keeps_a_down_server_out() {
    let mut director = Director::start(SimulatedKernel::default(), TWO_SERVERS);
    director.pass(Duration::from_secs(1), |server| server == "10.0.0.2:80");
    let services = TWO_SERVERS.replace("weight: 5", "weight: 6");
    let config = parse(director.directory.path(), &services);
    let before = director.engine.kernel.messages;
    director.engine.reload(director.now, config);
    assert_eq!(director.engine.kernel.messages, before + 1);
    assert_eq!(director.weights(), weights(&[("10.0.0.2:80", 6)]));
}

#[test]
fn what_the_configuration_no_longer_has_is_removed_even_over_a_restart() {
    let mut first = Director::start(SimulatedKernel::default(), TWO_SERVERS);
    first.pass(Duration::from_secs(1), all);
    let state = std::fs::read(first.directory.path().join("state.json")).unwrap();
    let kernel = first.engine.kernel;

    // The same state file, another configuration.
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("state.json"), state).unwrap();
    let config = parse(
        directory.path(),
        "  - {address: '192.0.2.11:80', servers: [10.0.0.1]}\n",
    );
    let file = OwnedFile::open(&config.director.state_file).unwrap();
    let engine = Engine::start(
        kernel,
        config,
        file,
        Box::new(|_, _, _| ()),
        7,
        Timestamp::ZERO,
    );
    let engine = engine.unwrap_or_else(|never| match never {});
    let left: Vec<String> = engine
        .kernel
        .table
        .services
        .keys()
        .map(ToString::to_string)
        .collect();
    assert_eq!(left, ["TCP 192.0.2.11:80"]);
}

#[test]
fn release_removes_what_is_ours_and_nothing_else() {
    let mut director = Director::start(SimulatedKernel::default(), TWO_SERVERS);
    director.pass(Duration::from_secs(1), all);
    let foreign = ServiceKey::tcp("192.0.2.99:80".parse().unwrap());
    let add = Step::AddService(foreign, ServiceSettings::new(Scheduler::WLC));
    director.engine.kernel.step(&add).unwrap();
    director
        .engine
        .release()
        .unwrap_or_else(|never| match never {});
    assert_eq!(
        director.table().services.keys().collect::<Vec<_>>(),
        [&foreign]
    );
}
