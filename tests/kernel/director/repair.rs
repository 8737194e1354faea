// SPDX-License-Identifier: MIT OR Apache-2.0
//! The director repairs and logs what others change in the kernel.

use super::process::{Files, Running, ipvsadm, wait_for_table};
use crate::Test;
use crate::stage::{Stage, Table as _, wait_for};

const SERVICES: &str = "\
defaults: {check: none, scheduler: wrr}
virtual_services:
  - {address: 192.168.0.10:80, servers: [192.168.0.2, {address: 192.168.0.3, weight: 3}]}
  - {address: 192.168.0.10:443, servers: [192.168.0.2]}
";

pub(super) fn tests() -> Vec<Test> {
    vec![
        ("drift_is_repaired_and_told", drift),
        ("a_setting_changed_by_hand_is_drift", setting),
    ]
}

fn setting() {
    let (stage, files) = (Stage::new(0), Files::new());
    files.write(SERVICES);
    stage
        .director
        .sysctl("ipv4/vs/expire_quiescent_template", "0")
        .unwrap();
    let director = Running::start(&stage.director, &files, &[]);
    director.wait_for("net.ipv4.vs.expire_quiescent_template 0 -> 1");
    assert_eq!(director.count("drift: "), 0, "{}", director.log());
    stage
        .director
        .sysctl("ipv4/vs/expire_quiescent_template", "0")
        .unwrap();
    director.wait_for("drift: net.ipv4.vs.expire_quiescent_template was 0, not 1; repaired: ");
    assert_eq!(files.status(&stage.director).drift_repairs, 1);
}

fn drift() {
    let (mut stage, files) = (Stage::new(0), Files::new());
    let table = files.write(SERVICES).table();
    let director = Running::start(&stage.director, &files, &[]);
    wait_for_table(&mut stage, &table);
    let first = "TCP 192.168.0.10:80";
    for (change, told) in [
        (
            "-d -t 192.168.0.10:80 -r 192.168.0.3:80",
            format!("real server 192.168.0.3:80 of {first} was missing"),
        ),
        (
            "-e -t 192.168.0.10:80 -r 192.168.0.2:80 -g -w 9",
            format!("real server 192.168.0.2:80 of {first} had weight 9, not 1"),
        ),
        (
            "-e -t 192.168.0.10:80 -r 192.168.0.2:80 -m -w 1",
            format!("real server 192.168.0.2:80 of {first} was forwarded to by"),
        ),
        (
            "-a -t 192.168.0.10:80 -r 192.168.0.4:80 -g",
            format!("real server 192.168.0.4:80 of {first} should not be there"),
        ),
        (
            "-E -t 192.168.0.10:80 -s rr",
            "service was -t 192.168.0.10:80 -s rr".to_owned(),
        ),
        (
            "-D -t 192.168.0.10:443",
            "service TCP 192.168.0.10:443 was missing".to_owned(),
        ),
        ("-C", format!("service {first} was missing")),
    ] {
        ipvsadm(&stage.director, change);
        wait_for_table(&mut stage, &table);
        director.wait_for(&format!("drift: {told}"));
    }
    // Deleting the service takes its server along: two steps. Clearing all takes two services and three servers.
    assert_eq!(files.status(&stage.director).drift_repairs, 5 + 2 + 5);
    // The line that was waited for need not be the last of its repair.
    wait_for("all drift is told", || {
        (director.count("drift: ") == 12).then_some(())
    });
}
