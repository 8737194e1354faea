// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every forwarding method, over IPv4 and IPv6, with TCP and UDP: which server answers, and on which path.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr, UdpSocket};

use lab::question::{ask_by, udp_socket};
use lvs_director::model::{AddressFamily, Protocol};

use super::sniffer::Sniffer;
use crate::Test;
use crate::stage::{PATIENCE, Stage, received, wait_for};
use AddressFamily::{Ipv4, Ipv6};
use Method::{Dr, Nat, Tun};
use Protocol::{Tcp, Udp};

const QUESTIONS: usize = 12;
const SERVERS: u8 = 3;
const PORT: u16 = 5672;
/// Where servers listen under masquerading, which can change the port.
const NAT_PORT: u16 = 8080;

pub(super) fn tests() -> Vec<Test> {
    vec![
        ("direct_routing_over_ipv4_carries_tcp", || {
            check(Dr, Ipv4, Tcp);
        }),
        ("direct_routing_over_ipv4_carries_udp", || {
            check(Dr, Ipv4, Udp);
        }),
        ("direct_routing_over_ipv6_carries_tcp", || {
            check(Dr, Ipv6, Tcp);
        }),
        ("direct_routing_over_ipv6_carries_udp", || {
            check(Dr, Ipv6, Udp);
        }),
        ("masquerading_over_ipv4_carries_tcp", || {
            check(Nat, Ipv4, Tcp);
        }),
        ("masquerading_over_ipv4_carries_udp", || {
            check(Nat, Ipv4, Udp);
        }),
        ("masquerading_over_ipv6_carries_tcp", || {
            check(Nat, Ipv6, Tcp);
        }),
        ("masquerading_over_ipv6_carries_udp", || {
            check(Nat, Ipv6, Udp);
        }),
        ("tunneling_over_ipv4_carries_tcp", || check(Tun, Ipv4, Tcp)),
        ("tunneling_over_ipv4_carries_udp", || check(Tun, Ipv4, Udp)),
        ("tunneling_over_ipv6_carries_tcp", || check(Tun, Ipv6, Tcp)),
        ("tunneling_over_ipv6_carries_udp", || check(Tun, Ipv6, Udp)),
        (
            "an_ipv6_service_is_tunneled_to_ipv4_servers",
            ipv6_over_ipv4,
        ),
        (
            "the_kernel_counts_packets_to_clients_under_masquerading_only",
            counters,
        ),
        ("what_a_firewall_marked_is_a_service", fwmark),
    ]
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Method {
    Dr,
    Nat,
    Tun,
}

impl Method {
    fn vip(self, family: AddressFamily) -> SocketAddr {
        let vip = match (self, family) {
            (Dr | Tun, Ipv4) => "192.168.0.10",
            (Dr | Tun, Ipv6) => "fd00:a::10",
            (Nat, Ipv4) => "10.9.0.10",
            (Nat, Ipv6) => "fd00:9::10",
        };
        (vip.parse::<IpAddr>().unwrap(), PORT).into()
    }

    fn word(self) -> &'static str {
        match self {
            Dr => "dr",
            Nat => "nat",
            Tun => "tun",
        }
    }

    /// The device that servers have the virtual address on.
    fn device(self, family: AddressFamily) -> Option<&'static str> {
        match (self, family) {
            (Nat, _) => None,
            (Dr, _) => Some("lo"),
            (Tun, Ipv4) => Some("tunl0"),
            (Tun, Ipv6) => Some("ip6tnl0"),
        }
    }
}

fn server_address(family: AddressFamily, index: u8) -> IpAddr {
    let address = match family {
        Ipv4 => format!("192.168.0.{}", index + 2),
        Ipv6 => format!("fd00:a::{:x}", index + 2),
    };
    address.parse().unwrap()
}

/// Round robin over all servers, the service running on each.
fn set_up(method: Method, family: AddressFamily, protocol: Protocol) -> (Stage, SocketAddr) {
    let mut stage = Stage::new(SERVERS);
    let vip = method.vip(family);
    stage.vip(vip.ip());
    if let Some(device) = method.device(family) {
        stage.servers_hold(vip.ip(), device);
    }
    let mut yaml = format!(
        "defaults: {{scheduler: rr, forwarding: {}}}\nvirtual_services:\n  - address: \"{vip}\"\n    \
         protocol: {}\n    servers:\n",
        method.word(),
        protocol.to_string().to_lowercase()
    );
    for index in 0..SERVERS {
        let own = server_address(family, index);
        let (listen, server) = if method == Nat {
            let at = SocketAddr::from((own, NAT_PORT));
            (at, at)
        } else {
            (vip, SocketAddr::from((own, PORT)))
        };
        stage.serve(usize::from(index), protocol, listen);
        yaml.push_str(&format!("      - \"{server}\"\n"));
    }
    stage.program(&yaml);
    (stage, vip)
}

fn ask_all(stage: &Stage, protocol: Protocol, vip: SocketAddr) {
    let answered: Vec<String> = match protocol {
        Udp => ask_from_new_ports(stage, vip),
        _ => (0..QUESTIONS)
            .map(|_| stage.ask(protocol, None, vip))
            .collect(),
    };
    let mut answers = BTreeMap::new();
    for answer in answered {
        *answers.entry(answer).or_insert(0_usize) += 1;
    }
    let share = QUESTIONS / usize::from(SERVERS);
    let expected = (1..=SERVERS).map(|number| (format!("rs{number}"), share));
    assert_eq!(answers, expected.collect());
}

