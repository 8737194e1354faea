// SPDX-License-Identifier: MIT OR Apache-2.0
//! Each finding: there when its fault is there, and not there otherwise.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::*;
use crate::config;
use crate::model::{InterfaceAddress, Link, NextHop, SysctlName};

const CONFIG: &str = "
virtual_services:
  - {address: 192.0.2.10:80, scheduler: wrr, forwarding: dr, servers: [192.0.2.2]}
  - {address: 192.0.2.11:80, scheduler: wrr, forwarding: nat, servers: [10.0.0.2]}
  - {address: '[2001:db8::10]:80', scheduler: wrr, forwarding: dr, servers: ['2001:db8::2']}
";

const SHARED: &str = "
virtual_routers: [{interface: eth0, vrid: 51, addresses: [192.0.2.10/24]}]
virtual_services:
  - {address: 192.0.2.10:80, scheduler: wrr, forwarding: dr, servers: [192.0.2.2]}
";

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn configured(facts: &mut Facts, yaml: &str) {
    let config = config::parse("director.yaml", yaml.as_bytes())
        .unwrap_or_else(|wrong| panic!("{}", wrong.render(false)));
    facts.modules = Facts::modules_of_interest(&config)
        .into_iter()
        .map(|it| {
            let state = if it == "ip_vs_ftp" {
                ModuleState::OnDisk
            } else {
                ModuleState::There
            };
            (it, Ok(state))
        })
        .collect();
    facts.config = Ok(config);
}

fn link(index: u32, name: &str) -> Link {
    Link {
        up: true,
        running: true,
        mtu: 1500,
        ..Link::new(index, name)
    }
}

fn on_link(link: u32, source: &str) -> NextHop {
    NextHop {
        link,
        source: Some(ip(source)),
        router: None,
        leaves: true,
        mtu: None,
        segment: None,
    }
}

fn own(address: &str) -> NextHop {
    NextHop {
        leaves: false,
        ..on_link(1, address)
    }
}

/// eth0 has the clients and the virtual addresses, eth1 the masqueraded servers.
fn healthy() -> Facts {
    let mut facts = Facts::unknown();
    configured(&mut facts, CONFIG);
    let links = vec![link(1, "lo"), link(2, "eth0"), link(3, "eth1")];
    let at = |index, address, prefix| InterfaceAddress::new(index, ip(address), prefix);
    facts.kernel = Ok(KernelVersion(6, 1));
    facts.running = Ok(None);
    facts.addresses = Ok(vec![
        at(1, "127.0.0.1", 8),
        at(2, "192.0.2.9", 24),
        at(2, "192.0.2.10", 32),
        at(2, "192.0.2.11", 32),
        at(2, "2001:db8::9", 64),
        at(2, "2001:db8::10", 128),
        at(3, "10.0.0.1", 24),
    ]);
    facts.ways = [
        ("192.0.2.10", own("192.0.2.10")),
        ("192.0.2.11", own("192.0.2.11")),
        ("2001:db8::10", own("2001:db8::10")),
        ("192.0.2.2", on_link(2, "192.0.2.9")),
        ("10.0.0.2", on_link(3, "10.0.0.1")),
        ("2001:db8::2", on_link(2, "2001:db8::9")),
    ]
    .into_iter()
    .map(|(to, hop)| (ip(to), Ok(Some(hop))))
    .collect();
    let default = NextHop {
        router: Some(ip("192.0.2.1")),
        ..on_link(2, "192.0.2.9")
    };
    facts.ways.insert(Facts::anywhere(), Ok(Some(default)));
    for name in Facts::settings_of_interest(&links) {
        let value = match name.names().last().map_or("", String::as_str) {
            "ip_forward"
            | "forwarding"
            | "expire_nodest_conn"
            | "expire_quiescent_template"
            | "conn_reuse_mode"
            | "pmtu_disc"
            | "nf_conntrack_tcp_loose"
            | "send_redirects" => 1,
            "nf_conntrack_max" => 1000,
            "nf_conntrack_count" => 10,
            _ => 0,
        };
        facts.settings.insert(name, Ok(Some(value)));
    }
    facts.links = Ok(links);
    facts.table = Ok(facts
        .config
        .as_ref()
        .unwrap()
        .services
        .keys()
        .copied()
        .collect());
    facts.connections = Ok(1000);
    facts.table_bits = Ok(Some(12));
    facts.owned = Ok(BTreeSet::new());
    facts.capabilities = Ok(u64::MAX);
    facts.open_files = Ok(None);
    facts.synchronised = Ok(true);
    facts.balancers = Ok(Vec::new());
    facts.caretakers = Ok(Vec::new());
    facts.places = vec![Place {
        directory: "/var/lib/lvs-director".into(),
        state: Ok(Some(PLACE)),
    }];
    facts.claims.insert(ip("192.0.2.10"), Ok(claim(&[])));
    facts
}

