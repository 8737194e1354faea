// SPDX-License-Identifier: MIT OR Apache-2.0
//! One round: a director with some services, a drain in each, and what happens meanwhile.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::time::Instant;

use fastrand::Rng;
use lvs_director::model::{Protocol, ServerKey, ServiceKey};
use lvs_director::plan::Target as _;

use super::EACH_ROUND;
use super::clients::Clients;
use super::service::{End, Kind, SERVERS, Service, Way};
use crate::director::process::{Files, PROGRAM, Running, Said, said};
use crate::stage::{Stage, wait_for};

/// So many new connections of each service come before its drain.
const WARM: usize = 6;
/// The port of the service that comes and goes.
const EXTRA_PORT: u16 = 4000;

/// What else happens while servers drain.
#[derive(Clone, Copy, Debug)]
enum Act {
    Reload,
    RefusedReload,
    Kill,
    KillReloading,
    Restart,
    /// The others of a service are ordered out, too.
    LastServers,
}

const ACTS: [Act; 6] = [
    Act::Reload,
    Act::RefusedReload,
    Act::Kill,
    Act::KillReloading,
    Act::Restart,
    Act::LastServers,
];

struct Round {
    rng: Rng,
    stage: Stage,
    files: Files,
    /// `None` only between two directors.
    director: Option<Running>,
    services: Vec<Service>,
    reuse: &'static str,
    /// Whether the file has one more service.
    extra: bool,
    /// What the directors said that have ended.
    logs: String,
    told: Vec<String>,
}

/// Plays the round of this seed. Returns what was wrong.
pub(super) fn play(seed: u64) -> Vec<String> {
    let begun = Instant::now();
    let mut round = Round::set_up(seed);
    let clients = round.start_clients();
    round.begin();
    round.meanwhile();
    round.end(&clients);
    let mut wrong = Vec::new();
    let mut opened = 0;
    for (service, clients) in round.services.iter().zip(clients) {
        let (samples, held) = clients.stop();
        opened += samples.len();
        wrong.extend(service.judge(&samples, &held));
    }
    let took = begun.elapsed().as_secs();
    println!(
        "seed {seed}: {opened} connections, {took} s, conn_reuse_mode {}: {}",
        round.reuse,
        round.told.join(", ")
    );
    if !wrong.is_empty() {
        let log = round.director.take().map(|it| it.log());
        eprintln!("{}{}", round.logs, log.unwrap_or_default());
    }
    wrong
}

impl Round {
    fn set_up(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let count = u16::try_from(EACH_ROUND).unwrap();
        let services: Vec<Service> = (0..count)
            .map(|number| Service::random(&mut rng, number))
            .collect();
        let mut stage = Stage::new(SERVERS);
        stage.client.sysctl("ipv4/tcp_tw_reuse", "1").unwrap();
        for way in Way::ALL {
            stage.vip(way.vip());
            if let Some(device) = way.device() {
                stage.servers_hold(way.vip(), device);
            }
        }
        for source in Way::ALL[1..].iter().flat_map(|way| way.sources()) {
            let rest = if source.is_ipv4() { "16" } else { "64 nodad" };
            let (length, nodad) = rest.split_once(' ').unwrap_or((rest, ""));
            let line = format!("address add {source}/{length} dev eth0 {nodad}\n");
            stage.client.ip(&line).unwrap();
        }
        for service in &services {
            let any = format!("[::]:{}", service.vip.port());
            stage.serve_everywhere(Protocol::Tcp, any.parse().unwrap());
        }
        let mut round = Self {
            reuse: ["0", "1", "2", "keep"][rng.usize(..4)],
            rng,
            stage,
            files: Files::new(),
            director: None,
            services,
            extra: false,
            logs: String::new(),
            told: Vec::new(),
        };
        round.write("");
        round.start();
        for number in 0..round.services.len() {
            for server in 0..SERVERS {
                round.wait_for_weight(number, server, |weight| weight == Some(1));
            }
        }
        round
    }

