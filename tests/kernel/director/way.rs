// SPDX-License-Identifier: MIT OR Apache-2.0
//! The way from this host to the servers: what happens when it is gone, and from which address probes leave.

use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use lab::question::{Conversation, connect};
use lvs_director::model::Protocol::Tcp;

use super::http::answer;
use super::netfilter::{Deny, allow, deny, is_there};
use super::peer::Peer;
use super::process::{Files, Running, wait_for_weights, weights};
use crate::Test;
use crate::stage::{PATIENCE, Stage, wait_for};

const VIP: &str = "192.168.0.10:80";
const ANY: &str = "0.0.0.0:80";
const RS1: &str = "192.168.0.2:80";
const RS2: &str = "192.168.0.3:80";
/// One failure is a verdict.
const RASH: &str = "check: {interval: 200ms, timeout: 300ms, rise: 1, fall: 1, retry_delay: 100ms}";
/// A director that goes by the first failure would have removed everything many times over.
const OUTAGE: Duration = Duration::from_secs(4);

pub(super) fn tests() -> Vec<Test> {
    vec![
        (
            "no_connection_is_lost_while_the_directors_interface_is_down",
            interface_down,
        ),
        (
            "no_connection_is_lost_while_the_directors_interface_has_no_carrier",
            no_carrier,
        ),
        ("no_connection_is_lost_while_the_interface_flaps", flapping),
        (
            "no_connection_is_lost_while_the_switch_passes_packets_late",
            late_switch,
        ),
        (
            "no_connection_is_lost_while_nobody_answers_on_the_link",
            nobody_answers,
        ),
        (
            "no_connection_is_lost_when_the_switch_stops_while_probes_wait_for_an_answer",
            cut_off,
        ),
        (
            "no_connection_is_lost_while_the_directors_own_firewall_denies_its_probes",
            own_firewall,
        ),
        (
            "a_server_whose_route_is_closed_on_purpose_is_down",
            closed_routes,
        ),
        (
            "no_probe_leaves_from_a_virtual_address_that_is_the_interfaces_first",
            primary_vip,
        ),
        (
            "no_probe_leaves_from_an_ipv6_virtual_address_that_the_kernel_prefers",
            ipv6_vip,
        ),
    ]
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// Two servers that are up, and connections that clients hold to them.
struct Scene {
    stage: Stage,
    files: Files,
    director: Running,
    held: Vec<Conversation>,
    /// Who else answers on the servers.
    _peers: Vec<Peer>,
}

impl Scene {
    fn new() -> Self {
        Self::with(RASH, |_| Vec::new())
    }

    /// With this check, and what it asks beside the service.
    fn with(check: &str, peers: impl FnOnce(&Stage) -> Vec<Peer>) -> Self {
        let (mut stage, files) = (Stage::new(2), Files::new());
        let peers = peers(&stage);
        stage.vip(address(VIP).ip());
        stage.servers_hold(address(VIP).ip(), "lo");
        stage.serve_everywhere(Tcp, address(ANY));
        files.write(&format!(
            "ipvs: {{expire_nodest_conn: true}}\ndefaults: {{{check}}}\nvirtual_services:\n  - {{address: {VIP}, scheduler: rr, servers: [192.168.0.2, 192.168.0.3]}}\n"
        ));
        let director = Running::start(&stage.director, &files, &[]);
        wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);
        let hold = |_| {
            let stream = stage
                .client
                .run(|| connect(None, address(VIP), PATIENCE).unwrap());
            Conversation::new(stream).unwrap()
        };
        let held = (0..8).map(hold).collect();
        let mut scene = Self {
            stage,
            files,
            director,
            held,
            _peers: peers,
        };
        scene.all_held();
        scene
    }

    /// Every held connection is still answered.
    fn all_held(&mut self) {
        for conversation in &mut self.held {
            let answer = conversation.ask("hello", Instant::now() + PATIENCE);
            assert!(answer.is_ok(), "{answer:?}\n{}", self.director.log());
        }
    }

    /// Both servers are said to be not checked for this reason, for some time.
    fn wait_until_not_checked(&self, why: &str) {
        wait_for(&format!("it says \"not checked\": {why}"), || {
            let said = self.files.once(&self.stage.director, "status", &[]);
            let lines = said
                .out
                .lines()
                .filter(|line| line.contains(" not checked for ") && line.contains("(up before)"));
            (lines.filter(|line| line.contains(why)).count() == 2).then_some(())
        });
    }

    fn wait_until_checked(&self) {
        wait_for("both are checked again", || {
            let status = self.files.status(&self.stage.director);
            let mut checks = status.services[0].servers.iter().flat_map(|it| &it.checks);
            checks.all(|it| it.could_not_run == 0).then_some(())
        });
    }

    /// Nothing has happened to the servers, nor to the connections.
    fn unharmed(mut self) {
        self.wait_until_checked();
        self.all_held();
        let log = self.director.log();
        assert!(!log.contains("up -> down"), "{log}");
        let expected = [(RS1.to_owned(), 1), (RS2.to_owned(), 1)];
        assert_eq!(weights(&mut self.stage), expected.into());
        assert!(self.director.stop().success());
    }
}