const PLACE: PlaceState = PlaceState {
    writable_by_others: false,
    read_only: false,
    free_bytes: 1 << 30,
    free_files: Some(1 << 20),
};

fn claim(others: &[&str]) -> Claim {
    Claim {
        interface: "eth0".to_owned(),
        others: others.iter().map(|it| it.parse().unwrap()).collect(),
    }
}

/// A healthy one of two directors that share an address, with a director that is in this state.
fn shared(state: Option<RouterState>) -> Facts {
    let mut facts = healthy();
    configured(&mut facts, SHARED);
    facts.table = Ok(facts
        .config
        .as_ref()
        .unwrap()
        .services
        .keys()
        .copied()
        .collect());
    facts.running = Ok(state.map(|state| Running {
        pid: 7,
        routers: [("eth0/51".into(), state)].into(),
    }));
    facts.speakers.insert("eth0/51".into(), Ok(Vec::new()));
    facts
}

fn speaker(source: &str, addresses: &[&str]) -> Speaker {
    Speaker {
        source: ip(source),
        priority: 100,
        addresses: addresses.iter().map(|it| ip(it)).collect(),
    }
}

fn set(facts: &mut Facts, name: &str, value: i32) {
    let name: SysctlName = name.parse().unwrap();
    facts.settings.insert(name, Ok(Some(value)));
}

fn with(yaml: &str) -> String {
    format!("{yaml}{}", CONFIG.trim_start())
}

fn drop_address(facts: &mut Facts, address: &str) {
    let addresses = facts.addresses.as_mut().unwrap();
    addresses.retain(|it| it.address != ip(address));
}

/// What is above ok.
fn found(facts: &Facts) -> Vec<Finding> {
    let all = examine(CHECKS, facts).into_iter();
    all.filter(|it| it.severity > Severity::Ok).collect()
}

/// A fault: its section, how much it hurts, what it changes in healthy facts, and what mends it begins with.
type Fault = (&'static str, Severity, fn(&mut Facts), &'static str);

