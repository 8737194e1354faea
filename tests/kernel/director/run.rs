// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a running director uses, and what it can do without.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use lvs_director::model::IpvsTable;
use lvs_director::plan::Target as _;
use nix::sys::signal::Signal::{SIGHUP, SIGTERM};

use super::process::{Files, FullDisk, Running, wait_for_table};
use crate::Test;
use crate::stage::{Stage, Table as _, wait_for};

const SERVICES: &str = "defaults: {check: none}\nvirtual_services: [{address: 192.168.0.10:80, servers: [192.168.0.2]}]\n";
const MORE: &str = "defaults: {check: none}\nvirtual_services: [{address: 192.168.0.10:80, servers: [192.168.0.2, 192.168.0.3]}]\n";

pub(super) fn tests() -> Vec<Test> {
    vec![
        ("a_second_director_on_the_same_socket_is_refused", second),
        (
            "a_signal_that_comes_during_the_start_is_heeded_after_it",
            early_signals,
        ),
        (
            "a_director_without_a_free_descriptor_answers_who_asks",
            no_descriptor,
        ),
        ("a_full_disk_keeps_no_service_from_being_made", full_disk),
        (
            "a_state_file_that_cannot_be_written_keeps_no_service_from_being_made",
            no_directory,
        ),
    ]
}

fn second() {
    let (mut stage, files) = (Stage::new(0), Files::new());
    let table = files.write(SERVICES).table();
    let first = Running::start(&stage.director, &files, &[]);
    files.write(MORE);
    for command in ["run", "apply"] {
        let said = files.once(&stage.director, command, &[]);
        assert_eq!(said.code, Some(1), "{command}: {said:?}");
        let who = format!("another director is running (pid {})", first.pid());
        assert!(said.err.contains(&who), "{command}: {said:?}");
    }
    wait_for_table(&mut stage, &table);
    assert_eq!(
        files.status(&stage.director).services.len(),
        1,
        "the first one still answers"
    );
    assert!(first.stop().success());
    assert!(!files.path("socket").exists());
    assert_eq!(files.once(&stage.director, "apply", &[]).code, Some(0));
}

/// Each of several, one after the other.
fn no_descriptor() {
    let (stage, files) = (Stage::new(0), Files::new());
    files.write(SERVICES);
    let director = Running::start(&stage.director, &files, &[]);
    let open = || -> BTreeSet<u32> {
        let all = fs::read_dir(format!("/proc/{}/fd", director.pid())).unwrap();
        let names = all.map(|it| it.unwrap().file_name().into_string().unwrap());
        names.map(|name| name.parse().unwrap()).collect()
    };
    files.status(&stage.director);
    // The kernel gives out the lowest free number: none below it is free now.
    let lowest = wait_for("no client is there", || {
        let open = open();
        let lowest = (0..u32::MAX).find(|number| !open.contains(number));
        lowest.filter(|lowest| open.len() == usize::try_from(*lowest).unwrap())
    });
    let limit = Command::new("prlimit")
        .arg(format!("--nofile={lowest}:{lowest}"))
        .args(["--pid", &director.pid().to_string()])
        .status();
    assert!(limit.unwrap().success());
    for _ in 0..5 {
        assert_eq!(files.status(&stage.director).services.len(), 1);
    }
    assert!(director.stop().success());
}

/// It would end the director at once, and leave what it must release.
fn early_signals() {
    let (mut stage, files) = (Stage::new(0), Files::new());
    let table = files.write(SERVICES).table();
    for signal in [SIGHUP, SIGTERM] {
        let director = Running::launch(&stage.director, &files, &["--release"]);
        // The lock is taken before the kernel is opened, and after the signals are listened for.
        wait_for("it has begun", || {
            fs::read(files.path("socket.lock"))
                .is_ok_and(|lock| lock == director.pid().to_string().as_bytes())
                .then_some(())
        });
        director.signal(signal);
        director.wait_for("started: ");
        if signal == SIGHUP {
            director.wait_for("reloaded: 0 steps");
            wait_for_table(&mut stage, &table);
            assert!(director.stop().success());
        } else {
            let (status, log) = director.end();
            assert!(status.success(), "{status}: {log}");
        }
        assert_eq!(stage.ipvs.read().unwrap(), IpvsTable::new());
    }
}

fn full_disk() {
    let (stage, files) = (Stage::new(0), Files::new());
    let disk = FullDisk::at(files.path("disk"));
    serves_without(
        stage,
        &files,
        &disk.path.join("state.json"),
        "no space left on device (ENOSPC)",
    );
    let left = fs::read_dir(&disk.path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    // Then the lock file is empty, but the lock works.
    let left: Vec<String> = left.filter(|name| !name.contains(".lock")).collect();
    assert_eq!(left, ["full"], "no half-written file stays");
}

fn no_directory() {
    let (stage, files) = (Stage::new(0), Files::new());
    fs::write(files.path("file"), "").unwrap();
    let state = files.path("file").join("state.json");
    serves_without(stage, &files, &state, "ENOTDIR");
}

fn serves_without(mut stage: Stage, files: &Files, state: &Path, why: &str) {
    let table = files.write_with_state(SERVICES, state).table();
    let director = Running::start(&stage.director, files, &[]);
    let line = director.wait_for(&format!("write {}", state.display()));
    assert!(line.contains(why), "{line}");
    assert_eq!(stage.ipvs.read().unwrap(), table);
    let table = files.write_with_state(MORE, state).table();
    director.signal(SIGHUP);
    director.wait_for("reloaded: 1 step");
    wait_for_table(&mut stage, &table);
    assert!(director.stop().success());
}
