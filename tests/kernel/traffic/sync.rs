// SPDX-License-Identifier: MIT OR Apache-2.0
//! Messages of connection synchronisation: ours say what the kernel's own say, and the kernel takes ours in.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use lab::netns::Host;
use lab::question::{Conversation, connect};
use lvs_director::codec::connection::Connection;
use lvs_director::codec::sync::{GROUP, PORT, SyncConnection, SyncFlags, SyncMessage, parse};
use lvs_director::model::{AddressFamily, Protocol, SyncDaemon, SyncRole};
use lvs_director::net::MulticastSocket;
use lvs_director::plan::{Copies, Target as _};

use super::forwarding::ask_marked;
use crate::Test;
use crate::stage::{PATIENCE, Stage, wait_for};

const SYNC_ID: u8 = 51;
/// `IP_VS_CONN_F_BACKUP_MASK`: what a receiver takes of the flags.
const TAKEN: u32 = 0x1f87;

pub(super) fn tests() -> Vec<Test> {
    vec![
        (
            "what_we_would_send_of_connections_is_what_the_kernel_itself_sends",
            as_the_kernel,
        ),
        (
            "another_kernel_lists_the_connections_that_it_was_sent_as_they_were_sent",
            taken_in,
        ),
    ]
}

fn daemon(role: SyncRole) -> SyncDaemon {
    SyncDaemon {
        role,
        interface: "eth0".to_owned(),
        sync_id: SYNC_ID,
        max_length: 0,
        group: None,
        port: 0,
        ttl: 0,
    }
}

/// One of each kind: routed, translated, wrapped, by UDP, bound by persistence, by mark; and by IPv6.
const TABLE: &str = "\
virtual_services:
  - {address: '192.168.0.10:80', scheduler: rr, servers: [192.168.0.2, 192.168.0.3]}
  - {address: '192.168.0.10:81', scheduler: rr, forwarding: nat, servers: ['192.168.0.2:8080']}
  - {address: '192.168.0.10:82', scheduler: rr, persistence: 70s, servers: [192.168.0.2]}
  - {address: '192.168.0.10:83', scheduler: rr, forwarding: tun, servers: [192.168.0.2]}
  - {address: '192.168.0.10:53', protocol: udp, scheduler: rr, servers: [192.168.0.3]}
  - {address: '[fd00:a::10]:80', scheduler: rr, persistence: 80s, servers: ['fd00:a::2']}
  - {fwmark: 7, scheduler: rr, persistence: 90s, servers: [192.168.0.2]}
  - {fwmark: 8, family: ipv6, scheduler: rr, persistence: 90s, servers: ['fd00:a::2']}
";

fn stage() -> Stage {
    let mut stage = Stage::new(2);
    for vip in ["192.168.0.10", "fd00:a::10"] {
        stage.vip(vip.parse().unwrap());
    }
    for (vip, device) in [
        ("192.168.0.10", "lo"),
        ("fd00:a::10", "lo"),
        ("198.51.100.7", "lo"),
        ("2001:db8::7", "lo"),
    ] {
        stage.servers_hold(vip.parse().unwrap(), device);
    }
    let route = "route add 198.51.100.0/24 dev eth0\nroute add 2001:db8::/64 dev eth0\n";
    stage.director.ip(route).unwrap();
    for server in &stage.servers {
        server.ip("link set tunl0 up\n").unwrap();
    }
    for port in [80, 82, 83] {
        let at = SocketAddr::new([192, 168, 0, 10].into(), port);
        stage.serve_everywhere(Protocol::Tcp, at);
    }
    let own = "192.168.0.2:8080".parse().unwrap();
    stage.serve(0, Protocol::Tcp, own);
    stage.serve_everywhere(Protocol::Udp, "192.168.0.10:53".parse().unwrap());
    for at in ["[fd00:a::10]:80", "198.51.100.7:80", "[2001:db8::7]:80"] {
        stage.serve_everywhere(Protocol::Tcp, at.parse().unwrap());
    }
    stage.program(TABLE);
    stage
}

/// Hears what is sent to the group.
fn listen(host: &Host) -> UdpSocket {
    host.run(|| {
        let socket = UdpSocket::bind((GROUP, PORT)).unwrap();
        let address = Ipv4Addr::new(192, 168, 0, 12);
        let IpAddr::V4(group) = GROUP else {
            unreachable!("the kernel's group is of IPv4")
        };
        socket.join_multicast_v4(&group, &address).unwrap();
        let patience = Some(Duration::from_millis(20));
        socket.set_read_timeout(patience).unwrap();
        socket
    })
}

/// A connection by its ends; templates have no client's port.
type Ends = (u8, SocketAddr, SocketAddr, SocketAddr);

