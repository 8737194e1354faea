// SPDX-License-Identifier: MIT OR Apache-2.0
//! Services made by others.

use lvs_director::model::VirtualService;
use lvs_director::plan::Target as _;
use nix::sys::signal::Signal::SIGHUP;

use super::process::{Files, Running, ipvsadm, wait_for_table};
use crate::Test;
use crate::stage::{Stage, Table as _};

const ONE: &str = "defaults: {check: none}\nvirtual_services: [{address: 192.168.0.10:80, servers: [192.168.0.2]}]\n";
const OTHER: &str = "defaults: {check: none}\nvirtual_services: [{address: 192.168.0.10:81, servers: [192.168.0.2]}]\n";
const FOREIGN: &str = "TCP 192.168.0.10:9";

pub(super) fn tests() -> Vec<Test> {
    vec![
        (
            "services_of_others_are_untouched_by_start_repair_reload_and_stop",
            untouched,
        ),
        ("release_removes_what_is_ours_and_nothing_else", release),
    ]
}

fn set_up() -> (Stage, VirtualService) {
    let mut stage = Stage::new(0);
    ipvsadm(&stage.director, "-A -t 192.168.0.10:9 -s lc -p 77");
    ipvsadm(
        &stage.director,
        "-a -t 192.168.0.10:9 -r 192.168.0.3:9 -g -w 5",
    );
    let foreign = stage.ipvs.read().unwrap().services[&FOREIGN.parse().unwrap()].clone();
    (stage, foreign)
}

fn untouched() {
    let ((mut stage, foreign), files) = (set_up(), Files::new());
    let with_foreign = |yaml: &str| {
        let mut table = files.write(yaml).table();
        table
            .services
            .insert(FOREIGN.parse().unwrap(), foreign.clone());
        table
    };
    let table = with_foreign(ONE);
    let director = Running::start(&stage.director, &files, &[]);
    wait_for_table(&mut stage, &table);
    ipvsadm(&stage.director, "-d -t 192.168.0.10:80 -r 192.168.0.2");
    director.wait_for("drift: ");
    wait_for_table(&mut stage, &table);

    let table = with_foreign(OTHER);
    director.signal(SIGHUP);
    director.wait_for("reloaded: 3 steps");
    wait_for_table(&mut stage, &table);
    let log = director.log();
    assert!(director.stop().success());
    assert_eq!(
        stage.ipvs.read().unwrap(),
        table,
        "stop leaves all as it is"
    );
    assert!(!log.contains(FOREIGN), "{log}");

    // The next start continues from there, and knows what the last one made.
    let table = with_foreign(ONE);
    let director = Running::start(&stage.director, &files, &[]);
    director.wait_for("found 1 of ours in the kernel, 3 steps");
    wait_for_table(&mut stage, &table);
}

fn release() {
    let ((mut stage, foreign), files) = (set_up(), Files::new());
    files.write(ONE);
    let director = Running::start(&stage.director, &files, &["--release"]);
    assert_eq!(stage.ipvs.read().unwrap().services.len(), 2);
    assert!(director.stop().success());
    let left = stage.ipvs.read().unwrap();
    assert_eq!(
        left.services.into_iter().collect::<Vec<_>>(),
        [(FOREIGN.parse().unwrap(), foreign)]
    );
    assert!(files.state().is_empty());
}
