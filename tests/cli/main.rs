// SPDX-License-Identifier: MIT OR Apache-2.0
//! The programs on any machine: their messages and exit codes for bad input.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::format_push_string,
    reason = "a test of a real program, which takes real time"
)]

mod ask;
mod bad_input;
mod export;
mod import_several;
mod lvsadm;
mod program;

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use nix::unistd::Uid;

use program::{GOOD, PROGRAM, director, file};

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

/// When the kernel has IPVS this tests nothing; the kernel tests cover the rest.
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
