// SPDX-License-Identifier: MIT OR Apache-2.0
//! The forecast of a failover equals what breaks, for random histories of servers that come, go, drain, and change their
//! weight while clients open connections.
//!
//! The client's packets to the virtual address go to one director, and then to another one that has never seen them. It
//! has the servers in the canonical order, and `sloppy_tcp`. `HISTORIES` says how many there are, `SEED` which is first.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::time::Instant;

use fastrand::Rng;
use lab::netns::Host;
use lab::question::{Conversation, connect_again};
use lvs_director::codec::connection::Connection;
use lvs_director::config;
use lvs_director::kernel::Ipvs;
use lvs_director::model::{
    AddressFamily, Config, ForwardingMethod, IpvsTable, Protocol, RealServer, Scheduler,
    SchedulerFlags, ServerKey, ServiceKey, ServiceSettings, Tunnel, VirtualService, Weight,
};
use lvs_director::plan::{
    Destination, Forecast, Loss, Maglev, PresentServer, PresentService, Step, Target as _, diff,
    execute,
};

use crate::stage::{PATIENCE, Stage, hold_vip};
use crate::{Test, number};

const SERVERS: u8 = 5;
const HISTORIES: u64 = 6;
const VIPS: [&str; 2] = ["192.168.0.10", "fd00:a::10"];
/// Each history has a port of its own: what is left of the others' connections is no part of it.
const FIRST_PORT: u16 = 2000;
const CHANGES: usize = 8;
const EACH_TIME: usize = 6;
/// Of clients. The kernel chooses none of these by itself.
const PORTS: Range<u16> = 10_000..30_000;
/// How often we look for a port that is wanted. With one server there is none.
const TRIES: usize = 2000;
const WEIGHTS: [u32; 6] = [1, 1, 1, 2, 5, 10];

pub(super) fn tests() -> Vec<Test> {
    vec![("the_forecast_of_a_failover_equals_what_breaks", equals)]
}

fn equals() {
    let histories = number("HISTORIES", HISTORIES);
    let first = number("SEED", 1);
    let begun = Instant::now();
    let mut directors = Directors::new();
    let (mut opened, mut broken) = (0, BTreeMap::<Loss, usize>::new());
    for (seed, port) in (first..first + histories).zip(FIRST_PORT..) {
        let vip = VIPS[usize::from(seed % 2 == 0)].parse().unwrap();
        let history = History::new(&mut directors, SocketAddr::new(vip, port), seed);
        let (held, lost) = history.play();
        opened += held;
        for loss in lost {
            *broken.entry(loss).or_default() += 1;
        }
    }
    println!(
        "{histories} histories from seed {first} on, {opened} connections, in {} s; broke as foretold: {broken:?}",
        begun.elapsed().as_secs()
    );
}

/// Two of them with the same virtual addresses, and the MAC address that each has.
struct Directors {
    stage: Stage,
    other_ipvs: Ipvs,
    /// On the network as long as it is here.
    _other: Host,
}

const FIRST: &str = "02:00:00:00:00:01";
const SECOND: &str = "02:00:00:00:00:02";

impl Directors {
    fn new() -> Self {
        let stage = Stage::new(SERVERS);
        let other = stage.other_director();
        for (director, mac) in [(&stage.director, FIRST), (&other, SECOND)] {
            let line = format!("link set eth0 address {mac}\n");
            director.ip(&line).unwrap();
            for vip in VIPS {
                hold_vip(director, vip.parse().unwrap());
            }
        }
        for (vip, tunnel) in VIPS.into_iter().zip(["tunl0", "ip6tnl0"]) {
            stage.servers_hold(vip.parse().unwrap(), tunnel);
        }
        stage.grow_table_early();
        other.sysctl("ipv4/vs/sloppy_tcp", "1").unwrap();
        Self {
            other_ipvs: other.run(|| Ipvs::open().unwrap()),
            stage,
            _other: other,
        }
    }

    /// Sends the client's packets for a virtual address to this MAC address.
    fn steer(&self, vip: IpAddr, mac: &str) {
        let line = format!("neighbour replace {vip} lladdr {mac} dev eth0 nud permanent\n");
        self.stage.client.ip(&line).unwrap();
    }
}

struct History<'a> {
    directors: &'a mut Directors,
    rng: Rng,
    seed: u64,
    vip: SocketAddr,
    key: ServiceKey,
    settings: ServiceSettings,
    forwarding: ForwardingMethod,
    /// What each server is configured with.
    full: BTreeMap<ServerKey, Weight>,
    /// By the client's end: the server's name, and the connection.
    held: BTreeMap<SocketAddr, (String, Conversation)>,
    told: Vec<String>,
}

