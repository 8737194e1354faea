// SPDX-License-Identifier: MIT OR Apache-2.0
//! What follows from the table. That it is the kernel's own is tested in the lab.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

use super::*;
use crate::model::SchedulerFlags;

const FALLBACK: u8 = 1;
const PORT: u8 = 2;

fn settings(flags: u8) -> ServiceSettings {
    ServiceSettings {
        scheduler_flags: SchedulerFlags::from_bits(flags),
        ..ServiceSettings::new(Scheduler::MH)
    }
}

/// Servers 10.0.0.1, 10.0.0.2, ... with these weights, all available.
fn servers(weights: &[u32]) -> Vec<Destination> {
    let with = |(number, weight): (u8, &u32)| Destination {
        server: ServerKey::new(Ipv4Addr::new(10, 0, 0, number).into(), 80),
        last_weight: Weight::new(*weight).unwrap(),
        is_available: *weight > 0,
    };
    (1..).zip(weights).map(with).collect()
}

fn build(flags: u8, destinations: &[Destination]) -> Maglev {
    Maglev::build(AddressFamily::Ipv4, &settings(flags), destinations).unwrap()
}

fn clients() -> impl Iterator<Item = SocketAddr> {
    let address = Ipv4Addr::new(192, 0, 2, 7);
    (1024..11_024).map(move |port| SocketAddr::new(address.into(), port))
}

#[test]
fn servers_get_their_share_of_the_slots() {
    let maglev = build(0, &servers(&[30, 20, 0, 10]));
    let mut counts = BTreeMap::<u16, u32>::new();
    for slot in &maglev.slots {
        *counts.entry(slot.unwrap()).or_default() += 1;
    }
    assert_eq!(counts, BTreeMap::from([(0, 2047), (1, 1364), (3, 682)]));
}

#[test]
fn a_large_share_is_cut_down_and_the_smallest_keeps_one_turn() {
    let maglev = build(0, &servers(&[1_000_000, 1]));
    let of_the_small = maglev.slots.iter().filter(|slot| **slot == Some(1));
    // A million has 20 bits; with 6 of them it has 61 turns.
    assert_eq!(of_the_small.count(), 4093 / 62);
}

#[test]
fn weight_0_moves_only_the_clients_of_its_server() {
    let all = servers(&[1, 1, 1]);
    let mut without_one = all.clone();
    without_one[1].is_available = false;
    let (before, after) = (
        build(FALLBACK | PORT, &all),
        build(FALLBACK | PORT, &without_one),
    );
    let strict = build(PORT, &without_one);
    let mut moved = 0;
    for client in clients() {
        let (old, new) = (
            before.choose(client).unwrap(),
            after.choose(client).unwrap(),
        );
        if old == all[1].server {
            moved += 1;
            assert_ne!(new, old);
            assert_eq!(strict.choose(client), None);
        } else {
            assert_eq!(new, old);
            assert_eq!(strict.choose(client), Some(old));
        }
    }
    assert!(moved > 3000, "{moved}");
}

#[test]
fn without_mh_port_a_client_has_one_server() {
    let maglev = build(FALLBACK, &servers(&[1, 1, 1]));
    let first = maglev.choose("192.0.2.7:1".parse().unwrap());
    assert!(first.is_some());
    assert!(clients().all(|client| maglev.choose(client) == first));
}

#[test]
fn nobody_gets_a_client_when_no_server_may() {
    let client = "192.0.2.7:1".parse().unwrap();
    for weights in [&[][..], &[0, 0]] {
        assert_eq!(build(FALLBACK, &servers(weights)).choose(client), None);
    }
    let mut all = servers(&[5, 5]);
    for server in &mut all {
        server.is_available = false;
    }
    assert_eq!(build(FALLBACK, &all).choose(client), None);
}

#[test]
fn the_order_of_the_list_matters_a_little() {
    let mut all = servers(&[1, 1, 1, 1, 1]);
    let before = build(PORT, &all);
    all.reverse();
    let after = build(PORT, &all);
    let moved = clients().filter(|client| before.choose(*client) != after.choose(*client));
    let moved = moved.count();
    assert!((1..200).contains(&moved), "{moved} of 10,000");
}

#[test]
fn only_mh_with_a_slot_for_each_server_has_such_a_table() {
    let family = AddressFamily::Ipv4;
    let other = ServiceSettings::new(Scheduler::WLC);
    assert_eq!(Maglev::build(family, &other, &servers(&[1])), None);
    let one = servers(&[1])[0];
    let many = vec![one; 4094];
    assert_eq!(Maglev::build(family, &settings(0), &many), None);
    assert!(Maglev::build(family, &settings(0), &many[1..]).is_some());
}

#[test]
fn addresses_are_read_as_the_service_reads_them() {
    let v6: IpAddr = "1:2:3:4:5:6:7:8".parse().unwrap();
    let v4: IpAddr = "10.0.0.1".parse().unwrap();
    assert_eq!(
        folded(AddressFamily::Ipv6, v6),
        0x0001_0002 ^ 0x0003_0004 ^ 0x0005_0006 ^ 0x0007_0008
    );
    assert_eq!(folded(AddressFamily::Ipv4, v6), 0x0001_0002);
    assert_eq!(folded(AddressFamily::Ipv4, v4), 0x0a00_0001);
    assert_eq!(folded(AddressFamily::Ipv6, v4), 0x0a00_0001);
}

/// Recorded from the model after a million choices had been compared with Linux 6.1, 6.12 and 7.2.
#[test]
fn choices_are_the_same_as_ever() {
    let mut all = servers(&[1, 3, 2, 10]);
    all[3].is_available = false;
    let maglev = build(FALLBACK | PORT, &all);
    for (client, number) in [
        ("192.0.2.7:1024", 2),
        ("198.51.100.9:40000", 3),
        ("203.0.113.77:5", 3),
        ("10.1.2.3:65535", 3),
    ] {
        let chosen = all[number - 1].server;
        assert_eq!(maglev.choose(client.parse().unwrap()), Some(chosen));
    }
    for (last, server) in (1..).zip(&mut all) {
        server.server.address = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, last).into();
    }
    let settings = settings(FALLBACK | PORT);
    let maglev = Maglev::build(AddressFamily::Ipv6, &settings, &all).unwrap();
    for (client, number) in [
        ("[2001:db8::7]:1024", 2),
        ("[2001:db8:1:2:3:4:5:6]:40000", 1),
        ("[fd00::77]:5", 2),
        ("[fe80::1]:65535", 2),
    ] {
        let chosen = all[number - 1].server;
        assert_eq!(maglev.choose(client.parse().unwrap()), Some(chosen));
    }
}