fn interface_down() {
    let scene = Scene::new();
    scene.stage.director.ip("link set eth0 down\n").unwrap();
    std::thread::sleep(OUTAGE);
    scene.wait_until_not_checked("");
    scene.stage.director.ip("link set eth0 up\n").unwrap();
    scene.unharmed();
}

fn no_carrier() {
    let scene = Scene::new();
    scene.stage.director.plug(false).unwrap();
    std::thread::sleep(OUTAGE);
    scene.wait_until_not_checked(": eth0 has no carrier");
    scene.stage.director.plug(true).unwrap();
    scene.unharmed();
}

/// Each time for as long as a probe waits, or longer, or not as long.
fn flapping() {
    let scene = Scene::new();
    for round in 0..12 {
        let pause = Duration::from_millis(50 + 70 * (round % 6));
        let host = &scene.stage.director;
        for passes in [false, true] {
            if round % 2 == 0 {
                let state = if passes { "up" } else { "down" };
                host.ip(&format!("link set eth0 {state}\n")).unwrap();
            } else {
                host.plug(passes).unwrap();
            }
            std::thread::sleep(pause);
        }
    }
    scene.unharmed();
}

/// The carrier is there, and the switch begins to pass packets some time later: as one does that learns its place first.
fn late_switch() {
    let scene = Scene::new();
    for round in 0..10 {
        let host = &scene.stage.director;
        host.plug(false).unwrap();
        scene.stage.switch(false);
        host.plug(true).unwrap();
        std::thread::sleep(Duration::from_millis(600 + 33 * round));
        scene.stage.switch(true);
        std::thread::sleep(Duration::from_millis(700));
    }
    scene.unharmed();
}

/// The switch is broken; the card still has its carrier.
fn nobody_answers() {
    let scene = Scene::new();
    scene.stage.switch(false);
    std::thread::sleep(OUTAGE);
    scene.wait_until_not_checked(": none of 2 servers answers on eth0");
    scene.stage.switch(true);
    scene.unharmed();
}

/// The switch breaks while the servers work on what the probes have asked.
fn cut_off() {
    const CHECK: &str = "check: {http: {port: 8080}, interval: 100ms, timeout: 3s, rise: 1, fall: 1, retry_delay: 100ms}";
    let slowly = |stream, status| {
        std::thread::sleep(Duration::from_millis(400));
        answer(stream, status);
    };
    let scene = Scene::with(CHECK, |stage| {
        let servers = stage.servers.iter();
        let peers = servers.map(|host| Peer::start(host, 8080, 200, slowly));
        peers.collect()
    });
    for round in 0..4 {
        std::thread::sleep(Duration::from_millis(130 * round));
        scene.stage.switch(false);
        scene.wait_until_not_checked("");
        scene.stage.switch(true);
        scene.wait_until_checked();
    }
    scene.unharmed();
}

/// The words for a probe that this host's own firewall denies.
const DENIED: &str = ": this host's own firewall drops it (EPERM on a SYN to ";

