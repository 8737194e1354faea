// SPDX-License-Identifier: MIT OR Apache-2.0
//! The packets of `tests/vrrp/*.jsonl` on the wire: the director, keepalived and FRR are each asked what they make of them.
//! That takes minutes, and a silence is judged by its length. `LEDGER=1` asks all of them; without it the director is asked
//! about one packet of eight.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::IpAddr;
use std::thread;
use std::time::{Duration, Instant};

use lab::netns::{Host, Net};
use lvs_director::codec::vrrp::{Advertisement, group};
use lvs_director::model::{AddressFamily, Centiseconds, ChecksumForm, Priority, Vrid, VrrpVersion};
use lvs_director::net::FrameSocket;
use serde::Deserialize;
use serde_json::{Value, json};

use super::process::{Files, Running};
use super::vrrp_frames::{Listener, frame, frames, group_hardware};
use super::vrrp_frr::{Frr, virtual_interface};
use super::vrrp_peers::Keepalived;
use crate::Test;

pub(super) fn tests() -> Vec<Test> {
    let director: Test = (
        "the_director_makes_of_the_packets_of_the_ledger_what_it_says",
        || compare(OURS),
    );
    if !asks_all() {
        return vec![director];
    }
    vec![
        director,
        (
            "keepalived_makes_of_the_packets_of_the_ledger_what_it_says",
            || compare(KEEPALIVED),
        ),
        (
            "frr_makes_of_the_packets_of_the_ledger_what_it_says",
            || compare(FRR),
        ),
    ]
}

fn asks_all() -> bool {
    std::env::var_os("LEDGER").is_some()
}

const OURS: &str = "the director";
const KEEPALIVED: &str = "keepalived 2.2.7";
const FRR: &str = "FRR 8.4.4";
/// So many of the program run at the same time, and some more for IPv6.
const LANES: usize = 8;
/// A packet is sent this often while a backup waits.
const EVERY: Duration = Duration::from_millis(250);
/// A backup of priority 100 takes over after 3.61 s of silence. Who has not by then hears what is sent.
const PATIENT: Duration = Duration::from_secs(6);
/// Who takes over before that was hurried.
const HURRIED: Duration = Duration::from_millis(2600);
/// Who answers does so within this time.
const SOON: Duration = Duration::from_millis(300);
/// Who is still master has sent something after this time.
const SILENT: Duration = Duration::from_millis(2500);
/// Another try tells a deviation from a machine that was busy.
const TRIES: usize = 3;

/// A case, as far as the wire shows it.
#[derive(Debug, Clone, Deserialize)]
struct Case {
    #[serde(rename = "case")]
    name: String,
    #[serde(default)]
    router: Value,
    given: Value,
    event: Value,
    then: Value,
}

#[derive(Debug, Clone, Deserialize)]
struct Packet {
    from: IpAddr,
    to: IpAddr,
    hops: u8,
    hex: String,
}

impl Packet {
    fn frame(&self) -> Vec<u8> {
        let byte = |two: &[u8]| u8::from_str_radix(str::from_utf8(two).unwrap(), 16).unwrap();
        let payload: Vec<u8> = self.hex.as_bytes().chunks(2).map(byte).collect();
        let to = group_hardware(AddressFamily::of(self.from));
        frame(to, self.from, self.to, self.hops, &payload)
    }

    /// What the master says that a backup follows before.
    fn of_a_master(&self, family: AddressFamily) -> Vec<u8> {
        let address = match family {
            AddressFamily::Ipv4 => "192.0.2.100",
            AddressFamily::Ipv6 => "fe80::100",
        };
        let says = Advertisement {
            version: VrrpVersion::V3,
            vrid: Vrid::new(51).unwrap(),
            priority: Priority(200),
            interval: Centiseconds::SECOND,
            addresses: vec![address.parse().unwrap()],
            password: None,
        };
        let group = group(family);
        let payload = says.emit(self.from, group, ChecksumForm::PseudoHeader, None);
        frame(group_hardware(family), self.from, group, 255, &payload)
    }
}

/// What another program makes of a packet, where it is not what we make of it.
#[derive(Debug, Deserialize)]
struct Other {
    program: String,
    case: String,
    sees: String,
}