const FAULTS: &[Fault] = &[
    (
        "configuration",
        Severity::Error,
        |facts| facts.config = Err(Unread("director.yaml is wrong".to_owned())),
        "director check",
    ),
    (
        "module-ip-vs",
        Severity::Error,
        |facts| {
            drop(
                facts
                    .modules
                    .insert("ip_vs".to_owned(), Ok(ModuleState::Missing)),
            );
        },
        "apt-get install",
    ),
    (
        "module-ip-vs",
        Severity::Note,
        |facts| {
            drop(
                facts
                    .modules
                    .insert("ip_vs".to_owned(), Ok(ModuleState::OnDisk)),
            );
        },
        "modprobe ip_vs",
    ),
    (
        "scheduler-module",
        Severity::Error,
        |facts| {
            drop(
                facts
                    .modules
                    .insert("ip_vs_wrr".to_owned(), Ok(ModuleState::Missing)),
            );
        },
        "apt-get install",
    ),
    (
        "scheduler-module",
        Severity::Note,
        |facts| {
            drop(
                facts
                    .modules
                    .insert("ip_vs_wrr".to_owned(), Ok(ModuleState::OnDisk)),
            );
        },
        "modprobe ip_vs_wrr",
    ),
    (
        "ip-vs-ftp",
        Severity::Note,
        |facts| {
            drop(
                facts
                    .modules
                    .insert("ip_vs_ftp".to_owned(), Ok(ModuleState::There)),
            );
        },
        "modprobe -r ip_vs_ftp",
    ),
    (
        "ip-vs-ftp",
        Severity::Warning,
        |facts| {
            configured(facts, &CONFIG.replace("192.0.2.11:80", "192.0.2.11:21"));
            facts.table = Ok(BTreeSet::new());
        },
        "modprobe ip_vs_ftp",
    ),
    (
        "virtual-mac-module",
        Severity::Warning,
        |facts| {
            *facts = shared(Some(RouterState::Master));
            configured(
                facts,
                &SHARED.replace("vrid: 51", "vrid: 51, virtual_mac: true"),
            );
            facts
                .modules
                .insert("macvlan".to_owned(), Ok(ModuleState::Missing));
        },
        "apt-get install",
    ),
    (
        "vip-missing",
        Severity::Error,
        |facts| {
            drop_address(facts, "192.0.2.10");
            facts
                .ways
                .insert(ip("192.0.2.10"), Ok(Some(on_link(2, "192.0.2.9"))));
        },
        "ip address add 192.0.2.10/32 dev eth0",
    ),
    (
        "vip-missing",
        Severity::Error,
        |facts| {
            *facts = shared(Some(RouterState::Master));
            drop_address(facts, "192.0.2.10");
            facts
                .ways
                .insert(ip("192.0.2.10"), Ok(Some(on_link(2, "192.0.2.9"))));
        },
        "ip address add 192.0.2.10/32 dev eth0",
    ),
    (
        "vip-on-lo",
        Severity::Error,
        |facts| {
            *facts = shared(Some(RouterState::Other));
            move_to_lo(facts);
        },
        "sysctl -w net.ipv4.conf.eth0.arp_ignore=1 net.ipv4.conf.eth0.arp_announce=2",
    ),
    (
        "vip-on-lo",
        Severity::Error,
        |facts| {
            move_to_lo(facts);
            set(facts, "net.ipv4.conf.all.arp_ignore", 1);
        },
        "ip address add 192.0.2.10/32 dev eth0",
    ),
    (
        "vip-duplicate-ipv6",
        Severity::Error,
        |facts| {
            let addresses = facts.addresses.as_mut().unwrap();
            let vip = addresses
                .iter_mut()
                .find(|it| it.address == ip("2001:db8::10"));
            vip.unwrap().duplicate = true;
        },
        "ip address delete 2001:db8::10/128 dev eth0; ip address add 2001:db8::10/128 dev eth0 nodad",
    ),
    (
        "director-is-server",
        Severity::Note,
        |facts| {
            configured(facts, &CONFIG.replace("192.0.2.2", "192.0.2.9"));
            facts
                .ways
                .insert(ip("192.0.2.9"), Ok(Some(own("192.0.2.9"))));
        },
        "",
    ),
    (
        "director-is-server",
        Severity::Warning,
        |facts| {
            *facts = shared(Some(RouterState::Master));
            configured(facts, &SHARED.replace("192.0.2.2", "192.0.2.9"));
            facts
                .ways
                .insert(ip("192.0.2.9"), Ok(Some(own("192.0.2.9"))));
        },
        "",
    ),
    (
        "ip-forward",
        Severity::Error,
        |facts| set(facts, "net.ipv4.ip_forward", 0),
        "sysctl -w net.ipv4.ip_forward=1",
    ),
    (
        "ip-forward",
        Severity::Error,
        |facts| {
            configured(
                facts,
                &CONFIG.replace(
                    "'[2001:db8::10]:80', scheduler: wrr, forwarding: dr",
                    "'[2001:db8::10]:80', scheduler: wrr, forwarding: nat",
                ),
            );
            set(facts, "net.ipv6.conf.all.forwarding", 0);
        },
        "sysctl -w net.ipv6.conf.all.forwarding=1",
    ),
    (
        "send-redirects",
        Severity::Warning,
        |facts| {
            configured(facts, &CONFIG.replace("10.0.0.2", "192.0.2.3"));
            facts
                .ways
                .insert(ip("192.0.2.3"), Ok(Some(on_link(2, "192.0.2.9"))));
        },
        "sysctl -w net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.eth0.send_redirects=0",
    ),
    (
        "rp-filter",
        Severity::Warning,
        |facts| {
            set(facts, "net.ipv4.conf.all.rp_filter", 1);
            facts
                .ways
                .insert(Facts::anywhere(), Ok(Some(on_link(3, "10.0.0.1"))));
        },
        "sysctl -w net.ipv4.conf.eth0.rp_filter=2",
    ),
    (
        "conn-reuse-mode",
        Severity::Warning,
        |facts| set(facts, "net.ipv4.vs.conn_reuse_mode", 0),
        "sysctl -w net.ipv4.vs.conn_reuse_mode=1",
    ),
    (
        "conn-reuse-mode",
        Severity::Warning,
        |facts| configured(facts, &with("ipvs: {conn_reuse_mode: 0}\n")),
        "director reload --wait",
    ),
    (
        "expire-nodest-conn",
        Severity::Warning,
        |facts| {
            configured(facts, &with("ipvs: {expire_nodest_conn: keep}\n"));
            set(facts, "net.ipv4.vs.expire_nodest_conn", 0);
        },
        "sysctl -w net.ipv4.vs.expire_nodest_conn=1",
    ),
    (
        "expire-nodest-conn",
        Severity::Warning,
        |facts| configured(facts, &with("ipvs: {expire_nodest_conn: false}\n")),
        "",
    ),
    (
        "expire-quiescent-template",
        Severity::Warning,
        |facts| {
            let yaml = with("ipvs: {expire_quiescent_template: keep}\n");
            configured(
                facts,
                &yaml.replace(
                    "wrr, forwarding: nat",
                    "wrr, persistence: 50s, forwarding: nat",
                ),
            );
            set(facts, "net.ipv4.vs.expire_quiescent_template", 0);
        },
        "sysctl -w net.ipv4.vs.expire_quiescent_template=1",
    ),
    (
        "sloppy-tcp",
        Severity::Warning,
        |facts| set(facts, "net.ipv4.vs.sloppy_tcp", 1),
        "sysctl -w net.ipv4.vs.sloppy_tcp=0",
    ),
    (
        "schedule-icmp",
        Severity::Warning,
        |facts| {
            keep_connections(facts);
            facts.running = Ok(Some(Running::default()));
        },
        "sysctl -w net.ipv4.vs.schedule_icmp=1",
    ),
    (
        "pmtu-disc",
        Severity::Note,
        |facts| {
            tunneled(facts, "tun");
            facts.links.as_mut().unwrap()[1].mtu = 9000;
            set(facts, "net.ipv4.vs.pmtu_disc", 0);
        },
        "sysctl -w net.ipv4.vs.pmtu_disc=1",
    ),
    (
        "defence",
        Severity::Warning,
        |facts| set(facts, "net.ipv4.vs.drop_entry", 3),
        "sysctl -w net.ipv4.vs.drop_entry=1",
    ),
    (
        "defence",
        Severity::Warning,
        |facts| set(facts, "net.ipv4.vs.secure_tcp", 3),
        "sysctl -w net.ipv4.vs.secure_tcp=1",
    ),
    (
        "connection-table",
        Severity::Warning,
        |facts| facts.connections = Ok(100_000),
        "echo options ip_vs conn_tab_bits=17 > /etc/modprobe.d/ip_vs.conf",
    ),
    (
        "ipvs-conntrack",
        Severity::Warning,
        |facts| {
            facts.kernel = Ok(KernelVersion(5, 4));
            set(facts, "net.ipv4.vs.conntrack", 1);
        },
        "sysctl -w net.ipv4.vs.conntrack=0",
    ),
    (
        "conntrack-full",
        Severity::Warning,
        |facts| set(facts, "net.netfilter.nf_conntrack_count", 900),
        "sysctl -w net.netfilter.nf_conntrack_max=4000",
    ),
    (
        "conntrack-full",
        Severity::Error,
        |facts| set(facts, "net.netfilter.nf_conntrack_count", 1000),
        "sysctl -w net.netfilter.nf_conntrack_max=4000",
    ),
    (
        "tcp-loose",
        Severity::Warning,
        |facts| {
            keep_connections(facts);
            set(facts, "net.netfilter.nf_conntrack_tcp_loose", 0);
        },
        "sysctl -w net.netfilter.nf_conntrack_tcp_loose=1",
    ),
    (
        "no-route",
        Severity::Error,
        |facts| drop(facts.ways.insert(ip("10.0.0.2"), Ok(None))),
        "ip route add 10.0.0.0/24 dev eth1 src 10.0.0.1",
    ),
    (
        "no-route",
        Severity::Error,
        |facts| {
            facts.ways.insert(ip("10.0.0.2"), Ok(None));
            facts.links.as_mut().unwrap()[2].up = false;
        },
        "ip link set eth1 up",
    ),
    (
        "dr-gateway",
        Severity::Error,
        |facts| {
            let hop = NextHop {
                router: Some(ip("192.0.2.1")),
                ..on_link(2, "192.0.2.9")
            };
            facts.ways.insert(ip("192.0.2.2"), Ok(Some(hop)));
        },
        "ip route replace 192.0.2.2/32 dev eth0",
    ),
    (
        "source-address",
        Severity::Error,
        |facts| {
            drop(
                facts
                    .ways
                    .insert(ip("2001:db8::2"), Ok(Some(on_link(2, "2001:db8::10")))),
            );
        },
        "ip address change 2001:db8::10/128 dev eth0 preferred_lft 0",
    ),
    (
        "source-address",
        Severity::Error,
        |facts| {
            drop(
                facts
                    .ways
                    .insert(ip("192.0.2.2"), Ok(Some(on_link(2, "192.0.2.10")))),
            );
        },
        "ip route replace 192.0.2.2/32 dev eth0 src 192.0.2.9",
    ),
    (
        "tunnel-mtu",
        Severity::Note,
        |facts| tunneled(facts, "tun"),
        "ip link set dev eth0 mtu 1520",
    ),
    (
        "duplicate-vip",
        Severity::Error,
        |facts| {
            drop(
                facts
                    .claims
                    .insert(ip("192.0.2.10"), Ok(claim(&["02:00:00:00:00:66"]))),
            );
        },
        "realserver start --vip 192.0.2.10",
    ),
    (
        "duplicate-vip",
        Severity::Error,
        |facts| {
            *facts = shared(Some(RouterState::Other));
            facts.claims.insert(
                ip("192.0.2.10"),
                Ok(claim(&["02:00:00:00:00:66", "02:00:00:00:00:67"])),
            );
        },
        "realserver start --vip 192.0.2.10",
    ),
    (
        "duplicate-vrid",
        Severity::Error,
        |facts| {
            *facts = shared(Some(RouterState::Master));
            heard(facts, vec![speaker("192.0.2.77", &["192.0.2.200"])]);
        },
        "sed -i",
    ),
    (
        "duplicate-vrid",
        Severity::Error,
        |facts| {
            *facts = shared(Some(RouterState::Master));
            heard(facts, vec![speaker("192.0.2.77", &["192.0.2.10"])]);
        },
        "nft insert rule",
    ),
    (
        "capabilities",
        Severity::Error,
        |facts| {
            *facts = shared(Some(RouterState::Master));
            facts.capabilities = Ok(!Capability::NetRaw.bit());
        },
        "mkdir -p /etc/systemd/system/director.service.d",
    ),
    (
        "capabilities",
        Severity::Warning,
        |facts| facts.capabilities = Ok(0),
        "sudo director doctor",
    ),
    (
        "open-files",
        Severity::Warning,
        |facts| facts.open_files = Ok(Some(256)),
        "mkdir -p",
    ),
    (
        "clock",
        Severity::Note,
        |facts| facts.synchronised = Ok(false),
        "timedatectl set-ntp true",
    ),
    (
        "clock",
        Severity::Warning,
        |facts| {
            *facts = shared(Some(RouterState::Master));
            let signed = "vrid: 51, authentication: {hmac: {keys: [{id: 1, key_file: /etc/key}]}}";
            configured(facts, &SHARED.replace("vrid: 51", signed));
            facts.synchronised = Ok(false);
        },
        "timedatectl set-ntp true",
    ),
    (
        "second-balancer",
        Severity::Warning,
        |facts| facts.balancers = Ok(vec!["keepalived".to_owned()]),
        "systemctl disable --now keepalived",
    ),
    (
        "foreign-services",
        Severity::Note,
        |facts| {
            let table = facts.table.as_mut().unwrap();
            table.insert("TCP 192.0.2.77:80".parse().unwrap());
        },
        "lvsadm -D -t 192.0.2.77:80",
    ),
    (
        "networkd",
        Severity::Warning,
        |facts| facts.caretakers = Ok(vec![networkd("eth0", false)]),
        "mkdir -p /etc/systemd/network/10-lan.network.d",
    ),
    (
        "network-manager",
        Severity::Warning,
        |facts| {
            let interface = "eth0".to_owned();
            facts.caretakers = Ok(vec![Caretaker::NetworkManager { interface }]);
        },
        "nmcli device set eth0 managed no",
    ),
    (
        "state-directory",
        Severity::Warning,
        |facts| {
            place(
                facts,
                PlaceState {
                    writable_by_others: true,
                    ..PLACE
                },
            );
        },
        "chmod go-w /var/lib/lvs-director",
    ),
    (
        "disk-full",
        Severity::Error,
        |facts| {
            place(
                facts,
                PlaceState {
                    free_bytes: 4096,
                    ..PLACE
                },
            );
        },
        "du -xh",
    ),
    (
        "disk-full",
        Severity::Warning,
        |facts| {
            place(
                facts,
                PlaceState {
                    free_bytes: 2 << 20,
                    ..PLACE
                },
            );
        },
        "du -xh",
    ),
    (
        "disk-full",
        Severity::Error,
        |facts| {
            place(
                facts,
                PlaceState {
                    free_files: Some(0),
                    ..PLACE
                },
            );
        },
        "du -xh",
    ),
    (
        "disk-full",
        Severity::Error,
        |facts| {
            place(
                facts,
                PlaceState {
                    read_only: true,
                    ..PLACE
                },
            );
        },
        "mount -o remount,rw",
    ),
];

