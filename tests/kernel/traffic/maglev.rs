// SPDX-License-Identifier: MIT OR Apache-2.0
//! `plan::Maglev` chooses what the kernel's `mh` chooses, for random clients, servers, weights and histories.
//!
//! Each client sends one datagram, and each server sees whose datagrams come. One-packet scheduling has the kernel choose
//! for each of them, and keep nothing. `TUPLES` says how many clients there are, `SEED` which history they meet.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use lvs_director::model::{
    AddressFamily, ForwardingMethod, RealServer, Scheduler, SchedulerFlags, ServerKey, ServiceKey,
    ServiceSettings, Weight,
};
use lvs_director::plan::{Destination, Maglev, Step, Target as _};
use nix::sys::socket::{self, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrStorage, sendto};

use super::sniffer::Sniffer;
use crate::stage::{PATIENCE, Stage};
use crate::{Test, number};

const SERVERS: u8 = 7;
/// A short look at each of the [`KINDS`].
const TUPLES: u64 = 20_000;
/// So many clients come between two changes. No queue on their way is shorter.
const BATCH: usize = 100;
/// A datagram that has not come by then is sent again: only a neighbour's address had to be found.
const AGAIN: Duration = Duration::from_secs(1);
const WEIGHTS: [u32; 16] = [
    0,
    0,
    0,
    1,
    1,
    1,
    2,
    3,
    7,
    10,
    60,
    64,
    100,
    999,
    65_537,
    2_147_483_647,
];

/// The virtual address, and the scheduler's flags.
const KINDS: [(&str, u8); 5] = [
    ("192.168.0.10:5672", 0b11),
    ("[fd00:a::10]:5672", 0b11),
    ("192.168.0.10:5672", 0b10),
    ("[fd00:a::10]:5672", 0b01),
    ("192.168.0.10:5672", 0b00),
];

pub(super) fn tests() -> Vec<Test> {
    vec![("the_model_of_mh_chooses_as_the_kernel_does", chosen)]
}

fn chosen() {
    let tuples = number("TUPLES", TUPLES);
    let seed = number("SEED", 1);
    let begun = Instant::now();
    let each = tuples.div_ceil(KINDS.len() as u64);
    let mut refused = 0;
    for (kind, seed) in KINDS.iter().zip(seed..) {
        let mut pool = Pool::new(kind, seed);
        for _ in 0..each.div_ceil(BATCH as u64) {
            pool.change();
            pool.compare();
        }
        refused += pool.refused;
        pool.clean_up();
    }
    println!(
        "{tuples} clients from seed {seed} on, {refused} of them refused, in {} s",
        begun.elapsed().as_secs()
    );
}

/// A service, and what its kernel did until now.
struct Pool {
    rng: Rng,
    stage: Stage,
    key: ServiceKey,
    vip: SocketAddr,
    settings: ServiceSettings,
    /// As the kernel lists them.
    listed: Vec<Destination>,
    sniffers: Vec<(ServerKey, Sniffer)>,
    socket: OwnedFd,
    refused: usize,
    /// What was done since the service was made.
    history: Vec<String>,
}

impl Pool {
    fn new((vip, flags): &(&str, u8), seed: u64) -> Self {
        let vip: SocketAddr = vip.parse().unwrap();
        let stage = Stage::new(SERVERS);
        stage.vip(vip.ip());
        let own = usize::from(vip.is_ipv6());
        let servers = stage.servers.iter();
        let sniffers = servers.map(|host| {
            let server = ServerKey::new(host.addresses()[own], vip.port());
            (server, Sniffer::on(host))
        });
        let sniffers = sniffers.collect();
        let socket = stage.client.run(|| raw_socket(vip));
        let mut pool = Self {
            rng: Rng::with_seed(seed),
            key: ServiceKey::udp(vip),
            vip,
            settings: ServiceSettings {
                scheduler_flags: SchedulerFlags::from_bits(*flags),
                one_packet: true,
                ..ServiceSettings::new(Scheduler::MH)
            },
            listed: Vec::new(),
            sniffers,
            socket,
            refused: 0,
            history: Vec::new(),
            stage,
        };
        pool.make();
        pool
    }

    fn apply(&mut self, steps: &[Step]) {
        let refused = self.stage.ipvs.apply(steps).unwrap();
        assert!(refused.is_empty(), "{refused:?}");
        self.history.extend(steps.iter().map(ToString::to_string));
    }

    /// Makes the service, with its scheduler at once or when all servers are there, which is what the planner does.
    fn make(&mut self) {
        let late = self.rng.bool();
        let mut first = self.settings.clone();
        if late {
            first.scheduler = Scheduler::NONE;
        }
        self.apply(&[Step::AddService(self.key, first)]);
        for _ in 0..self.rng.u8(0..=SERVERS) {
            self.add();
        }
        if late {
            let step = Step::EditService(self.key, self.settings.clone());
            self.apply(&[step]);
        }
    }

    fn clean_up(&mut self) {
        self.apply(&[Step::DeleteService(self.key)]);
        self.listed.clear();
        self.history.clear();
    }

    /// What an operator or a health check does.
    fn change(&mut self) {
        match self.rng.u8(0..20) {
            0 => {
                self.clean_up();
                self.make();
            }
            1..=5 => self.add(),
            6..=8 => self.delete(),
            _ => self.edit(),
        }
        let entries = self.stage.entries(&self.key);
        let keys: Vec<ServerKey> = entries.iter().map(|entry| entry.key).collect();
        let listed: Vec<ServerKey> = self.listed.iter().map(|it| it.server).collect();
        assert_eq!(keys, listed, "the kernel lists the newest first");
    }

    fn weight(&mut self) -> Weight {
        Weight::new(*self.rng.choice(&WEIGHTS).unwrap()).unwrap()
    }

