// SPDX-License-Identifier: MIT OR Apache-2.0
//! The program `lab` as people use it: what goes into a kernel and a director, and what a cable does.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test of a real program, which takes real time"
)]

use std::io::Write;
use std::process::{Command, Output, Stdio};
use std::thread;

const LAB: &str = env!("CARGO_BIN_EXE_lab");

/// Runs the program with something to read.
fn lab(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(LAB)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // A command that does not read its input ends all the same.
    thread::spawn(move || stdin.write_all(&input));
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs a script among the machines; it must succeed.
fn among_machines(script: &str, input: &[u8]) -> String {
    let machines = [
        "machines",
        "--quiet",
        "--servers",
        "1",
        "sh",
        "-euc",
        script,
    ];
    let output = lab(&machines, input);
    let said = text(&output.stderr);
    assert!(output.status.success(), "{}\n{said}", text(&output.stdout));
    text(&output.stdout)
}

/// Every byte, long lines, and an end without a newline.
fn anything() -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..=255).cycle().take(5000).collect();
    bytes.extend("x".repeat(20_000).bytes());
    bytes.extend(b"\n\n\x04\x16\x04last");
    bytes
}

#[test]
fn a_kernel_reads_what_its_caller_gives() {
    let output = lab(&["kernel", "cat"], &anything());
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(output.stdout, anything());
    let nothing = lab(&["kernel", "sh", "-c", "wc -c; exit 3"], b"");
    assert_eq!(
        (nothing.status.code(), text(&nothing.stdout).trim()),
        (Some(3), "0")
    );
}

#[test]
fn a_kernel_has_the_labs_names_whatever_this_machine_has() {
    let files = ["hosts", "resolv.conf", "nsswitch.conf", "services"];
    let paths = files.map(|file| format!("/etc/{file}"));
    let mut command = vec!["kernel", "cat"];
    command.extend(paths.iter().map(String::as_str));
    let output = lab(&command, b"");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let there = text(&output.stdout);
    for ours in [
        include_str!("../src/etc/hosts"),
        include_str!("../src/etc/resolv.conf"),
        include_str!("../src/etc/nsswitch.conf"),
        include_str!("../src/etc/services"),
    ] {
        assert!(there.contains(ours), "{there}");
    }
}

#[test]
fn a_command_on_any_host_reads_what_its_caller_gives() {
    for host in ["director1", "rs1"] {
        let script = format!("lab on {host} sh -c 'cat; exit 0'");
        assert_eq!(
            among_machines(&script, &anything()).as_bytes(),
            text(&anything()).as_bytes()
        );
    }
    // Much more than a pipe holds, for a command that reads nothing.
    let script = "head -c 3000000 /dev/zero | lab on director1 wc -c\n\
                  if lab on director1 sh -c 'exit 7' </dev/zero; then exit 1; fi\n\
                  echo end | lab on director1 cat";
    assert_eq!(among_machines(script, b""), "3000000\nend\n");
}

#[test]
fn a_director_has_a_terminal_when_asked_for() {
    // The program script (of package bsdutils) gives the lab a terminal.
    let inner = "stty rows 33 cols 77; lab on -t director1 sh -c 'tty; stty size; sed s,^,got:, | head -n 1'";
    let script = format!("echo hello | script --quiet --return --command \"{inner}\" /dev/null");
    let shown = among_machines(&script, b"").replace('\r', "");
    assert!(shown.contains("/dev/pts/"), "{shown}");
    assert!(shown.contains("\n33 77\n"), "{shown}");
    assert!(shown.contains("\ngot:hello\n"), "{shown}");
    // Without one there is none to give.
    let none = "if lab on -t director1 true </dev/null 2>\"$LAB_DIR/said\"; then exit 1; fi; cat \"$LAB_DIR/said\"";
    let said = among_machines(none, b"");
    assert!(said.contains("standard input is no terminal"), "{said}");
}

#[test]
fn a_cable_that_was_out_under_traffic_works_again() {
    // Answers, by tries of a second each, as long as there are none; forty are generous.
    let answered = "answered() { for i in $(seq 40); do\n\
                    if lab on client lab load --rate 10 --seconds 1 $1:80 | grep -q 'answered by'; then return; fi\n\
                    done; echo \"$1 does not answer\" >&2; return 1; }";
    // Both ends send all the while: what a director sends is what used to break its card.
    let script = format!(
        "{answered}\n\
         lab on -d director1 lab serve director1 80; lab on -d rs1 lab serve rs1 80\n\
         answered 192.168.0.11; answered 192.168.0.2\n\
         lab on -d client lab load --rate 50 --seconds 600 192.168.0.11:80\n\
         lab on -d director1 lab load --rate 50 --seconds 600 192.168.0.2:80\n\
         for host in director1:192.168.0.11 rs1:192.168.0.2; do\n\
         lab unplug ${{host%%:*}}\n\
         if lab on client lab load --rate 10 --seconds 2 ${{host#*:}}:80 | grep 'answered by'; then exit 1; fi\n\
         lab plug ${{host%%:*}}\n\
         answered ${{host#*:}}\n\
         done\n\
         echo done"
    );
    assert_eq!(among_machines(&script, b""), "done\n");
}
