// SPDX-License-Identifier: MIT OR Apache-2.0
//! Connections that live on when the other director takes over. `HELD` says how many are held.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use lab::held::Held;
use lab::netns::{Host, Net};
use lab::resets::Resets;
use lab::service::NameServer;
use nix::sys::signal::Signal;

use super::process::{Files, Running};
use super::vrrp::{SERVICE, VIP, real_server, serve};
use crate::stage::{PATIENCE, wait_for};
use crate::{Test, number};

pub(super) const SERVERS: [(&str, u8); 3] = [("rs1", 2), ("rs2", 3), ("rs3", 4)];
/// How many connections are held where `HELD` does not say it.
const HELD: u64 = 200;
/// So many connections are surely asked in a second, also where a system call is slow.
const ASKED_IN_A_SECOND: u64 = 400;
const CHECKED: &str = "check: {tcp: {}, interval: 200ms, rise: 1, fall: 2}";

pub(super) fn tests() -> Vec<Test> {
    vec![
        (
            "connections_live_on_when_a_director_dies_and_when_the_other_gives_the_address_back",
            dies,
        ),
        (
            "connections_live_on_over_a_takeover_after_which_a_server_is_down_on_both_directors",
            server_down,
        ),
        (
            "without_keep_connections_a_takeover_resets_the_connections",
            usual,
        ),
        (
            "with_connection_sync_connections_of_another_scheduler_live_on_over_a_takeover",
            synchronised,
        ),
        (
            "a_new_table_has_every_server_in_one_order_whichever_is_found_up_first",
            one_order,
        ),
        (
            "a_server_that_a_reload_adds_gets_its_place_and_no_connection_breaks",
            added,
        ),
    ]
}

/// A client, three real servers, and two directors that are not started.
pub(super) struct Lan {
    pub(super) client: Host,
    pub(super) servers: Vec<(Host, Option<NameServer>)>,
    pub(super) directors: [(Host, Files); 2],
    pub(super) net: Net,
}

impl Lan {
    fn new(service: &str) -> Self {
        Self::with("", service)
    }

    /// With more sections, and more keys of the service.
    pub(super) fn with(sections: &str, service: &str) -> Self {
        Self::each(|_, _| sections.to_owned(), service)
    }

    /// With sections of each director, which may name files of its own.
    pub(super) fn each(sections: impl Fn(usize, &Files) -> String, service: &str) -> Self {
        Self::of(sections, [""; 2], service)
    }

    /// The same, with more keys of the virtual router of each director.
    pub(super) fn of(
        sections: impl Fn(usize, &Files) -> String,
        routers: [&str; 2],
        service: &str,
    ) -> Self {
        // All connections say something within that time.
        let adopt = held().div_ceil(ASKED_IN_A_SECOND);
        let net = Net::new().unwrap();
        let client = net.host("client", &["192.168.0.100/24"]).unwrap();
        let servers = SERVERS.map(|(name, last)| {
            let (host, served) = real_server(&net, name, last);
            (host, Some(served))
        });
        let directors = [("a", 11), ("b", 12)].map(|(name, last)| {
            let host = director(&net, name, last);
            let number = usize::from(name == "b");
            let files = Files::new();
            let (sections, router) = (sections(number, &files), routers[number]);
            files.write(&format!(
                "ipvs: {{adopt_connections: {adopt}s}}\n{sections}\n\
                 virtual_routers:\n  - {{interface: eth0, vrid: 51, interval: 1s, hold: 0s, {router}addresses: [{VIP}/24]}}\n\
                 virtual_services:\n  - {{address: '{SERVICE}', {service}, {CHECKED}, servers: [192.168.0.4, \
                 192.168.0.2, {{address: 192.168.0.3, weight: 3}}]}}\n"
            ));
            (host, files)
        });
        Self {
            client,
            servers: servers.into(),
            directors,
            net,
        }
    }

    /// The first director loses its power, and everything that it knew: then it is a new host.
    pub(super) fn lose_first(&mut self, first: Running, second: &Running, held: &mut Held) {
        self.directors[0].0.plug(false).unwrap();
        first.signal(Signal::SIGKILL);
        second.wait_for("virtual router eth0/51: backup -> master");
        assert_eq!(held.broken_when_asked(PATIENCE), 0, "{}", second.log());
        drop(first);
        self.directors[0].0 = director(&self.net, "a again", 11);
    }

    pub(super) fn start(&self, director: usize) -> Running {
        let (host, files) = &self.directors[director];
        Running::start(host, files, &[])
    }

    /// Starts both. The first one has the address.
    pub(super) fn start_both(&self) -> [Running; 2] {
        let a = self.start(0);
        a.wait_for("virtual router eth0/51: backup -> master");
        let b = self.start(1);
        for director in [&a, &b] {
            for (_, last) in SERVERS {
                director.wait_for(&format!(
                    "192.168.0.{last}:80 of TCP {SERVICE}: unknown -> up"
                ));
            }
        }
        [a, b]
    }