    /// Writes the file, with these words after it.
    fn write(&self, more: &str) {
        let mut yaml = format!(
            "ipvs: {{conn_reuse_mode: {}}}\ndefaults:\n  check: {{interval: 1s, timeout: 5s, rise: 1, fall: 3}}\n\
             virtual_services:\n",
            self.reuse
        );
        yaml.extend(self.services.iter().map(Service::yaml));
        if self.extra {
            yaml.push_str(&format!(
                "  - {{address: \"192.168.0.10:{EXTRA_PORT}\", servers: [192.168.0.2], check: none}}\n"
            ));
        }
        yaml.push_str(more);
        self.files.write(&yaml);
    }

    fn start(&mut self) {
        self.director = Some(Running::start(&self.stage.director, &self.files, &[]));
    }

    /// The director ends, by SIGKILL or by SIGTERM.
    fn stop(&mut self, by_kill: bool) {
        let director = self.director.take().unwrap();
        self.logs.push_str(&director.log());
        if by_kill {
            drop(director);
        } else {
            assert!(director.stop().success());
        }
        self.logs.push_str("--- ended\n");
    }

    fn start_clients(&mut self) -> Vec<Clients> {
        let Self {
            rng,
            stage,
            services,
            ..
        } = self;
        let start = |service: &mut Service| {
            let sources = service.way.sources();
            let clients = Clients::start(&stage.client, &sources, service.vip, rng);
            service.choose_target(rng, &clients.held);
            clients
        };
        let clients: Vec<Clients> = services.iter_mut().map(start).collect();
        wait_for("every service has had clients", || {
            clients.iter().all(|it| it.opened() >= WARM).then_some(())
        });
        clients
    }

    /// All drains, in any order. Sometimes the director is killed as soon as it has answered.
    fn begin(&mut self) {
        let mut turns: Vec<usize> = (0..self.services.len()).collect();
        self.rng.shuffle(&mut turns);
        let (leaving, ordered): (Vec<usize>, Vec<usize>) = turns
            .into_iter()
            .partition(|it| self.services[*it].kind == Kind::LeavesFile);
        let leaving_first = self.rng.bool();
        if leaving_first {
            self.leave(&leaving);
        }
        for number in ordered {
            let words = self.services[number].order();
            self.services[number].asked = Some(Instant::now());
            let said = self.director(&words);
            self.services[number].answered = Some(Instant::now());
            assert_eq!(said.code, Some(0), "{said:?}");
            if self.rng.u8(..8) == 0 {
                self.told.push("killed when it had answered".to_owned());
                self.stop(true);
                self.start();
            }
        }
        if !leaving_first {
            self.leave(&leaving);
        }
        for number in 0..self.services.len() {
            self.is_quiesced(number);
        }
    }

    /// These servers leave the file, by a reload or while no director runs.
    fn leave(&mut self, leaving: &[usize]) {
        let restart = self.rng.u8(..4) == 0;
        if restart {
            self.told.push("leave while no director runs".to_owned());
            self.stop(true);
        }
        for number in leaving {
            self.services[*number].is_in_file = false;
        }
        self.write("");
        let asked = Instant::now();
        if restart {
            self.start();
        } else {
            self.reload(0);
        }
        for number in leaving {
            self.services[*number].asked = Some(asked);
            self.services[*number].answered = Some(Instant::now());
        }
    }

    fn meanwhile(&mut self) {
        for _ in 0..self.rng.u8(1..4) {
            let act = ACTS[self.rng.usize(..ACTS.len())];
            self.told.push(format!("{act:?}"));
            match act {
                Act::Reload => {
                    self.change();
                    self.reload(0);
                }
                Act::RefusedReload => {
                    self.change();
                    self.write(
                        "  - {address: \"192.168.0.10:4001\", servers: [192.168.0.2], persistence: {engine: nosuch}}\n",
                    );
                    self.reload(1);
                    self.write("");
                }
                Act::Kill | Act::Restart => {
                    self.stop(matches!(act, Act::Kill));
                    self.start();
                }
                Act::KillReloading => {
                    self.change();
                    let said = self.files.once(&self.stage.director, "reload", &[]);
                    assert_eq!(said.code, Some(0), "{said:?}");
                    self.stop(true);
                    self.start();
                }
                Act::LastServers => self.last_servers(),
            }
        }
    }

