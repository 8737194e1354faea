// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which advertisements are dropped, and which are only odd.

use std::net::IpAddr;

use lvs_director::model::{Centiseconds, VirtualRouter, Vrid, VrrpVersion};
use lvs_director::vrrp::{Action, Event, Heard, NotForUs, Notice, State, accept};

use crate::node::{FORM, Node, address, heard, ms, router, sends};

fn unicast() -> VirtualRouter {
    VirtualRouter {
        peers: vec![address(10), address(11)],
        ..router(100)
    }
}

fn v2() -> VirtualRouter {
    VirtualRouter {
        version: VrrpVersion::V2,
        ..router(100)
    }
}

/// A change of a good advertisement.
type Change = fn(&mut Heard);

#[test]
fn every_advertisement_that_is_not_for_us_is_dropped_for_its_reason() {
    let rows: [(VirtualRouter, Change, Result<(), NotForUs>); 16] = [
        (router(100), |_| {}, Ok(())),
        (unicast(), |it| it.multicast = false, Ok(())),
        (v2(), |it| it.version = VrrpVersion::V2, Ok(())),
        (
            router(100),
            |it| it.vrid = Vrid::new(52).unwrap(),
            Err(NotForUs::Vrid),
        ),
        (
            router(100),
            |it| it.version = VrrpVersion::V2,
            Err(NotForUs::Version),
        ),
        (v2(), |_| {}, Err(NotForUs::Version)),
        (
            router(100),
            |it| it.source = "fe80::1".parse::<IpAddr>().unwrap(),
            Err(NotForUs::Family),
        ),
        (
            router(100),
            |it| it.source = address(20),
            Err(NotForUs::OwnAddress),
        ),
        (
            router(100),
            |it| it.interval = Centiseconds(0),
            Err(NotForUs::NoInterval),
        ),
        (
            v2(),
            |it| {
                it.version = VrrpVersion::V2;
                it.interval = Centiseconds(200);
            },
            Err(NotForUs::OtherInterval),
        ),
        // Version 3 follows the master's interval.
        (router(100), |it| it.interval = Centiseconds(200), Ok(())),
        (unicast(), |_| {}, Err(NotForUs::Multicast)),
        (
            router(100),
            |it| it.multicast = false,
            Err(NotForUs::Unicast),
        ),
        (
            unicast(),
            |it| {
                it.multicast = false;
                it.source = address(12);
            },
            Err(NotForUs::Stranger),
        ),
        // Odd, and no reason to drop it.
        (router(100), |it| it.addresses.clear(), Ok(())),
        (
            router(255),
            |it| it.priority = lvs_director::model::Priority::OWNER,
            Ok(()),
        ),
    ];
    for (number, (router, change, expected)) in rows.into_iter().enumerate() {
        let mut heard = heard(10, 200);
        change(&mut heard);
        assert_eq!(accept(&router, &heard), expected, "row {number}");
    }
}

#[test]
fn a_dropped_advertisement_is_counted_and_changes_nothing() {
    let mut node = Node::started(router(100));
    node.after(ms(1000));
    let before = node.wait();
    let mut other = heard(10, 200);
    other.vrid = Vrid::new(52).unwrap();
    assert_eq!(node.event(Event::Heard(other)), []);
    assert_eq!(node.wait(), before);
    assert_eq!(node.instance.counts().refused[&NotForUs::Vrid], 1);
    assert_eq!(node.instance.counts().heard, 1);
}

#[test]
fn other_addresses_are_told_once_a_minute_and_always_counted() {
    let mut node = Node::started(router(100));
    let mut other = heard(10, 200);
    other.addresses = vec![address(101)];
    let notice = Action::Notice {
        source: address(10),
        notice: Notice::OtherAddresses,
    };
    let mut told = 0;
    for _ in 0..70 {
        let actions = node.after(ms(1000)).event(Event::Heard(other.clone()));
        told += usize::from(actions.contains(&notice));
    }
    assert_eq!(told, 2);
    let notices = &node.instance.counts().notices;
    assert_eq!(notices[&Notice::OtherAddresses], 70);
    assert_eq!(node.state(), State::Backup);
}

#[test]
fn the_order_of_the_addresses_does_not_matter() {
    let ours = VirtualRouter {
        addresses: vec![address(101), address(100)],
        ..router(100)
    };
    let mut node = Node::started(ours);
    let mut heard = heard(10, 200);
    heard.addresses = vec![address(100), address(101)];
    assert_eq!(node.event(Event::Heard(heard)), []);
}

/// RFC 9568, erratum 8298: the election goes on, and the higher address wins.
#[test]
fn two_owners_are_told_and_the_higher_address_stays() {
    let mut lower = Node::started(router(255));
    lower.after(ms(500));
    let actions = lower.hears(30, 255);
    assert!(actions.contains(&Action::Notice {
        source: address(30),
        notice: Notice::TwoOwners,
    }));
    assert_eq!(lower.state(), State::Backup);
    lower.runs(20, |node| {
        node.hears(30, 255);
    });
    assert_eq!(lower.state(), State::Backup);
    let mut higher = Node::started(router(255));
    higher.after(ms(500)).hears(10, 255);
    assert_eq!(higher.state(), State::Master);
}

#[test]
fn we_answer_with_the_checksum_of_the_peers() {
    let mut node = Node::started(router(100));
    node.hears(10, 50);
    let took_over = node.deadline();
    assert_eq!(took_over[0], sends(100, Some(FORM)));
}