impl<'a> History<'a> {
    fn new(directors: &'a mut Directors, vip: SocketAddr, seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let own = usize::from(vip.is_ipv6());
        let servers = directors.stage.servers.iter();
        let servers = servers.map(|host| ServerKey::new(host.addresses()[own], vip.port()));
        let full = servers.map(|server| (server, weight(&mut rng))).collect();
        let ways = [
            ForwardingMethod::DirectRouting,
            ForwardingMethod::Tunneling(Tunnel::IPIP),
        ];
        directors.stage.serve_everywhere(Protocol::Tcp, vip);
        directors.steer(vip.ip(), FIRST);
        Self {
            directors,
            forwarding: *rng.choice(&ways).unwrap(),
            rng,
            seed,
            vip,
            key: ServiceKey::tcp(vip),
            settings: ServiceSettings {
                scheduler_flags: SchedulerFlags::from_bits(0b11),
                ..ServiceSettings::new(Scheduler::MH)
            },
            full,
            held: BTreeMap::new(),
            told: Vec::new(),
        }
    }

    /// Returns how many connections were held, and why some of them broke.
    fn play(mut self) -> (usize, Vec<Loss>) {
        self.begin();
        for _ in 0..CHANGES {
            (0..EACH_TIME).for_each(|_| self.open());
            self.change();
        }
        self.let_one_serve();
        (0..EACH_TIME).for_each(|_| self.open());
        let foretold = self.foretold();
        self.build_the_other();
        self.directors.steer(self.vip.ip(), SECOND);
        let opened = self.held.len();
        let broken = self.broken();
        let expected: BTreeSet<SocketAddr> = foretold.keys().copied().collect();
        assert_eq!(
            broken,
            expected,
            "seed {}: {foretold:?}\n{}",
            self.seed,
            self.told.join("\n")
        );
        self.end();
        (opened, foretold.into_values().collect())
    }

    fn real(&self, weight: Weight) -> RealServer {
        RealServer::new(self.forwarding, weight)
    }

    fn apply(&mut self, steps: &[Step]) {
        let refused = self.directors.stage.ipvs.apply(steps).unwrap();
        assert!(refused.is_empty(), "{refused:?}");
        self.told.extend(steps.iter().map(ToString::to_string));
    }

    /// Some servers, in any order.
    fn begin(&mut self) {
        let add = Step::AddService(self.key, self.settings.clone());
        self.apply(&[add]);
        let mut order: Vec<ServerKey> = self.full.keys().copied().collect();
        if self.rng.bool() {
            self.rng.shuffle(&mut order);
        }
        let count = self.rng.usize(2..=order.len());
        for server in &order[..count] {
            self.add(*server);
        }
    }

    fn present(&mut self) -> Vec<PresentServer> {
        let entries = self.directors.stage.entries(&self.key);
        let present = entries.iter().map(|entry| PresentServer {
            key: entry.key,
            real: entry.server,
            full_weight: self.full[&entry.key],
        });
        present.collect()
    }

    /// With its full weight, and with 0 afterwards if it is not well.
    fn add(&mut self, server: ServerKey) {
        let full = self.full[&server];
        self.apply(&[Step::AddServer(self.key, server, self.real(full))]);
        if self.rng.u8(0..4) == 0 {
            self.set(server, Weight::ZERO);
        }
    }

    fn set(&mut self, server: ServerKey, weight: Weight) {
        self.apply(&[Step::EditServer(self.key, server, self.real(weight))]);
    }

    /// A server comes, goes, drains, is well again, or gets another weight.
    fn change(&mut self) {
        let present = self.present();
        let there: Vec<ServerKey> = present.iter().map(|it| it.key).collect();
        let all = self.full.keys().copied();
        let absent: Vec<ServerKey> = all.filter(|server| !there.contains(server)).collect();
        let (any, new) = (self.rng.choice(there), self.rng.choice(absent));
        match (self.rng.u8(0..8), any, new) {
            (0 | 1, _, Some(server)) => self.add(server),
            (2, Some(server), _) => self.apply(&[Step::DeleteServer(self.key, server)]),
            (3, Some(server), _) => {
                let weight = weight(&mut self.rng);
                self.full.insert(server, weight);
                self.set(server, weight);
            }
            (4.., Some(server), _) => {
                let now = present.iter().find(|it| it.key == server);
                let is_out = now.is_some_and(|it| it.real.weight.is_zero());
                let weight = if is_out {
                    self.full[&server]
                } else {
                    Weight::ZERO
                };
                self.set(server, weight);
            }
            _ => {}
        }
    }

    /// Without a server the other director would refuse packets in a way that TCP does not hear.
    fn let_one_serve(&mut self) {
        let present = self.present();
        if present.iter().any(|it| !it.real.weight.is_zero()) {
            return;
        }
        if let Some(first) = present.first() {
            self.set(first.key, first.full_weight);
        } else {
            let (server, full) = self.full.iter().next().unwrap();
            let step = Step::AddServer(self.key, *server, self.real(*full));
            self.apply(&[step]);
        }
    }