    fn add(&mut self) {
        let there: BTreeSet<ServerKey> = self.listed.iter().map(|it| it.server).collect();
        let all = self.sniffers.iter().map(|(server, _)| *server);
        let absent: Vec<ServerKey> = all.filter(|server| !there.contains(server)).collect();
        let Some(server) = self.rng.choice(&absent).copied() else {
            return;
        };
        let weight = self.weight();
        self.apply(&[Step::AddServer(self.key, server, real(weight))]);
        let added = Destination {
            server,
            last_weight: weight,
            is_available: !weight.is_zero(),
        };
        self.listed.insert(0, added);
    }

    fn delete(&mut self) {
        if let Some(place) = self.any() {
            let server = self.listed.remove(place).server;
            self.apply(&[Step::DeleteServer(self.key, server)]);
        }
    }

    fn edit(&mut self) {
        let Some(place) = self.any() else { return };
        let weight = self.weight();
        let it = &mut self.listed[place];
        it.is_available = !weight.is_zero();
        if it.is_available {
            it.last_weight = weight;
        }
        let server = it.server;
        self.apply(&[Step::EditServer(self.key, server, real(weight))]);
    }

    fn any(&mut self) -> Option<usize> {
        let count = self.listed.len();
        (count > 0).then(|| self.rng.usize(..count))
    }

    /// Sends from some clients, and compares where their datagrams come.
    fn compare(&mut self) {
        let family = AddressFamily::of(self.vip.ip());
        let model = Maglev::build(family, &self.settings, &self.listed).unwrap();
        let clients: BTreeSet<SocketAddr> = (0..BATCH).map(|_| self.client()).collect();
        let chosen = clients
            .iter()
            .map(|client| (*client, model.choose(*client)));
        let expected: BTreeMap<SocketAddr, ServerKey> = chosen
            .filter_map(|(client, server)| Some((client, server?)))
            .collect();
        self.refused += clients.len() - expected.len();
        let mut seen = BTreeMap::new();
        let begun = Instant::now();
        let mut sent = None;
        while sent.is_none() || expected.keys().any(|client| !seen.contains_key(client)) {
            if sent.is_none_or(|at: Instant| at.elapsed() > AGAIN) {
                let missing = clients.iter().filter(|client| !seen.contains_key(*client));
                missing.for_each(|client| self.send(*client));
                sent = Some(Instant::now());
            } else {
                thread::yield_now();
            }
            self.look(&mut seen);
            let wrong = seen
                .iter()
                .find(|(client, server)| expected.get(client) != Some(server));
            let missing = || {
                expected
                    .iter()
                    .find(|(client, _)| !seen.contains_key(client))
            };
            assert!(
                wrong.is_none() && begun.elapsed() < PATIENCE,
                "went {wrong:?}, missing {:?}: {:?}\n{}",
                missing(),
                self.listed,
                self.history.join("\n"),
            );
        }
    }

    fn look(&self, seen: &mut BTreeMap<SocketAddr, ServerKey>) {
        for (server, sniffer) in &self.sniffers {
            let senders = sniffer.senders();
            seen.extend(senders.into_iter().map(|client| (client, *server)));
        }
    }

    fn client(&mut self) -> SocketAddr {
        let ip: IpAddr = if self.vip.is_ipv4() {
            loop {
                let address = Ipv4Addr::from_bits(self.rng.u32(..));
                if is_anywhere(address) {
                    break address.into();
                }
            }
        } else {
            // 2000::/3, where global addresses are.
            Ipv6Addr::from_bits(self.rng.u128(..) >> 3 | 1 << 125).into()
        };
        // Nothing from port 20 is scheduled: it could be FTP's data (`ip_vs_schedule`).
        let port = self.rng.u16(1..);
        SocketAddr::new(ip, if port == 20 { 21 } else { port })
    }

    /// Sends an empty datagram as if from this client.
    fn send(&self, client: SocketAddr) {
        let packet = datagram(client, self.vip);
        let to = SockaddrStorage::from(SocketAddr::new(self.vip.ip(), 0));
        sendto(self.socket.as_raw_fd(), &packet, &to, MsgFlags::empty()).unwrap();
    }
}

/// Whether hosts that are not on the stage may have it.
fn is_anywhere(address: Ipv4Addr) -> bool {
    match address.octets() {
        [0 | 127 | 224.., ..] | [192, 168, ..] | [10, 9, ..] => false,
        [1..=126 | 128..=223, ..] => true,
    }
}

fn real(weight: Weight) -> RealServer {
    RealServer::new(ForwardingMethod::DirectRouting, weight)
}

/// A socket for packets with their IP header.
fn raw_socket(to: SocketAddr) -> OwnedFd {
    let family = if to.is_ipv4() {
        socket::AddressFamily::Inet
    } else {
        socket::AddressFamily::Inet6
    };
    let (flags, protocol) = (SockFlag::SOCK_CLOEXEC, SockProtocol::Raw);
    socket::socket(family, SockType::Raw, flags, protocol).unwrap()
}

/// Nobody reads the datagram: IPVS passes it on without a look at the checksum, which is 0.
fn datagram(from: SocketAddr, to: SocketAddr) -> Vec<u8> {
    let mut packet = match (from.ip(), to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            // The kernel writes the checksum.
            let head = [0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0];
            [&head[..], &from.octets(), &to.octets()].concat()
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let head = [0x60, 0, 0, 0, 0, 8, 17, 64];
            [&head[..], &from.octets(), &to.octets()].concat()
        }
        _ => unreachable!("clients have addresses of the service's family"),
    };
    packet.extend(from.port().to_be_bytes());
    packet.extend(to.port().to_be_bytes());
    packet.extend([0, 8, 0, 0]);
    packet
}