fn read<T: for<'a> Deserialize<'a>>(name: &str) -> Vec<T> {
    let path = format!("{}/tests/vrrp/{name}.jsonl", env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

impl Case {
    /// All that a wire shows: one packet that comes to a usual backup or master, by multicast and from elsewhere.
    fn visible() -> Vec<Self> {
        let files = ["receiving", "machine"].into_iter();
        let mut seen = BTreeSet::new();
        let all = files.flat_map(read::<Self>);
        // Several cases have one packet.
        let mut is_new =
            |it: &Self| seen.insert(format!("{} {} {}", it.router, it.given, it.event));
        all.filter(|it| it.expected().is_some() && is_new(it))
            .collect()
    }

    fn packet(&self) -> Option<Packet> {
        serde_json::from_value(self.event.get("packet")?.clone()).ok()
    }

    fn is_backup(&self) -> bool {
        self.given == json!(["start", {"wait_ms": 1000}])
    }

    fn family(&self) -> AddressFamily {
        match self.router.get("source") {
            Some(_) => AddressFamily::Ipv6,
            None => AddressFamily::Ipv4,
        }
    }

    /// What the wire shows when the router does as the case says; `None` when the wire does not show it.
    fn expected(&self) -> Option<&'static str> {
        let six = json!({"source": "fe80::20", "addresses": ["fe80::100"]});
        let packet = self.packet()?;
        // The kernel takes no multicast packet of its own address.
        let own = ["192.0.2.20", "192.0.2.100", "fe80::100"];
        let usual = self.router == Value::Null || self.router == six;
        let reaches = AddressFamily::of(packet.from) == self.family()
            && packet.to == group(AddressFamily::of(packet.from))
            && !own.contains(&&*packet.from.to_string());
        if !usual || !reaches {
            return None;
        }
        let wait = self.then.get("deadline_us")?.as_u64()?;
        if self.is_backup() {
            return Some(match wait {
                2_609_375 => "it takes over as if nothing had come",
                ..700_000 => "it takes over early",
                _ => "it goes on as backup",
            });
        }
        if self.given != json!(["start", "deadline", {"wait_ms": 500}]) {
            return None;
        }
        let answers = |it: &Value| it.as_str().is_some_and(|it| it.starts_with("advertise"));
        let does = self.then.get("does").and_then(Value::as_array);
        Some(if self.then["state"] == "backup" {
            // Who takes over again soon seems to have gone on.
            return (wait > 3_000_000).then_some("it yields");
        } else if does.is_some_and(|does| does.iter().any(answers)) {
            "it answers at once"
        } else {
            "it goes on as master"
        })
    }
}

/// A program that is asked, until this is dropped.
enum Asked {
    Ours(Running, #[expect(dead_code, reason = "it uses them")] Files),
    Keepalived(Keepalived),
    Frr(Frr),
}

impl Asked {
    /// A router of priority 100 that preempts, and is backup.
    fn start(program: &str, host: &Host, family: AddressFamily) -> Self {
        let (address, length, word, hardware) = match family {
            AddressFamily::Ipv4 => ("192.0.2.100", 24, "ip", "00:00:5e:00:01:33"),
            AddressFamily::Ipv6 => ("fe80::100", 64, "ipv6", "00:00:5e:00:02:33"),
        };
        let asked = match program {
            OURS => {
                let files = Files::new();
                files.write(&format!(
                    "virtual_routers:\n  - {{name: pair, interface: eth0, vrid: 51, hold: 0s, preempt: always, \
                     addresses: ['{address}/{length}']}}\nvirtual_services: []\n"
                ));
                Self::Ours(Running::start(host, &files, &[]), files)
            }
            FRR => {
                virtual_interface(host, hardware, &format!("{address}/{length}"));
                let lines = format!(
                    " vrrp 51 version 3\n vrrp 51 priority 100\n vrrp 51 advertisement-interval 1000\n \
                     vrrp 51 {word} {address}\n"
                );
                Self::Frr(Frr::start(host, &lines))
            }
            _ => {
                let lines = format!(
                    "version 3\n advert_int 1\n virtual_ipaddress {{\n {address}/{length}\n }}"
                );
                Self::Keepalived(Keepalived::start(host, &lines))
            }
        };
        match &asked {
            Self::Ours(running, _) => {
                drop(running.wait_for("virtual router pair: initialize -> backup"));
            }
            Self::Keepalived(keepalived) => keepalived.wait_for("Entering BACKUP STATE"),
            Self::Frr(frr) => frr.wait_for("Initialize -> Backup", 1),
        }
        asked
    }
}

/// A program on a host, and a host that sends it packets and listens.
struct Lane {
    _asked: Asked,
    listener: Listener,
    socket: FrameSocket,
    _hosts: [Host; 2],
    _net: Net,
}

impl Lane {
    fn new(program: &str, family: AddressFamily) -> Self {
        let net = Net::new().unwrap();
        let peer = net.host("peer", &["192.0.2.20/24"]).unwrap();
        let tester = net.host("tester", &["192.0.2.1/24"]).unwrap();
        Self {
            listener: Listener::start(&tester, family, None),
            socket: frames(&tester),
            _asked: Asked::start(program, &peer, family),
            _hosts: [peer, tester],
            _net: net,
        }
    }

    /// What the wire shows when the program gets the packet of a case.
    fn ask(&self, case: &Case) -> &'static str {
        let packet = case.packet().unwrap();
        if case.is_backup() {
            self.ask_backup(&packet, case.family())
        } else {
            self.ask_master(&packet, case.family())
        }
    }

    /// Lets it follow a master, so that its wait begins now. It may have been master, and have taken the wait from what it
    /// yielded to.
    fn make_backup(&self, like: &Packet, family: AddressFamily) {
        for _ in 0..2 {
            self.socket.send(&like.of_a_master(family)).unwrap();
            thread::sleep(SOON);
        }
        self.socket.send(&like.of_a_master(family)).unwrap();
    }

    fn ask_backup(&self, packet: &Packet, family: AddressFamily) -> &'static str {
        self.make_backup(packet, family);
        let began = Instant::now();
        while began.elapsed() < PATIENT && self.listener.after(began).is_none() {
            self.socket.send(&packet.frame()).unwrap();
            thread::sleep(EVERY);
        }
        match self.listener.after(began) {
            None => "it goes on as backup",
            Some(first) if first - began < HURRIED => "it takes over early",
            Some(_) => "it takes over as if nothing had come",
        }
    }

    fn ask_master(&self, packet: &Packet, family: AddressFamily) -> &'static str {
        self.make_backup(packet, family);
        self.listener.wait();
        self.listener.wait();
        // Not when the next one is due.
        thread::sleep(SOON);
        let sent = Instant::now();
        self.socket.send(&packet.frame()).unwrap();
        thread::sleep(SILENT);
        match self.listener.after(sent) {
            None => "it yields",
            Some(first) if first - sent < SOON => "it answers at once",
            Some(_) => "it goes on as master",
        }
    }
}

