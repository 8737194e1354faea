// SPDX-License-Identifier: MIT OR Apache-2.0
//! Running the program, within limits of time and memory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, setrlimit};
use tempfile::TempDir;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_director");
/// Longer than a refusal takes on any machine.
pub(crate) const SOON: Duration = Duration::from_secs(60);
/// More memory than a refusal needs, and less than a large file would if it were read.
pub(crate) const MEMORY: u64 = 512 << 20;
/// Every command that needs a configuration.
pub(crate) const COMMANDS: [&str; 4] = ["check", "plan", "apply", "run"];
pub(crate) const GOOD: &str = "virtual_services: [{address: 192.0.2.10:80, servers: [10.0.0.1]}]\n";

/// Runs the program to its end within [`SOON`] and [`MEMORY`].
pub(crate) fn director(arguments: &[&str]) -> Said {
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
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// A directory with a file `director.yaml` of this content.
pub(crate) fn file(content: impl AsRef<[u8]>) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("director.yaml");
    fs::write(&path, content).unwrap();
    (directory, path)
}

/// Every command refuses this file with exit code 3 and these words; `FILE` stands for its name.
pub(crate) fn refused(path: &Path, words: &[&str]) {
    refused_by(&COMMANDS, path, words);
}

pub(crate) fn refused_by(commands: &[&str], path: &Path, words: &[&str]) {
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

pub(crate) fn refused_text(text: impl AsRef<[u8]>, words: &[&str]) {
    let (_directory, path) = file(text);
    refused(&path, words);
}
