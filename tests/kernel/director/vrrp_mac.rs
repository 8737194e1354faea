// SPDX-License-Identifier: MIT OR Apache-2.0
//! Virtual addresses that have a hardware address of their own.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::time::Duration;

use lab::netns::Host;
use lab::question::connect;
use lvs_director::codec::ethernet::{Frame, HardwareAddress, ether_type};
use lvs_director::codec::vrrp::{PROTOCOL, virtual_mac};
use lvs_director::model::{AddressFamily, Vrid};
use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::sys::socket::{
    AddressFamily as Domain, MsgFlags, SockFlag, SockProtocol, SockType, recv, socket,
};

use super::vrrp::{Lan, VIP};
use crate::Test;
use crate::stage::wait_for;

pub(super) fn tests() -> Vec<Test> {
    vec![
        (
            "a_virtual_mac_goes_with_its_addresses_and_nobody_has_to_learn_another_one",
            moves,
        ),
        (
            "an_interface_with_a_virtual_mac_that_somebody_removes_is_put_back",
            put_back,
        ),
        (
            "an_interface_with_a_virtual_mac_that_a_killed_director_left_is_removed",
            left,
        ),
        ("a_virtual_mac_of_ipv6_goes_with_its_addresses", ipv6),
    ]
}

/// What a host hears of everything on the LAN.
struct Ear(OwnedFd);

impl Ear {
    fn of(host: &Host) -> Self {
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        Self(
            host.run(|| {
                socket(Domain::Packet, SockType::Raw, flags, SockProtocol::EthAll).unwrap()
            }),
        )
    }

    /// The next frame from this address; `None` when there is none now.
    fn next_from(&self, from: HardwareAddress) -> Option<(u16, Vec<u8>)> {
        let mut bytes = vec![0; 65_536];
        loop {
            match recv(self.0.as_raw_fd(), &mut bytes, MsgFlags::empty()) {
                Ok(length) => {
                    let frame = Frame::read(&bytes[..length]);
                    if let Some(frame) = frame.filter(|it| it.from == from) {
                        return Some((frame.kind, frame.payload.to_vec()));
                    }
                }
                Err(Errno::EAGAIN) => return None,
                Err(errno) => panic!("{errno}"),
            }
        }
    }

    /// Waits for an advertisement from this hardware address. None comes from another one of the same host.
    fn hears_an_advertisement(&self, family: AddressFamily) {
        let from = virtual_mac(family, Vrid::new(51).unwrap());
        // Behind the version, and behind the length.
        let protocol = match family {
            AddressFamily::Ipv4 => 9,
            AddressFamily::Ipv6 => 6,
        };
        wait_for("an advertisement from the virtual mac", || {
            let (kind, payload) = self.next_from(from)?;
            let is_it = kind == ether_type(family) && payload[protocol] == PROTOCOL;
            is_it.then_some(())
        });
    }
}

/// What a host knows of the hardware address of a neighbour.
fn neighbour(host: &Host, address: &str) -> String {
    let shown = host.command("ip", &["neighbour", "show", address]).unwrap();
    String::from_utf8(shown.stdout).unwrap()
}

fn links(host: &Host) -> String {
    let shown = host.command("ip", &["-brief", "link"]).unwrap();
    String::from_utf8(shown.stdout).unwrap()
}

/// The interface with the hardware address.
fn port(host: &Host) -> Option<String> {
    let links = links(host);
    let mut names = links.lines().filter_map(|line| line.split('@').next());
    names.find(|it| it.starts_with("vrrp")).map(str::to_owned)
}

fn lan() -> Lan {
    Lan::new("virtual_mac: true, addresses: [192.168.0.10/24]")
}

const MAC: &str = "00:00:5e:00:01:33";

