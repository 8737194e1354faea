// SPDX-License-Identifier: MIT OR Apache-2.0
//! How soon a verdict is in the kernel.

use std::net::SocketAddr;

use lvs_director::model::Protocol::Tcp;

use super::process::{Files, QUICK, Running};
use crate::Test;
use crate::stage::{Stage, wait_for};

const SERVICES: u16 = 1000;
const REMOVALS: u16 = 20;
const FIRST_PORT: u16 = 10_000;
const MOST_MICROSECONDS: u64 = 5000;
/// The lab's kernel is a process of a machine that may do something else for a moment.
const HICCUPS: usize = 2;

pub(super) fn tests() -> Vec<Test> {
    vec![(
        "a_verdict_is_in_the_kernel_within_5_ms_in_a_table_of_10_000_servers",
        verdicts,
    )]
}

/// A thousand services of ten servers. One server of every fiftieth service is checked.
fn yaml() -> String {
    let mut yaml = format!("defaults: {{scheduler: wrr, {QUICK}}}\nvirtual_services:\n");
    for index in 0..SERVICES {
        let check = if index < REMOVALS {
            ""
        } else {
            ", check: none"
        };
        yaml.push_str(&format!(
            "  - address: 192.168.0.10:{}\n    servers:\n      - {{address: 192.168.0.2{check}}}\n",
            FIRST_PORT + index
        ));
        for other in 0..9 {
            yaml.push_str(&format!(
                "      - {{address: 192.168.7.{}, check: none}}\n",
                other + 1
            ));
        }
    }
    yaml
}

fn verdicts() {
    let (mut stage, files) = (Stage::new(1), Files::new());
    let at = |index: u16| SocketAddr::from(([192, 168, 0, 2], FIRST_PORT + index));
    (0..REMOVALS).for_each(|index| stage.serve(0, Tcp, at(index)));
    files.write(&yaml());
    let director = Running::start(&stage.director, &files, &["--log-level", "debug"]);
    wait_for("all are up", || {
        (director.count("unknown -> up") == usize::from(REMOVALS)).then_some(())
    });
    let told = "verdict in the kernel ";
    let first = director.count(told);
    for index in 0..REMOVALS {
        stage.stop_serving(0, at(index));
        // From the log, because to ask the director for ten thousand servers would itself take its time.
        wait_for("the verdict is in the kernel", || {
            (director.count(told) > first + usize::from(index)).then_some(())
        });
    }
    assert_eq!(
        director.count("up -> down"),
        usize::from(REMOVALS),
        "{}",
        director.log()
    );
    let log = director.log();
    let delays = log.lines().filter_map(|line| line.split_once(told));
    let delays: Vec<u64> = delays
        .skip(first)
        .map(|(_, rest)| rest.split(' ').next().unwrap().parse().unwrap())
        .collect();
    println!("microseconds from probe to kernel: {delays:?}");
    let late = delays.iter().filter(|delay| **delay >= MOST_MICROSECONDS);
    assert!(late.count() <= HICCUPS, "{delays:?}");

    let status = files.status(&stage.director).verdict_delay;
    assert_eq!(status.batches, director.count(told) as u64);
    assert_eq!(Some(&status.latest_microseconds), delays.last());
    assert!(Some(&status.longest_microseconds) >= delays.iter().max());
}