    /// The real servers of the first director's kernel, in its order.
    fn listed(&self) -> Vec<String> {
        let (host, _) = &self.directors[0];
        let listed = host.command("ipvsadm", &["-Sn"]).unwrap();
        let listed = String::from_utf8(listed.stdout).unwrap();
        let servers = listed.lines().filter(|line| line.starts_with("-a"));
        servers.map(str::to_owned).collect()
    }

    fn setting(&self, director: usize, name: &str) -> String {
        let (host, _) = &self.directors[director];
        let path = format!("/proc/sys/net/ipv4/vs/{name}");
        let text = host.run(|| std::fs::read_to_string(path).unwrap());
        text.trim().to_owned()
    }

    /// Waits until the second director's kernel has so many connections.
    pub(super) fn wait_until_other_kernel_has(&self, connections: usize) {
        let (host, _) = &self.directors[1];
        wait_for("the other kernel has all connections", || {
            (established(host) >= connections).then_some(())
        });
    }

    /// Holds connections that both kernels know: the first director sends them, the second one takes them in.
    pub(super) fn hold_synchronised(&self, [first, second]: [&Running; 2]) -> Held {
        first.wait_for("started master sync daemon");
        second.wait_for("started backup sync daemon");
        let mut held = self.hold();
        assert_eq!(held.broken_when_asked(PATIENCE), 0);
        self.wait_until_other_kernel_has(held.count());
        held
    }

    /// Holds connections of the client.
    pub(super) fn hold(&self) -> Held {
        let (count, to) = (held().try_into().unwrap(), SERVICE.parse().unwrap());
        self.client.run(|| Held::open(count, to, PATIENCE).unwrap())
    }
}

fn held() -> u64 {
    number("HELD", HELD)
}

/// The host of a director.
pub(super) fn director(net: &Net, name: &str, last: u8) -> Host {
    let host = net.host(name, &[&format!("192.168.0.{last}/24")]).unwrap();
    host.sysctl("ipv4/ip_forward", "1").unwrap();
    host
}

/// How many open connections the kernel of a host lists.
pub(super) fn established(host: &Host) -> usize {
    let listed = host.run(|| std::fs::read_to_string("/proc/thread-self/net/ip_vs_conn").unwrap());
    listed.matches("ESTABLISHED").count()
}

fn dies() {
    let lan = Lan::new("failover: keep_connections");
    let [a, b] = lan.start_both();
    // A master forgets, a backup is prepared.
    wait_for("the end of the time after the start", || {
        (lan.setting(0, "sloppy_tcp") == "0").then_some(())
    });
    assert_eq!(lan.setting(1, "sloppy_tcp"), "1");
    let resets = Resets::from(VIP.parse().unwrap(), &lan.client).unwrap();
    let mut held = lan.hold();
    assert_eq!(held.servers().len(), 3);
    let (host, _) = &lan.directors[0];
    host.plug(false).unwrap();
    a.signal(Signal::SIGKILL);
    b.wait_for("virtual router eth0/51: backup -> master");
    assert_eq!(held.broken_when_asked(PATIENCE), 0, "{}", b.log());
    b.wait_for("net.ipv4.vs.sloppy_tcp 1 -> 0");
    // The first one has lost its table.
    host.plug(true).unwrap();
    host.run(|| std::process::Command::new("ipvsadm").arg("-C").status())
        .unwrap();
    let a = lan.start(0);
    a.wait_for("virtual router eth0/51: initialize -> backup");
    for (_, last) in SERVERS {
        a.wait_for(&format!(
            "192.168.0.{last}:80 of TCP {SERVICE}: unknown -> up"
        ));
    }
    let (host, files) = &lan.directors[1];
    let said = files.once(host, "failover", &[]);
    assert_eq!(said.out, "handed over: eth0/51\n", "{said:?}");
    a.wait_for("virtual router eth0/51: backup -> master");
    assert_eq!(held.broken_when_asked(PATIENCE), 0, "{}", a.log());
    println!("{} connections lived on, twice", held.count());
    assert_eq!(resets.count(), 0);
}

fn server_down() {
    let mut lan = Lan::new("failover: keep_connections");
    let [a, b] = lan.start_both();
    let mut held = lan.hold();
    let gone = lan.servers[1].1.take();
    drop(gone);
    for director in [&a, &b] {
        director.wait_for("192.168.0.3:80 of TCP 192.168.0.10:80: up -> down");
    }
    held.close_those_of("rs2");
    let (host, files) = &lan.directors[0];
    // The table of the new master knows the dead server from the beginning, as the old one's did.
    assert!(b.stop().success());
    let (other, other_files) = &lan.directors[1];
    other
        .run(|| std::process::Command::new("ipvsadm").arg("-C").status())
        .unwrap();
    let b = Running::start(other, other_files, &[]);
    b.wait_for("192.168.0.3:80 of TCP 192.168.0.10:80: unknown -> down");
    b.wait_for("192.168.0.4:80 of TCP 192.168.0.10:80: unknown -> up");
    b.wait_for("192.168.0.2:80 of TCP 192.168.0.10:80: unknown -> up");
    b.wait_for("virtual router eth0/51: initialize -> backup");
    let said = files.once(host, "failover", &[]);
    assert_eq!(said.out, "handed over: eth0/51\n", "{said:?}");
    b.wait_for("virtual router eth0/51: backup -> master");
    assert_eq!(held.broken_when_asked(PATIENCE), 0, "{}", b.log());
}