/// What a program makes of the packets, in several lanes at the same time.
fn ask_all(program: &str, cases: &[Case]) -> BTreeMap<String, &'static str> {
    let (four, six): (Vec<_>, Vec<_>) = cases
        .iter()
        .partition(|case| case.family() == AddressFamily::Ipv4);
    let each = cases.len().div_ceil(LANES);
    let parts: Vec<&[&Case]> = four.chunks(each).chain(six.chunks(each)).collect();
    let ask = |part: &[&Case]| {
        let lane = Lane::new(program, part[0].family());
        let asked = part.iter().map(|case| (case.name.clone(), lane.ask(case)));
        asked.collect::<Vec<_>>()
    };
    thread::scope(|scope| {
        let lanes: Vec<_> = parts
            .into_iter()
            .map(|part| scope.spawn(move || ask(part)))
            .collect();
        lanes
            .into_iter()
            .flat_map(|lane| lane.join().unwrap())
            .collect()
    })
}

/// A program does what the cases say, but where the ledger says otherwise.
fn compare(program: &str) {
    let others: Vec<Other> = read("others");
    let others = others.into_iter().filter(|it| it.program == program);
    let said: BTreeMap<String, String> = others.map(|it| (it.case, it.sees)).collect();
    let mut cases = Case::visible();
    if !asks_all() {
        cases = cases.into_iter().step_by(8).collect();
    }
    let expected = |case: &Case| match said.get(&case.name) {
        Some(sees) => sees.clone(),
        None => case.expected().unwrap().to_owned(),
    };
    let mut found = BTreeMap::new();
    for _ in 0..TRIES {
        found = ask_all(program, &cases);
        cases.retain(|case| found[&case.name] != expected(case));
        if cases.is_empty() {
            return;
        }
    }
    let rows = cases.iter().map(|case| {
        let row = json!({"program": program, "case": case.name, "sees": found[&case.name]});
        format!("{row}\n  not: {}\n", expected(case))
    });
    panic!("{}", rows.collect::<String>());
}
