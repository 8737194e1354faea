// SPDX-License-Identifier: MIT OR Apache-2.0
//! A bad night, recorded, and played again without a kernel.
//!
//! Where `LAB_OUT` names a directory the recording is kept there: this is how `tests/recordings/bad-night.jsonl` was made.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use lvs_director::model::Protocol::Tcp;
use nix::sys::signal::Signal::{SIGHUP, SIGKILL};

use super::process::{
    Files, FullDisk, PROGRAM, QUICK, Running, Said, ipvsadm, said, wait_for_weights,
};
use crate::Test;
use crate::stage::{Stage, wait_for};

/// Few probes, so that the recording is short. One server's probes have a source that the host does not have at first.
const NIGHT: &str = "\
defaults: {scheduler: wrr, check: {interval: 1s, timeout: 1s, rise: 1, fall: 2, retry_delay: 300ms}}
virtual_services:
  - {address: 192.168.0.10:80, servers: [192.168.0.2, 192.168.0.3]}
  - address: 192.168.0.10:81
    servers: [{address: 192.168.0.2, check: {source: 192.168.0.77}}, {address: 192.168.0.3, check: none}]
";
const SERVERS: [&str; 4] = [
    "192.168.0.2:80",
    "192.168.0.2:81",
    "192.168.0.3:80",
    "192.168.0.3:81",
];
const FOREIGN: &str = "-A -t 192.168.0.10:9 -s lc";
/// What no kernel has.
const REFUSED: &str = "persistence: {engine: nosuch}, ";

pub(super) fn tests() -> Vec<Test> {
    vec![
        (
            "a_bad_night_that_was_recorded_is_told_again_without_a_kernel",
            bad_night,
        ),
        (
            "a_recording_of_a_director_that_was_killed_is_played_as_far_as_it_goes",
            killed,
        ),
        (
            "a_disk_that_is_full_ends_the_recording_and_not_the_director",
            full_disk,
        ),
        (
            "a_recording_is_written_to_a_new_file_that_only_its_owner_reads",
            new_file,
        ),
    ]
}

fn at(server: &str) -> SocketAddr {
    server.parse().unwrap()
}

fn record(path: &std::path::Path) -> [&str; 2] {
    ["--record", path.to_str().unwrap()]
}

fn replay(stage: &Stage, path: &std::path::Path) -> Said {
    said(
        &stage.director,
        Command::new(PROGRAM).arg("replay").arg(path),
    )
}

/// What the director told: the log without times, levels, and what is no transition.
fn log_told(log: &str) -> Vec<String> {
    let words = |line: &str| {
        let after = ["  INFO ", "  WARN ", " ERROR "].map(|level| line.find(level));
        let place = after.into_iter().flatten().min();
        place.map_or(line.to_owned(), |at| line[at + 7..].to_owned())
    };
    let told = log.lines().map(words);
    told.filter(|line| !line.contains("remembered")).collect()
}

/// What the replay told: the same, without its last line.
fn replay_told(said: &Said) -> Vec<String> {
    let lines = said.out.lines().map(|line| {
        let (time, rest) = line.split_at_checked(14).unwrap_or((line, ""));
        let time = time.trim().strip_suffix('s');
        let is_time = time.is_some_and(|it| it.parse::<f64>().is_ok());
        if is_time { rest } else { line }.to_owned()
    });
    let mut told: Vec<String> = lines.collect();
    let sum = told.pop().unwrap();
    assert!(sum.contains("transitions: all as recorded"), "{said:?}");
    told
}

fn bad_night() {
    let (mut stage, files) = (Stage::new(2), Files::new());
    SERVERS
        .iter()
        .enumerate()
        .for_each(|(number, server)| stage.serve(number / 2, Tcp, at(server)));
    let disk = FullDisk::at(files.path("disk"));
    let (state, recording) = (disk.path.join("state.json"), files.path("bad-night.jsonl"));
    ipvsadm(&stage.director, FOREIGN);
    // Not ours yet, and not as it is to be.
    ipvsadm(&stage.director, "-A -t 192.168.0.10:81 -s rr");
    files.write_with_state(NIGHT, &state);
    let director = Running::start(&stage.director, &files, &record(&recording));
    director.wait_for("taken over: ");
    director.wait_for("no space left on device (ENOSPC)");
    director.wait_for("check of real server 192.168.0.2:81 of TCP 192.168.0.10:81 could not run");
    let three = [(SERVERS[0], 1), (SERVERS[2], 1), (SERVERS[3], 1)];
    wait_for_weights(&mut stage, &three);
    disk.free();
    director.wait_for("the state file is written again");

    stage.stop_serving(1, at(SERVERS[2]));
    director.wait_for("192.168.0.3:80 of TCP 192.168.0.10:80: up -> down");
    stage.serve(1, Tcp, at(SERVERS[2]));
    director.wait_for("192.168.0.3:80 of TCP 192.168.0.10:80: down -> up");
    wait_for_weights(&mut stage, &three);
    ipvsadm(
        &stage.director,
        "-e -t 192.168.0.10:80 -r 192.168.0.2:80 -g -w 9",
    );
    director.wait_for("drift: real server 192.168.0.2:80 of TCP 192.168.0.10:80 had weight 9");
    ipvsadm(&stage.director, "-C");
    ipvsadm(&stage.director, FOREIGN);
    director.wait_for("drift: service TCP 192.168.0.10:80 was missing");
    wait_for_weights(&mut stage, &three);

    let heavier = NIGHT.replace("192.168.0.2, 192", "{address: 192.168.0.2, weight: 5}, 192");
    files.write_with_state(&heavier, &state);
    director.signal(SIGHUP);
    director.wait_for("reloaded: 1 step");
    let refused = NIGHT.replace(
        "{address: 192.168.0.10:80",
        &format!("{{{REFUSED}address: 192.168.0.10:80"),
    );
    files.write_with_state(&refused, &state);
    director.signal(SIGHUP);
    director.wait_for("reload refused, the running configuration stays: ");
    fs::write(files.config(), "virtual_services: [{sceduler: rr}]\n").unwrap();
    director.signal(SIGHUP);
    director.wait_for("unknown key \"sceduler\"");
    let source = "address add 192.168.0.77/16 dev eth0\n";
    stage.director.ip(source).unwrap();
    director.wait_for("check of real server 192.168.0.2:81 of TCP 192.168.0.10:81 runs again");
    let four = [
        (SERVERS[0], 5),
        (SERVERS[1], 1),
        (SERVERS[2], 1),
        (SERVERS[3], 1),
    ];
    wait_for_weights(&mut stage, &four);

    director.signal(nix::sys::signal::Signal::SIGTERM);
    let (status, log) = director.end();
    assert!(status.success(), "{log}");
    let said = replay(&stage, &recording);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(replay_told(&said), log_told(&log));
    assert!(!log.contains("TCP 192.168.0.10:9:"), "{log}");
    if let Some(out) = std::env::var_os(lab::kernel::OUT) {
        fs::copy(&recording, PathBuf::from(out).join("bad-night.jsonl")).unwrap();
    }
}

