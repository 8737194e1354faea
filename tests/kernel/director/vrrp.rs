// SPDX-License-Identifier: MIT OR Apache-2.0
//! Two directors that share a virtual address.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Scope, ScopedJoinHandle};

use lab::netns::{Host, Net};
use lab::question::ask_tcp;
use lab::service::{NameServer, tcp_name_server};
use lvs_director::codec::arp::Arp;
use lvs_director::control::RouterStatus;
use lvs_director::kernel::Route;
use lvs_director::net::FrameSocket;
use nix::sys::signal::Signal;

use super::process::{Files, Running};
use crate::Test;
use crate::stage::{PATIENCE, wait_for};

pub(super) const VIP: &str = "192.168.0.10";
pub(super) const SERVICE: &str = "192.168.0.10:80";

pub(super) fn tests() -> Vec<Test> {
    vec![
        (
            "one_of_two_directors_has_the_virtual_address_and_the_other_takes_over_when_it_leaves",
            leaves,
        ),
        (
            "a_director_whose_link_is_cut_loses_the_virtual_address_to_the_other_and_neither_has_it_twice",
            cut,
        ),
        (
            "a_virtual_address_that_somebody_removes_is_put_back",
            put_back,
        ),
        (
            "a_director_that_is_killed_or_hangs_does_not_keep_the_virtual_address",
            killed,
        ),
        (
            "another_host_that_says_that_it_has_the_virtual_address_is_told_and_answered",
            disputed,
        ),
        (
            "without_an_address_to_speak_from_a_master_leaves",
            no_source,
        ),
        (
            "a_planned_failover_breaks_only_the_connection_that_is_under_way",
            planned,
        ),
        (
            "a_virtual_address_that_the_host_has_already_is_left_alone_and_told",
            foreign,
        ),
        (
            "a_reload_brings_the_first_virtual_router_and_takes_the_last",
            first_and_last,
        ),
        ("a_reload_takes_and_releases_virtual_addresses", reloaded),
        ("a_virtual_address_of_ipv6_moves_as_one_of_ipv4_does", ipv6),
    ]
}

/// A real server with the virtual address, which answers by its name.
pub(super) fn real_server(net: &Net, name: &str, last: u8) -> (Host, NameServer) {
    let host = net.host(name, &[&format!("192.168.0.{last}/24")]).unwrap();
    host.ip(&format!("link set lo up\naddress add {VIP}/32 dev lo\n"))
        .unwrap();
    for (name, value) in [("all/arp_ignore", "1"), ("all/arp_announce", "2")] {
        host.sysctl(&format!("ipv4/conf/{name}"), value).unwrap();
    }
    let served = serve(&host, name);
    (host, served)
}

/// Has a host answer by this name.
pub(super) fn serve(host: &Host, name: &str) -> NameServer {
    let at: SocketAddr = "0.0.0.0:80".parse().unwrap();
    host.run(|| tcp_name_server(at, name)).unwrap()
}

/// A client, a real server, and two directors that are not started.
pub(super) struct Lan {
    pub(super) client: Host,
    pub(super) server: Host,
    _served: NameServer,
    pub(super) directors: [(Host, Files); 2],
    _net: Net,
}

impl Lan {
    /// The directors differ in their priorities, 200 and 100.
    pub(super) fn new(rest: &str) -> Self {
        let net = Net::new().unwrap();
        let client = net.host("client", &["192.168.0.100/24"]).unwrap();
        let (server, served) = real_server(&net, "rs1", 2);
        let directors = [("a", 11), ("b", 12)].map(|(name, number)| {
            let own = [
                format!("192.168.0.{number}/24"),
                format!("fd00:a::{number}/64"),
            ];
            let host = net.host(name, &own.each_ref().map(String::as_str)).unwrap();
            host.sysctl("ipv4/ip_forward", "1").unwrap();
            (host, Files::new())
        });
        let lan = Self {
            client,
            server,
            _served: served,
            directors,
            _net: net,
        };
        lan.configure(0, rest);
        lan.configure(1, rest);
        lan
    }