fn usual() {
    let lan = Lan::new("scheduler: mh, scheduler_flags: [mh-port, mh-fallback]");
    let [_a, b] = lan.start_both();
    let resets = Resets::from(VIP.parse().unwrap(), &lan.client).unwrap();
    let mut held = lan.hold();
    let (host, files) = &lan.directors[0];
    let said = files.once(host, "failover", &[]);
    assert_eq!(said.out, "handed over: eth0/51\n", "{said:?}");
    b.wait_for("virtual router eth0/51: backup -> master");
    assert_eq!(held.broken_when_asked(PATIENCE), held.count());
    // So a reset is seen where there is one.
    wait_for("a reset of each", || {
        (resets.count() >= held.count()).then_some(())
    });
}

fn synchronised() {
    let lan = Lan::with(
        "connection_sync: {interface: eth0, id: 51}",
        "scheduler: wrr",
    );
    let [a, b] = lan.start_both();
    a.wait_for("stopped backup sync daemon");
    let mut held = lan.hold_synchronised([&a, &b]);
    let (host, files) = &lan.directors[0];
    let said = files.once(host, "failover", &[]);
    assert!(said.out.ends_with("\nhanded over: eth0/51\n"), "{said:?}");
    b.wait_for("virtual router eth0/51: backup -> master");
    assert_eq!(held.broken_when_asked(PATIENCE), 0, "{}", b.log());
    b.wait_for("started master sync daemon");
    a.wait_for("stopped master sync daemon");
}

fn one_order() {
    let mut lan = Lan::new("failover: keep_connections");
    // The first in the order comes up last.
    drop(lan.servers[0].1.take());
    let a = lan.start(0);
    a.wait_for("192.168.0.4:80 of TCP 192.168.0.10:80: unknown -> up");
    a.wait_for("192.168.0.2:80 of TCP 192.168.0.10:80: unknown -> down");
    lan.servers[0].1 = Some(serve(&lan.servers[0].0, "rs1"));
    a.wait_for("192.168.0.2:80 of TCP 192.168.0.10:80: down -> up");
    let late = lan.listed();
    assert!(a.stop().success());
    let (host, _) = &lan.directors[0];
    host.run(|| std::process::Command::new("ipvsadm").arg("-C").status())
        .unwrap();
    let a = lan.start(0);
    for (_, last) in SERVERS {
        a.wait_for(&format!(
            "192.168.0.{last}:80 of TCP {SERVICE}: unknown -> up"
        ));
    }
    assert_eq!(late, lan.listed());
    assert_eq!(late.len(), 3);
}

/// The clients of the servers that are moved speak all the time. `RELOADS` says how often it is done.
fn added() {
    let lan = Lan::new("failover: keep_connections");
    let (host, files) = &lan.directors[0];
    let whole = std::fs::read_to_string(files.config()).unwrap();
    let without = whole.replace("192.168.0.2, ", "");
    let a = lan.start(0);
    a.wait_for("virtual router eth0/51: backup -> master");
    for (_, last) in SERVERS {
        a.wait_for(&format!(
            "192.168.0.{last}:80 of TCP {SERVICE}: unknown -> up"
        ));
    }
    let in_order = lan.listed();
    let reload = |text: &str| {
        std::fs::write(files.config(), text).unwrap();
        let said = files.once(host, "reload", &["--wait"]);
        assert_eq!(said.code, Some(0), "{said:?}");
    };
    reload(&without);
    wait_for("the server is gone", || {
        (lan.listed().len() == 2).then_some(())
    });
    let mut held = lan.hold();
    let ended = AtomicBool::new(false);
    let (mut asked, mut broken) = (0, 0);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                broken += held.broken_when_asked(PATIENCE);
                asked += held.count();
            }
        });
        for _ in 0..number("RELOADS", 5) {
            reload(&whole);
            wait_for("the server is there, and all are in order", || {
                (lan.listed() == in_order).then_some(())
            });
            reload(&without);
            wait_for("the server is gone", || {
                (lan.listed().len() == 2).then_some(())
            });
        }
        ended.store(true, Ordering::Relaxed);
    });
    assert_eq!(broken, 0, "of {asked}: {}", a.log());
    assert_eq!(lan.setting(0, "expire_nodest_conn"), "1");
    println!("{asked} questions, all answered by the same server");
}