fn move_to_lo(facts: &mut Facts) {
    for address in facts.addresses.as_mut().unwrap() {
        if address.address == ip("192.0.2.10") {
            address.index = 1;
        }
    }
}

fn keep_connections(facts: &mut Facts) {
    let yaml = CONFIG.replace(
        "192.0.2.10:80, scheduler: wrr",
        "192.0.2.10:80, scheduler: mh, scheduler_flags: [mh-port, mh-fallback], failover: keep_connections",
    );
    configured(facts, &yaml);
}

fn tunneled(facts: &mut Facts, kind: &str) {
    let yaml = CONFIG.replace(
        "192.0.2.10:80, scheduler: wrr, forwarding: dr",
        &format!("192.0.2.10:80, scheduler: wrr, forwarding: {kind}"),
    );
    configured(facts, &yaml);
}

fn heard(facts: &mut Facts, speakers: Vec<Speaker>) {
    facts.speakers.insert("eth0/51".into(), Ok(speakers));
}

fn networkd(interface: &str, keeps: bool) -> Caretaker {
    Caretaker::Networkd {
        interface: interface.to_owned(),
        file: "/etc/systemd/network/10-lan.network".into(),
        keeps,
    }
}

fn place(facts: &mut Facts, state: PlaceState) {
    facts.places[0].state = Ok(Some(state));
}

