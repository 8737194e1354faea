// SPDX-License-Identifier: MIT OR Apache-2.0
//! `check-machine.sh` on machines that lack something: each is made of a kernel of the lab, where everything may be
//! changed. It says one line for each thing that is missing, with the cure.

#![allow(
    clippy::unwrap_used,
    clippy::format_push_string,
    reason = "a test of a real program"
)]

use std::process::{Command, Stdio};

const LAB: &str = env!("CARGO_BIN_EXE_lab");
const SCRIPT: &str = "sh tests/lab/check-machine.sh";

/// What the script says after each of these preparations, all in one kernel. Each has a mount table of its own.
fn said(preparations: &[&str]) -> Vec<String> {
    let mut job = String::from(
        "mkdir -p /dev/net; [ -c /dev/net/tun ] || mknod -m 666 /dev/net/tun c 10 200; modprobe tun\n",
    );
    for preparation in preparations {
        job.push_str(&format!(
            "unshare -m sh -c '{preparation}' 2>&1; echo \"status $?\"; echo ---\n"
        ));
    }
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let output = Command::new(LAB)
        .args(["kernel", "sh", "-c", &job])
        .current_dir(root)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    let pieces: Vec<String> = text.split("---\n").map(str::to_owned).collect();
    assert_eq!(pieces.len(), preparations.len() + 1, "{text}{complaint}");
    pieces
}

#[test]
fn what_a_machine_lacks_is_told_in_a_line_with_the_cure() {
    let noexec = "for d in /tmp /dev/shm /var/tmp; do mount -t tmpfs -o noexec none $d; done";
    let cases = [
        (format!("{SCRIPT} machines"), ""),
        (
            format!(
                "rm /dev/net/tun; {SCRIPT} machines; s=$?; mknod -m 666 /dev/net/tun c 10 200; exit $s"
            ),
            "there is no /dev/net/tun: as root: modprobe tun",
        ),
        (
            // The checkout itself may be below /tmp.
            format!(
                "{noexec}; mkdir -p /run/check/target; CARGO_TARGET_DIR=/run/check/target {SCRIPT} kernel"
            ),
            "mounted noexec: set TMPDIR to a directory without it",
        ),
        (
            format!("mount -t tmpfs none /proc; {SCRIPT} machines"),
            "/proc is not mounted: mount -t proc proc /proc",
        ),
        (
            format!("PATH=/usr/bin:/bin CARGO=nosuch {SCRIPT}"),
            "there is no cargo: install Rust 1.95 or newer with https://rustup.rs",
        ),
        (
            "S=$PWD/tests/lab/check-machine.sh; mkdir -p \"/run/check/a b\"; cp Cargo.toml \"/run/check/a b\"; \
             cd \"/run/check/a b\"; CARGO_TARGET_DIR=/run sh $S"
                .to_owned(),
            "the path \"/run/check/a b\" has a space",
        ),
        (
            format!(
                "mkdir -p /run/check/bin; printf \"#!/bin/sh\\necho aarch64\\n\" >/run/check/bin/uname; chmod 755 /run/check/bin/uname; \
                     PATH=/run/check/bin:$PATH {SCRIPT}"
            ),
            "this machine is aarch64, and the lab",
        ),
        (
            format!(
                "printf \"#!/bin/sh\\necho cargo 1.80.1 \\(x\\)\\n\" >/run/check/old; chmod 755 /run/check/old; CARGO=/run/check/old {SCRIPT}"
            ),
            "this is cargo 1.80.1 (x), and Rust 1.95 is needed: rustup update stable",
        ),
        (
            format!(
                "export CARGO_TARGET_DIR=/small/target; mkdir /small; mount -t tmpfs -o size=10M none /small; {SCRIPT}"
            ),
            "/small/target will take about 3 GB, and there are 10 MB free",
        ),
    ];
    let preparations: Vec<&str> = cases
        .iter()
        .map(|(preparation, _)| preparation.as_str())
        .collect();
    for (said, (preparation, expected)) in said(&preparations).iter().zip(&cases) {
        if expected.is_empty() {
            assert_eq!(said, "status 0\n", "{preparation}");
            continue;
        }
        assert!(said.contains(expected), "{preparation}:\n{said}");
        assert_eq!(said.lines().count(), 2, "{preparation}:\n{said}");
        assert!(said.ends_with("status 1\n"), "{preparation}:\n{said}");
    }
}
