// SPDX-License-Identifier: MIT OR Apache-2.0
//! A director that ends for the next one, which goes on as master.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use lab::netns::{Host, Net};
use lab::question::{Conversation, ask_tcp, connect};
use lab::service::NameServer;
use lvs_director::control::RouterStatus;
use lvs_director::kernel::Monitor;
use lvs_director::model::HostEvent;
use nix::sys::signal::Signal;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, setsockopt, socket, sockopt,
};

use super::process::{Files, Running};
use super::vrrp::{SERVICE, VIP, real_server};
use crate::Test;
use crate::stage::{PATIENCE, wait_for};

/// Three of these are longer than a restart takes, even on a busy machine.
const SLOW: &str = "5s";
const QUICK: &str = "500ms";
const LEFT: &str = "master of eth0/51: left to the next director";
const RESUMED: &str =
    "virtual router eth0/51: initialize -> master (resumed from the process before";
const ANEW: &str =
    "virtual router eth0/51: the director before was master, and this one begins anew: ";

pub(super) fn tests() -> Vec<Test> {
    vec![
        (
            "upgrades_of_a_master_are_not_seen_by_its_peer_its_clients_or_its_connections",
            unseen,
        ),
        (
            "a_master_whose_configuration_is_broken_hands_over_instead_of_leaving_the_address",
            broken,
        ),
        (
            "a_note_that_is_too_old_or_of_another_boot_or_no_note_is_not_believed",
            not_believed,
        ),
        (
            "what_is_configured_otherwise_for_the_next_director_goes_to_the_peer",
            otherwise,
        ),
        ("a_sync_group_is_left_and_resumed_as_a_whole", grouped),
        (
            "a_director_that_is_started_while_the_one_before_ends_waits_for_it",
            at_once,
        ),
    ]
}

/// A client, a real server, and two directors that are not started.
struct Lan {
    client: Host,
    _server: (Host, NameServer),
    directors: [(Host, Files); 2],
    interval: &'static str,
    _net: Net,
}

impl Lan {
    fn new(interval: &'static str) -> Self {
        let net = Net::new().unwrap();
        let client = net.host("client", &["192.168.0.100/24"]).unwrap();
        let directors = [("a", 11), ("b", 12)].map(|(name, last)| {
            let host = net.host(name, &[&format!("192.168.0.{last}/24")]).unwrap();
            host.sysctl("ipv4/ip_forward", "1").unwrap();
            (host, Files::new())
        });
        let lan = Self {
            client,
            _server: real_server(&net, "rs1", 2),
            directors,
            interval,
            _net: net,
        };
        lan.configure(0, "priority: 200");
        lan.configure(1, "priority: 100");
        lan
    }

    fn configure(&self, director: usize, rest: &str) {
        let (_, files) = &self.directors[director];
        files.write(&format!(
            "connection_sync: {{interface: eth0, id: 51}}\n\
             virtual_routers:\n  - {{interface: eth0, vrid: 51, interval: {}, hold: 0s, addresses: [{VIP}/24], {rest}}}\n\
             virtual_services:\n  - {{address: '{SERVICE}', check: {{tcp: {{}}}}, servers: [192.168.0.2]}}\n",
            self.interval
        ));
    }

    fn start(&self, director: usize) -> Running {
        let (host, files) = &self.directors[director];
        Running::start(host, files, &[])
    }

    /// Starts both. The first one has the address, and the second one hears it.
    fn start_both(&self) -> [Running; 2] {
        let a = self.start(0);
        a.wait_for("virtual router eth0/51: backup -> master");
        let b = self.start(1);
        self.wait_until_heard(1);
        [a, b]
    }

    /// Waits until the second director has heard so many more advertisements.
    fn wait_until_heard(&self, more: u64) {
        let before = self.router(1).map_or(0, |it| it.heard);
        wait_for("the other director hears the master", || {
            let heard = self.router(1).is_some_and(|it| it.heard >= before + more);
            heard.then_some(())
        });
    }

    /// The virtual router of a director, as its status shows it.
    fn router(&self, director: usize) -> Option<RouterStatus> {
        let (host, files) = &self.directors[director];
        files.status(host).routers.into_iter().next()
    }

    fn note(&self) -> PathBuf {
        self.directors[0].1.path("state.json.mastership")
    }

    fn has_address(&self, director: usize) -> bool {
        let (host, _) = &self.directors[director];
        let listed = host.command("ip", &["-brief", "address"]).unwrap();
        let listed = String::from_utf8(listed.stdout).unwrap();
        listed.contains(&format!(" {VIP}/"))
    }

    /// Opens connections, and has each answered.
    fn hold(&self, count: usize) -> Vec<Conversation> {
        let to: SocketAddr = SERVICE.parse().unwrap();
        self.client.run(|| {
            let open = |_| {
                let stream = connect(None, to, PATIENCE).unwrap();
                let mut held = Conversation::new(stream).unwrap();
                held.ask("hello", Instant::now() + PATIENCE).unwrap();
                held
            };
            (0..count).map(open).collect()
        })
    }
}