/// The last second, and half a line, may be missing: nothing else.
fn killed() {
    let (mut stage, files) = (Stage::new(1), Files::new());
    stage.serve(0, Tcp, at(SERVERS[0]));
    files.write(&format!(
        "defaults: {{{QUICK}}}\nvirtual_services: [{{address: 192.168.0.10:80, servers: [192.168.0.2]}}]\n"
    ));
    let recording = files.path("killed.jsonl");
    let director = Running::start(&stage.director, &files, &record(&recording));
    wait_for_weights(&mut stage, &[(SERVERS[0], 1)]);
    for turn in 1..=3 {
        stage.stop_serving(0, at(SERVERS[0]));
        wait_for("it is down", || {
            (director.count("up -> down") == turn).then_some(())
        });
        stage.serve(0, Tcp, at(SERVERS[0]));
        wait_for("it is up", || {
            (director.count("down -> up") == turn).then_some(())
        });
    }
    wait_for("the last of it is in the file", || {
        let text = fs::read(&recording).unwrap();
        let text = String::from_utf8_lossy(&text);
        (text.matches("2/2").count() >= 3).then_some(())
    });
    director.signal(SIGKILL);
    let (status, log) = director.end();
    assert!(!status.success());
    let said = replay(&stage, &recording);
    assert_eq!(said.code, Some(0), "{said:?}");
    let (replayed, logged) = (replay_told(&said), log_told(&log));
    assert!(logged.starts_with(&replayed), "{replayed:?}\n{logged:?}");
    assert!(
        replayed
            .iter()
            .filter(|it| it.contains("down -> up"))
            .count()
            >= 3,
        "{replayed:?}"
    );
}

fn full_disk() {
    let (mut stage, files) = (Stage::new(1), Files::new());
    stage.serve(0, Tcp, at(SERVERS[0]));
    let disk = FullDisk::at(files.path("disk"));
    files.write(&format!(
        "defaults: {{{QUICK}, min_healthy: 0}}\nvirtual_services: [{{address: 192.168.0.10:80, servers: [192.168.0.2]}}]\n"
    ));
    let recording = disk.path.join("recording");
    let director = Running::start(&stage.director, &files, &record(&recording));
    let line = director.wait_for("the recording ends: ");
    assert!(
        line.to_lowercase().contains("no space left on device"),
        "{line}"
    );
    wait_for_weights(&mut stage, &[(SERVERS[0], 1)]);
    stage.stop_serving(0, at(SERVERS[0]));
    wait_for_weights(&mut stage, &[]);
    assert_eq!(
        director.count("the recording ends"),
        1,
        "{}",
        director.log()
    );
    assert!(director.stop().success());
    let said = replay(&stage, &recording);
    assert_eq!(
        said.code,
        Some(1),
        "nothing of it could be written: {said:?}"
    );
    assert!(
        said.err.contains("not a recording: the file is empty"),
        "{said:?}"
    );
}

fn new_file() {
    use std::os::unix::fs::PermissionsExt;
    let (stage, files) = (Stage::new(0), Files::new());
    files.write("virtual_services: []\n");
    let recording = files.path("recording");
    let director = Running::start(&stage.director, &files, &record(&recording));
    let mode = fs::metadata(&recording).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    assert!(director.stop().success());
    let before = fs::read(&recording).unwrap();
    for (path, why) in [
        (recording.clone(), "it exists already; name another file"),
        (files.path("none/recording"), "No such file or directory"),
    ] {
        let said = files.once(&stage.director, "run", &record(&path));
        assert_eq!(said.code, Some(1), "{said:?}");
        let words = format!("record to {}: {why}", path.display());
        assert!(said.err.contains(&words), "{said:?}");
    }
    assert_eq!(fs::read(&recording).unwrap(), before);
    assert_eq!(replay(&stage, &recording).code, Some(0));
}