fn ends(it: &SyncConnection<'_>) -> Ends {
    (it.protocol, it.client, it.service, it.server)
}

/// Everything else that counts: flags, state, mark, and whether there are sequence numbers.
type Rest = (SyncFlags, u16, u32, bool);

fn rest(it: &SyncConnection<'_>) -> Rest {
    // The director asked by itself: it saw the servers' packets, and the kernel noted so. A receiver takes that from its
    // own table.
    let own = ["192.168.0.11", "fd00:a::11", "fd00:9::11"].map(|own| own.parse().unwrap());
    let is_own = own.contains(&it.client.ip()) && !it.flags.has(SyncFlags::TEMPLATE);
    let seen = if is_own { SyncFlags::NO_OUTPUT.0 } else { 0 };
    let flags = SyncFlags(it.flags.0 & TAKEN & !seen);
    (flags, it.state, it.mark, it.sequences.is_some())
}

fn as_the_kernel() {
    let mut stage = stage();
    let other = stage.other_director();
    let heard = listen(&other);
    // Each packet of a connection is told.
    let set = stage.director.sysctl("ipv4/vs/sync_threshold", "0 1");
    set.unwrap();
    let started = stage.ipvs.start_sync_daemon(&daemon(SyncRole::Master));
    started.unwrap();
    let _held = talk(&stage);
    let copies = Copies::new(stage.ipvs.read().unwrap(), BTreeSet::new());
    let mut theirs = BTreeMap::new();
    let kinds = wait_for("the kernel has told of all connections", || {
        hear(&heard, &mut theirs);
        let mut kinds = BTreeSet::new();
        for line in &stage.connections() {
            let listed = Connection::parse(line).unwrap();
            let ours = copies.of(&listed);
            let ours = ours.unwrap_or_else(|why| panic!("{line}: {why}"));
            let (rest_of_theirs, timeout) = theirs.get(&ends(&ours))?;
            if *rest_of_theirs != rest(&ours) {
                return None;
            }
            if ours.timeout > 0 {
                assert_eq!(*timeout, ours.timeout, "{line}");
            }
            let (protocol, state) = (listed.protocol, listed.state);
            kinds.insert(format!("{protocol} {state} {}", ours.family()));
        }
        Some(kinds)
    });
    for kind in [
        "TCP ESTABLISHED IPv4",
        "TCP ESTABLISHED IPv6",
        "TCP ASSURED IPv4",
        "TCP ASSURED IPv6",
        "UDP UDP IPv4",
        "IP ASSURED IPv4",
        "IP ASSURED IPv6",
    ] {
        assert!(kinds.contains(kind), "no {kind} in {kinds:?}");
    }
}

/// Opens connections to every service: some are held, some end.
fn talk(stage: &Stage) -> Vec<Conversation> {
    let at = |text: &str| -> SocketAddr { text.parse().unwrap() };
    let mut held = Vec::new();
    for to in [
        "192.168.0.10:80",
        "192.168.0.10:81",
        "192.168.0.10:82",
        "192.168.0.10:83",
        "[fd00:a::10]:80",
    ] {
        // Replies that are translated must not find a way past the director.
        let from = to.ends_with(":81").then_some("10.9.0.100");
        let stream = stage.client.run(|| {
            let from = from.map(|from| from.parse().unwrap());
            connect(from, at(to), PATIENCE).unwrap_or_else(|error| panic!("{to}: {error}"))
        });
        let mut conversation = Conversation::new(stream).unwrap();
        for _ in 0..3 {
            let answer = conversation.ask("hello", Instant::now() + PATIENCE);
            answer.unwrap();
        }
        held.push(conversation);
        stage.ask(Protocol::Tcp, from, at(to));
    }
    stage.ask(Protocol::Udp, None, at("192.168.0.10:53"));
    stage.director.run(|| {
        ask_marked(7, at("198.51.100.7:80"));
        ask_marked(8, at("[2001:db8::7]:80"));
    });
    held
}

/// Takes in what the kernel has sent: of each connection the last that was told, and its timeout.
fn hear(socket: &UdpSocket, told: &mut BTreeMap<Ends, (Rest, u32)>) {
    let mut buffer = [0; 2048];
    while let Ok(length) = socket.recv(&mut buffer) {
        let (header, connections) = parse(&buffer[..length]).unwrap();
        assert_eq!(header.sync_id, SYNC_ID);
        for connection in connections {
            let it = connection.unwrap();
            told.insert(ends(&it), (rest(&it), it.timeout));
        }
    }
}