fn moves() {
    let lan = lan();
    let ear = Ear::of(&lan.client);
    let [a, b] = lan.start_both(VIP);
    assert_eq!(lan.ask(), "rs1 hello");
    assert!(neighbour(&lan.client, VIP).contains(MAC), "{}", a.log());
    ear.hears_an_advertisement(AddressFamily::Ipv4);
    // The host itself has its own.
    let own: SocketAddr = "192.168.0.11:9".parse().unwrap();
    let refused = lan
        .client
        .run(|| connect(None, own, Duration::from_secs(30)));
    assert!(refused.is_err());
    let known = neighbour(&lan.client, "192.168.0.11");
    assert!(known.contains("lladdr") && !known.contains(MAC), "{known}");
    let (host, files) = &lan.directors[0];
    assert!(port(host).is_some(), "{}", links(host));
    assert_eq!(port(&lan.directors[1].0), None);
    files.once(host, "failover", &[]);
    lan.wait_until_at(1, VIP);
    assert_eq!(port(host), None, "{}", links(host));
    assert_eq!(lan.ask(), "rs1 hello");
    assert!(neighbour(&lan.client, VIP).contains(MAC), "{}", b.log());
    while ear
        .next_from(virtual_mac(AddressFamily::Ipv4, Vrid::new(51).unwrap()))
        .is_some()
    {}
    ear.hears_an_advertisement(AddressFamily::Ipv4);
    // The old master hears the new one, although both have the same hardware address.
    wait_for("the other one is followed", || {
        let master = lan.router(0).master?;
        (master.address == IpAddr::from([192, 168, 0, 12])).then_some(())
    });
    assert!(b.stop().success());
    lan.wait_until_at(0, VIP);
    assert_eq!(lan.ask(), "rs1 hello");
    assert_eq!(port(&lan.directors[1].0), None);
    let logs = lan.directors.each_ref();
    for log in logs.map(|(_, files)| fs::read_to_string(files.path("log")).unwrap()) {
        assert!(!log.contains("WARN") && !log.contains("ERROR"), "{log}");
    }
}

fn put_back() {
    let lan = lan();
    let [a, b] = lan.start_both(VIP);
    let (host, _) = &lan.directors[0];
    for (times, how) in [(1, "del"), (2, "set down"), (3, "del")] {
        let name = port(host).unwrap();
        let command = match how.split_once(' ') {
            Some((set, down)) => format!("link {set} {name} {down}\n"),
            None => format!("link {how} {name}\n"),
        };
        host.ip(&command).unwrap();
        wait_for("it is put back", || {
            (a.count("was removed or set down by somebody else: put back") == times).then_some(())
        });
        lan.wait_until_at(0, VIP);
        assert_eq!(lan.ask(), "rs1 hello", "{how}: {}", a.log());
    }
    wait_for("the status counts it", || {
        (lan.router(0).put_back == 3).then_some(())
    });
    assert_eq!(b.count("-> master"), 0, "{}", b.log());
}

fn left() {
    let lan = lan();
    let [a, _b] = lan.start_both(VIP);
    a.signal(Signal::SIGKILL);
    lan.wait_until_at(1, VIP);
    drop(a);
    let (host, _) = &lan.directors[0];
    assert!(port(host).is_some(), "{}", links(host));
    let a = lan.start(0);
    a.wait_for("-> backup");
    assert_eq!(port(host), None, "{}", links(host));
    assert_eq!(lan.ask(), "rs1 hello");
}

fn ipv6() {
    let vip = "fd00:a::10";
    let lan = Lan::new(&format!("virtual_mac: true, addresses: ['{vip}/64']"));
    let ear = Ear::of(&lan.client);
    let own = "address add fd00:a::100/64 dev eth0 nodad\n";
    lan.client.ip(own).unwrap();
    let [a, _b] = lan.start_both(vip);
    ear.hears_an_advertisement(AddressFamily::Ipv6);
    // Nobody serves there: the host itself refuses.
    let refused = || {
        let at = SocketAddr::new(vip.parse().unwrap(), 9);
        let refused = lan
            .client
            .run(|| connect(None, at, Duration::from_secs(30)));
        let error = refused.unwrap_err();
        assert_eq!(
            error.kind(),
            std::io::ErrorKind::ConnectionRefused,
            "{error}"
        );
        let known = neighbour(&lan.client, vip);
        assert!(known.contains("00:00:5e:00:02:33"), "{known}");
    };
    refused();
    let (host, _) = &lan.directors[0];
    let port = port(host).unwrap();
    let listed = host.command("ip", &["-6", "-brief", "address", "show", &port]);
    let listed = String::from_utf8(listed.unwrap().stdout).unwrap();
    let addresses: Vec<&str> = listed.split_whitespace().skip(2).collect();
    assert_eq!(addresses, [format!("{vip}/128")], "{listed}");
    assert!(a.stop().success());
    lan.wait_until_at(1, vip);
    refused();
}