    pub(super) fn start(&self, director: usize) -> Running {
        let (host, files) = &self.directors[director];
        Running::start(host, files, &[])
    }

    /// Starts both. The first one has the address, and the second one is its backup.
    pub(super) fn start_both(&self, address: &str) -> [Running; 2] {
        let a = self.start(0);
        self.wait_until_at(0, address);
        let b = self.start(1);
        b.wait_for("virtual router eth0/51");
        assert_eq!(b.count("-> master"), 0, "{}", b.log());
        [a, b]
    }

    /// Writes the configuration of a director.
    pub(super) fn configure(&self, director: usize, rest: &str) {
        self.configure_with(director, rest, "");
    }

    /// The same, with more services.
    pub(super) fn configure_with(&self, director: usize, rest: &str, services: &str) {
        let priority = [200, 100][director];
        let (_, files) = &self.directors[director];
        files.write(&format!(
            "virtual_routers:\n  - {{interface: eth0, vrid: 51, priority: {priority}, interval: 200ms, hold: 0s, {rest}}}\n\
             virtual_services:\n  - {{address: '{SERVICE}', servers: [192.168.0.2]}}\n{services}"
        ));
    }

    /// Whether the kernel of a director has this address.
    pub(super) fn has(&self, director: usize, address: &str) -> bool {
        let (host, _) = &self.directors[director];
        let listed = host.command("ip", &["-brief", "address"]).unwrap();
        let listed = String::from_utf8(listed.stdout).unwrap();
        listed.contains(&format!(" {address}/"))
    }

    /// Waits until this director has the address, and the other has not.
    pub(super) fn wait_until_at(&self, director: usize, address: &str) {
        let logs = self
            .directors
            .each_ref()
            .map(|(_, files)| std::fs::read_to_string(files.path("log")).unwrap_or_default());
        wait_for(
            &format!("{address} is at director {director}: {}", logs.join("\n")),
            || {
                let elsewhere = self.has(1 - director, address);
                (self.has(director, address) && !elsewhere).then_some(())
            },
        );
    }

    /// The virtual router of a director, as its status shows it.
    pub(super) fn router(&self, director: usize) -> RouterStatus {
        let (host, files) = &self.directors[director];
        files.status(host).routers.into_iter().next().unwrap()
    }

    /// What the client gets from the virtual service.
    pub(super) fn ask(&self) -> String {
        let to: SocketAddr = SERVICE.parse().unwrap();
        let asked = self.client.run(|| ask_tcp(None, to, PATIENCE));
        asked.unwrap_or_else(|error| panic!("ask {to}: {error}"))
    }
}

fn addresses(list: &str) -> String {
    format!("addresses: [{list}]")
}

fn leaves() {
    let lan = Lan::new(&addresses("192.168.0.10/24"));
    let [a, b] = lan.start_both(VIP);
    a.wait_for("virtual router eth0/51: backup -> master (no master was heard)");
    assert_eq!(lan.ask(), "rs1 hello");
    assert_eq!(b.count("-> master"), 0, "{}", b.log());
    assert!(a.stop().success());
    // The address is gone before the program is.
    assert!(!lan.has(0, VIP));
    lan.wait_until_at(1, VIP);
    b.wait_for("virtual router eth0/51: backup -> master");
    assert_eq!(lan.ask(), "rs1 hello");
    // Its priority is higher, and nobody asked it to take the address back.
    let a = lan.start(0);
    a.wait_for("virtual router eth0/51: initialize -> backup");
    assert!(b.stop().success());
    lan.wait_until_at(0, VIP);
    assert_eq!(lan.ask(), "rs1 hello");
    drop(a);
}

