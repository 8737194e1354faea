// SPDX-License-Identifier: MIT OR Apache-2.0
//! From which address a probe leaves.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::health::source::{Source, choose, risky};
use crate::model::{AddressLifetime, AddressScope, InterfaceAddress, Way};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn vips() -> BTreeSet<IpAddr> {
    ["10.0.0.10", "10.0.0.20", "2001:db8::10"].map(ip).into()
}

/// `2 10.0.0.10/8` is on interface 2; `d` behind it means deprecated, `t` tentative, `l` of the link's scope.
fn addresses(texts: &[&str]) -> Vec<InterfaceAddress> {
    let each = texts.iter().map(|text| {
        let mut words = text.split(['/', ' ']);
        let mut next = || words.next().unwrap_or_default();
        let (index, address, prefix, mark) = (next(), next(), next(), next());
        let mut it =
            InterfaceAddress::new(index.parse().unwrap(), ip(address), prefix.parse().unwrap());
        match mark {
            "d" => it.lifetime = AddressLifetime::DEPRECATED,
            "t" => it.tentative = true,
            "l" => it.scope = AddressScope::Link,
            _ => {}
        }
        it
    });
    each.collect()
}

#[test]
fn the_kernel_may_choose_a_virtual_address_that_is_first_or_has_a_network() {
    let table: &[(&[&str], &[&str])] = &[
        (&[], &[]),
        (&["2 10.0.0.11/8", "2 10.0.0.10/32"], &[]),
        (&["2 10.0.0.10/32", "2 10.0.0.11/8"], &["10.0.0.10"]),
        (&["2 10.0.0.11/8", "2 10.0.0.10/8"], &["10.0.0.10"]),
        (&["2 10.0.0.11/8", "3 10.0.0.10/32"], &["10.0.0.10"]),
        (
            &["2 2001:db8::11/64", "2 2001:db8::10/128"],
            &["2001:db8::10"],
        ),
        (&["2 2001:db8::11/64", "2 2001:db8::10/128 d"], &[]),
    ];
    for (found, expected) in table {
        let expected: BTreeSet<IpAddr> = expected.iter().map(|it| ip(it)).collect();
        assert_eq!(risky(&vips(), &addresses(found)), expected, "{found:?}");
    }
}

#[test]
fn a_probe_leaves_from_another_address_of_the_interface_or_not_at_all() {
    let from = |address: &str| Some(Source::From(ip(address)));
    let missing = |vip: &str| Some(Source::Missing(ip(vip)));
    let out = |source: &str| Way::Out {
        link: 2,
        source: Some(ip(source)),
    };
    let table: &[(&str, Way, &[&str], Option<Source>)] = &[
        ("10.0.0.1", out("10.0.0.11"), &["2 10.0.0.11/8"], None),
        ("10.0.0.1", Way::NoRoute, &["2 10.0.0.10/8"], None),
        (
            "10.0.0.1",
            out("10.0.0.10"),
            &["2 10.0.0.10/8"],
            missing("10.0.0.10"),
        ),
        (
            "10.0.0.1",
            out("10.0.0.10"),
            &["2 10.0.0.10/8", "2 10.0.0.11/8"],
            from("10.0.0.11"),
        ),
        // One in the target's network, before one in another.
        (
            "10.0.0.1",
            out("10.0.0.10"),
            &["2 10.0.0.10/8", "2 192.168.0.1/16", "2 10.0.0.11/8"],
            from("10.0.0.11"),
        ),
        (
            "203.0.113.1",
            out("10.0.0.10"),
            &["2 10.0.0.10/8", "2 192.168.0.1/16"],
            from("192.168.0.1"),
        ),
        // Another virtual address, another interface, another family, and what cannot be used.
        (
            "10.0.0.1",
            out("10.0.0.10"),
            &[
                "2 10.0.0.10/8",
                "2 10.0.0.20/8",
                "3 10.0.0.11/8",
                "2 2001:db8::11/64",
            ],
            missing("10.0.0.10"),
        ),
        (
            "2001:db8::1",
            out("2001:db8::10"),
            &[
                "2 2001:db8::10/64",
                "2 2001:db8::12/64 t",
                "2 2001:db8::13/64 d",
                "2 fe80::1/64 l",
            ],
            missing("2001:db8::10"),
        ),
        (
            "2001:db8::1",
            out("2001:db8::10"),
            &["2 2001:db8::10/64", "2 2001:db8::11/64"],
            from("2001:db8::11"),
        ),
    ];
    for (target, way, found, expected) in table {
        let chosen = choose(ip(target), *way, &vips(), &addresses(found));
        assert_eq!(chosen, *expected, "{target} with {found:?}");
    }
}