/// Ends a director for the next one; gives its log.
fn leave(director: Running) -> String {
    director.signal(Signal::SIGUSR2);
    let (status, log) = director.end();
    assert!(status.success(), "{log}");
    log
}

/// What has happened on a host since this was made.
struct Watched {
    monitor: Monitor,
    packets: OwnedFd,
}

impl Watched {
    fn on(director: &Host, client: &Host) -> Self {
        let monitor = director.run(|| Monitor::open_for_links_and_addresses().unwrap());
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let open = || {
            let all = SockProtocol::EthAll;
            socket(AddressFamily::Packet, SockType::Datagram, flags, all).unwrap()
        };
        let packets = client.run(open);
        setsockopt(&packets, sockopt::RcvBufForce, &(32 << 20)).unwrap();
        Self { monitor, packets }
    }

    /// The virtual address was never removed, and nobody said in its name that a connection is unknown.
    fn nothing_was_seen(&mut self) {
        let vip: IpAddr = VIP.parse().unwrap();
        while let Some(event) = self.monitor.next_if_any().unwrap() {
            let removed = matches!(&event, HostEvent::AddressRemoved(it) if it.address == vip);
            assert!(!removed, "the virtual address was removed");
            assert!(!matches!(event, HostEvent::Lost), "news were lost");
        }
        let mut packet = [0; 128];
        while let Ok(length) = recv(self.packets.as_raw_fd(), &mut packet, MsgFlags::empty()) {
            assert!(!is_reset(&packet[..length], vip), "a reset from {vip}");
        }
    }
}

/// Whether this is a TCP segment over IPv4 with the flag RST from this address.
fn is_reset(packet: &[u8], from: IpAddr) -> bool {
    let [first, .., _] = packet else {
        return false;
    };
    let header = usize::from(first & 0xf) * 4;
    let is_tcp = first >> 4 == 4 && packet.get(9) == Some(&6);
    let source: Option<[u8; 4]> = packet.get(12..16).and_then(|it| it.try_into().ok());
    let flags = packet.get(header + 13).copied().unwrap_or_default();
    is_tcp && source.map(IpAddr::from) == Some(from) && flags & 4 != 0
}

fn unseen() {
    let lan = Lan::new(SLOW);
    let [a, b] = lan.start_both();
    a.wait_for("started master sync daemon");
    let (host, files) = &lan.directors[0];
    let mut held = lan.hold(50);
    let mut watched = Watched::on(host, &lan.client);
    let over = Arc::new(AtomicBool::new(false));
    let (a, answered) = thread::scope(|scope| {
        let mut a = a;
        let ends = Ends(Arc::clone(&over));
        let stream = scope.spawn(|| new_connections(&lan, &over));
        for _ in 0..3 {
            let log = leave(a);
            assert!(log.contains(LEFT), "{log}");
            assert!(lan.note().is_file());
            a = lan.start(0);
            a.wait_for(RESUMED);
            assert!(!lan.note().exists());
            // The kernel goes on sending the connections: its daemon is the master's.
            assert_eq!(a.count("sync daemon"), 0, "{}", a.log());
        }
        // What it said when it went on, and once more at its own pace.
        lan.wait_until_heard(1);
        drop(ends);
        (a, stream.join().unwrap())
    });
    assert!(answered > 10, "{answered}");
    watched.nothing_was_seen();
    for held in &mut held {
        let answer = held.ask("hello", Instant::now() + PATIENCE).unwrap();
        assert_eq!(answer, "rs1 hello");
    }
    assert_eq!(b.count("-> master"), 0, "{}", b.log());
    let router = lan.router(0).unwrap();
    let resumed = "resumed from the process before";
    assert!(router.reason.unwrap().starts_with(resumed));
    let said = files.once(host, "status", &[]);
    assert!(said.out.contains("s (resumed from"), "{}", said.out);
    // An order to stop still hands over.
    assert!(a.stop().success());
    b.wait_for("virtual router eth0/51: backup -> master (master 192.168.0.11 left)");
    assert!(!lan.has_address(0) && !lan.note().exists());
}