    /// Another file: with other weights, and with or without one more service.
    fn change(&mut self) {
        self.extra = !self.extra;
        for service in &mut self.services {
            service.reweigh(&mut self.rng);
        }
        self.write("");
    }

    fn last_servers(&mut self) {
        let service = &self.services[self.rng.usize(..self.services.len())];
        let how: &[&str] = [&["drain"][..], &["disable"], &["weight", "0"]][self.rng.usize(..3)];
        let mut words: Vec<String> = how.iter().map(|it| (*it).to_owned()).collect();
        words.extend(service.whom(&service.others()));
        let said = self.director(&words);
        assert_eq!(said.code, Some(1), "{said:?}");
        assert!(said.err.contains("--force"), "{said:?}");
    }

    /// Every drain ends in its own way; then some of the servers come back.
    fn end(&mut self, clients: &[Clients]) {
        for (number, clients) in clients.iter().enumerate() {
            let service = &self.services[number];
            match service.end {
                End::Closed => clients.let_go(&service.name()),
                End::Deadline => {}
                End::Back => self.take_back(number),
            }
        }
        for (number, clients) in clients.iter().enumerate() {
            if self.services[number].end == End::Back {
                continue;
            }
            let target = self.services[number].target;
            self.wait_for_weight(number, target, |weight| weight.is_none());
            let out = Instant::now();
            // Those who still hold a connection find that it has ended.
            wait_for("the clients have asked", || {
                clients.asked_since(out).then_some(())
            });
            if self.rng.bool() {
                self.take_back(number);
            }
        }
    }

    fn take_back(&mut self, number: usize) {
        self.services[number].back = Some(Instant::now());
        if self.services[number].kind == Kind::LeavesFile {
            self.services[number].is_in_file = true;
            self.write("");
            self.reload(0);
        } else {
            let service = &self.services[number];
            let mut words = vec!["enable".to_owned()];
            words.extend(service.whom(&[service.target]));
            let said = self.director(&words);
            assert_eq!(said.code, Some(0), "{said:?}");
        }
        let target = self.services[number].target;
        self.wait_for_weight(number, target, |weight| weight == Some(1));
    }

    /// The kernel has the draining server without a weight, or not at all, when the director has answered.
    fn is_quiesced(&mut self, number: usize) {
        let (service, target) = (&self.services[number], self.services[number].target);
        let weight = weights(&mut self.stage, service)
            .get(&service.server(target).to_string())
            .copied();
        assert!(
            weight.is_none_or(|it| it == 0),
            "weight {weight:?} after the answer: {service:?}"
        );
    }

    fn wait_for_weight(&mut self, number: usize, server: u8, right: impl Fn(Option<u32>) -> bool) {
        let service = self.services[number].clone();
        let at = service.server(server).to_string();
        let stage = &mut self.stage;
        wait_for(&format!("{at} is as it should be: {service:?}"), || {
            right(weights(stage, &service).get(&at).copied()).then_some(())
        });
    }

    fn director(&self, words: &[String]) -> Said {
        let mut program = Command::new(PROGRAM);
        program.args(words).arg("--socket");
        program.arg(self.files.path("socket"));
        said(&self.stage.director, &mut program)
    }

    fn reload(&self, expected: i32) {
        let said = self.files.once(&self.stage.director, "reload", &["--wait"]);
        assert_eq!(said.code, Some(expected), "{said:?}");
    }
}

impl Drop for Round {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = fs::read_to_string(self.files.path("log"));
            eprintln!("{}{}", self.logs, log.unwrap_or_default());
            eprintln!("{}", self.told.join(", "));
        }
    }
}

/// The weights of the servers of a service in the kernel.
fn weights(stage: &mut Stage, service: &Service) -> BTreeMap<String, u32> {
    let key: ServiceKey = service.key().parse().unwrap();
    let found = stage.ipvs.read_service(&key).unwrap();
    let servers = found.into_iter().flat_map(|it| it.servers);
    servers
        .map(|(server, real): (ServerKey, _)| (server.to_string(), real.weight.get()))
        .collect()
}
