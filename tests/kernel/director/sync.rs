// SPDX-License-Identifier: MIT OR Apache-2.0
//! A director tells the kernel of the other one of all its connections at once. `HELD` says how many clients hold one,
//! `CONNECTIONS` how many are only in the table.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Instant;

use lab::netns::{Host, Net};
use lvs_director::codec::connection::Connection;
use lvs_director::codec::sync::{GROUP, PORT, SyncConnection, SyncFlags, SyncMessage};
use lvs_director::kernel::Ipvs;
use lvs_director::model::{SyncDaemon, SyncRole, Timestamp};
use lvs_director::net::MulticastSocket;
use lvs_director::plan::Pace;

use super::keep::{Lan, SERVERS, established};
use super::process::{Files, Running, Said};
use crate::stage::{PATIENCE, wait_for};
use crate::{Test, number};

const SYNC_ID: u8 = 51;

pub(super) fn tests() -> Vec<Test> {
    vec![
        (
            "connections_live_on_from_one_director_to_the_other_and_back_to_the_first_which_had_lost_all",
            there_and_back,
        ),
        (
            "a_director_that_starts_empty_is_loaded_with_the_table_of_the_other",
            loaded,
        ),
        (
            "a_director_that_stops_tells_the_other_of_its_connections_first",
            stops,
        ),
        (
            "a_sync_that_cannot_be_is_refused_and_delays_no_failover",
            refused,
        ),
    ]
}

const SYNC: &str = "connection_sync: {interface: eth0, id: 51}";

/// Waits until a director that has just started knows the servers.
fn wait_for_servers(director: &Running) {
    for (_, last) in SERVERS {
        director.wait_for(&format!(
            "192.168.0.{last}:80 of TCP 192.168.0.10:80: unknown -> up"
        ));
    }
}

/// How many connections a command says that it has sent. On kernels whose hosts share one table of connections it may be
/// more than there are: what the other host takes in moves the rest while it is read.
fn sent(said: &Said) -> usize {
    let line = said.out.lines().next().unwrap_or_default();
    assert!(line.ends_with(" s to 224.0.0.81:8848 on eth0"), "{said:?}");
    let count = line.split_once(" connections sent in ");
    let (count, _) = count.unwrap_or_else(|| panic!("{said:?}"));
    count.parse().unwrap()
}

fn there_and_back() {
    let mut lan = Lan::with(SYNC, "scheduler: wrr");
    let [a, b] = lan.start_both();
    let mut held = lan.hold_synchronised([&a, &b]);
    lan.lose_first(a, &b, &mut held);
    let a = lan.start(0);
    a.wait_for("virtual router eth0/51: initialize -> backup");
    a.wait_for("started backup sync daemon");
    wait_for_servers(&a);
    assert_eq!(established(&lan.directors[0].0), 0);
    let (host, files) = &lan.directors[1];
    assert!(sent(&files.once(host, "sync", &[])) >= held.count());
    wait_for("the first one has all connections again", || {
        (established(&lan.directors[0].0) == held.count()).then_some(())
    });
    let said = files.once(host, "failover", &[]);
    assert!(sent(&said) >= held.count());
    assert!(said.out.ends_with("\nhanded over: eth0/51\n"), "{said:?}");
    a.wait_for("virtual router eth0/51: backup -> master");
    assert_eq!(held.broken_when_asked(PATIENCE), 0, "{}", a.log());
    let status = files.status(host).connection_sync.unwrap();
    assert_eq!((status.completed, status.failed), (2, 0), "{status:?}");
}

/// The first director's table has so many connections that nobody holds; the second one has none.
struct Pair {
    directors: [(Host, Files); 2],
    _net: Net,
}

const TABLE: &str = "\
virtual_routers:
  - {interface: eth0, vrid: 51, interval: 1s, hold: 0s, addresses: [192.168.0.10/24]}
