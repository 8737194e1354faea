// SPDX-License-Identifier: MIT OR Apache-2.0
//! A process that cleans up after us if we are killed.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use nix::unistd::Pid;

/// Reads from us until we report that all is well, or until we are gone. In that case it ends the process group, if one
/// was named, and removes the directory.
const SCRIPT: &str = r#"read -r word && exit; [ "$1" = 0 ] || kill -9 -"$1"; rm -rf "$2""#;

/// The process. Dropping this value tells it that all is well.
#[derive(Debug)]
pub(crate) struct Keeper {
    process: Child,
}

impl Keeper {
    pub(crate) fn new(group: Option<Pid>, dir: &Path) -> Result<Self> {
        let group = group.map_or(0, Pid::as_raw);
        let process = Command::new("/bin/busybox")
            .args(["sh", "-c", SCRIPT, "lab-keeper", &group.to_string()])
            .arg(dir)
            .current_dir("/")
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("start the keeper (its program is busybox)")?;
        Ok(Self { process })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if let Some(mut line) = self.process.stdin.take() {
            let _ = line.write_all(b"done\n");
        }
        let _ = self.process.wait();
    }
}
