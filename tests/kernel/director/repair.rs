// SPDX-License-Identifier: MIT OR Apache-2.0
//! The director repairs and logs what others change in the kernel.

use nix::sys::signal::Signal;

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
        (
            "the_load_factor_is_set_before_the_first_service_and_repaired",
            load_factor,
        ),
        (
            "apply_sets_the_load_factor_where_the_kernel_has_it",
            load_factor_once,
        ),
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

/// Before Linux 7.1 there is no such setting, and nothing to say.
fn load_factor() {
    let (stage, files) = (Stage::new(0), Files::new());
    files.write(SERVICES);
    let before = stage.load_factor();
    let director = Running::start(&stage.director, &files, &[]);
    let Some(before) = before else {
        a_round_passes(&stage, &director);
        assert_eq!(director.count("lfactor"), 0, "{}", director.log());
        return;
    };
    let log = director.log();
    let set = log.find(&format!("net.ipv4.vs.conn_lfactor {before} -> -8"));
    assert!(set.is_some() && set < log.find("started: "), "{log}");
    assert_eq!(stage.load_factor(), Some(-8));
    assert_eq!(director.count("drift: "), 0, "{}", director.log());
    stage.set_load_factor(2);
    director.wait_for("drift: net.ipv4.vs.conn_lfactor was 2, not -8; repaired: ");
    assert_eq!(stage.load_factor(), Some(-8));

    files.write(&format!("ipvs: {{conn_lfactor: keep}}\n{SERVICES}"));
    director.signal(Signal::SIGHUP);
    director.wait_for("reloaded: ");
    stage.set_load_factor(2);
    a_round_passes(&stage, &director);
    assert_eq!(stage.load_factor(), Some(2));
}

/// The director reads all settings of the kernel anew, and repairs one.
fn a_round_passes(stage: &Stage, director: &Running) {
    let name = "ipv4/vs/expire_quiescent_template";
    stage.director.sysctl(name, "0").unwrap();
    director.wait_for("drift: net.ipv4.vs.expire_quiescent_template was 0, not 1; repaired: ");
}

/// Even when the file names it, a kernel without it is not told of it.
fn load_factor_once() {
    let (stage, files) = (Stage::new(0), Files::new());
    for (ipvs, factor) in [
        ("", -8),
        ("ipvs: {conn_lfactor: 3}\n", 3),
        ("ipvs: {conn_lfactor: keep}\n", 3),
    ] {
        files.write(&format!("{ipvs}{SERVICES}"));
        let before = stage.load_factor();
        let said = files.once(&stage.director, "apply", &[]);
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said:?}");
        let changed = before.filter(|before| *before != factor);
        let told = changed.map(|before| format!("net.ipv4.vs.conn_lfactor {before} -> {factor}"));
        let mut lines = said.out.lines().map(str::to_owned);
        assert_eq!(
            lines.find(|line| line.contains("lfactor")),
            told,
            "{said:?}"
        );
        assert_eq!(stage.load_factor(), before.map(|_| factor));
    }
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
