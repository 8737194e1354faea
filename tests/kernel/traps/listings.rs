// SPDX-License-Identifier: MIT OR Apache-2.0
//! Listings of many datagrams, and what may happen while they are read.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};

use lab::namespace::Namespace;
use lvs_director::codec::DecodeError;
use lvs_director::codec::ipvs::Request;
use lvs_director::kernel::{Ipvs, NetlinkError};
use lvs_director::model::{IpvsTable, ServerKey, ServiceKey, VirtualService};
use lvs_director::plan::{Step, Target as _};

use super::desk::{DR, NAT, Raw, real, settings, take, tcp};
use super::{Test, named};
use crate::beside::{LVSADM, feed};

pub(super) fn tests() -> Vec<Test> {
    named![
        a_thousand_services_of_ten_servers_are_read_whole,
        three_thousand_servers_of_one_service_are_read_whole,
        small_answers_after_large_listings_and_large_after_small_are_whole,
        a_listing_that_could_not_be_read_does_not_spoil_the_next,
        somebody_else_may_change_the_table_while_it_is_read,
        services_that_were_just_made_are_all_listed_while_the_kernel_enlarges_its_table,
        services_are_all_listed_while_those_of_another_namespace_leave,
        lvsadm_lists_and_saves_all_services_while_the_kernel_resizes_its_table,
    ]
}

fn host(number: u32) -> ServerKey {
    ServerKey::new(Ipv4Addr::from(0x0a00_0001 + number).into(), 80)
}

fn vip(number: u16) -> ServiceKey {
    ServiceKey::tcp(([192, 0, 2, 1], 1000 + number).into())
}

fn large_table() -> IpvsTable {
    let service = |number: u16| {
        let mut service = VirtualService::new(settings("wrr"));
        let first = u32::from(number) * 10;
        let servers = (first..first + 10).map(|host_number| {
            let method = if host_number.is_multiple_of(2) {
                DR
            } else {
                NAT
            };
            (host(host_number), real(method, host_number))
        });
        service.servers = servers.collect();
        (vip(number), service)
    };
    IpvsTable {
        services: (0..1000).map(service).collect(),
    }
}

fn steps_to(table: &IpvsTable) -> Vec<Step> {
    let steps = table.services.iter().flat_map(|(key, service)| {
        let servers = service.servers.iter();
        let add = Step::AddService(*key, service.settings.clone());
        std::iter::once(add).chain(servers.map(|(at, real)| Step::AddServer(*key, *at, *real)))
    });
    steps.collect()
}

fn a_thousand_services_of_ten_servers_are_read_whole() {
    let mut ipvs = Ipvs::open().unwrap();
    let table = large_table();
    take(&mut ipvs, &steps_to(&table));
    assert_eq!(ipvs.read().unwrap(), table);
    assert_eq!(Ipvs::open().unwrap().read().unwrap(), table);
}

fn three_thousand_servers_of_one_service_are_read_whole() {
    let mut ipvs = Ipvs::open().unwrap();
    let key = tcp("192.0.2.1:80");
    take(&mut ipvs, &[Step::AddService(key, settings("rr"))]);
    let steps: Vec<Step> = (0..3000)
        .map(|number| Step::AddServer(key, host(number), real(NAT, number)))
        .collect();
    take(&mut ipvs, &steps);
    let servers = ipvs.read_service(&key).unwrap().unwrap().servers;
    let expected = (0..3000).map(|number| (host(number), real(NAT, number)));
    assert_eq!(servers, expected.collect());
}

fn small_answers_after_large_listings_and_large_after_small_are_whole() {
    let mut ipvs = Ipvs::open().unwrap();
    let table = large_table();
    take(&mut ipvs, &steps_to(&table));
    // The kernel fills datagrams as large as the largest buffer it was ever offered on this socket.
    for _ in 0..3 {
        assert_eq!(ipvs.info().unwrap().version, (1, 2, 1));
        assert_eq!(ipvs.services().unwrap().len(), 1000);
        assert_eq!(ipvs.servers(&vip(7)).unwrap().len(), 10);
        assert_eq!(ipvs.sync_daemons().unwrap(), []);
        assert_eq!(ipvs.service(&vip(999)).unwrap().key, vip(999));
    }
}

fn a_listing_that_could_not_be_read_does_not_spoil_the_next() {
    let mut ipvs = Ipvs::open().unwrap();
    take(&mut ipvs, &steps_to(&large_table()));
    let mut raw = Raw::open();
    let family = raw.family;
    for _ in 0..3 {
        let mut seen = 0;
        let listed = raw.netlink.dump(
            |sequence, answer, out| Request::ListServices.emit(family, sequence, answer, out),
            |(): &mut (), _| {
                seen += 1;
                Err(DecodeError::Missing("AF"))
            },
        );
        // The answer is not EBUSY, the kernel's error while a listing is unfinished.
        assert_eq!(
            listed,
            Err(NetlinkError::Decode(DecodeError::Missing("AF")))
        );
        assert_eq!(seen, 1);
    }
    let count = raw.netlink.dump(
        |sequence, answer, out| Request::ListServices.emit(family, sequence, answer, out),
        |count: &mut usize, _| {
            *count += 1;
            Ok(())
        },
    );
    assert_eq!(count, Ok(1000));
}

