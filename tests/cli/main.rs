// SPDX-License-Identifier: MIT OR Apache-2.0
//! The program `director` on any machine: what it says of bad input, and with what exit code.

#![allow(clippy::disallowed_methods, reason = "a test with a real clock")]

use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, setrlimit};
use nix::sys::stat::Mode;
use nix::unistd::{Uid, mkfifo};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_director");
/// Longer than a refusal takes on any machine.
const SOON: Duration = Duration::from_secs(5);
/// More memory than a refusal needs, and less than a large file would if it were read.
const MEMORY: u64 = 512 << 20;
/// Every command that reads the configuration.
const COMMANDS: [&str; 5] = ["check", "plan", "apply", "run", "status"];
const GOOD: &str = "virtual_services: [{address: 192.0.2.10:80, servers: [10.0.0.1]}]\n";

/// Runs the program to its end within [`SOON`] and [`MEMORY`].
fn director(arguments: &[&str]) -> Said {
    use std::os::unix::process::CommandExt;
    let mut command = Command::new(PROGRAM);
    command.args(arguments).stdin(Stdio::null());
    #[allow(unsafe_code, reason = "a child limits itself between fork and exec")]
    // SAFETY: one system call between fork and exec.
    unsafe {
        command.pre_exec(|| Ok(setrlimit(Resource::RLIMIT_AS, MEMORY, MEMORY)?));
    }
    let started = Instant::now();
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let took = started.elapsed();
    assert!(took < SOON, "{arguments:?} took {took:?}");
    Said {
        code: status.code(),
        out: String::from_utf8(stdout).unwrap(),
        err: String::from_utf8(stderr).unwrap(),
    }
}

#[derive(Debug)]
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

/// A directory with a file `director.yaml` of this content.
fn file(content: impl AsRef<[u8]>) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("director.yaml");
    fs::write(&path, content).unwrap();
    (directory, path)
}

/// Every command refuses this file with exit code 3 and these words, in which `FILE` stands for its name.
fn refused(path: &Path, words: &[&str]) {
    refused_by(&COMMANDS, path, words);
}

fn refused_by(commands: &[&str], path: &Path, words: &[&str]) {
    let name = path.to_str().unwrap();
    for &command in commands {
        let said = director(&[command, name]);
        assert_eq!(
            (said.code, said.out.as_str()),
            (Some(3), ""),
            "{command}: {said:?}"
        );
        for word in words {
            let word = word.replace("FILE", name);
            assert!(
                said.err.contains(&word),
                "{command}: {word:?} in:\n{}",
                said.err
            );
        }
        assert!(
            said.err.len() < 16 << 10,
            "{command}: {} bytes",
            said.err.len()
        );
    }
}

fn refused_text(text: impl AsRef<[u8]>, words: &[&str]) {
    let (_directory, path) = file(text);
    refused(&path, words);
}

#[test]
fn a_file_that_is_not_there_or_is_no_file_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    refused(
        &path("missing.yaml"),
        &["director: read FILE: no such file or directory (ENOENT)"],
    );
    refused(
        directory.path(),
        &["director: read FILE: is a directory; name a regular file"],
    );
    mkfifo(&path("fifo"), Mode::S_IRWXU).unwrap();
    refused(
        &path("fifo"),
        &["director: read FILE: is a FIFO; name a regular file"],
    );
    symlink(path("fifo"), path("link")).unwrap();
    refused(
        &path("link"),
        &["director: read FILE: is a FIFO; name a regular file"],
    );
    symlink(path("loop"), path("loop")).unwrap();
    refused(&path("loop"), &["director: read FILE: ", "(ELOOP)"]);
    refused(
        Path::new("/dev/zero"),
        &["director: read FILE: is a device; name a regular file"],
    );
    refused(&path("missing.yaml").join("x"), &["director: read FILE: "]);
}

#[test]
fn a_file_of_100_mb_is_refused_at_once() {
    let (_directory, path) = file("");
    File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(100 << 20)
        .unwrap();
    refused(&path, &["director: read FILE: larger than 16777216 bytes"]);
}