virtual_services:
  - {address: '192.168.0.10:80', scheduler: wrr, check: none, servers: [192.168.0.2]}
  - {address: '[fd00:a::10]:80', scheduler: wrr, check: none, servers: ['fd00:a::2']}
";

impl Pair {
    fn new(connections: u32) -> Self {
        let net = Net::new().unwrap();
        let directors = [("a", 11), ("b", 12)].map(|(name, last)| {
            let addresses = [format!("192.168.0.{last}/24"), format!("fd00:a::{last}/64")];
            let host = net
                .host(name, &addresses.each_ref().map(String::as_str))
                .unwrap();
            let files = Files::new();
            files.write(&format!("{SYNC}\n{TABLE}"));
            (host, files)
        });
        let (host, files) = &directors[0];
        assert_eq!(files.once(host, "apply", &[]).code, Some(0));
        let sender = net.host("sender", &["192.168.0.13/24"]).unwrap();
        feed(&sender, host, connections);
        Self {
            directors,
            _net: net,
        }
    }

    /// Starts both. The first one has the address.
    fn start(&self) -> [Running; 2] {
        let start = |(host, files): &(Host, Files)| Running::start(host, files, &[]);
        let a = start(&self.directors[0]);
        a.wait_for("virtual router eth0/51: backup -> master");
        let b = start(&self.directors[1]);
        b.wait_for("started backup sync daemon");
        [a, b]
    }

    /// What both kernels list, without the time that is left.
    fn lists(&self) -> [BTreeSet<String>; 2] {
        self.directors.each_ref().map(|(host, _)| {
            let listed =
                host.run(|| std::fs::read_to_string("/proc/thread-self/net/ip_vs_conn").unwrap());
            let lines = listed.lines().skip(1);
            let known = lines.map(|line| {
                let it = Connection::parse(line).unwrap();
                format!(
                    "{} {} {} {} {}",
                    it.protocol, it.client, it.service, it.server, it.state
                )
            });
            known.collect()
        })
    }
}

/// Puts so many connections into a host's table, by its kernel's own backup daemon: a fifth of them of IPv6.
fn feed(sender: &Host, host: &Host, connections: u32) {
    let mut ipvs = host.run(|| Ipvs::open().unwrap());
    let daemon = SyncDaemon {
        role: SyncRole::Backup,
        interface: "eth0".to_owned(),
        sync_id: SYNC_ID,
        max_length: 0,
        group: None,
        port: 0,
        ttl: 0,
    };
    ipvs.start_sync_daemon(&daemon).unwrap();
    let group = SocketAddr::new(GROUP, PORT);
    let socket = sender.run(|| MulticastSocket::open(group, "eth0", 1).unwrap());
    let began = Instant::now();
    let mut pace = Pace::new(Timestamp::ZERO);
    let mut send = |message: &mut SyncMessage| {
        loop {
            let wait = pace.next(Timestamp::after_start(began.elapsed()));
            if wait.is_zero() {
                break;
            }
            std::thread::sleep(wait);
        }
        socket.send(message.bytes()).unwrap();
        message.clear();
    };
    let mut message = SyncMessage::new(SYNC_ID, 1472);
    for number in 0..connections {
        let connection = connection(number);
        if !message.push(&connection) {
            send(&mut message);
            assert!(message.push(&connection));
        }
    }
    send(&mut message);
    wait_for("all connections are in the table", || {
        let servers = ["TCP 192.168.0.10:80", "TCP [fd00:a::10]:80"].map(|key| {
            ipvs.servers(&key.parse().unwrap())
                .unwrap()
                .remove(0)
                .connections
        });
        let known: u32 = servers.iter().map(|it| it.active + it.inactive).sum();
        (known == connections).then_some(())
    });
    ipvs.stop_sync_daemon(SyncRole::Backup).unwrap();
}