fn somebody_else_may_change_the_table_while_it_is_read() {
    let mut ipvs = Ipvs::open().unwrap();
    let table = large_table();
    take(&mut ipvs, &steps_to(&table));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut other = Ipvs::open().unwrap();
            let mut rounds = 0;
            while !done.load(Ordering::Relaxed) || rounds == 0 {
                let churn = tcp("192.0.2.200:80");
                let mut steps = vec![Step::AddService(churn, settings("rr"))];
                steps.extend((0..50).map(|n| Step::AddServer(churn, host(n), real(NAT, 1))));
                steps.push(Step::EditServer(vip(3), host(30), real(DR, rounds)));
                steps.push(Step::DeleteService(churn));
                take(&mut other, &steps);
                rounds += 1;
            }
            // As it was.
            take(
                &mut other,
                &[Step::EditServer(vip(3), host(30), real(DR, 30))],
            );
            rounds
        });
        for _ in 0..5 {
            let read = ipvs.read().unwrap();
            // A change between two datagrams may hide or double an object; it never invents one.
            for (key, service) in &read.services {
                let known = table.services.get(key);
                assert!(known.is_some() || *key == tcp("192.0.2.200:80"), "{key}");
                let settings = known.map(|known| &known.settings);
                assert!(settings.is_none_or(|known| *known == service.settings));
            }
        }
        done.store(true, Ordering::Relaxed);
        assert!(writer.join().unwrap() > 0);
    });
    assert_eq!(ipvs.read().unwrap(), table);
}

/// Linux 7.1 and later move the services to a larger table some time after they were made. A listing of several
/// datagrams that is read meanwhile has some twice and others not at all. Older kernels have a table of one size.
fn services_that_were_just_made_are_all_listed_while_the_kernel_enlarges_its_table() {
    let steps: Vec<Step> = (0..1000)
        .map(|number| Step::AddService(vip(number), settings("rr")))
        .collect();
    let expected: BTreeSet<ServiceKey> = (0..1000).map(vip).collect();
    for round in 0..30 {
        // A network namespace of its own has a table of its own, that starts small.
        let namespace = Namespace::fresh().unwrap();
        let listed = namespace.run(|| {
            let mut ipvs = Ipvs::open().unwrap();
            take(&mut ipvs, &steps);
            [(); 10].map(|()| ipvs.services().unwrap())
        });
        for services in listed {
            let keys: Vec<ServiceKey> = services.iter().map(|service| service.key).collect();
            let distinct: BTreeSet<ServiceKey> = keys.iter().copied().collect();
            let missing = expected.difference(&distinct).count();
            assert_eq!((missing, keys.len()), (0, 1000), "round {round}");
        }
    }
}

/// Linux before 7.1 has one table for all network namespaces. A namespace that ends takes its services out of it at some
/// moment afterwards.
fn services_are_all_listed_while_those_of_another_namespace_leave() {
    let steps: Vec<Step> = (0..600)
        .map(|number| Step::AddService(vip(number), settings("rr")))
        .collect();
    let mut ipvs = Ipvs::open().unwrap();
    take(&mut ipvs, &steps);
    let expected: BTreeSet<ServiceKey> = (0..600).map(vip).collect();
    for round in 0..20 {
        let other = Namespace::fresh().unwrap();
        other.run(|| take(&mut Ipvs::open().unwrap(), &steps));
        drop(other);
        for _ in 0..15 {
            let services = ipvs.services().unwrap();
            let listed: BTreeSet<ServiceKey> = services.iter().map(|it| it.key).collect();
            let missing = expected.difference(&listed).count();
            assert_eq!((missing, services.len()), (0, 600), "round {round}");
        }
    }
}

/// If the kernel has the setting for the size of its table of services, the test changes it again and again.
fn lvsadm_lists_and_saves_all_services_while_the_kernel_resizes_its_table() {
    let rules: Vec<String> = (1000..2000)
        .map(|port| format!("-A -t 192.0.2.1:{port} -s rr\n"))
        .collect();
    feed(LVSADM, &["-R"], &rules.concat());
    let done = AtomicBool::new(false);
    let listings = [("-Ln", "TCP  192.0.2.1:"), ("-Sn", "-A -t 192.0.2.1:")].repeat(10);
    let listed: Vec<String> = std::thread::scope(|scope| {
        scope.spawn(|| {
            let factors = ["-6", "-2"].iter().cycle();
            for factor in factors.take_while(|_| !done.load(Ordering::Relaxed)) {
                if std::fs::write("/proc/sys/net/ipv4/vs/svc_lfactor", factor).is_err() {
                    return;
                }
            }
        });
        let all = listings.iter();
        let listed = all
            .map(|(option, _)| feed(LVSADM, &[option], "").stdout)
            .collect();
        done.store(true, Ordering::Relaxed);
        listed
    });
    for ((option, start), listed) in listings.iter().zip(listed) {
        let services = listed
            .lines()
            .filter_map(|line| line.strip_prefix(start)?.split(' ').next());
        let mut services: Vec<&str> = services.collect();
        let all = services.len();
        services.sort_unstable();
        services.dedup();
        assert_eq!((services.len(), all), (1000, 1000), "{option}");
    }
}
