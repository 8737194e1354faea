// SPDX-License-Identifier: MIT OR Apache-2.0
//! Traps of services.

use std::fs;

use lvs_director::kernel::Ipvs;
use lvs_director::model::{
    AddressFamily, Fwmark, Granularity, PersistenceEngine, Protocol, SchedulerFlags, Seconds,
    ServiceKey, ServiceSettings,
};
use lvs_director::plan::{Step, Target as _};
use nix::errno::Errno;

use super::desk::{
    NAT, Raw, SERVICE, command, payload, persistent, real, server, settings, svc, take, tcp,
    write_plain_settings, write_tcp,
};
use super::{Test, named};
use crate::beside::succeed;

pub(super) fn tests() -> Vec<Test> {
    named![
        an_ipv6_netmask_is_a_prefix_length_in_the_machines_order,
        an_ipv4_netmask_is_in_network_order,
        ports_are_in_network_order,
        a_service_by_mark_has_neither_protocol_nor_address_nor_port,
        mark_zero_makes_a_service_that_we_read_as_what_it_is,
        the_hashed_flag_is_always_set_and_never_read,
        flags_that_are_not_set_are_cleared,
        flags_without_a_mask_set_nothing,
        a_mask_and_an_engine_are_kept_without_persistence,
        a_persistence_engine_that_is_not_said_is_removed,
        persistence_reads_back_as_it_was_set,
        a_timeout_beyond_the_kernels_arithmetic_overflows_in_silence,
        a_protocol_nobody_balances_is_listed_like_any_other,
        a_service_may_schedule_nothing_yet,
        all_scheduler_flags_read_back,
        only_the_four_attributes_of_a_service_are_needed_for_its_servers,
    ]
}

fn add(ipvs: &mut Ipvs, key: ServiceKey, settings: &ServiceSettings) {
    take(ipvs, &[Step::AddService(key, settings.clone())]);
}

fn read(ipvs: &mut Ipvs, key: ServiceKey) -> ServiceSettings {
    ipvs.service(&key).unwrap().settings
}

fn an_ipv6_netmask_is_a_prefix_length_in_the_machines_order() {
    let mut raw = Raw::open();
    let mut new = |netmask: [u8; 4]| {
        raw.send(command::NEW_SERVICE, |out| {
            out.nest(SERVICE, |nest| {
                write_tcp(nest, "[fd00::1]:80");
                write_plain_settings(nest);
                nest.bytes(svc::NETMASK, &netmask);
            });
        })
    };
    assert_eq!(new(128_u32.to_be_bytes()), Err(Errno::EINVAL));
    assert_eq!(new([0xff; 4]), Err(Errno::EINVAL));
    assert_eq!(new([0; 4]), Err(Errno::EINVAL));
    assert_eq!(new(128_u32.to_ne_bytes()), Ok(()));
    // Ours, persistent and not.
    let mut ipvs = Ipvs::open().unwrap();
    let wanted = persistent(60, Granularity::Prefix(48));
    add(&mut ipvs, tcp("[fd00::2]:80"), &wanted);
    assert_eq!(read(&mut ipvs, tcp("[fd00::2]:80")), wanted);
    add(&mut ipvs, tcp("[fd00::3]:80"), &settings("rr"));
    assert_eq!(read(&mut ipvs, tcp("[fd00::3]:80")), settings("rr"));
}

fn an_ipv4_netmask_is_in_network_order() {
    let mut ipvs = Ipvs::open().unwrap();
    let wanted = persistent(60, Granularity::mask([255, 255, 240, 0].into()));
    add(&mut ipvs, tcp("192.0.2.1:80"), &wanted);
    assert_eq!(read(&mut ipvs, tcp("192.0.2.1:80")), wanted);
    let saved = succeed("ipvsadm", &["-Sn"]).stdout;
    assert_eq!(saved, "-A -t 192.0.2.1:80 -s rr -p 60 -M 255.255.240.0\n");
}

fn ports_are_in_network_order() {
    let mut ipvs = Ipvs::open().unwrap();
    let key = tcp("192.0.2.1:8080");
    add(&mut ipvs, key, &settings("rr"));
    take(
        &mut ipvs,
        &[Step::AddServer(key, server("10.0.0.1:443"), real(NAT, 1))],
    );
    let table = fs::read_to_string("/proc/thread-self/net/ip_vs").unwrap();
    assert!(table.contains("C0000201:1F90"), "{table}");
    assert!(table.contains("0A000001:01BB"), "{table}");
}

