// SPDX-License-Identifier: MIT OR Apache-2.0
//! Something that this kernel cannot do: the scheduler `twos` is newer than the lab's kernel.

use std::fs;

use lvs_director::plan::Target as _;
use nix::sys::signal::Signal::SIGHUP;

use super::process::{Files, Running, ipvsadm, wait_for_table};
use crate::Test;
use crate::stage::{Stage, Table as _, wait_for};

/// A service that is fine, one whose scheduler is changed, a new one.
const GOOD: &str = "\
defaults: {check: none}
virtual_services:
  - {address: 192.168.0.10:80, scheduler: rr, servers: [192.168.0.2]}
  - {address: 192.168.0.10:443, scheduler: rr, servers: [192.168.0.2]}
";
const MISSING: &str = "\
ipvs: {tcp_timeout: 77s}
defaults: {check: none}
virtual_services:
  - {address: 192.168.0.10:80, scheduler: rr, servers: [192.168.0.2, 192.168.0.3]}
  - {address: 192.168.0.10:443, scheduler: twos, servers: [192.168.0.3]}
  - {address: 192.168.0.10:8080, scheduler: rr, servers: [192.168.0.3]}
";
const WHY: &str = "edit service TCP 192.168.0.10:443: scheduler \"twos\" not in this kernel (ENOENT); load it with: \
                   modprobe ip_vs_twos";

pub(super) fn tests() -> Vec<Test> {
    vec![
        (
            "apply_with_a_scheduler_the_kernel_lacks_changes_nothing",
            apply,
        ),
        (
            "a_reload_to_a_scheduler_the_kernel_lacks_changes_nothing",
            reload,
        ),
        (
            "a_start_with_a_scheduler_the_kernel_lacks_serves_the_rest",
            start,
        ),
    ]
}

fn apply() {
    let (mut stage, files) = (Stage::new(0), Files::new());
    files.write(GOOD);
    assert_eq!(files.once(&stage.director, "apply", &[]).code, Some(0));
    ipvsadm(&stage.director, "-A -t 192.168.0.10:9 -s rr");
    let (before, state) = (
        stage.ipvs.read().unwrap(),
        fs::read(files.path("state.json")).unwrap(),
    );
    let timeouts = stage.ipvs.timeouts().unwrap();
    files.write(MISSING);
    let said = files.once(&stage.director, "apply", &[]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.err.contains(WHY), "{said:?}");
    assert!(said.err.contains("nothing was changed"), "{said:?}");
    assert_eq!(stage.ipvs.read().unwrap(), before);
    assert_eq!(stage.ipvs.timeouts().unwrap(), timeouts);
    assert_eq!(fs::read(files.path("state.json")).unwrap(), state);
}

fn reload() {
    let (mut stage, files) = (Stage::new(0), Files::new());
    let table = files.write(GOOD).table();
    let timeouts = stage.ipvs.timeouts().unwrap();
    let director = Running::start(&stage.director, &files, &[]);
    wait_for_table(&mut stage, &table);
    let state = files.state();
    let only_the_scheduler = GOOD.replace("443, scheduler: rr", "443, scheduler: twos");
    for (times, text) in [(1, MISSING), (2, only_the_scheduler.as_str())] {
        files.write(text);
        director.signal(SIGHUP);
        wait_for("it is refused", || {
            (director.count("reload refused") == times).then_some(())
        });
        let line = director.wait_for("reload refused");
        assert!(
            line.contains("the running configuration stays: ") && line.contains(WHY),
            "{line}"
        );
        wait_for_table(&mut stage, &table);
        assert_eq!(files.state(), state);
        assert_eq!(stage.ipvs.timeouts().unwrap(), timeouts);
        let status = files.status(&stage.director);
        assert!(status.reload_error.unwrap().contains(WHY));
        assert_eq!(status.services.len(), 2);
        let errors: Vec<_> = status
            .services
            .iter()
            .filter_map(|it| it.error.as_ref())
            .collect();
        assert!(
            errors.is_empty(),
            "nothing is wrong with what runs: {errors:?}"
        );
    }
}

fn start() {
    let (mut stage, files) = (Stage::new(0), Files::new());
    let mut table = files.write(MISSING).table();
    let director = Running::start(&stage.director, &files, &[]);
    let missing = "TCP 192.168.0.10:443".parse().unwrap();
    table.services.remove(&missing);
    wait_for_table(&mut stage, &table);
    let why = WHY.replace("edit", "add");
    director.wait_for(&why);
    let status = files.status(&stage.director);
    let broken = status
        .services
        .iter()
        .find(|service| service.error.is_some())
        .unwrap();
    assert_eq!(
        (broken.service, broken.error.as_deref()),
        (missing, Some(why.as_str()))
    );
}
