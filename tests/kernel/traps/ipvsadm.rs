// SPDX-License-Identifier: MIT OR Apache-2.0
//! We read what ipvsadm made as the same value, and ipvsadm prints what we made as the same line.

use std::collections::BTreeSet;

use fastrand::Rng;
use lvs_director::ipvsadm::ServerRule;
use lvs_director::kernel::Ipvs;
use lvs_director::model::{Granularity, IpvsTable, RealServer, SchedulerFlags, Thresholds};
use lvs_director::plan::{Step, Target as _, diff};

use super::desk::{NAT, real, server, settings, take, tcp};
use super::{Test, chance, named};
use crate::beside;

pub(super) fn tests() -> Vec<Test> {
    named![
        everything_ipvsadm_makes_is_read_as_the_equal_value,
        everything_we_make_is_saved_by_ipvsadm_as_the_line_we_show,
        thresholds_are_listed_by_ipvsadm_as_we_set_them,
        counters_of_both_are_zero_after_zeroing,
    ]
}

/// The steps that make a table where nothing is.
fn steps_to(table: &IpvsTable) -> Vec<Step> {
    let services = table.services.iter();
    let steps = services.flat_map(|(key, service)| {
        let servers = service.servers.iter();
        let add = Step::AddService(*key, service.settings.clone());
        std::iter::once(add).chain(servers.map(|(at, real)| Step::AddServer(*key, *at, *real)))
    });
    steps.collect()
}

fn everything_ipvsadm_makes_is_read_as_the_equal_value() {
    let mut ipvs = Ipvs::open().unwrap();
    for seed in 0..40 {
        let table = chance::table(&mut Rng::with_seed(seed));
        ipvs.flush().unwrap();
        let lines: Vec<String> = steps_to(&table).iter().map(Step::to_string).collect();
        beside::table(&format!("{}\n", lines.join("\n")));
        assert_eq!(ipvs.read().unwrap(), table, "{lines:#?}");
        assert!(diff(&table, &ipvs.read().unwrap(), &BTreeSet::new()).is_empty());
    }
}

fn everything_we_make_is_saved_by_ipvsadm_as_the_line_we_show() {
    let mut ipvs = Ipvs::open().unwrap();
    for seed in 100..140 {
        let mut table = chance::table(&mut Rng::with_seed(seed));
        for service in table.services.values_mut() {
            // What ipvsadm -S leaves out: thresholds, the third flag of sh and mh, and the granularity without -p.
            for real in service.servers.values_mut() {
                real.thresholds = Thresholds::NONE;
            }
            let settings = &mut service.settings;
            if ["sh", "mh"].contains(&settings.scheduler.name()) {
                settings.scheduler_flags =
                    SchedulerFlags::from_bits(settings.scheduler_flags.bits() & 3);
            }
            if settings.persistence.is_none() {
                settings.granularity = Granularity::Single;
            }
        }
        ipvs.flush().unwrap();
        let steps = steps_to(&table);
        take(&mut ipvs, &steps);
        let saved = beside::succeed("ipvsadm", &["-Sn"]).stdout;
        let saved: BTreeSet<&str> = saved.lines().collect();
        let shown: Vec<String> = steps.iter().map(Step::to_string).collect();
        assert_eq!(saved, shown.iter().map(String::as_str).collect());
    }
}

fn thresholds_are_listed_by_ipvsadm_as_we_set_them() {
    let mut ipvs = Ipvs::open().unwrap();
    let (key, at) = (tcp("192.0.2.1:80"), server("10.0.0.1:8080"));
    let limited = RealServer {
        thresholds: Thresholds {
            upper: 1000,
            lower: 800,
        },
        ..real(NAT, 1)
    };
    take(
        &mut ipvs,
        &[
            Step::AddService(key, settings("wrr")),
            Step::AddServer(key, at, limited),
        ],
    );
    let listed = beside::succeed("ipvsadm", &["-Ln", "--thresholds"]).stdout;
    let line = "  -> 10.0.0.1:8080                1000       800        0          0         \n";
    assert!(listed.ends_with(line), "{listed}");
    // And the line we show sets them through ipvsadm.
    let rule = ServerRule(&key, &at, Some(&real(NAT, 1))).to_string();
    beside::table(&format!("-e {rule} -x 9 -y 3\n"));
    let edited = RealServer {
        thresholds: Thresholds { upper: 9, lower: 3 },
        ..limited
    };
    assert_eq!(ipvs.servers(&key).unwrap()[0].server, edited);
}

fn counters_of_both_are_zero_after_zeroing() {
    let mut ipvs = Ipvs::open().unwrap();
    let key = tcp("192.0.2.1:80");
    take(&mut ipvs, &[Step::AddService(key, settings("wrr"))]);
    ipvs.zero_service(&key).unwrap();
    ipvs.zero().unwrap();
    assert_eq!(ipvs.service(&key).unwrap().counters.connections, 0);
}