fn cut() {
    let lan = Lan::new(&addresses("192.168.0.10/24"));
    let [a, b] = lan.start_both(VIP);
    let (host, _) = &lan.directors[0];
    host.plug(false).unwrap();
    lan.wait_until_at(1, VIP);
    b.wait_for("virtual router eth0/51: backup -> master");
    a.wait_for("virtual router eth0/51: master -> fault (link down)");
    assert_eq!(lan.ask(), "rs1 hello");
    host.plug(true).unwrap();
    a.wait_for("virtual router eth0/51: fault -> backup (link up)");
    lan.wait_until_at(1, VIP);
    assert_eq!(lan.ask(), "rs1 hello");
}

fn put_back() {
    let lan = Lan::new(&addresses("192.168.0.10/24"));
    let a = lan.start(0);
    wait_for("the address", || lan.has(0, VIP).then_some(()));
    let (host, _) = &lan.directors[0];
    host.ip(&format!("address del {VIP}/24 dev eth0\n"))
        .unwrap();
    a.wait_for("virtual router eth0/51: 192.168.0.10 was removed by somebody else: put back");
    wait_for("the address is back", || lan.has(0, VIP).then_some(()));
    assert_eq!(lan.ask(), "rs1 hello");
}

fn killed() {
    let lan = Lan::new(&addresses("192.168.0.10/24"));
    let [a, b] = lan.start_both(VIP);
    a.signal(Signal::SIGSTOP);
    // Nobody is left there who could release it: its time in the kernel ends.
    lan.wait_until_at(1, VIP);
    assert_eq!(lan.ask(), "rs1 hello");
    a.signal(Signal::SIGCONT);
    a.wait_for("virtual router eth0/51: master -> backup");
    assert_eq!(a.count("put back"), 0, "{}", a.log());
    lan.wait_until_at(1, VIP);
    b.signal(Signal::SIGKILL);
    lan.wait_until_at(0, VIP);
    assert_eq!(lan.ask(), "rs1 hello");
}

/// A client that asks again and again, until it is dropped.
struct Stream<'scope> {
    ends: Arc<AtomicBool>,
    thread: ScopedJoinHandle<'scope, (usize, usize)>,
}

