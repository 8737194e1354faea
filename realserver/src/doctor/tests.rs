// SPDX-License-Identifier: MIT OR Apache-2.0
//! Each finding: there when its fault is there, and not there otherwise.

use std::collections::BTreeSet;
use std::net::IpAddr;

use lvs_director::doctor::{Caretaker, Finding, Severity, Unread, examine};
use lvs_director::model::{Host, InterfaceAddress, Link, NextHop, Protocol, SysctlName};

use super::{CHECKS, Facts, Served};
use crate::placement::Placement;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn at(text: &str) -> Served {
    Served {
        protocol: Protocol::Tcp,
        at: text.parse().unwrap(),
    }
}

fn hop(router: Option<&str>) -> NextHop {
    NextHop {
        link: 2,
        source: Some(ip("192.0.2.5")),
        router: router.map(ip),
        leaves: true,
        mtu: None,
        segment: None,
    }
}

/// It serves one VIP by direct routing, and one through a tunnel.
fn healthy() -> Facts {
    let (direct, tunneled) = (
        Placement::direct(ip("192.0.2.10")),
        Placement::tunneled(ip("192.0.2.11")),
    );
    let link = |index, name: &str| Link {
        up: true,
        running: true,
        mtu: 1500,
        ..Link::new(index, name)
    };
    let mut host = Host {
        links: vec![link(1, "lo"), link(2, "eth0"), link(3, "tunl0")],
        addresses: vec![
            InterfaceAddress::new(1, ip("192.0.2.10"), 32),
            InterfaceAddress::new(2, ip("192.0.2.5"), 24),
            InterfaceAddress::new(3, ip("192.0.2.11"), 32),
        ],
        ..Host::default()
    };
    for interface in ["all", "lo", "eth0", "tunl0"] {
        for (key, value) in [("arp_ignore", 1), ("arp_announce", 2), ("rp_filter", 0)] {
            let name = SysctlName::ipv4_conf(interface, key);
            host.settings.insert(name, value);
        }
    }
    Facts {
        placements: [direct, tunneled].into(),
        served: [at("192.0.2.10:80")].into(),
        masqueraded: false,
        director: Some(ip("192.0.2.1")),
        host,
        directed: BTreeSet::new(),
        listening: Ok([at("0.0.0.0:80")].into()),
        clamps: Ok(true),
        caretakers: Ok(Vec::new()),
        to_director: Ok(Some(hop(None))),
        to_anywhere: Ok(Some(hop(Some("192.0.2.254")))),
    }
}

fn set(facts: &mut Facts, interface: &str, key: &str, value: i32) {
    let name = SysctlName::ipv4_conf(interface, key);
    facts.host.settings.insert(name, value);
}

fn found(facts: &Facts) -> Vec<Finding> {
    let all = examine(CHECKS, facts).into_iter();
    all.filter(|it| it.severity > Severity::Ok).collect()
}

/// A fault: its section, how much it hurts, what it changes in healthy facts, and what mends it begins with.
type Fault = (&'static str, Severity, fn(&mut Facts), &'static str);

const FAULTS: &[Fault] = &[
    (
        "server-is-director",
        Severity::Note,
        |facts| {
            facts.directed = [ip("192.0.2.10")].into();
            facts.host.addresses[0].index = 2;
        },
        "",
    ),
    (
        "server-tunnel",
        Severity::Error,
        |facts| facts.host.links[2].up = false,
        "ip link set tunl0 up",
    ),
    (
        "server-vip",
        Severity::Error,
        |facts| drop(facts.host.addresses.remove(0)),
        "ip address add 192.0.2.10/32 dev lo",
    ),
    (
        "server-vip-elsewhere",
        Severity::Error,
        |facts| {
            facts
                .host
                .addresses
                .push(InterfaceAddress::new(2, ip("192.0.2.10"), 32));
        },
        "ip address delete 192.0.2.10/32 dev eth0",
    ),
    (
        "server-arp",
        Severity::Error,
        |facts| set(facts, "all", "arp_ignore", 0),
        "sysctl -w net.ipv4.conf.all.arp_ignore=1",
    ),
    (
        "server-arp",
        Severity::Error,
        |facts| set(facts, "eth0", "arp_ignore", 3),
        "sysctl -w net.ipv4.conf.eth0.arp_ignore=1",
    ),
    (
        "server-rp-filter",
        Severity::Error,
        |facts| set(facts, "all", "rp_filter", 1),
        "sysctl -w net.ipv4.conf.all.rp_filter=2",
    ),
    (
        "server-listening",
        Severity::Error,
        |facts| facts.listening = Ok([at("192.0.2.5:80")].into()),
        "ss -lntup",
    ),
    (
        "server-mss",
        Severity::Warning,
        |facts| facts.clamps = Ok(false),
        "nft 'add table ip lvs;",
    ),
    (
        "server-networkd",
        Severity::Warning,
        |facts| {
            facts.caretakers = Ok(vec![Caretaker::Networkd {
                interface: "lo".to_owned(),
                file: "/etc/systemd/network/lo.network".into(),
                keeps: false,
            }]);
        },
        "mkdir -p /etc/systemd/network/lo.network.d",
    ),
    (
        "server-route",
        Severity::Error,
        |facts| facts.to_director = Ok(None),
        "ip route add 192.0.2.1 dev eth0",
    ),
    (
        "server-route",
        Severity::Error,
        |facts| facts.masqueraded = true,
        "ip route replace default via 192.0.2.1",
    ),
];

#[test]
fn a_healthy_server_has_no_finding() {
    assert_eq!(found(&healthy()), []);
    let mut masqueraded = healthy();
    masqueraded.masqueraded = true;
    masqueraded.to_anywhere = Ok(Some(hop(Some("192.0.2.1"))));
    assert_eq!(found(&masqueraded), []);
}

#[test]
fn each_fault_is_found_and_nothing_else() {
    for (topic, severity, fault, mend) in FAULTS {
        let mut facts = healthy();
        fault(&mut facts);
        let found = found(&facts);
        let [finding] = &found[..] else {
            panic!("{topic}: {found:#?}");
        };
        assert_eq!(
            (&*finding.topic, finding.severity),
            (*topic, *severity),
            "{finding:?}"
        );
        let command = finding.mend.as_deref().unwrap_or_default();
        assert!(command.starts_with(mend), "{topic}: {command}");
        assert_eq!(mend.is_empty(), command.is_empty(), "{topic}: {command}");
    }
}

#[test]
fn every_check_has_a_fault_and_a_section() {
    let page = include_str!("../../../docs/troubleshooting.md");
    for check in CHECKS {
        let topic = check.topic;
        assert!(FAULTS.iter().any(|(name, ..)| *name == topic), "{topic}");
        assert!(page.contains(&format!("\n### {topic}\n")), "{topic}");
    }
}

#[test]
fn a_route_that_asks_for_small_segments_is_enough() {
    let mut facts = healthy();
    facts.clamps = Ok(false);
    for (segment, enough) in [(1440, true), (1460, false)] {
        let way = NextHop {
            segment: Some(segment),
            ..hop(Some("192.0.2.254"))
        };
        facts.to_anywhere = Ok(Some(way));
        assert_eq!(found(&facts).is_empty(), enough, "{segment}");
    }
}

#[test]
fn what_could_not_be_read_is_a_note() {
    let mut facts = healthy();
    facts.listening = Err(Unread("read /proc/net/tcp: no".to_owned()));
    let found = found(&facts);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].severity, Severity::Note);
    assert_eq!(
        found[0].what,
        "could not look at programs that listen: read /proc/net/tcp: no"
    );
}