#[test]
fn a_file_that_may_not_be_read_is_exit_code_4() {
    if Uid::effective().is_root() {
        // Root may read everything; that an EACCES is exit code 4 shows only with the capability taken away.
        let (directory, path) = file(GOOD);
        fs::set_permissions(&path, PermissionsExt::from_mode(0o000)).unwrap();
        nix::unistd::chown(&path, Some(Uid::from_raw(65534)), None).unwrap();
        let mut command = Command::new("setpriv");
        command.args(["--bounding-set=-all", "--inh-caps=-all", PROGRAM, "check"]);
        let output = command.arg(&path).output().unwrap();
        drop(directory);
        denied(&output);
    } else {
        let (_directory, path) = file(GOOD);
        fs::set_permissions(&path, PermissionsExt::from_mode(0o000)).unwrap();
        denied(
            &Command::new(PROGRAM)
                .arg("check")
                .arg(&path)
                .output()
                .unwrap(),
        );
    }
}

fn denied(output: &Output) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("permission denied (EACCES)"), "{said}");
}

#[test]
fn text_that_is_no_configuration_is_refused_with_its_place() {
    refused_text("", &["FILE:1:1: the file is empty"]);
    refused_text("[1, 2]\n", &["FILE:1:1: "]);
    refused_text("- a\n- b\n", &["FILE:1:1: "]);
    refused_text("hello\n", &["FILE:1:1: "]);
    refused_text(
        b"virtual_services: []\n# caf\xe9\n",
        &["FILE:2:6: not UTF-8: byte 0xe9"],
    );
    refused_text(
        b"\xff\xfev\0",
        &["FILE:1:1: not UTF-8: byte 0xff", "UTF-16"],
    );
    refused_text("virtual_services: [\n", &["FILE:"]);
    refused_text(
        "virtual_services:\n\t- x\n",
        &["FILE:2:", "YAML takes no tabs there"],
    );
    refused_text("a: &a [*a]\n", &["FILE:1:"]);
    refused_text([0; 4096], &["FILE:1:1: "]);
}

/// Two commands stand for all, because each takes a while.
fn bomb(text: impl AsRef<[u8]>, words: &[&str]) {
    let (_directory, path) = file(text);
    refused_by(&["check", "run"], &path, words);
}

#[test]
fn bombs_are_refused() {
    let mut aliases = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..30 {
        let one = format!("*a{},", level - 1);
        aliases.push_str(&format!("a{level}: &a{level} [{}]\n", one.repeat(10)));
    }
    bomb(aliases, &["FILE:"]);
    bomb("[".repeat(1 << 20), &["FILE:1:"]);
    bomb("a: ".repeat(1 << 18), &["FILE:1:"]);
    bomb("x".repeat(15 << 20), &["FILE:1:1: "]);
    bomb("- ".repeat(1 << 20), &["FILE:1:"]);
    bomb("? ".repeat(1 << 20), &["FILE:1:"]);
}

#[test]
fn values_that_cannot_be_are_refused_with_their_place() {
    for (rest, said) in [
        (
            "{address: 192.0.2.10:80, servers: [10.0.0.1], sheduler: rr}",
            "unknown key \"sheduler\"",
        ),
        (
            "{address: 192.0.2.10:80, servers: [10.0.0.1], scheduler: rw}",
            "scheduler",
        ),
        (
            "{address: 192.0.2.10:80, servers: [10.0.0.1, 10.0.0.1]}",
            "10.0.0.1",
        ),
        ("{address: 192.0.2.10:0, servers: [10.0.0.1]}", "port 0"),
        ("{address: 192.0.2.10:70000, servers: [10.0.0.1]}", "70000"),
        (
            "{address: 192.0.2.10:80, servers: [10.0.0.1:81]}",
            "port 81 is not the virtual service's port 80",
        ),
        (
            "{address: 192.0.2.10:80, forwarding: tun, servers: [10.0.0.1:81]}",
            "port 81 is not the virtual service's port 80",
        ),
        (
            "{address: 192.0.2.10:80, servers: [\"2001:db8::1\"]}",
            "IPv6",
        ),
        (
            "{address: 192.0.2.10:80, servers: [{address: 10.0.0.1, weight: -1}]}",
            "weight must be 0 to 2147483647, got -1",
        ),
        (
            "{address: 192.0.2.10:80, servers: [{address: 10.0.0.1, weight: 99999999999999999999}]}",
            "weight must be 0 to 2147483647",
        ),
    ] {
        refused_text(
            format!("virtual_services:\n  - {rest}\n"),
            &["FILE:2:", said, "\n2 |"],
        );
    }
    let twice = "virtual_services:\n  - {address: 192.0.2.10:80, servers: []}\n  - {address: 192.0.2.10:80, servers: []}\n";
    refused_text(twice, &["FILE:3:", "192.0.2.10:80"]);
}

