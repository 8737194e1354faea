// SPDX-License-Identifier: MIT OR Apache-2.0
//! Two directors that sign their advertisements, and somebody who sends what was recorded.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsRawFd as _;

use lab::netns::Host;
use lvs_director::codec::vrrp::{GROUP_V4, HOPS, MOST_BYTES, PROTOCOL};
use lvs_director::kernel::Route;
use lvs_director::model::{AddressFamily, Vrid, VrrpVersion};
use lvs_director::net::{Hears, VrrpSocket};
use nix::sys::signal::Signal;
use nix::sys::socket::{
    AddressFamily as Family, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, sendto, socket,
};
use tempfile::TempDir;

use super::vrrp::Lan;
use crate::Test;
use crate::stage::wait_for;

const VIP: &str = "192.168.0.10";
const MASTER: Ipv4Addr = Ipv4Addr::new(192, 168, 0, 11);

pub(super) fn tests() -> Vec<Test> {
    vec![
        (
            "directors_with_one_key_are_one_virtual_router_and_drop_recordings",
            recordings,
        ),
        (
            "directors_change_to_signatures_and_to_another_key_without_a_transition",
            roll_over,
        ),
        (
            "a_virtual_router_without_its_key_takes_no_part_until_a_reload_finds_it",
            no_key,
        ),
    ]
}

/// Files with keys.
struct Keys(TempDir);

impl Keys {
    fn new() -> Self {
        let keys = Self(tempfile::tempdir().unwrap());
        for id in 1..=2 {
            let digits = format!("{id:02x}").repeat(32);
            fs::write(keys.path(id), format!("hex:{digits}\n")).unwrap();
        }
        keys
    }

    fn path(&self, id: u8) -> String {
        self.0
            .path()
            .join(format!("{id}.key"))
            .display()
            .to_string()
    }

    /// The rest of a virtual router that accepts these keys, and signs with the first.
    fn rest(&self, ids: &[u8], mode: &str) -> String {
        let key = |id: &u8| format!("{{id: {id}, key_file: {}}}", self.path(*id));
        let keys: Vec<String> = ids.iter().map(key).collect();
        format!(
            "addresses: [{VIP}/24], authentication: {{hmac: {{keys: [{}], mode: {mode}}}}}",
            keys.join(", ")
        )
    }
}

/// The next advertisement of the master.
fn record(host: &Host) -> Vec<u8> {
    let socket = host.run(|| {
        let link = Route::open().unwrap().link("eth0").unwrap().unwrap();
        let hears = Hears::Likely(VrrpVersion::V3, Vrid::new(51).unwrap());
        VrrpSocket::open(AddressFamily::Ipv4, "eth0", link.index, hears).unwrap()
    });
    let mut bytes = [0; MOST_BYTES + 64];
    wait_for("an advertisement", || {
        let arrived = socket.receive(&mut bytes).unwrap()?;
        let from_master = arrived.delivery.source == IpAddr::V4(MASTER);
        from_master.then(|| bytes[arrived.begin..arrived.end].to_vec())
    })
}

/// Sends it as if the master did.
fn replay(host: &Host, payload: &[u8]) {
    let mut packet = vec![0x45, 0xc0, 0, 0, 0, 0, 0, 0, HOPS, PROTOCOL, 0, 0];
    packet.extend_from_slice(&MASTER.octets());
    packet.extend_from_slice(&GROUP_V4.octets());
    packet.extend_from_slice(payload);
    host.run(|| {
        let raw = socket(
            Family::Inet,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            SockProtocol::Raw,
        )
        .unwrap();
        let to = SockaddrIn::from(std::net::SocketAddrV4::new(GROUP_V4, 0));
        sendto(raw.as_raw_fd(), &packet, &to, MsgFlags::empty()).unwrap();
    });
}

/// How many advertisements a director has dropped for this reason.
fn dropped(lan: &Lan, director: usize, reason: &str) -> u64 {
    let router = lan.router(director);
    router.dropped.get(reason).copied().unwrap_or_default()
}

fn recordings() {
    let keys = Keys::new();
    let lan = Lan::new(&keys.rest(&[1], "enforce"));
    let [_a, b] = lan.start_both(VIP);
    let heard = || (lan.router(1).heard > 4).then_some(());
    wait_for("signed advertisements are heard", heard);
    assert!(lan.router(1).dropped.is_empty(), "{}", b.log());
    lan.client.ip("route add 224.0.0.0/4 dev eth0\n").unwrap();
    let recorded = record(&lan.client);
    wait_for("the recording is dropped", || {
        replay(&lan.client, &recorded);
        (dropped(&lan, 1, "hmac_replayed") > 3).then_some(())
    });
    let line = "advertisement of 192.168.0.11 dropped: it was sent before";
    b.wait_for(line);
    assert_eq!(b.count(line), 1, "{}", b.log());
    // Without the signature, and with another priority.
    let message = &recorded[..12];
    replay(&lan.client, message);
    let mut changed = recorded.clone();
    changed[2] = 0;
    replay(&lan.client, &changed);
    wait_for("what is not signed is dropped", || {
        (dropped(&lan, 1, "hmac_missing") > 0).then_some(())
    });
    assert_eq!(b.count("-> master"), 0, "{}", b.log());
}

fn roll_over() {
    let keys = Keys::new();
    let none = format!("addresses: [{VIP}/24]");
    let lan = Lan::new(&none);
    let both = lan.start_both(VIP);
    for rest in [
        keys.rest(&[1], "permissive"),
        keys.rest(&[1], "enforce"),
        keys.rest(&[1, 2], "enforce"),
        keys.rest(&[2, 1], "enforce"),
        keys.rest(&[2], "enforce"),
    ] {
        for (director, running) in both.iter().enumerate() {
            let reloads = running.count("reloaded");
            lan.configure(director, &rest);
            running.signal(Signal::SIGHUP);
            wait_for("the reload", || {
                (running.count("reloaded") > reloads).then_some(())
            });
            let heard = lan.router(1).heard;
            wait_for("advertisements are heard", || {
                (lan.router(1).heard > heard + 3).then_some(())
            });
        }
    }
    let [a, b] = both;
    assert!(lan.router(1).dropped.is_empty(), "{}", b.log());
    assert_eq!((a.count("-> master"), b.count("-> master")), (1, 0));
    assert!(lan.has(0, VIP) && !lan.has(1, VIP));
}

fn no_key() {
    let keys = Keys::new();
    let lan = Lan::new(&keys.rest(&[1], "enforce"));
    let key = fs::read(keys.path(1)).unwrap();
    fs::remove_file(keys.path(1)).unwrap();
    let a = lan.start(0);
    a.wait_for("virtual router eth0/51: read ");
    // Nobody can speak for the virtual router; the services are there all the same.
    let router = lan.router(0);
    assert_eq!(router.state, "initialize", "{}", a.log());
    assert!(router.problem.is_some_and(|it| it.contains("no such file")));
    fs::write(keys.path(1), key).unwrap();
    a.signal(Signal::SIGHUP);
    lan.wait_until_at(0, VIP);
    assert_eq!(lan.ask(), "rs1 hello");
}
