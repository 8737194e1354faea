// SPDX-License-Identifier: MIT OR Apache-2.0
//! Random values of everything that travels: any value the types can hold.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use lvs_director::model::{
    AddressFamily, ForwardingMethod, Fwmark, Granularity, PersistenceEngine, Protocol, RealServer,
    Scheduler, SchedulerFlags, Seconds, ServerKey, ServiceKey, ServiceSettings, SyncDaemon,
    SyncRole, Thresholds, Timeouts, Tunnel, TunnelChecksum, TunnelKind, Weight,
};
use proptest::option;
use proptest::prelude::*;

/// This many cases, and no file for failures: a failing value is printed.
pub(crate) fn cases(count: u32) -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(count)
    }
}

/// Letters and digits, up to this many.
fn name(longest: usize) -> impl Strategy<Value = String> {
    let letter = prop_oneof![Just(b'_'), b'a'..=b'z', b'0'..=b'9'].prop_map(char::from);
    proptest::collection::vec(letter, 1..=longest).prop_map(String::from_iter)
}

fn v4() -> impl Strategy<Value = IpAddr> {
    any::<[u8; 4]>().prop_map(|octets| Ipv4Addr::from(octets).into())
}

fn v6() -> impl Strategy<Value = IpAddr> {
    any::<[u8; 16]>().prop_map(|octets| Ipv6Addr::from(octets).into())
}

fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![v4(), v6()]
}

fn family() -> impl Strategy<Value = AddressFamily> {
    prop_oneof![Just(AddressFamily::Ipv4), Just(AddressFamily::Ipv6)]
}

pub(crate) fn service_key() -> impl Strategy<Value = ServiceKey> {
    let protocol = prop_oneof![Just(6), Just(17), Just(132), any::<u16>()];
    let by_address = (protocol, address(), any::<u16>());
    let by_mark = (1..=u32::MAX, family());
    prop_oneof![
        3 => by_address.prop_map(|(number, address, port)| ServiceKey::Address {
            protocol: Protocol::from_number(number),
            address,
            port,
        }),
        1 => by_mark.prop_map(|(mark, family)| ServiceKey::Fwmark {
            mark: Fwmark::new(mark).unwrap(),
            family,
        }),
    ]
}

fn granularity(family: AddressFamily) -> BoxedStrategy<Granularity> {
    match family {
        AddressFamily::Ipv4 => any::<[u8; 4]>()
            .prop_map(|mask| Granularity::mask(mask.into()))
            .boxed(),
        AddressFamily::Ipv6 => (1..=128_u8)
            .prop_map(|length| Granularity::prefix(length).unwrap())
            .boxed(),
    }
}

fn settings(family: AddressFamily) -> impl Strategy<Value = ServiceSettings> {
    let engine = option::of(name(16)).prop_map(|name| PersistenceEngine::new(&name?));
    let persistence = option::of(any::<u32>().prop_map(Seconds));
    let scheduling = (name(15), 0..8_u8, any::<bool>());
    (scheduling, persistence, granularity(family), engine).prop_map(
        |((scheduler, flags, one_packet), persistence, granularity, engine)| ServiceSettings {
            scheduler: Scheduler::new(&scheduler).unwrap(),
            scheduler_flags: SchedulerFlags::from_bits(flags),
            one_packet,
            persistence,
            granularity,
            engine,
        },
    )
}

/// A service with settings of its family.
pub(crate) fn service() -> impl Strategy<Value = (ServiceKey, ServiceSettings)> {
    service_key().prop_flat_map(|key| (Just(key), settings(key.family())))
}

pub(crate) fn server_key() -> impl Strategy<Value = ServerKey> {
    (address(), any::<u16>()).prop_map(|(address, port)| ServerKey::new(address, port))
}

fn tunnel() -> impl Strategy<Value = Tunnel> {
    let kind = prop_oneof![
        Just(TunnelKind::Ipip),
        any::<u16>().prop_map(|port| TunnelKind::Gue { port }),
        Just(TunnelKind::Gre),
        (3..=u8::MAX).prop_map(TunnelKind::Other),
    ];
    let checksum = prop_oneof![
        Just(TunnelChecksum::None),
        Just(TunnelChecksum::Full),
        Just(TunnelChecksum::Remote),
        (3..=u16::MAX).prop_map(TunnelChecksum::Other),
    ];
    (kind, checksum).prop_map(|(kind, checksum)| Tunnel { kind, checksum })
}

pub(crate) fn real_server() -> impl Strategy<Value = RealServer> {
    let forwarding = prop_oneof![
        Just(ForwardingMethod::Masquerading),
        Just(ForwardingMethod::Local),
        tunnel().prop_map(ForwardingMethod::Tunneling),
        Just(ForwardingMethod::DirectRouting),
        Just(ForwardingMethod::Bypass),
        (5..=7_u8).prop_map(ForwardingMethod::Other),
    ];
    let weight = 0..=Weight::MAX.get();
    (forwarding, weight, any::<u32>(), any::<u32>()).prop_map(
        |(forwarding, weight, upper, lower)| RealServer {
            forwarding,
            weight: Weight::new(weight).unwrap(),
            thresholds: Thresholds { upper, lower },
        },
    )
}

pub(crate) fn sync_daemon() -> impl Strategy<Value = SyncDaemon> {
    let role = prop_oneof![Just(SyncRole::Master), Just(SyncRole::Backup)];
    let numbers = any::<(u8, u16, u16, u8)>();
    (role, name(15), numbers, option::of(address())).prop_map(
        |(role, interface, numbers, group)| {
            let (sync_id, max_length, port, ttl) = numbers;
            SyncDaemon {
                role,
                interface,
                sync_id,
                max_length,
                group,
                port,
                ttl,
            }
        },
    )
}

pub(crate) fn timeouts() -> impl Strategy<Value = Timeouts> {
    any::<[u32; 3]>().prop_map(|[tcp, tcp_fin, udp]| Timeouts {
        tcp: Seconds(tcp),
        tcp_fin: Seconds(tcp_fin),
        udp: Seconds(udp),
    })
}