/// Ends a stream of connections also when the test fails.
struct Ends(Arc<AtomicBool>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Asks in a new connection again and again. How many were answered; none fails.
fn new_connections(lan: &Lan, over: &AtomicBool) -> usize {
    let to: SocketAddr = SERVICE.parse().unwrap();
    let mut answered = 0;
    while !over.load(Ordering::Relaxed) {
        let answer = lan.client.run(|| ask_tcp(None, to, PATIENCE));
        assert_eq!(answer.unwrap(), "rs1 hello");
        answered += 1;
        thread::sleep(Duration::from_millis(2));
    }
    answered
}

fn broken() {
    let lan = Lan::new(QUICK);
    let [a, b] = lan.start_both();
    fs::write(lan.directors[0].1.config(), "virtual_services: [{").unwrap();
    let log = leave(a);
    let why = "the next director could not start, so this one hands its virtual addresses over: ";
    assert!(log.contains(why), "{log}");
    b.wait_for("virtual router eth0/51: backup -> master (master 192.168.0.11 left)");
    assert!(!lan.has_address(0) && !lan.note().exists());
    assert_eq!(
        lan.client
            .run(|| ask_tcp(None, SERVICE.parse().unwrap(), PATIENCE))
            .unwrap(),
        "rs1 hello"
    );
}

fn not_believed() {
    let lan = Lan::new(QUICK);
    let [a, b] = lan.start_both();
    leave(a);
    let note = fs::read_to_string(lan.note()).unwrap();
    // Nobody goes on.
    b.wait_for("virtual router eth0/51: backup -> master (master 192.168.0.11 not heard for");
    let a = lan.start(0);
    a.wait_for(&format!("{ANEW}it advertised last "));
    a.wait_for("virtual router eth0/51: initialize -> backup (started)");
    assert!(!lan.note().exists());
    assert!(a.stop().success());
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let of_another_boot = note.replace(boot.trim(), "6b2a1a9e-0000-4000-8000-000000000000");
    for (text, why) in [
        (&*of_another_boot, "it is of another boot"),
        ("dear diary", "this is no mastership note"),
    ] {
        fs::write(lan.note(), text).unwrap();
        let a = lan.start(0);
        a.wait_for(why);
        a.wait_for("virtual router eth0/51: initialize -> backup (started)");
        assert!(!lan.note().exists());
        assert!(a.stop().success());
    }
}

fn otherwise() {
    let lan = Lan::new(QUICK);
    let [a, b] = lan.start_both();
    lan.configure(0, "priority: 50");
    let log = leave(a);
    assert!(!log.contains(LEFT), "{log}");
    b.wait_for("virtual router eth0/51: backup -> master (master 192.168.0.11 left)");
    assert!(!lan.has_address(0) && !lan.note().exists());
}

/// The line with the number and the hardware address of the interface that a virtual router has for itself.
fn interface_of_a_virtual_router(host: &Host) -> String {
    let listed = host.command("ip", &["-oneline", "link"]).unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let own = listed.lines().find(|line| line.contains(": vrrp4."));
    own.unwrap_or_else(|| panic!("{listed}")).to_owned()
}

/// A sync group of two virtual routers: of IPv4, with a hardware address of its own, and of IPv6.
fn grouped() {
    let net = Net::new().unwrap();
    let host = net
        .host("a", &["192.168.0.11/24", "fd00:a::11/64"])
        .unwrap();
    let files = Files::new();
    let router = |name: &str, addresses: &str| {
        format!(
            "  - {{name: {name}, group: both, interface: eth0, vrid: 51, interval: {SLOW}, hold: 0s, addresses: [{addresses}}}\n"
        )
    };
    files.write(&format!(
        "virtual_routers:\n{}{}virtual_services: []\n",
        router(
            "four",
            "192.168.0.10/24, 192.168.0.20/24], virtual_mac: true"
        ),
        router("six", "'fd00:a::20/64', 'fd00:a::10/64']"),
    ));
    let a = Running::start(&host, &files, &[]);
    for name in ["four", "six"] {
        a.wait_for(&format!("virtual router {name}: backup -> master"));
    }
    let own_hardware = || interface_of_a_virtual_router(&host);
    let before = own_hardware();
    let mut watched = Watched::on(&host, &host);
    let log = leave(a);
    assert!(
        log.contains("master of four, six: left to the next director"),
        "{log}"
    );
    let a = Running::start(&host, &files, &[]);
    for name in ["four", "six"] {
        a.wait_for(&format!(
            "virtual router {name}: initialize -> master (resumed from the process before"
        ));
    }
    watched.nothing_was_seen();
    assert_eq!(own_hardware(), before);
    // One address of one of them is not here any more.
    let log = leave(a);
    assert!(log.contains("master of four, six: left"), "{log}");
    host.ip("address del fd00:a::10/64 dev eth0\n").unwrap();
    let a = Running::start(&host, &files, &[]);
    a.wait_for("virtual router six: the director before was master, and this one begins anew: not all of its addresses");
    a.wait_for("virtual router four: begins anew with its sync group");
    a.wait_for("virtual router four: 192.168.0.20 was left here: removed");
    for name in ["four", "six"] {
        a.wait_for(&format!(
            "virtual router {name}: initialize -> backup (started)"
        ));
    }
}

fn at_once() {
    let lan = Lan::new(SLOW);
    let [a, b] = lan.start_both();
    a.signal(Signal::SIGUSR2);
    let (host, files) = &lan.directors[0];
    wait_for("the control socket is gone", || {
        (!files.path("socket").exists()).then_some(())
    });
    // It needs long for its end.
    a.signal(Signal::SIGSTOP);
    let next = Running::launch(host, files, &[]);
    thread::sleep(Duration::from_millis(500));
    a.signal(Signal::SIGCONT);
    next.wait_for(RESUMED);
    assert!(a.end().0.success());
    lan.wait_until_heard(1);
    assert_eq!(b.count("-> master"), 0, "{}", b.log());
}
