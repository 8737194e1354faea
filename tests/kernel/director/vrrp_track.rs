// SPDX-License-Identifier: MIT OR Apache-2.0
//! Two directors that watch something beside each other.

use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use lab::service::tcp_name_server;
use nix::sys::signal::Signal;

use super::process::QUICK;
use super::vrrp::Lan;
use crate::Test;
use crate::stage::wait_for;

const VIP: &str = "192.168.0.10";

pub(super) fn tests() -> Vec<Test> {
    vec![
        ("a_lost_link_elsewhere_moves_the_virtual_address", interface),
        (
            "a_service_that_only_the_master_cannot_reach_moves_the_virtual_address",
            service_of_one,
        ),
        (
            "a_service_that_nobody_can_reach_moves_no_virtual_address",
            service_of_both,
        ),
        (
            "a_number_in_a_file_and_a_process_move_the_virtual_address",
            file_and_process,
        ),
        ("a_lost_default_route_moves_the_virtual_address", route),
        ("a_script_that_fails_moves_the_virtual_address", script),
        (
            "a_script_ends_with_the_director_that_runs_it",
            endless_script,
        ),
    ]
}

fn rest(track: &str) -> String {
    format!("addresses: [{VIP}/24], track: [{track}]")
}

/// What is tracked, as a director's status has it.
fn readings(lan: &Lan, director: usize) -> Vec<String> {
    let tracked = lan.router(director).tracked;
    tracked.into_iter().map(|it| it.reading).collect()
}

fn reads(lan: &Lan, director: usize, expected: &[&str]) {
    wait_for(&format!("{expected:?} is read"), || {
        (readings(lan, director) == expected).then_some(())
    });
}

fn interface() {
    let lan = Lan::new(&rest("{interface: uplink}"));
    for (host, _) in &lan.directors {
        host.ip("link add uplink type dummy\nlink set uplink up\n")
            .unwrap();
    }
    let [a, b] = lan.start_both(VIP);
    reads(&lan, 0, &["good"]);
    let (host, _) = &lan.directors[0];
    host.ip("link set uplink down\n").unwrap();
    lan.wait_until_at(1, VIP);
    a.wait_for("virtual router eth0/51: master -> fault (interface uplink is down)");
    b.wait_for("virtual router eth0/51: backup -> master (master 192.168.0.11 left)");
    reads(&lan, 0, &["bad"]);
    host.ip("link del uplink\n").unwrap();
    host.ip("link add uplink type dummy\nlink set uplink up\n")
        .unwrap();
    a.wait_for("virtual router eth0/51: fault -> backup (nothing that is tracked is bad any more)");
    // It was down before the director started.
    assert!(a.stop().success());
    host.ip("link del uplink\n").unwrap();
    let a = lan.start(0);
    a.wait_for("virtual router eth0/51: initialize -> fault (interface uplink is down)");
    // A reload that tracks it no more changes nothing else.
    lan.configure(0, &rest(""));
    a.signal(Signal::SIGHUP);
    a.wait_for("virtual router eth0/51: fault -> backup");
    lan.wait_until_at(1, VIP);
}

/// One more service of both directors, with a server whose checks each of them makes.
fn with_service(lan: &Lan, weight: i16) {
    for director in 0..2 {
        let track = format!("{{service: '192.168.0.10:81', weight: {weight}}}");
        let more = format!("  - {{address: '192.168.0.10:81', servers: [192.168.0.2], {QUICK}}}\n");
        lan.configure_with(director, &rest(&track), &more);
    }
}

fn service_of_one() {
    let lan = Lan::new(&rest(""));
    with_service(&lan, -150);
    let at: SocketAddr = "0.0.0.0:81".parse().unwrap();
    let _served = lan.server.run(|| tcp_name_server(at, "rs1")).unwrap();
    let [a, b] = lan.start_both(VIP);
    reads(&lan, 0, &["good"]);
    // The way from one director to the server is cut.
    let (host, _) = &lan.directors[0];
    host.ip("route add blackhole 192.168.0.2/32\n").unwrap();
    lan.wait_until_at(1, VIP);
    reads(&lan, 0, &["bad"]);
    reads(&lan, 1, &["good"]);
    b.wait_for(
        "virtual router eth0/51: backup -> master (master 192.168.0.11 has a lower priority, 50)",
    );
    assert_eq!(lan.router(0).priority, 50, "{}", a.log());
    host.ip("route del blackhole 192.168.0.2/32\n").unwrap();
    reads(&lan, 0, &["good"]);
    // It does not take the address back.
    lan.wait_until_at(1, VIP);
}

fn service_of_both() {
    let lan = Lan::new(&rest(""));
    with_service(&lan, -150);
    let at: SocketAddr = "0.0.0.0:81".parse().unwrap();
    let served = lan.server.run(|| tcp_name_server(at, "rs1")).unwrap();
    let [a, b] = lan.start_both(VIP);
    drop(served);
    reads(&lan, 0, &["bad"]);
    reads(&lan, 1, &["bad"]);
    wait_for("both are worth less", || {
        let priorities = [0, 1].map(|it| lan.router(it).priority);
        (priorities == [50, 1]).then_some(())
    });
    // One may have found it so much earlier that the address has moved; from now on it stays where it is.
    let transitions = || [0, 1].map(|it| lan.router(it).transitions);
    let (before, sent) = (transitions(), lan.router(0).sent + lan.router(1).sent);
    wait_for("some intervals pass", || {
        (lan.router(0).sent + lan.router(1).sent > sent + 10).then_some(())
    });
    assert_eq!(transitions(), before, "{}{}", a.log(), b.log());
    assert_eq!(lan.ask(), "rs1 hello");
}