fn a_service_by_mark_has_neither_protocol_nor_address_nor_port() {
    let mut ipvs = Ipvs::open().unwrap();
    // The same mark names a service of each family.
    let keys = [AddressFamily::Ipv4, AddressFamily::Ipv6].map(|family| ServiceKey::Fwmark {
        mark: Fwmark::new(u32::MAX).unwrap(),
        family,
    });
    for key in keys {
        add(&mut ipvs, key, &settings("wlc"));
        let step = Step::AddServer(key, server("10.0.0.1:0"), real(NAT, 1));
        if key.family() == AddressFamily::Ipv4 {
            take(&mut ipvs, &[step]);
        }
    }
    let table = ipvs.read().unwrap();
    assert_eq!(table.services.keys().copied().collect::<Vec<_>>(), keys);
    assert_eq!(table.server_count(), 1);
    let fields = |kind| {
        let answer = Raw::open().ask(
            command::GET_SERVICE,
            |out| {
                out.nest(SERVICE, |nest| {
                    nest.u16(svc::AF, 2);
                    nest.u32(svc::FWMARK, u32::MAX);
                });
            },
            |attributes| payload(attributes, SERVICE, kind),
        );
        answer.unwrap()
    };
    assert_eq!(fields(svc::FWMARK), Some(vec![0xff; 4]));
    for absent in [svc::PROTOCOL, svc::ADDR, svc::PORT] {
        assert_eq!(fields(absent), None);
    }
}

fn mark_zero_makes_a_service_that_we_read_as_what_it_is() {
    let made = Raw::open().send(command::NEW_SERVICE, |out| {
        out.nest(SERVICE, |nest| {
            nest.u16(svc::AF, 2);
            nest.u32(svc::FWMARK, 0);
            write_plain_settings(nest);
            nest.u32(svc::NETMASK, u32::MAX);
        });
    });
    assert_eq!(made, Ok(()));
    let table = Ipvs::open().unwrap().read().unwrap();
    assert_eq!(
        table.services.keys().copied().collect::<Vec<_>>(),
        [tcp("0.0.0.0:0")]
    );
}

fn the_hashed_flag_is_always_set_and_never_read() {
    let mut ipvs = Ipvs::open().unwrap();
    let key = tcp("192.0.2.1:80");
    add(&mut ipvs, key, &settings("rr"));
    let flags = Raw::open().ask(
        command::GET_SERVICE,
        |out| out.nest(SERVICE, |nest| write_tcp(nest, "192.0.2.1:80")),
        |attributes| payload(attributes, SERVICE, svc::FLAGS),
    );
    assert_eq!(flags.unwrap().unwrap()[..4], 2_u32.to_ne_bytes());
    assert_eq!(read(&mut ipvs, key), settings("rr"));
}

fn flags_that_are_not_set_are_cleared() {
    let mut ipvs = Ipvs::open().unwrap();
    let key = ServiceKey::udp("192.0.2.1:53".parse().unwrap());
    let everything = ServiceSettings {
        one_packet: true,
        scheduler_flags: SchedulerFlags::from_bits(7),
        ..persistent(60, Granularity::mask([255, 255, 255, 0].into()))
    };
    add(&mut ipvs, key, &everything);
    assert_eq!(read(&mut ipvs, key), everything);
    take(&mut ipvs, &[Step::EditService(key, settings("rr"))]);
    assert_eq!(read(&mut ipvs, key), settings("rr"));
    let saved = succeed("ipvsadm", &["-Sn"]).stdout;
    assert_eq!(saved, "-A -u 192.0.2.1:53 -s rr\n");
}

fn flags_without_a_mask_set_nothing() {
    let made = Raw::open().send(command::NEW_SERVICE, |out| {
        out.nest(SERVICE, |nest| {
            write_tcp(nest, "192.0.2.1:80");
            nest.string(svc::SCHED_NAME, "rr");
            nest.u32(svc::FLAGS, 5);
            nest.u32(svc::TIMEOUT, 60);
            nest.u32(svc::NETMASK, u32::MAX);
        });
    });
    assert_eq!(made, Ok(()));
    let mut ipvs = Ipvs::open().unwrap();
    assert_eq!(read(&mut ipvs, tcp("192.0.2.1:80")), settings("rr"));
}

fn a_mask_and_an_engine_are_kept_without_persistence() {
    let mut ipvs = Ipvs::open().unwrap();
    let inert = |granularity| ServiceSettings {
        granularity,
        engine: PersistenceEngine::new("sip"),
        ..settings("rr")
    };
    let v4 = ServiceKey::udp("192.0.2.1:5060".parse().unwrap());
    let v6 = ServiceKey::udp("[fd00::1]:5060".parse().unwrap());
    let mask = Granularity::mask([255, 255, 0, 0].into());
    for (key, granularity) in [(v4, mask), (v6, Granularity::Prefix(64))] {
        add(&mut ipvs, key, &inert(granularity));
        assert_eq!(read(&mut ipvs, key), inert(granularity));
    }
}

