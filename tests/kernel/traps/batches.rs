// SPDX-License-Identifier: MIT OR Apache-2.0
//! Many requests in one call, and who of them was refused.

use std::net::Ipv4Addr;

use lvs_director::kernel::Ipvs;
use lvs_director::model::{ServerKey, ServiceKey};
use lvs_director::plan::{Step, Target as _};
use nix::errno::Errno;

use super::desk::{NAT, real, server, settings, take, tcp};
use super::{Test, named};

pub(super) fn tests() -> Vec<Test> {
    named![
        steps_are_carried_out_in_order,
        every_seventh_of_a_thousand_steps_is_refused_and_attributed,
        five_thousand_refusals_are_all_reported,
        a_refused_last_step_of_a_batch_is_attributed,
        no_steps_are_no_messages,
        after_a_flood_the_connection_answers_as_before,
    ]
}

fn numbered(number: u32) -> ServerKey {
    let address = Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 0, 0, 1)) + number);
    ServerKey::new(address.into(), 80)
}

fn with_service() -> (Ipvs, ServiceKey) {
    let (mut ipvs, key) = (Ipvs::open().unwrap(), tcp("192.0.2.1:80"));
    take(&mut ipvs, &[Step::AddService(key, settings("rr"))]);
    (ipvs, key)
}

fn steps_are_carried_out_in_order() {
    let mut ipvs = Ipvs::open().unwrap();
    let (key, at) = (tcp("192.0.2.1:80"), server("10.0.0.1:80"));
    let other = server("10.0.0.2:80");
    let steps = [
        Step::AddService(key, settings("none")),
        Step::AddServer(key, at, real(NAT, 1)),
        Step::AddServer(key, other, real(NAT, 1)),
        Step::EditServer(key, other, real(NAT, 9)),
        Step::DeleteServer(key, at),
        Step::EditService(key, settings("mh")),
    ];
    take(&mut ipvs, &steps);
    let service = ipvs.read_service(&key).unwrap().unwrap();
    assert_eq!(service.settings, settings("mh"));
    assert_eq!(service.servers, [(other, real(NAT, 9))].into());
}

fn every_seventh_of_a_thousand_steps_is_refused_and_attributed() {
    let (mut ipvs, key) = with_service();
    let bad = |index: u32| index % 7 == 3;
    let step = |index: u32| match index % 3 {
        // No such server, no such service, and one that is there already.
        _ if !bad(index) => Step::AddServer(key, numbered(index), real(NAT, index)),
        0 => Step::EditServer(key, numbered(100_000 + index), real(NAT, 1)),
        1 => Step::DeleteService(tcp("192.0.2.99:1")),
        _ => Step::AddService(key, settings("rr")),
    };
    let steps: Vec<Step> = (0..1000).map(step).collect();
    let failures = ipvs.apply(&steps).unwrap();
    let found: Vec<(u32, Errno)> = failures
        .iter()
        .map(|failure| (u32::try_from(failure.index).unwrap(), failure.errno))
        .collect();
    let expected: Vec<(u32, Errno)> = (0..1000)
        .filter(|index| bad(*index))
        .map(|index| {
            let errnos = [Errno::ENOENT, Errno::ESRCH, Errno::EEXIST];
            (index, errnos[index as usize % 3])
        })
        .collect();
    assert_eq!(found, expected);
    for failure in &failures {
        assert_eq!(failure.step, steps[failure.index]);
    }
    let servers = ipvs.read_service(&key).unwrap().unwrap().servers;
    assert_eq!(servers.len(), 1000 - expected.len());
    for index in (0..1000).filter(|index| !bad(*index)) {
        assert_eq!(servers[&numbered(index)], real(NAT, index));
    }
}

fn five_thousand_refusals_are_all_reported() {
    let (mut ipvs, key) = with_service();
    let steps: Vec<Step> = (0..5000)
        .map(|index| Step::DeleteServer(key, numbered(index)))
        .collect();
    let failures = ipvs.apply(&steps).unwrap();
    assert_eq!(failures.len(), 5000);
    for (index, failure) in failures.iter().enumerate() {
        assert_eq!((failure.index, failure.errno), (index, Errno::ENOENT));
    }
}

fn a_refused_last_step_of_a_batch_is_attributed() {
    let (mut ipvs, key) = with_service();
    // 200 to a batch: 199, 200 and 201 are where batches end.
    for count in [1, 2, 199, 200, 201, 400] {
        let mut steps: Vec<Step> = (1..count)
            .map(|index| Step::AddServer(key, numbered(index), real(NAT, 1)))
            .collect();
        steps.push(Step::DeleteService(tcp("192.0.2.99:1")));
        let failures = ipvs.apply(&steps).unwrap();
        let [failure] = failures.as_slice() else {
            panic!("{count}: {failures:?}");
        };
        assert_eq!(failure.index, steps.len() - 1);
        assert_eq!(ipvs.servers(&key).unwrap().len(), steps.len() - 1);
        let remove: Vec<Step> = (1..count)
            .map(|index| Step::DeleteServer(key, numbered(index)))
            .collect();
        take(&mut ipvs, &remove);
    }
}

fn no_steps_are_no_messages() {
    assert_eq!(Ipvs::open().unwrap().apply(&[]).unwrap(), []);
}

fn after_a_flood_the_connection_answers_as_before() {
    let (mut ipvs, key) = with_service();
    let steps = vec![Step::AddService(key, settings("rr")); 1000];
    for _ in 0..3 {
        assert_eq!(ipvs.apply(&steps).unwrap().len(), 1000);
        assert_eq!(ipvs.services().unwrap().len(), 1);
        assert_eq!(ipvs.info().unwrap().version, (1, 2, 1));
    }
}