#[test]
fn a_healthy_host_has_no_finding() {
    assert_eq!(found(&healthy()), []);
    for state in [None, Some(RouterState::Master), Some(RouterState::Other)] {
        assert_eq!(found(&shared(state)), [], "{state:?}");
    }
}

#[test]
fn each_fault_is_found_and_nothing_else() {
    for (topic, severity, fault, mend) in FAULTS {
        let mut facts = healthy();
        fault(&mut facts);
        let found = found(&facts);
        let named: Vec<_> = found
            .iter()
            .filter(|it| it.severity != Severity::Note || it.topic == *topic)
            .collect();
        let [finding] = &named[..] else {
            panic!("{topic}: {found:#?}");
        };
        assert_eq!(
            (finding.topic.as_str(), finding.severity),
            (*topic, *severity),
            "{finding:?}"
        );
        let why = finding.why.as_deref().unwrap();
        assert!(why.ends_with(['.', ':']), "{topic}: {why}");
        let command = finding.mend.as_deref().unwrap_or_default();
        assert!(command.starts_with(mend), "{topic}: {command}");
        assert_eq!(mend.is_empty(), command.is_empty(), "{topic}: {command}");
    }
}

#[test]
fn a_backup_that_is_a_real_server_needs_backup_only() {
    let mut facts = shared(Some(RouterState::Other));
    let yaml = SHARED.replace("192.0.2.2", "192.0.2.9");
    configured(
        &mut facts,
        &format!("connection_sync: {{interface: eth1}}{yaml}"),
    );
    facts
        .ways
        .insert(ip("192.0.2.9"), Ok(Some(own("192.0.2.9"))));
    let topics: Vec<_> = found(&facts).into_iter().map(|it| it.topic).collect();
    assert_eq!(topics, ["director-is-server", "backup-only"]);
    set(&mut facts, "net.ipv4.vs.backup_only", 1);
    let topics: Vec<_> = found(&facts).into_iter().map(|it| it.topic).collect();
    assert_eq!(topics, ["director-is-server"]);
}

