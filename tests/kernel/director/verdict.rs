// SPDX-License-Identifier: MIT OR Apache-2.0
//! Verdicts over a large table. How soon they are in the kernel is a figure of the bench.

use std::net::SocketAddr;

use lvs_director::model::Protocol::Tcp;
use lvs_director::model::ServiceKey;

use super::process::{Files, QUICK, Running};
use crate::Test;
use crate::stage::{Stage, wait_for};

const SERVICES: u16 = 1000;
const REMOVALS: u16 = 20;
const FIRST_PORT: u16 = 10_000;

pub(super) fn tests() -> Vec<Test> {
    vec![(
        "each_verdict_in_a_table_of_10_000_servers_reaches_the_kernel_and_is_counted",
        verdicts,
    )]
}

/// A thousand services of ten servers. One server of each of the first services is checked.
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
    let director = Running::start(&stage.director, &files, &[]);
    wait_for("all are up", || {
        (director.count("unknown -> up") == usize::from(REMOVALS)).then_some(())
    });
    // The engine counts a batch before it answers the next question.
    let before = files.status(&stage.director).verdict_delay;
    assert!(before.batches > 0, "{before:?}");
    for index in 0..REMOVALS {
        stage.stop_serving(0, at(index));
        let vip = SocketAddr::from(([192, 168, 0, 10], FIRST_PORT + index));
        wait_for("the kernel is without the server", || {
            (stage.entries(&ServiceKey::tcp(vip)).len() == 9).then_some(())
        });
    }
    let after = files.status(&stage.director).verdict_delay;
    assert_eq!(after.batches, before.batches + u64::from(REMOVALS));
    assert!(after.latest_microseconds > 0, "{after:?}");
    assert!(after.longest_microseconds >= after.latest_microseconds);
    // A line is written after the kernel was.
    wait_for("all verdicts are told", || {
        (director.count("up -> down") == usize::from(REMOVALS)).then_some(())
    });
    assert_eq!(director.count("down -> up"), 0, "{}", director.log());
}