impl<'scope> Stream<'scope> {
    fn start(scope: &'scope Scope<'scope, '_>, lan: &'scope Lan) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&ends);
        let thread = scope.spawn(move || {
            let (mut answered, mut broken) = (0, 0);
            while !over.load(Ordering::Relaxed) {
                let asked = lan
                    .client
                    .run(|| ask_tcp(None, SERVICE.parse().unwrap(), PATIENCE));
                match asked {
                    Ok(answer) => answered += usize::from(answer == "rs1 hello"),
                    Err(_) => broken += 1,
                }
            }
            (answered, broken)
        });
        Self { ends, thread }
    }

    /// How many connections were answered, and how many were not.
    fn stop(self) -> (usize, usize) {
        self.ends.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// Ends the stream also when the test fails.
struct Ends(Arc<AtomicBool>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn planned() {
    let lan = Lan::new(&addresses("192.168.0.10/24"));
    let [a, b] = lan.start_both(VIP);
    let (answered, broken) = thread::scope(|scope| {
        let stream = Stream::start(scope, &lan);
        let _ends = Ends(Arc::clone(&stream.ends));
        let (host, files) = &lan.directors[0];
        let refused = files.once(host, "failover", &["--router", "eth1/51"]);
        assert_eq!(refused.code, Some(1), "{refused:?}");
        let none = "there is no virtual router eth1/51";
        assert!(refused.err.contains(none), "{refused:?}");
        let said = files.once(host, "failover", &[]);
        assert_eq!(said.out, "handed over: eth0/51\n", "{said:?}");
        lan.wait_until_at(1, VIP);
        let again = files.once(host, "failover", &[]);
        let none = "this host is master of no virtual router";
        assert!(again.err.contains(none), "{again:?}");
        // It takes the addresses when the other one leaves.
        assert!(b.stop().success());
        lan.wait_until_at(0, VIP);
        stream.stop()
    });
    // The other director does not know a connection that is open when it takes over; there is one at a time.
    assert!(answered > 10 && broken <= 2, "{answered} {broken}");
    a.wait_for("virtual router eth0/51: master -> backup (handed over)");
}

fn disputed() {
    let lan = Lan::new(&addresses("192.168.0.10/24"));
    let a = lan.start(0);
    wait_for("the address", || lan.has(0, VIP).then_some(()));
    lan.client.run(|| {
        let link = Route::open().unwrap().link("eth0").unwrap().unwrap();
        let hardware = link.address.as_ref().unwrap().bytes().try_into().unwrap();
        let frame = Arp::announcement(VIP.parse().unwrap(), hardware).broadcast();
        let socket = FrameSocket::open(link.index).unwrap();
        socket.send(&frame).unwrap();
    });
    let line = a.wait_for(" says that 192.168.0.10 is there; announced again");
    assert!(
        line.contains("virtual router eth0/51: the host with the hardware address"),
        "{line}"
    );
    let (host, files) = &lan.directors[0];
    wait_for("the dispute in the status", || {
        (files.status(host).routers[0].disputes > 0).then_some(())
    });
}

fn foreign() {
    let lan = Lan::new(&addresses("192.168.0.11/24"));
    let a = lan.start(0);
    a.wait_for("192.168.0.11/24 is on eth0 already, and not by a director; remove it there");
    assert!(lan.has(0, "192.168.0.11"));
    let (host, files) = &lan.directors[0];
    assert_eq!(files.status(host).routers[0].state, "initialize");
    assert!(a.stop().success());
    assert!(lan.has(0, "192.168.0.11"));
}

fn no_source() {
    let lan = Lan::new(&addresses("192.168.0.10/32"));
    let [a, _b] = lan.start_both(VIP);
    let (host, _) = &lan.directors[0];
    host.ip("address del 192.168.0.11/24 dev eth0\n").unwrap();
    a.wait_for("virtual router eth0/51: no IPv4 address on eth0 to send advertisements from");
    lan.wait_until_at(1, VIP);
    host.ip("address add 192.168.0.11/24 dev eth0\n").unwrap();
    a.wait_for("virtual router eth0/51: fault -> backup");
    lan.wait_until_at(1, VIP);
}

fn first_and_last() {
    let lan = Lan::new(&addresses("192.168.0.10/24"));
    let (host, files) = &lan.directors[0];
    let without =
        format!("virtual_services:\n  - {{address: '{SERVICE}', servers: [192.168.0.2]}}\n");
    files.write(&without);
    let a = lan.start(0);
    for _ in 0..2 {
        lan.configure(0, &addresses("192.168.0.10/24"));
        a.signal(Signal::SIGHUP);
        wait_for("the address", || lan.has(0, VIP).then_some(()));
        files.write(&without);
        a.signal(Signal::SIGHUP);
        wait_for("no address", || (!lan.has(0, VIP)).then_some(()));
        let shown = || files.status(host).routers.is_empty();
        wait_for("no virtual router in the status", || shown().then_some(()));
    }
    assert!(a.stop().success());
}

fn reloaded() {
    let lan = Lan::new(&addresses("192.168.0.10/24"));
    let a = lan.start(0);
    wait_for("the address", || lan.has(0, VIP).then_some(()));
    lan.configure(0, &addresses("192.168.0.10/24, 192.168.0.20/24"));
    a.signal(Signal::SIGHUP);
    let both = || lan.has(0, VIP) && lan.has(0, "192.168.0.20");
    wait_for("both addresses", || both().then_some(()));
    lan.configure(0, &addresses("192.168.0.20/24"));
    a.signal(Signal::SIGHUP);
    let other = || !lan.has(0, VIP) && lan.has(0, "192.168.0.20");
    wait_for("the other address", || other().then_some(()));
}

fn ipv6() {
    let vip = "fd00:a::10";
    let lan = Lan::new(&addresses(&format!("'{vip}/64'")));
    let [a, _b] = lan.start_both(vip);
    assert!(a.stop().success());
    lan.wait_until_at(1, vip);
}