#[test]
fn every_check_has_a_fault() {
    for check in CHECKS.iter().filter(|it| it.topic != "backup-only") {
        let has = FAULTS.iter().any(|(topic, ..)| *topic == check.topic);
        assert!(has, "{}", check.topic);
    }
}

#[test]
fn every_section_that_a_finding_points_to_is_there() {
    let page = include_str!("../../docs/troubleshooting.md");
    for check in CHECKS {
        let section = format!("\n### {}\n", check.topic);
        assert!(
            page.contains(&section),
            "docs/troubleshooting.md: {}",
            check.topic
        );
    }
}

#[test]
fn what_could_not_be_read_is_said_and_nothing_is_guessed() {
    let unread = examine(CHECKS, &Facts::unknown());
    for finding in unread.iter().filter(|it| it.topic != "configuration") {
        let open = [
            "conntrack-full",
            "state-directory",
            "disk-full",
            "duplicate-vip",
            "duplicate-vrid",
            "defence",
        ];
        if open.contains(&&*finding.topic) {
            continue;
        }
        assert_eq!(finding.severity, Severity::Note, "{finding:?}");
        assert!(finding.what.starts_with("could not look at"), "{finding:?}");
    }
    let mut facts = healthy();
    let why = "read net.ipv4.ip_forward: not permitted; run as root";
    facts
        .settings
        .insert(Facts::forwarding(false), Err(Unread(why.to_owned())));
    let found = found(&facts);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        found[0].what,
        format!("could not look at forwarding for masquerading: {why}")
    );
    assert_eq!(found[0].severity, Severity::Note);
}

