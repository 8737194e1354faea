// SPDX-License-Identifier: MIT OR Apache-2.0
//! Advertisements that are no good, as many as a host can send.

use std::fs;
use std::io::IoSlice;
use std::net::IpAddr;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::thread;
use std::time::{Duration, Instant};

use lab::netns::{Host, Net};
use lvs_director::codec::ethernet::HardwareAddress;
use lvs_director::codec::vrrp::{Advertisement, group};
use lvs_director::control::RouterStatus;
use lvs_director::kernel::Route;
use lvs_director::model::{AddressFamily, Centiseconds, ChecksumForm, Priority, Vrid, VrrpVersion};
use lvs_director::net::{FrameSocket, Hears, VrrpSocket};
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, sendmmsg};

use super::process::{Files, Running};
use super::vrrp_frames::{Listener, frame, frames, group_hardware, hardware};
use crate::Test;
use crate::stage::wait_for;

pub(super) fn tests() -> Vec<Test> {
    vec![
        (
            "a_flood_of_bad_advertisements_is_counted_and_delays_nothing",
            || bad("1s", 6),
        ),
        (
            "a_flood_of_bad_advertisements_is_counted_at_ten_advertisements_a_second",
            || bad("100ms", 40),
        ),
        ("a_flood_to_everybody_makes_no_second_master", everybody),
        (
            "a_flood_of_recorded_advertisements_is_answered_within_measure",
            recorded,
        ),
        (
            "the_kernel_sorts_what_is_likely_an_advertisement_from_the_rest",
            sorted,
        ),
    ]
}

/// Longer than any flood lasts on a busy machine.
const LONGEST: Duration = Duration::from_secs(90);
/// So many frames go to the kernel at once. It does nothing else until they have arrived.
const MANY: usize = 100;
/// So many packets a second are sent at most. Two directors and the sender share a processor in the lab: what goes to both
/// is a tenth of that.
const FLOOD: f64 = 100_000.0;
/// So many lines a flood may leave in the log.
const LINES: usize = 4;
/// Who is said to have sent the flood: nobody who is there.
const FORGED: &str = "192.168.0.13";
/// What each kind of bad packet is counted under.
const REASONS: [&str; 9] = [
    "too_short",
    "cut_off",
    "ttl",
    "vrid",
    "checksum",
    "interval_zero",
    "version",
    "version_unknown",
    "type_unknown",
];

/// A master, its backup, a host that listens, and one that floods.
struct Lan {
    directors: [(Host, Files); 2],
    listener: Host,
    flooder: Host,
    _net: Net,
}

impl Lan {
    fn new(interval: &str) -> Self {
        let net = Net::new().unwrap();
        let directors = [("a", 11, 200), ("b", 12, 100)].map(|(name, number, priority)| {
            let host = net.host(name, &[&format!("192.168.0.{number}/24")]).unwrap();
            let files = Files::new();
            files.write_real_time(&format!(
                "virtual_routers:\n  - {{name: pair, interface: eth0, vrid: 51, priority: {priority}, interval: {interval}, \
                 hold: 0s, addresses: [192.168.0.10/24]}}\nvirtual_services: []\n"
            ));
            (host, files)
        });
        Self {
            directors,
            listener: net.host("listener", &["192.168.0.100/24"]).unwrap(),
            flooder: net.host("flooder", &["192.168.0.66/24"]).unwrap(),
            _net: net,
        }
    }

    /// Starts both: the first one is master, and the second one hears it.
    fn start(&self) -> [Running; 2] {
        let start = |(host, files): &(Host, Files)| Running::start(host, files, &[]);
        let a = start(&self.directors[0]);
        a.wait_for("virtual router pair: backup -> master");
        let b = start(&self.directors[1]);
        wait_for("the backup hears the master", || {
            (self.router(1).heard > 2).then_some(())
        });
        [a, b]
    }

    fn router(&self, director: usize) -> RouterStatus {
        let (host, files) = &self.directors[director];
        files.status(host).routers.into_iter().next().unwrap()
    }

