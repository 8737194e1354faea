// SPDX-License-Identifier: MIT OR Apache-2.0
//! Virtual routers by chance.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use crate::model::{
    Centiseconds, ConfiguredRouter, Consequence, ExecProbe, HmacMode, Preempt, Priority,
    ReplayCheck, RouterAuthentication, RouterHmac, RouterKey, Tracked, TrackedObject,
    TrackedScript, VirtualAddress, Vrid, VrrpVersion,
};

fn milliseconds(range: std::ops::RangeInclusive<u64>) -> impl Strategy<Value = Duration> {
    range.prop_map(Duration::from_millis)
}

/// A password where there is one, or keys.
fn authentication() -> impl Strategy<Value = RouterAuthentication> {
    let file = |name: String| Path::new("/etc/vrrp").join(name).into_boxed_path();
    let modes = [
        HmacMode::Enforce,
        HmacMode::Permissive,
        HmacMode::ReceiveOnly,
    ];
    let hmac =
        (1_u8..4, select(modes.to_vec()), any::<bool>()).prop_map(move |(keys, mode, growth)| {
            let key = |id| RouterKey {
                id,
                file: file(format!("{id}.key")),
            };
            RouterAuthentication::Hmac(RouterHmac {
                keys: (0..keys).rev().map(key).collect(),
                mode,
                anti_replay: if growth {
                    ReplayCheck::Monotonic
                } else {
                    ReplayCheck::Time
                },
            })
        });
    let password = "[a-z: ]{1,9}".prop_map(move |it| RouterAuthentication::Password(file(it)));
    prop_oneof![password, hmac]
}

/// Objects of each kind but services, which must be there.
fn track() -> impl Strategy<Value = Vec<Tracked>> {
    let consequence = prop_oneof![
        Just(Consequence::Fault),
        (1_i16..=254).prop_map(Consequence::Weight),
        (-254_i16..=-1).prop_map(Consequence::Weight),
    ];
    let object = (0_u8..5, "[a-z]{1,12}").prop_map(|(kind, name)| match kind {
        0 => TrackedObject::Interface(format!("T{name}").into()),
        1 => TrackedObject::Route {
            destination: IpAddr::from([10, u8::try_from(name.len()).unwrap_or(0), 0, 0]),
            prefix: 16,
        },
        2 => TrackedObject::File(format!("/run/{name}").into()),
        3 => TrackedObject::Script(Arc::new(TrackedScript {
            timeout: Duration::from_millis(100 * u64::try_from(name.len()).unwrap_or(1)),
            program: ExecProbe {
                user: name.len().is_multiple_of(2).then(|| name.as_str().into()),
                command: [format!("/bin/{name}").into(), "a \"b".into()].into(),
                dynamic: false,
            },
            interval: Duration::from_secs(7),
            fall: 1,
            rise: 100,
        })),
        _ => TrackedObject::Process(name.into()),
    });
    btree_map(object, consequence, 0..4).prop_map(|all| {
        let tracked = all.into_iter().map(|(object, consequence)| Tracked {
            object,
            consequence,
        });
        tracked.collect()
    })
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
        option::of(authentication()),
        track(),
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
                group: own.then(|| format!("group-{number}").into()),
                virtual_mac: prefix_length % 2 == 0,
                track: it.6,
                authentication: it
                    .5
                    .filter(|it| second || matches!(it, RouterAuthentication::Hmac(_))),
            };
            (format!("vr-{number}").into(), router)
        });
        named.collect()
    })
}