/// By UDP, each time from another port: for IPVS a second datagram from the same port belongs to the same connection.
fn ask_from_new_ports(stage: &Stage, vip: SocketAddr) -> Vec<String> {
    stage.client.run(|| {
        let sockets: Vec<UdpSocket> = (0..QUESTIONS)
            .map(|_| udp_socket(None, vip).unwrap())
            .collect();
        let answers = sockets.iter().map(|it| ask_by(it, PATIENCE).unwrap());
        answers
            .map(|answer| answer.strip_suffix(" hello").unwrap_or(&answer).to_owned())
            .collect()
    })
}

fn check(method: Method, family: AddressFamily, protocol: Protocol) {
    let (stage, vip) = set_up(method, family, protocol);
    let sniffer = Sniffer::on(&stage.director);
    ask_all(&stage, protocol, vip);

    // The packets that passed the director: every question did. An answer that did has a server's address as its source
    // when it arrives, and the virtual address when it leaves.
    let seen = sniffer.sources();
    let from = |address: IpAddr| seen.iter().filter(|source| **source == address).count();
    let client = stage.client.run(|| source_towards(vip));
    assert!(from(client) >= QUESTIONS, "the client's packets: {seen:?}");
    let answers = from(vip.ip());
    let from_servers = (0..SERVERS).map(|index| from(server_address(family, index)));
    if method == Nat {
        assert!(answers >= QUESTIONS, "answers pass the director: {seen:?}");
        assert!(
            from_servers.min() > Some(0),
            "and come from the servers: {seen:?}"
        );
    } else {
        assert_eq!(answers, 0, "no answer passes the director: {seen:?}");
        assert_eq!(
            from_servers.max(),
            Some(0),
            "from whatever address: {seen:?}"
        );
    }
    if method == Tun {
        let device = method.device(family).unwrap();
        let unwrapped = stage.servers.iter().map(|server| received(server, device));
        assert!(unwrapped.min() > Some(0), "packets come by {device}");
    }
}

/// The address that questions to `vip` come from.
fn source_towards(vip: SocketAddr) -> IpAddr {
    let any = if vip.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).unwrap();
    socket.connect(vip).unwrap();
    socket.local_addr().unwrap().ip()
}

fn ipv6_over_ipv4() {
    let mut stage = Stage::new(SERVERS);
    let vip = Tun.vip(Ipv6);
    stage.vip(vip.ip());
    stage.servers_hold(vip.ip(), "sit0");
    stage.serve_everywhere(Tcp, vip);
    let servers: Vec<String> = (0..SERVERS)
        .map(|index| server_address(Ipv4, index).to_string())
        .collect();
    stage.program(&format!(
        "virtual_services:\n  - {{address: \"{vip}\", scheduler: rr, forwarding: tun, servers: [{}]}}\n",
        servers.join(", ")
    ));
    ask_all(&stage, Tcp, vip);
    let unwrapped = stage.servers.iter().map(|server| received(server, "sit0"));
    assert!(unwrapped.min() > Some(0), "packets come by sit0");
}

fn counters() {
    for (method, expected) in [(Dr, false), (Nat, true)] {
        let (mut stage, vip) = set_up(method, Ipv4, Tcp);
        ask_all(&stage, Tcp, vip);
        // The kernel adds them up every two seconds.
        let counters = wait_for("all connections are counted", || {
            let counters = stage.ipvs.services().unwrap()[0].counters;
            (counters.in_packets >= 3 * QUESTIONS as u64).then_some(counters)
        });
        assert_eq!(counters.connections, QUESTIONS as u64);
        assert_eq!(counters.out_packets > 0, expected, "{counters:?}");
    }
}

/// The guest has no firewall: a socket of the director itself marks its packets.
fn fwmark() {
    let mut stage = Stage::new(2);
    let marked: SocketAddr = "198.51.100.7:80".parse().unwrap();
    stage
        .director
        .ip("route add 198.51.100.0/24 dev eth0\n")
        .unwrap();
    stage.servers_hold(marked.ip(), "lo");
    stage.serve_everywhere(Tcp, marked);
    stage.program(
        "virtual_services:\n  - {fwmark: 7, scheduler: rr, servers: [192.168.0.2, 192.168.0.3]}\n",
    );
    let ask = || ask_marked(7, marked);
    let answers: Vec<String> = stage.director.run(|| (0..4).map(|_| ask()).collect());
    assert_eq!(answers[0], answers[2], "{answers:?}");
    assert_eq!(answers[1], answers[3], "{answers:?}");
    assert_ne!(answers[0], answers[1], "{answers:?}");
}

/// Asks once by TCP. The packets have this mark.
pub(super) fn ask_marked(mark: u32, to: SocketAddr) -> String {
    use lab::question::Conversation;
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, setsockopt, socket, sockopt};
    use std::os::fd::AsRawFd;

    let family = if to.is_ipv4() {
        AddressFamily::Inet
    } else {
        AddressFamily::Inet6
    };
    let socket = socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
    setsockopt(&socket, sockopt::Mark, &mark).unwrap();
    let address = nix::sys::socket::SockaddrStorage::from(to);
    nix::sys::socket::connect(socket.as_raw_fd(), &address).unwrap();
    let mut conversation = Conversation::new(socket.into()).unwrap();
    let deadline = std::time::Instant::now() + PATIENCE;
    conversation.ask("hello", deadline).unwrap()
}