/// Connections in every state, and templates, of one family.
fn of_every_kind(family: AddressFamily) -> Vec<SyncConnection<'static>> {
    let mut port = 1024;
    let mut kind = |protocol: u8, state: u16, is_active: bool, template: Option<u32>| {
        port += 1;
        let (mut client, service, mark, server) = match (family, protocol) {
            (AddressFamily::Ipv4, 0) => ("10.9.0.1:0", "0.0.0.7:0", 7, "192.168.0.2:0"),
            (AddressFamily::Ipv4, _) => ("10.9.0.1:0", "192.168.0.10:80", 0, "192.168.0.2:80"),
            (AddressFamily::Ipv6, 0) => ("[fd00:9::1]:0", "[0:7::]:0", 7, "[fd00:a::2]:0"),
            (AddressFamily::Ipv6, _) => ("[fd00:9::1]:0", "[fd00:a::10]:80", 0, "[fd00:a::2]:80"),
        };
        let other = match family {
            AddressFamily::Ipv4 => "10.9.0.2:0",
            AddressFamily::Ipv6 => "[fd00:9::2]:0",
        };
        if template.is_some() && state == 1 {
            // Another client: templates have no port.
            client = other;
        }
        let mut client: SocketAddr = client.parse().unwrap();
        let mut flags = SyncFlags(0x3) | SyncFlags::NO_OUTPUT;
        if template.is_some() {
            flags = flags | SyncFlags::TEMPLATE;
        } else {
            client.set_port(port);
        }
        if !is_active {
            flags = flags | SyncFlags::INACTIVE;
        }
        SyncConnection {
            protocol,
            flags,
            state,
            client,
            service: service.parse().unwrap(),
            server: server.parse().unwrap(),
            mark,
            timeout: template.unwrap_or(0),
            sequences: None,
            engine: None,
        }
    };
    let mut all = Vec::new();
    all.extend((0..=10).map(|state| kind(6, state, [1, 2, 3, 10].contains(&state), None)));
    all.push(kind(17, 0, false, None));
    all.extend((0..=13).map(|state| kind(132, state, state == 8, None)));
    for state in [0, 1] {
        all.push(kind(6, state, false, Some(70)));
        all.push(kind(0, state, false, Some(90)));
    }
    all
}

const BOTH: &str = "\
defaults: {scheduler: rr, persistence: 70s}
virtual_services:
  - {address: '192.168.0.10:80', servers: [192.168.0.2]}
  - {address: '[fd00:a::10]:80', servers: ['fd00:a::2']}
  - {address: '192.168.0.10:80', protocol: udp, servers: [192.168.0.2]}
  - {address: '[fd00:a::10]:80', protocol: udp, servers: ['fd00:a::2']}
  - {address: '192.168.0.10:80', protocol: sctp, servers: [192.168.0.2]}
  - {address: '[fd00:a::10]:80', protocol: sctp, servers: ['fd00:a::2']}
  - {fwmark: 7, persistence: 90s, servers: [192.168.0.2]}
  - {fwmark: 7, family: ipv6, persistence: 90s, servers: ['fd00:a::2']}
";

fn taken_in() {
    let mut stage = Stage::new(0);
    stage.program(BOTH);
    let started = stage.ipvs.start_sync_daemon(&daemon(SyncRole::Backup));
    started.unwrap();
    let sender = stage.other_director();
    let group = SocketAddr::new(GROUP, PORT);
    let socket = sender.run(|| MulticastSocket::open(group, "eth0", 1).unwrap());
    let copies = Copies::new(stage.ipvs.read().unwrap(), BTreeSet::new());
    let families = [AddressFamily::Ipv4, AddressFamily::Ipv6];
    let mut sent = families.map(of_every_kind).concat();
    sent.sort_by_key(ends);
    for connection in &sent {
        let mut message = SyncMessage::new(SYNC_ID, 1400);
        // Some states last for two seconds by themselves. A busy machine takes longer.
        let timeout = connection.timeout.max(1000);
        assert!(message.push(&SyncConnection {
            timeout,
            ..connection.clone()
        }));
        socket.send(message.bytes()).unwrap();
    }
    wait_for("the other kernel lists all of them", || {
        let lines = stage.connections();
        let listed = lines.iter().map(|line| Connection::parse(line).unwrap());
        let mut copied: Vec<_> = listed.map(|it| copies.of(&it).unwrap()).collect();
        copied.sort_by_key(ends);
        (copied == sent).then_some(())
    });
    // The flags had their effect: the kernel counts the active ones as active.
    let key = "TCP 192.168.0.10:80".parse().unwrap();
    let counted = stage.entries(&key).remove(0).connections;
    assert_eq!(
        (counted.active, counted.inactive, counted.persistent),
        (4, 7, 2)
    );
}
