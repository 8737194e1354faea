// SPDX-License-Identifier: MIT OR Apache-2.0
//! Virtual routers by chance.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::model::{
    Centiseconds, ConfiguredRouter, Preempt, Priority, VirtualAddress, Vrid, VrrpVersion,
};

fn milliseconds(range: std::ops::RangeInclusive<u64>) -> impl Strategy<Value = Duration> {
    range.prop_map(Duration::from_millis)
}

/// Some that share no name, interface or address.
pub(super) fn routers() -> impl Strategy<Value = BTreeMap<Box<str>, ConfiguredRouter>> {
    let preempt = prop_oneof![
        Just(Preempt::Never),
        Just(Preempt::Always),
        milliseconds(1_000..=3_600_000).prop_map(Preempt::After),
    ];
    let router = (
        ("[a-z]{1,12}", 1_u8..=255, any::<bool>(), 1_u8..=255),
        (1_u16..=4095, 1_u16..=255, preempt),
        milliseconds(0..=600_000),
        option::of(milliseconds(1_000..=3_600_000)),
        (1_u8..=32, any::<bool>(), 0_u8..3),
    );
    vec(router, 0..3).prop_map(|routers| {
        let named = (1_u8..).zip(routers).map(|(number, it)| {
            let (interface, vrid, second, priority) = it.0;
            let (hundredths, seconds, preempt) = it.1;
            let (prefix_length, own, peers) = it.4;
            let address = |last: u8| IpAddr::from([10, 77, number, last]);
            let (version, interval) = if second {
                (VrrpVersion::V2, seconds * 100)
            } else {
                (VrrpVersion::V3, hundredths)
            };
            let router = ConfiguredRouter {
                interface: format!("{interface}{number}").into(),
                vrid: Vrid::new(vrid).unwrap(),
                version,
                priority: Priority(priority),
                interval: Centiseconds(interval),
                preempt,
                hold: it.2,
                refresh: it.3,
                source: own.then(|| address(1)),
                peers: (0..peers).map(|peer| address(2 + peer)).collect(),
                addresses: vec![VirtualAddress {
                    address: address(100),
                    prefix_length,
                }],
            };
            (format!("vr-{number}").into(), router)
        });
        named.collect()
    })
}