fn route() {
    let lan = Lan::new(&rest("{route: 0.0.0.0/0}"));
    for (host, _) in &lan.directors {
        host.ip("route add default via 192.168.0.100\n").unwrap();
    }
    let [a, _b] = lan.start_both(VIP);
    let (host, _) = &lan.directors[0];
    host.ip("route del default\n").unwrap();
    lan.wait_until_at(1, VIP);
    a.wait_for("virtual router eth0/51: master -> fault (route 0.0.0.0/0 is gone)");
    // Another table, and another network, are no substitute.
    host.ip("route add default via 192.168.0.100 table 7\nroute add 0.0.0.0/1 via 192.168.0.100\n")
        .unwrap();
    reads(&lan, 0, &["bad"]);
    host.ip("route add default via 192.168.0.100\n").unwrap();
    reads(&lan, 0, &["good"]);
    a.wait_for("virtual router eth0/51: fault -> backup");
}

fn file_and_process() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("weight");
    let path = file.display();
    let lan = Lan::new(&rest(""));
    // The processes of the whole machine count; the test's own has a name of its own.
    let name = "track-me";
    lan.configure(
        0,
        &rest(&format!(
            "{{file: '{path}', weight: 2}}, {{process: {name}, weight: -20}}"
        )),
    );
    let [a, b] = lan.start_both(VIP);
    reads(&lan, 0, &["0", "bad"]);
    assert_eq!(lan.router(0).priority, 180, "{}", a.log());
    let program = directory.path().join(name);
    fs::copy("/bin/sleep", &program).unwrap();
    let mut process = std::process::Command::new(&program)
        .arg("600")
        .spawn()
        .unwrap();
    reads(&lan, 0, &["0", "good"]);
    process.kill().unwrap();
    process.wait().unwrap();
    reads(&lan, 0, &["0", "bad"]);
    fs::write(&file, "-80\n").unwrap();
    lan.wait_until_at(1, VIP);
    reads(&lan, 0, &["-80", "bad"]);
    b.wait_for(
        "virtual router eth0/51: backup -> master (master 192.168.0.11 has a lower priority, 20)",
    );
    fs::write(&file, "much").unwrap();
    a.wait_for("must have a number, got much");
    reads(&lan, 0, &["-80", "bad"]);
    fs::remove_file(&file).unwrap();
    reads(&lan, 0, &["0", "bad"]);
}

/// A director of root that tracks this program.
fn track_script(lan: &Lan, program: &Path, more: &str) {
    let program = program.display();
    let track = format!("{{script: {{command: ['{program}'], user: root, interval: 1s, {more}}}}}");
    lan.configure(0, &rest(&track));
}

pub(super) fn write_program(path: &Path, text: &str) {
    let unfinished = path.with_extension("new");
    fs::write(&unfinished, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&unfinished, Permissions::from_mode(0o755)).unwrap();
    fs::rename(&unfinished, path).unwrap();
}

fn script() {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("uplink");
    write_program(&program, "exit 0");
    let lan = Lan::new(&rest(""));
    track_script(&lan, &program, "fall: 2, rise: 1");
    let [a, _b] = lan.start_both(VIP);
    reads(&lan, 0, &["good"]);
    // A script that is not there is this host's trouble.
    fs::remove_file(&program).unwrap();
    a.wait_for("is tracked, and could not run: ");
    reads(&lan, 0, &["good"]);
    write_program(&program, "echo no answer from the uplink; exit 3");
    let failed = a.wait_for("is tracked, and failed: ");
    assert!(
        failed.contains("exit status 3: no answer from the uplink"),
        "{failed}"
    );
    lan.wait_until_at(1, VIP);
    let path = program.display();
    a.wait_for(&format!(
        "virtual router eth0/51: master -> fault (script {path} failed)"
    ));
    write_program(&program, "exit 0");
    a.wait_for("virtual router eth0/51: fault -> backup");
}

fn endless_script() {
    let directory = tempfile::tempdir().unwrap();
    let (program, note) = (directory.path().join("hang"), directory.path().join("pid"));
    write_program(
        &program,
        &format!("echo $$ > {}; exec sleep 600", note.display()),
    );
    let lan = Lan::new(&rest(""));
    track_script(&lan, &program, "timeout: 1m");
    let a = lan.start(0);
    let pid = wait_for("the script runs", || {
        let text = fs::read_to_string(&note).ok()?;
        text.trim().parse::<u32>().ok()
    });
    assert!(a.stop().success());
    wait_for("the script is dead, and perhaps nobody's child", || {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
        stat.map_or(true, |it| it.contains(") Z ")).then_some(())
    });
}