/// One with this number: most are open, some end.
fn connection(number: u32) -> SyncConnection<'static> {
    let is_ipv6 = number.is_multiple_of(5);
    let port = 1024 + u16::try_from(number % 50_000).unwrap();
    let (client, service, server) = if is_ipv6 {
        let network = Ipv6Addr::new(
            0xfd00,
            0x9,
            0,
            0,
            0,
            0,
            0,
            u16::try_from(number / 50_000).unwrap(),
        );
        (
            SocketAddr::new(network.into(), port),
            "[fd00:a::10]:80",
            "[fd00:a::2]:80",
        )
    } else {
        let client = Ipv4Addr::from(0x0a09_0000 + number / 50_000);
        (
            SocketAddr::new(client.into(), port),
            "192.168.0.10:80",
            "192.168.0.2:80",
        )
    };
    let ends = number.is_multiple_of(7);
    let flags = SyncFlags(0x3) | SyncFlags::NO_OUTPUT;
    SyncConnection {
        protocol: 6,
        flags: if ends {
            flags | SyncFlags::INACTIVE
        } else {
            flags
        },
        // TIME_WAIT or ESTABLISHED. They last for long: a busy machine takes its time.
        state: if ends { 5 } else { 1 },
        client,
        service: service.parse().unwrap(),
        server: server.parse().unwrap(),
        mark: 0,
        timeout: 3000,
        sequences: None,
        engine: None,
    }
}

fn loaded() {
    let connections = u32::try_from(number("CONNECTIONS", 4000)).unwrap();
    let pair = Pair::new(connections);
    let [a, _b] = pair.start();
    let (host, files) = &pair.directors[0];
    let began = Instant::now();
    let said = files.once(host, "sync", &[]);
    let took = began.elapsed();
    assert!(sent(&said) >= connections as usize, "{said:?}");
    let [here, there] = wait_for("both kernels list the same", || {
        let lists = pair.lists();
        (lists[0] == lists[1]).then_some(lists)
    });
    assert_eq!(
        (here.len(), there.len()),
        (connections as usize, connections as usize)
    );
    println!(
        "{} (with the command: {} ms)",
        said.out.trim_end(),
        took.as_millis()
    );
    a.wait_for(" s to 224.0.0.81:8848 on eth0 (asked for)");
    let status = files.status(host).connection_sync.unwrap();
    assert_eq!((status.completed, status.failed), (1, 0), "{status:?}");
}

fn stops() {
    let pair = Pair::new(500);
    let [a, b] = pair.start();
    let [here, there] = pair.lists();
    assert_eq!((here.len(), there.len()), (500, 0));
    assert!(a.stop().success());
    b.wait_for("virtual router eth0/51: backup -> master");
    wait_for("the other kernel has all of them", || {
        let [here, there] = pair.lists();
        (here == there).then_some(())
    });
}

fn refused() {
    let pair = Pair::new(500);
    let [a, b] = pair.start();
    let (host, files) = &pair.directors[1];
    let said = files.once(host, "sync", &[]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(
        said.err
            .contains("this host is master of no virtual router: ask on the host that is"),
        "{said:?}"
    );
    drop(b);
    // An interface that is not there: the failover does not wait for it.
    let (host, files) = &pair.directors[0];
    files.write(&format!(
        "connection_sync: {{interface: eth9, id: 51}}\n{TABLE}"
    ));
    assert_eq!(files.once(host, "reload", &[]).code, Some(0));
    wait_for("a sync has nowhere to go", || {
        let said = files.once(host, "sync", &[]);
        said.err
            .contains("send all connections to 224.0.0.81:8848 on eth9: ")
            .then_some(())
    });
    let said = files.once(host, "failover", &[]);
    assert_eq!(said.out, "handed over: eth0/51\n", "{said:?}");
    a.wait_for("virtual router eth0/51: master -> backup");
    let problem = files.status(host).connection_sync.unwrap().problem.unwrap();
    assert!(problem.contains("eth9"), "{problem}");
}