fn a_persistence_engine_that_is_not_said_is_removed() {
    let mut ipvs = Ipvs::open().unwrap();
    let key = ServiceKey::udp("192.0.2.1:5060".parse().unwrap());
    let plain = persistent(60, Granularity::Single);
    let mut sip = plain.clone();
    sip.engine = PersistenceEngine::new("sip");
    add(&mut ipvs, key, &sip);
    assert_eq!(read(&mut ipvs, key), sip);
    take(&mut ipvs, &[Step::EditService(key, plain.clone())]);
    assert_eq!(read(&mut ipvs, key), plain);
}

fn persistence_reads_back_as_it_was_set() {
    let mut ipvs = Ipvs::open().unwrap();
    let masks = [[255, 255, 255, 255], [255, 0, 255, 0], [0, 0, 0, 0]];
    let granularities = masks.map(|mask| Granularity::mask(mask.into()));
    for (port, granularity) in (1..).zip(granularities) {
        for timeout in [0, 1, Seconds::MAX.0] {
            let key = ServiceKey::tcp(([192, 0, 2, 1], port).into());
            let wanted = persistent(timeout, granularity);
            add(&mut ipvs, key, &wanted);
            assert_eq!(read(&mut ipvs, key), wanted);
            take(&mut ipvs, &[Step::DeleteService(key)]);
        }
    }
}

fn a_timeout_beyond_the_kernels_arithmetic_overflows_in_silence() {
    let mut ipvs = Ipvs::open().unwrap();
    let key = tcp("192.0.2.1:80");
    let endless = persistent(u32::MAX, Granularity::Single);
    add(&mut ipvs, key, &endless);
    // This is why the configuration stops at 31 days.
    let timeout = read(&mut ipvs, key).persistence.unwrap();
    assert!(timeout < Seconds(u32::MAX), "{timeout}");
}

fn a_protocol_nobody_balances_is_listed_like_any_other() {
    let mut ipvs = Ipvs::open().unwrap();
    let protocols = [0, 6, 200].map(Protocol::from_number);
    for protocol in protocols {
        let key = ServiceKey::Address {
            protocol,
            address: [192, 0, 2, 1].into(),
            port: 80,
        };
        add(&mut ipvs, key, &settings("rr"));
        take(
            &mut ipvs,
            &[Step::AddServer(key, server("10.0.0.1:80"), real(NAT, 1))],
        );
    }
    let table = ipvs.read().unwrap();
    assert_eq!((table.services.len(), table.server_count()), (3, 3));
    for protocol in protocols {
        let numbered = |key: &&ServiceKey| matches!(key, ServiceKey::Address { protocol: it, .. } if *it == protocol);
        assert!(
            table.services.keys().any(|key| numbered(&key)),
            "{protocol:?}"
        );
    }
}

fn a_service_may_schedule_nothing_yet() {
    let mut ipvs = Ipvs::open().unwrap();
    let key = tcp("192.0.2.1:80");
    add(&mut ipvs, key, &settings("none"));
    assert_eq!(read(&mut ipvs, key), settings("none"));
    for scheduler in ["mh", "none", "rr"] {
        take(&mut ipvs, &[Step::EditService(key, settings(scheduler))]);
        assert_eq!(read(&mut ipvs, key), settings(scheduler));
    }
}

fn all_scheduler_flags_read_back() {
    let mut ipvs = Ipvs::open().unwrap();
    let key = tcp("192.0.2.1:80");
    add(&mut ipvs, key, &settings("sh"));
    for bits in 0..8 {
        let wanted = ServiceSettings {
            scheduler_flags: SchedulerFlags::from_bits(bits),
            ..settings("sh")
        };
        take(&mut ipvs, &[Step::EditService(key, wanted.clone())]);
        assert_eq!(read(&mut ipvs, key), wanted);
    }
}

fn only_the_four_attributes_of_a_service_are_needed_for_its_servers() {
    let mut ipvs = Ipvs::open().unwrap();
    let wanted = persistent(60, Granularity::mask([255, 255, 0, 0].into()));
    let key = tcp("192.0.2.1:80");
    add(&mut ipvs, key, &wanted);
    let at = server("10.0.0.1:80");
    take(
        &mut ipvs,
        &[
            Step::AddServer(key, at, real(NAT, 1)),
            Step::EditServer(key, at, real(NAT, 2)),
            Step::DeleteServer(key, at),
        ],
    );
    assert_eq!(read(&mut ipvs, key), wanted);
}