/// A TCP connection that netfilter drops looks like a dead host, and one that it rejects like a dead program.
/// One failure is no verdict here: of a probe that was denied, and whose wait ended when nothing was denied any more, nobody
/// can tell whose fault it was.
fn own_firewall() {
    const CHECK: &str = "check: {tcp: {port: 8080}, interval: 200ms, timeout: 300ms, rise: 1, fall: 2, retry_delay: 100ms}";
    if !is_there() {
        println!("this kernel has no packet filter: not tried");
        return;
    }
    let scene = Scene::with(CHECK, |stage| {
        let servers = stage.servers.iter();
        let peers = servers.map(|host| Peer::start(host, 8080, 200, answer));
        peers.collect()
    });
    for how in [Deny::Drop, Deny::Reset, Deny::Unreachable] {
        deny(&scene.stage.director, 8080, how);
        scene.wait_until_not_checked(DENIED);
        allow(&scene.stage.director);
        scene.wait_until_checked();
    }
    scene.unharmed();
}

/// Clients of this server get no answer, either.
fn closed_routes() {
    for (kind, words) in [
        ("blackhole", "the route to it is a blackhole"),
        ("prohibit", "the route to it prohibits all traffic"),
        ("unreachable", "the route to it is unreachable"),
    ] {
        let mut scene = Scene::new();
        let route = format!("route add {kind} 192.168.0.2/32\n");
        scene.stage.director.ip(&route).unwrap();
        wait_for_weights(&mut scene.stage, &[(RS2, 1)]);
        let line = scene.director.wait_for("up -> down");
        assert!(line.contains(words), "{line}");
        let route = format!("route delete {kind} 192.168.0.2/32\n");
        scene.stage.director.ip(&route).unwrap();
        wait_for_weights(&mut scene.stage, &[(RS1, 1), (RS2, 1)]);
    }
}

/// The real servers have the virtual address themselves: they answer no probe that comes from it.
fn primary_vip() {
    let (mut stage, files) = (Stage::new(1), Files::new());
    let addresses = "address flush dev eth0\naddress add 192.168.0.10/16 dev eth0\n\
                     address add 192.168.0.11/16 dev eth0\n";
    stage.director.ip(addresses).unwrap();
    stage.servers_hold(address(VIP).ip(), "lo");
    let server = stage.servers[0].run(|| TcpListener::bind(RS1).unwrap());
    server.set_nonblocking(true).unwrap();
    files.write(&format!(
        "defaults: {{{RASH}}}\nvirtual_services:\n  - {{address: {VIP}, servers: [192.168.0.2]}}\n"
    ));
    let director = Running::start(&stage.director, &files, &[]);
    let (_, peer) = wait_for("a probe comes", || server.accept().ok());
    assert_eq!(peer.ip(), address("192.168.0.11:0").ip());
    wait_for_weights(&mut stage, &[(RS1, 1)]);

    // Without the other address no probe can be made, and no verdict moves.
    let delete = "address delete 192.168.0.11/16 dev eth0\n";
    stage.director.ip(delete).unwrap();
    director.wait_for("would leave from the virtual address 192.168.0.10");
    assert_eq!(weights(&mut stage), [(RS1.to_owned(), 1)].into());
    let add = "address add 192.168.0.12/16 dev eth0\n";
    stage.director.ip(add).unwrap();
    wait_for("a probe comes from the new address", || {
        let (_, peer) = server.accept().ok()?;
        (peer.ip() == address("192.168.0.12:0").ip()).then_some(())
    });
    director.wait_for("runs again");
    assert!(!director.log().contains(" -> down"), "{}", director.log());
}

fn ipv6_vip() {
    const VIP: &str = "[fd00:a::3]:80";
    const SERVER: &str = "[fd00:a::2]:80";
    let (mut stage, files) = (Stage::new(1), Files::new());
    // Of the host's addresses it has the most in common with the server's: the kernel chooses it.
    let line = "address add fd00:a::3/64 dev eth0 nodad\n";
    stage.director.ip(line).unwrap();
    stage.servers_hold(address(VIP).ip(), "lo");
    let server = stage.servers[0].run(|| TcpListener::bind(SERVER).unwrap());
    server.set_nonblocking(true).unwrap();
    files.write(&format!(
        "defaults: {{{RASH}}}\nvirtual_services:\n  - {{address: '{VIP}', servers: ['fd00:a::2']}}\n"
    ));
    let director = Running::start(&stage.director, &files, &[]);
    let (_, peer) = wait_for("a probe comes", || server.accept().ok());
    assert_eq!(peer.ip(), address("[fd00:a::11]:0").ip());
    wait_for_weights(&mut stage, &[(SERVER, 1)]);
    assert!(!director.log().contains(" -> down"), "{}", director.log());
}