    /// What came in for VRRP on a director, and found no room in its socket.
    fn lost(&self, director: usize) -> u64 {
        let (host, _) = &self.directors[director];
        let table = host.run(|| fs::read_to_string("/proc/thread-self/net/raw").unwrap());
        let lines = table.lines().skip(1);
        let drops = lines.map(|line| line.split_whitespace().last().unwrap().parse::<u64>());
        drops.map(Result::unwrap).sum()
    }

    /// The second one has become backup at its start, and nothing else since then.
    fn assert_one_master(&self) {
        let [a, b] = [self.router(0), self.router(1)];
        assert_eq!((&*a.state, a.transitions), ("master", 2), "{a:?}");
        assert_eq!((&*b.state, b.transitions), ("backup", 1), "{b:?}");
    }
}

fn advertisement() -> Advertisement {
    Advertisement {
        version: VrrpVersion::V3,
        vrid: Vrid::new(51).unwrap(),
        priority: Priority(255),
        interval: Centiseconds::SECOND,
        addresses: vec!["192.168.0.10".parse().unwrap()],
        password: None,
    }
}

fn ends() -> (IpAddr, IpAddr) {
    (FORGED.parse().unwrap(), group(AddressFamily::Ipv4))
}

fn emit(advertisement: &Advertisement) -> Vec<u8> {
    let (source, to) = ends();
    advertisement.emit(source, to, ChecksumForm::PseudoHeader, None)
}

/// The same with another byte somewhere, and a checksum over the message that is right.
fn changed(at: usize, byte: u8) -> Vec<u8> {
    let mut payload = emit(&advertisement());
    payload[at] = byte;
    payload[6..8].fill(0);
    let words = payload
        .chunks(2)
        .map(|two| u32::from(two[0]) << 8 | u32::from(two[1]));
    let sum = words.sum::<u32>();
    let sum = !u16::try_from((sum & 0xffff) + (sum >> 16)).unwrap();
    payload[6..8].copy_from_slice(&sum.to_be_bytes());
    payload
}

/// One packet of each kind that is bad, and some that mean nothing at all. Each would depose the master if it were good.
fn bad_frames(to: HardwareAddress) -> Vec<Vec<u8>> {
    let good = emit(&advertisement());
    let mut wrong = good.clone();
    wrong[6] ^= 1;
    let mut oversized = vec![0x5a; 1400];
    oversized[..8].copy_from_slice(&[0x31, 51, 255, 255, 0, 100, 0, 0]);
    let v2 = Advertisement {
        version: VrrpVersion::V2,
        ..advertisement()
    };
    let other = Advertisement {
        vrid: Vrid::new(52).unwrap(),
        ..advertisement()
    };
    let mut payloads = vec![
        (255, good[..7].to_vec()),
        (255, Vec::new()),
        (255, good[..11].to_vec()),
        (255, changed(3, 200)),
        (254, good.clone()),
        (1, good),
        (255, emit(&other)),
        (255, wrong),
        (255, oversized),
        (255, changed(5, 0)),
        (255, emit(&v2)),
        (255, changed(0, 0x41)),
        (255, changed(0, 0x32)),
    ];
    let mut seed = 0x2545_f491_u32;
    for length in [1, 8, 12, 20, 40, 64, 500, 1400] {
        let garbage = (0..length).map(|_| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            seed.to_be_bytes()[0]
        });
        payloads.push((255, garbage.collect()));
    }
    let (source, group) = ends();
    let frames = payloads.iter();
    frames
        .map(|(hops, payload)| frame(to, source, group, *hops, payload))
        .collect()
}

