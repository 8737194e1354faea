// SPDX-License-Identifier: MIT OR Apache-2.0
//! A log that cannot be written costs no client a connection, and does not prevent the director's end.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::net::SocketAddr;
use std::process::Stdio;

use lvs_director::model::Protocol::Tcp;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::Signal::SIGHUP;

use super::process::{Files, QUICK, Running, ipvsadm, wait_for_weights};
use crate::Test;
use crate::stage::Stage;

pub(super) fn tests() -> Vec<Test> {
    vec![
        ("a_full_disk_under_the_log_stops_nothing", full_disk),
        ("a_log_whose_reader_has_gone_stops_nothing", closed),
        ("a_log_that_nobody_reads_stops_nothing", unread),
    ]
}

fn yaml(weight: u32) -> String {
    format!(
        "defaults: {{scheduler: wrr, weight: {weight}, {QUICK}}}\n\
         virtual_services: [{{address: 192.168.0.10:80, servers: [192.168.0.2, 192.168.0.3]}}]\n"
    )
}

/// A pipe with no room left in it.
fn full_pipe() -> (File, File) {
    let (read, write) = nix::unistd::pipe().unwrap();
    let (read, mut write) = (File::from(read), File::from(write));
    fcntl(&write, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
    while write.write(&[b'\n'; 4096]).is_ok() {}
    while write.write(b"\n").is_ok() {}
    fcntl(&write, FcntlArg::F_SETFL(OFlag::empty())).unwrap();
    (read, write)
}

fn full_disk() {
    stops_nothing(OpenOptions::new().write(true).open("/dev/full").unwrap());
}

fn closed() {
    let (read, write) = nix::unistd::pipe().unwrap();
    drop(read);
    stops_nothing(write);
}

fn unread() {
    let (read, write) = full_pipe();
    stops_nothing(write);
    drop(read);
}

/// Verdicts, repairs, a reload, the status and SIGTERM.
fn stops_nothing(log: impl Into<Stdio>) {
    let (mut stage, files) = (Stage::new(2), Files::new());
    let at = |last: u8| SocketAddr::from(([192, 168, 0, last], 80));
    stage.serve(0, Tcp, at(2));
    stage.serve(1, Tcp, at(3));
    files.write(&yaml(1));
    let director = Running::launch_to(&stage.director, &files, &["--log-level", "debug"], log);
    let both = |weight| [("192.168.0.2:80", weight), ("192.168.0.3:80", weight)];
    wait_for_weights(&mut stage, &both(1));
    stage.stop_serving(1, at(3));
    wait_for_weights(&mut stage, &both(1)[..1]);
    stage.serve(1, Tcp, at(3));
    wait_for_weights(&mut stage, &both(1));
    ipvsadm(
        &stage.director,
        "-e -t 192.168.0.10:80 -r 192.168.0.2:80 -g -w 7",
    );
    wait_for_weights(&mut stage, &both(1));
    files.write(&yaml(5));
    director.signal(SIGHUP);
    wait_for_weights(&mut stage, &both(5));
    assert_eq!(files.status(&stage.director).services.len(), 1);
    // It waits for the log for a second only.
    assert!(director.stop().success());
}