#[test]
fn all_errors_of_a_file_are_said_at_once_and_fifty_shown() {
    let mut text = "virtual_services:\n".to_owned();
    for _ in 0..5000 {
        text.push_str("  - {address: nowhere, servers: []}\n");
    }
    let (_directory, path) = file(text);
    let said = director(&["check", path.to_str().unwrap()]);
    assert_eq!(said.code, Some(3));
    let name = path.to_str().unwrap();
    let shown = said
        .err
        .lines()
        .filter(|line| line.starts_with(name))
        .count();
    assert_eq!(shown, 50, "{}", said.err);
    assert!(said.err.contains("4950"), "{}", said.err);
}

#[test]
fn the_command_line_that_makes_no_sense_is_exit_code_2() {
    for arguments in [
        &[][..],
        &["frobnicate"],
        &["check", "a", "b"],
        &["run", "--nothing"],
    ] {
        let said = director(arguments);
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{said:?}");
    }
}

#[test]
fn help_and_version_are_no_errors() {
    for arguments in [["--help"], ["--version"]] {
        let said = director(&arguments);
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said:?}");
    }
    assert!(director(&["--help"]).out.contains("Exit codes:"));
}

#[test]
fn status_of_a_director_that_does_not_run_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("socket");
    let said = director(&["status", "--socket", socket.to_str().unwrap()]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(
        said.err.contains("no director is running there"),
        "{said:?}"
    );
}

#[test]
fn a_good_file_of_ten_thousand_servers_is_ok() {
    let mut text = "virtual_services:\n".to_owned();
    for port in 1..=1000 {
        let servers: Vec<String> = (1..=10)
            .map(|n| Ipv4Addr::new(10, 0, 0, n).to_string())
            .collect();
        text.push_str(&format!(
            "  - {{address: 192.0.2.10:{port}, servers: [{}]}}\n",
            servers.join(", ")
        ));
    }
    let (_directory, path) = file(text);
    let said = director(&["check", path.to_str().unwrap()]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said:?}");
    assert!(
        said.out
            .contains("1000 virtual services, 10000 real servers on 10 addresses"),
        "{said:?}"
    );
}

/// Where the kernel has IPVS this shows nothing, and the tests of the kernel show the rest.
#[test]
fn a_kernel_without_ipvs_is_told_with_its_module_and_package() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("director.yaml");
    let (state, socket) = (
        directory.path().join("state.json"),
        directory.path().join("socket"),
    );
    let text = format!(
        "director: {{state_file: {}, socket: {}}}\n{GOOD}",
        state.display(),
        socket.display()
    );
    fs::write(&path, text).unwrap();
    for command in ["plan", "apply", "run"] {
        match lvs_director::kernel::Ipvs::open() {
            Err(lvs_director::kernel::OpenError::NoIpvs) => {}
            Ok(_) | Err(_) => return,
        }
        let said = director(&[command, path.to_str().unwrap()]);
        assert_eq!(
            (said.code, said.out.as_str()),
            (Some(1), ""),
            "{command}: {said:?}"
        );
        for word in [
            "this kernel has no IPVS",
            "modprobe ip_vs",
            "linux-image-amd64",
        ] {
            assert!(said.err.contains(word), "{command}: {said:?}");
        }
        assert!(!state.exists(), "{command}");
    }
}