    /// Opens a connection, if there is a server for it.
    fn open(&mut self) {
        let mut servers = self.present().into_iter();
        if servers.all(|it| it.real.weight.is_zero()) {
            return;
        }
        let end = self.client();
        let client = &self.directors.stage.client;
        let stream = client.run(|| connect_again(end, self.vip, PATIENCE));
        let stream = stream.unwrap_or_else(|error| panic!("connect from {end}: {error}"));
        let mut conversation = Conversation::new(stream).unwrap();
        let name = ask(&mut conversation).unwrap();
        self.held.insert(end, (name, conversation));
    }

    /// An end that has no connection. The order of servers matters for one of a hundred: we take such ones half of the
    /// time.
    fn client(&mut self) -> SocketAddr {
        let own = usize::from(self.vip.is_ipv6()) * 2;
        let address = self.directors.stage.client.addresses()[own];
        let mut listed: Vec<Destination> = self.present().iter().map(destination).collect();
        let build = |listed: &[Destination]| {
            let family = AddressFamily::of(address);
            Maglev::build(family, &self.settings, listed).unwrap()
        };
        let in_order = build(&listed);
        listed.reverse();
        let in_reverse = build(&listed);
        let any = self.rng.bool();
        for _ in 0..TRIES {
            let end = SocketAddr::new(address, self.rng.u16(PORTS));
            let is_new = !self.held.contains_key(&end);
            if is_new && (any || in_order.choose(end) != in_reverse.choose(end)) {
                return end;
            }
        }
        loop {
            let end = SocketAddr::new(address, self.rng.u16(PORTS));
            if !self.held.contains_key(&end) {
                return end;
            }
        }
    }

    fn foretold(&mut self) -> BTreeMap<SocketAddr, Loss> {
        let present = PresentService {
            settings: self.settings.clone(),
            keeps_connections: true,
            servers: self.present(),
        };
        let forecast = Forecast::new([(self.key, present)]);
        let lines = self.directors.stage.connections();
        let mut seen = BTreeSet::new();
        let mut foretold = BTreeMap::new();
        for line in &lines {
            let connection = Connection::parse(line).unwrap();
            if connection.service != self.vip {
                continue;
            }
            assert!(connection.is_open(), "{line}");
            let service = forecast.service_of(Protocol::Tcp, connection.service);
            let (client, server) = (connection.client, connection.server.into());
            seen.insert(client);
            if let Some(loss) = forecast.loss(service.unwrap(), client, server) {
                foretold.insert(client, loss);
            }
        }
        assert!(self.held.keys().eq(&seen), "all are in the kernel's list");
        foretold
    }

    /// As a director does that starts now, and finds the servers as they are here.
    fn build_the_other(&mut self) {
        let config = self.config();
        let present = self.present().into_iter().map(|it| (it.key, it.real));
        let service = VirtualService {
            settings: config.services[&self.key].settings.clone(),
            servers: present.collect(),
        };
        let desired = IpvsTable {
            services: BTreeMap::from([(self.key, service)]),
        };
        let plan = diff(&desired, &IpvsTable::new(), &BTreeSet::new());
        let plan = plan.with_full_weights_first(&config);
        let outcome = execute(&mut self.directors.other_ipvs, &plan).unwrap();
        assert!(outcome.is_complete(), "{:?}", outcome.failures);
    }

    fn config(&self) -> Config {
        let forwarding = match self.forwarding {
            ForwardingMethod::DirectRouting => "dr",
            _ => "tun",
        };
        let servers = self.full.iter();
        let servers = servers
            .map(|(server, weight)| format!("{{address: '{}', weight: {weight}}}", server.address));
        let servers: Vec<String> = servers.collect();
        let text = format!(
            "virtual_services: [{{address: '{}', failover: keep_connections, forwarding: {forwarding}, servers: [{}]}}]",
            self.vip,
            servers.join(", ")
        );
        config::parse("director.yaml", text.as_bytes())
            .unwrap_or_else(|wrong| panic!("{}", wrong.render(false)))
    }

    /// The connections over which no question is answered any more.
    fn broken(&mut self) -> BTreeSet<SocketAddr> {
        let held = std::mem::take(&mut self.held);
        let broken = held
            .into_iter()
            .filter_map(|(end, (name, mut conversation))| {
                let answer = ask(&mut conversation);
                (answer.ok().as_ref() != Some(&name)).then_some(end)
            });
        broken.collect()
    }

    fn end(self) {
        for index in 0..self.directors.stage.servers.len() {
            self.directors.stage.stop_serving(index, self.vip);
        }
    }
}

/// The name of the server that answers.
fn ask(conversation: &mut Conversation) -> std::io::Result<String> {
    let answer = conversation.ask("still here", Instant::now() + PATIENCE)?;
    let name = answer.strip_suffix(" still here").unwrap_or(&answer);
    Ok(name.to_owned())
}

fn weight(rng: &mut Rng) -> Weight {
    Weight::new(*rng.choice(&WEIGHTS).unwrap()).unwrap()
}

fn destination(server: &PresentServer) -> Destination {
    Destination {
        server: server.key,
        last_weight: server.full_weight,
        is_available: !server.real.weight.is_zero(),
    }
}