/// Sends many frames; how many went out.
fn send_many(socket: &FrameSocket, frames: &[Vec<u8>]) -> u64 {
    let slices: Vec<[IoSlice<'_>; 1]> = frames.iter().map(|it| [IoSlice::new(it)]).collect();
    let many = slices.iter().cycle().take(MANY);
    let mut headers = MultiHeaders::<SockaddrStorage>::preallocate(MANY, None);
    let nobody = vec![None; MANY];
    let socket = socket.as_fd().as_raw_fd();
    let sent = sendmmsg(socket, &mut headers, many, nobody, [], MsgFlags::empty());
    // The kernel has no room for more.
    sent.map_or(0, |sent| u64::try_from(sent.count()).unwrap())
}

/// What was sent, and how long it took.
struct Flood {
    sent: u64,
    took: Duration,
}

impl Flood {
    /// Sends these again and again, so many a second at most, until something has happened.
    fn run(from: &Host, frames_: &[Vec<u8>], most: f64, mut is_over: impl FnMut() -> bool) -> Self {
        let (socket, began, mut sent) = (frames(from), Instant::now(), 0);
        while !is_over() {
            assert!(
                began.elapsed() < LONGEST,
                "nothing has come in for {LONGEST:?}"
            );
            sent += send_many(&socket, frames_);
            if rate(sent, began.elapsed()) > most {
                // The lab's kernel has one processor: the others have it now.
                thread::sleep(Duration::from_millis(1));
            }
        }
        Self {
            sent,
            took: began.elapsed(),
        }
    }

    fn rate(&self) -> f64 {
        rate(self.sent, self.took)
    }
}

/// How many a second.
fn rate(sent: u64, took: Duration) -> f64 {
    // Millions at most.
    f64::from(u32::try_from(sent).unwrap()) / took.as_secs_f64()
}

/// A flood to the master alone, for so many of its advertisements: so the listener has nothing else to read.
fn bad(interval: &str, advertisements: usize) {
    let lan = Lan::new(interval);
    let [a, _b] = lan.start();
    let (host, _) = &lan.directors[0];
    let frames = bad_frames(hardware(host));
    let lines = a.log().lines().count();
    let listener = Listener::start(
        &lan.listener,
        AddressFamily::Ipv4,
        Some("192.168.0.11".parse().unwrap()),
    );
    listener.wait();
    let first = listener.times().len();
    let flood = Flood::run(&lan.flooder, &frames, FLOOD, || {
        listener.times().len() >= first + advertisements
    });
    let router = wait_for("every packet is counted under a reason", || {
        let router = lan.router(0);
        let counted = |reason: &&str| router.dropped.contains_key(*reason);
        let dropped: u64 = router.dropped.values().sum();
        // Newer kernels (net/ipv4/raw.c; 6.18 does, 6.1 does not) count a packet that finds a socket full before its filter has sorted it
        // out: those that went to the other socket may be counted twice.
        let twice = router.dropped.get("checksum").copied().unwrap_or_default();
        let all = flood.sent..=flood.sent + twice;
        (REASONS.iter().all(counted) && all.contains(&dropped)).then_some(router)
    });
    let late = Duration::from_micros(router.late_at_most_microseconds);
    println!(
        "a flood of {:.0} packets a second for {:.1?} at a master that advertises every {interval}: {} counted as dropped, \
         {} of them by the kernel; no advertisement was later than {late:.1?}",
        flood.rate(),
        flood.took,
        flood.sent,
        router.dropped["kernel"],
    );

    let told = a.log().lines().count() - lines;
    assert!(told <= LINES, "{}", a.log());
    if interval == "1s" {
        lan.assert_one_master();
    }
}

/// A flood to the group: the backup has to find the master's advertisements in it.
fn everybody() {
    let lan = Lan::new("1s");
    let [a, b] = lan.start();
    let lines = [a.log().lines().count(), b.log().lines().count()];
    let frames = bad_frames(group_hardware(AddressFamily::Ipv4));
    let sent = lan.router(0).sent;
    let mut looked = Instant::now();
    let flood = Flood::run(&lan.flooder, &frames, FLOOD / 10.0, || {
        // Looking costs a program's start.
        looked.elapsed() > Duration::from_secs(2) && {
            looked = Instant::now();
            lan.router(0).sent > sent + 8
        }
    });
    let dropped = [0, 1].map(|it| lan.router(it).dropped.values().sum::<u64>());
    println!(
        "a flood of {:.0} packets a second for {:.1?} to everybody: {dropped:?} counted as dropped, {:?} more for which there \
         was no room",
        flood.rate(),
        flood.took,
        [0, 1].map(|it| lan.lost(it))
    );
    lan.assert_one_master();
    let told = [&a, &b].map(|it| it.log().lines().count());
    assert!(
        told[0] - lines[0] <= LINES && told[1] - lines[1] <= LINES,
        "{told:?}"
    );
}

/// Good packets of a lower priority: what a backup once sent when it was master. Each is answered, 200 times a second at
/// most.
fn recorded() {
    let lan = Lan::new("1s");
    let [a, _b] = lan.start();
    let (host, _) = &lan.directors[0];
    let (source, to) = ends();
    let payload = emit(&Advertisement {
        priority: Priority(100),
        ..advertisement()
    });
    let frame = frame(hardware(host), source, to, 255, &payload);
    let lines = a.log().lines().count();
    let before = lan.router(0);
    let mut looked = Instant::now();
    let flood = Flood::run(&lan.flooder, &[frame], FLOOD, || {
        looked.elapsed() > Duration::from_secs(1) && {
            looked = Instant::now();
            lan.router(0).heard > before.heard + 20_000
        }
    });
    let after = lan.router(0);
    let answers = after.sent - before.sent;
    println!(
        "{:.0} recorded advertisements a second for {:.1?}: {} heard, {answers} answers",
        flood.rate(),
        flood.took,
        after.heard - before.heard
    );
    // One each 5 ms; the status was asked for before and after the flood.
    let most = 2 * (flood.took.as_millis() / 5 + 200);
    assert!(u128::from(answers) < most, "{answers} in {:?}", flood.took);
    lan.assert_one_master();
    // That there are two masters is told once a minute.
    let told = a.log().lines().count() - lines;
    assert!(told <= LINES, "{}", a.log());
}

/// What seems to be an advertisement comes to one socket, everything else to the other.
fn sorted() {
    let net = Net::new().unwrap();
    let director = net.host("director", &["192.168.0.11/24"]).unwrap();
    let flooder = net.host("flooder", &["192.168.0.66/24"]).unwrap();
    let sender = frames(&flooder);
    for (version, source, address) in [
        (VrrpVersion::V3, FORGED, "192.168.0.10"),
        (VrrpVersion::V2, FORGED, "192.168.0.10"),
        (VrrpVersion::V3, "fe80::13", "fe80::10"),
    ] {
        let source: IpAddr = source.parse().unwrap();
        let family = AddressFamily::of(source);
        let says = Advertisement {
            version,
            addresses: vec![address.parse().unwrap()],
            ..advertisement()
        };
        let good = says.emit(source, group(family), ChecksumForm::PseudoHeader, None);
        let sockets = director.run(|| {
            let link = Route::open().unwrap().link("eth0").unwrap().unwrap();
            let vrid = says.vrid;
            [Hears::Likely(version, vrid), Hears::Rest(version, vrid)]
                .map(|hears| VrrpSocket::open(family, "eth0", link.index, hears).unwrap())
        });
        let is_likely = |hops: u8, payload: &[u8]| {
            let frame = frame(group_hardware(family), source, group(family), hops, payload);
            sender.send(&frame).unwrap();
            wait_for("the packet", || {
                let mut into = [0; 2000];
                let heard = sockets.each_ref().map(|it| it.receive(&mut into).unwrap());
                match heard {
                    [None, None] => None,
                    [likely, rest] => {
                        assert!(likely.is_some() != rest.is_some());
                        Some(likely.is_some())
                    }
                }
            })
        };
        let longer = [&good[..], &[0; 14]].concat();
        assert!(is_likely(255, &good) && is_likely(255, &longer), "{says:?}");
        let mut bad = vec![
            Vec::new(),
            good[..7].to_vec(),
            good[..good.len() - 1].to_vec(),
        ];
        // The version, the type, the virtual router, the count, and the interval.
        for (at, byte) in [
            (0, 0x41),
            (0, good[0] + 1),
            (1, 52),
            (3, 0),
            (3, 2),
            (3, 255),
        ] {
            let mut payload = good.clone();
            payload[at] = byte;
            bad.push(payload);
        }
        let mut payload = good.clone();
        payload[4..6].fill(0);
        bad.push(payload);
        for payload in &bad {
            assert!(!is_likely(255, payload), "{says:?} {payload:02x?}");
        }
        assert!(!is_likely(254, &good) && !is_likely(1, &good), "{says:?}");
    }
}
