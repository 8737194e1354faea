// SPDX-License-Identifier: MIT OR Apache-2.0
//! ipvsadm and lvsadm side by side in one network namespace.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot run fails"
)]

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Output, Stdio};

use nix::sched::{CloneFlags, unshare};

/// What a command came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// The exit status.
    pub status: Option<i32>,
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Self {
        Self {
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            status: output.status.code(),
        }
    }
}

/// Runs `work` in a thread in a fresh network namespace with `lo` up: the programs it starts are in it too.
pub(crate) fn in_fresh_namespace(work: impl FnOnce() + Send) {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET).expect("a fresh network namespace");
            succeed("ip", &["link", "set", "lo", "up"]);
            work();
        });
        if let Err(panic) = thread.join() {
            std::panic::resume_unwind(panic);
        }
    });
}

/// Runs a program that must not fail.
pub(crate) fn succeed(program: &str, arguments: &[&str]) -> Outcome {
    let output = Command::new(program).args(arguments).output();
    let outcome = Outcome::from(output.unwrap_or_else(|error| panic!("{program}: {error}")));
    assert_eq!(
        outcome.status,
        Some(0),
        "{program} {arguments:?}: {}",
        outcome.stderr
    );
    outcome
}

/// Makes the table of these ipvsadm lines, by ipvsadm.
pub(crate) fn table(lines: &str) {
    let outcome = feed("ipvsadm", &["-R"], lines);
    assert_eq!(outcome.stderr, "", "{lines}");
}

/// Runs a program with something to read.
pub(crate) fn feed(program: &str, arguments: &[&str], input: &str) -> Outcome {
    let mut child = Command::new(program)
        .arg0("lvsadm")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    // A program that does not read what it is given is one that refuses its arguments.
    let _ = child
        .stdin
        .take()
        .expect("a pipe")
        .write_all(input.as_bytes());
    child.wait_with_output().expect("an end").into()
}

/// The program under test.
pub(crate) const LVSADM: &str = env!("CARGO_BIN_EXE_lvsadm");

/// What ipvsadm and lvsadm make of the same arguments, in this order. Both believe to be called lvsadm.
pub(crate) fn both(arguments: &[&str]) -> [Outcome; 2] {
    ["/usr/sbin/ipvsadm", LVSADM].map(|program| feed(program, arguments, ""))
}

/// Both must come to the same.
pub(crate) fn same(arguments: &[&str]) {
    let [ipvsadm, lvsadm] = both(arguments);
    assert_eq!(
        lvsadm, ipvsadm,
        "{arguments:?}: lvsadm (left) is not as ipvsadm (right)"
    );
}
