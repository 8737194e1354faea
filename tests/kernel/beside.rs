// SPDX-License-Identifier: MIT OR Apache-2.0
//! ipvsadm and lvsadm side by side.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot run fails"
)]

use std::fmt;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Output, Stdio};

use lab::namespace::Namespace;

/// What a command came to.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
    /// The exit status.
    pub(crate) status: Option<i32>,
}

/// A text that a failing test shows line by line, blanks and line ends visible.
#[derive(PartialEq, Eq)]
pub(crate) struct Lines<'a>(pub(crate) &'a str);

impl fmt::Debug for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("nothing");
        }
        for line in self.0.split_inclusive('\n') {
            write!(f, "\n        {line:?}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [out, err] = [&self.stdout, &self.stderr].map(|text| Lines(text));
        write!(
            f,
            "status {:?}\n      standard output: {out:?}\n      standard error: {err:?}",
            self.status
        )
    }
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
    let outcome = feed(IPVSADM, &["-R"], lines);
    assert_eq!(outcome.stderr, "", "{lines}");
}

/// Runs a program under the name of lvsadm, with something to read.
pub(crate) fn feed(program: &str, arguments: &[&str], input: &str) -> Outcome {
    feed_as("lvsadm", program, arguments, input)
}

/// Runs a program under this name, with something to read.
pub(crate) fn feed_as(name: &str, program: &str, arguments: &[&str], input: &str) -> Outcome {
    outcome(Command::new(program).arg0(name).args(arguments), input)
}

/// Runs a command with something to read.
pub(crate) fn outcome(command: &mut Command, input: &str) -> Outcome {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    // A program that refuses its arguments does not read its input.
    let _ = child
        .stdin
        .take()
        .expect("a pipe")
        .write_all(input.as_bytes());
    let mut outcome = Outcome::from(child.wait_with_output().expect("an end"));
    if command.get_program() == IPVSADM {
        outcome.stderr = in_newer_words(&outcome.stderr);
    }
    outcome
}

/// What ipvsadm says, as Debian 13's 1.31-5 says it. Debian 12's 1.31-1 has other words for one mistake.
fn in_newer_words(said: &str) -> String {
    said.replace("-6 used before -f\n", "-6 must follow -f\n")
}

/// The program to compare with.
pub(crate) const IPVSADM: &str = "/usr/sbin/ipvsadm";
/// The program under test.
pub(crate) const LVSADM: &str = env!("CARGO_BIN_EXE_lvsadm");

/// The results of ipvsadm and lvsadm for the same arguments, in this order. Both run under the name lvsadm.
pub(crate) fn both(arguments: &[&str]) -> [Outcome; 2] {
    [IPVSADM, LVSADM].map(|program| feed(program, arguments, ""))
}

/// Both must come to the same.
pub(crate) fn same(arguments: &[&str]) {
    let [ipvsadm, lvsadm] = both(arguments);
    assert_eq!(
        lvsadm, ipvsadm,
        "{arguments:?}: lvsadm (left) is not as ipvsadm (right)"
    );
}

/// A network namespace for each of them: each has a table of its own.
pub(crate) struct Pair {
    ipvsadm: Namespace,
    lvsadm: Namespace,
    name: &'static str,
}

impl Pair {
    /// Two equal namespaces, with the interface `d0` for sync daemons, and without a route to a name server: nothing
    /// waits for one.
    pub(crate) fn new() -> Self {
        Self::called("lvsadm")
    }

    /// The same; both programs believe to have this name.
    pub(crate) fn called(name: &'static str) -> Self {
        let fresh = || {
            let namespace = Namespace::fresh().expect("a network namespace");
            let lines = "link set lo up\nlink add d0 type dummy\nlink set d0 up\n\
                         address add 10.9.0.1/24 dev d0";
            namespace.ip(lines).expect("an interface");
            namespace
        };
        Self {
            ipvsadm: fresh(),
            lvsadm: fresh(),
            name,
        }
    }

    /// The result of each for a command line.
    pub(crate) fn both(&self, arguments: &[&str], input: &str) -> [Outcome; 2] {
        [(&self.ipvsadm, IPVSADM), (&self.lvsadm, LVSADM)].map(|(namespace, program)| {
            let mut command = Command::new(program);
            command.arg0(self.name);
            namespace.adopt(command.args(arguments));
            outcome(&mut command, input)
        })
    }

    /// Both tables, as ipvsadm saves and lists them.
    pub(crate) fn tables(&self) -> [String; 2] {
        [&self.ipvsadm, &self.lvsadm].map(|namespace| {
            let read = |arguments: &[&str]| {
                let output = namespace.command(IPVSADM, arguments).expect("ipvsadm");
                Outcome::from(output).stdout
            };
            let ways: [&[&str]; 4] = [
                &["-Sn"],
                &["-Ln", "--thresholds"],
                &["-L", "--timeout"],
                &["-L", "--daemon"],
            ];
            ways.map(read).concat()
        })
    }
}