#[test]
fn a_backup_expects_the_master_to_answer() {
    let mut facts = shared(Some(RouterState::Other));
    drop_address(&mut facts, "192.0.2.10");
    facts
        .ways
        .insert(ip("192.0.2.10"), Ok(Some(on_link(2, "192.0.2.9"))));
    facts
        .claims
        .insert(ip("192.0.2.10"), Ok(claim(&["02:00:00:00:00:66"])));
    heard(&mut facts, vec![speaker("192.0.2.8", &["192.0.2.10"])]);
    assert_eq!(found(&facts), []);
}

#[test]
fn a_loose_filter_and_an_interface_without_one_are_no_fault() {
    let mut facts = healthy();
    facts
        .ways
        .insert(Facts::anywhere(), Ok(Some(on_link(3, "10.0.0.1"))));
    assert_eq!(found(&facts), []);
    set(&mut facts, "net.ipv4.conf.all.rp_filter", 1);
    set(&mut facts, "net.ipv4.conf.eth0.rp_filter", 2);
    assert_eq!(found(&facts), []);
}

#[test]
fn a_tunnel_needs_room_for_its_header() {
    for (kind, needed) in [("tun", 1520), ("{gre: {}}", 1524)] {
        let mut facts = healthy();
        if kind != "tun" {
            continue;
        }
        tunneled(&mut facts, kind);
        facts.links.as_mut().unwrap()[1].mtu = needed - 1;
        assert_eq!(found(&facts).len(), 1, "{kind}");
        facts.links.as_mut().unwrap()[1].mtu = needed;
        assert_eq!(found(&facts), [], "{kind}");
    }
    // What the route knows counts before what the interface can.
    let mut facts = healthy();
    tunneled(&mut facts, "tun");
    facts.links.as_mut().unwrap()[1].mtu = 9000;
    let narrow = NextHop {
        mtu: Some(1400),
        ..on_link(2, "192.0.2.9")
    };
    facts.ways.insert(ip("192.0.2.2"), Ok(Some(narrow)));
    assert_eq!(found(&facts)[0].topic, "tunnel-mtu");
}

#[test]
fn what_an_old_kernel_does_is_no_fault_of_a_new_one() {
    let mut facts = healthy();
    set(&mut facts, "net.ipv4.vs.conntrack", 1);
    assert_eq!(found(&facts), []);
    facts.kernel = Ok(KernelVersion(7, 1));
    facts.connections = Ok(10_000_000);
    assert_eq!(found(&facts), []);
    facts.connections = Ok(0);
    facts.kernel = Ok(KernelVersion(5, 10));
    set(&mut facts, "net.ipv4.vs.conn_reuse_mode", 0);
    assert!(
        found(&facts)
            .last()
            .unwrap()
            .why
            .as_deref()
            .unwrap()
            .contains("Linux 5.10")
    );
}

#[test]
fn a_release_is_read_by_its_first_two_numbers() {
    for (release, version) in [
        ("6.1.0-18-amd64", Some(KernelVersion(6, 1))),
        ("7.1", Some(KernelVersion(7, 1))),
        ("6.12-rc3", Some(KernelVersion(6, 12))),
        ("x", None),
        ("", None),
    ] {
        assert_eq!(KernelVersion::of_release(release), version, "{release}");
    }
}
