// SPDX-License-Identifier: MIT OR Apache-2.0
//! The lab's state, in files in its directory: every program inside reads the same files.
//!
//! ```text
//! lab.json         who there is
//! share/           seen by every host, directors too, at this path
//! HOST.log         what commands started in the background say
//! hosts/HOST/pid   the process that stands for the host, while it is on
//! hosts/HOST/...   a director's boot files and console
//! ```

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use super::plan::{Host, Kind, Shape};

/// Names the lab's directory in the environment of everything inside.
pub const DIR: &str = "LAB_DIR";

/// The contents of `lab.json`.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct State {
    pub(crate) hosts: Vec<Host>,
    pub(crate) memory: u32,
}

impl State {
    pub(crate) fn create(dir: &Path, shape: &Shape) -> Result<Self> {
        let state = Self {
            hosts: shape.hosts()?,
            memory: shape.memory,
        };
        let shared = dir.join("share");
        fs::create_dir_all(&shared).with_context(|| format!("create {}", shared.display()))?;
        for host in &state.hosts {
            let name = &host.name;
            fs::create_dir_all(host_dir(dir, name)).context("create a host's directory")?;
            let _ = fs::remove_file(pid_file(dir, name));
            if host.kind == Kind::Director {
                // Only the shared directory can be written from there.
                let link = log_file(dir, name);
                let _ = fs::remove_file(&link);
                std::os::unix::fs::symlink(Path::new("share").join(format!("{name}.log")), link)?;
            }
        }
        fs::write(dir.join("lab.json"), serde_json::to_vec_pretty(&state)?)
            .context("write lab.json")?;
        Ok(state)
    }

    pub(crate) fn load(dir: &Path) -> Result<Self> {
        let path = dir.join("lab.json");
        let text = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("understand {}", path.display()))
    }
}

pub(crate) fn host_dir(dir: &Path, name: &str) -> PathBuf {
    dir.join("hosts").join(name)
}

/// Where background commands' output goes.
pub(crate) fn log_file(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}.log"))
}

fn pid_file(dir: &Path, name: &str) -> PathBuf {
    host_dir(dir, name).join("pid")
}

/// The process of a host, if the host was switched on and not off again.
pub(crate) fn pid_of(dir: &Path, name: &str) -> Option<Pid> {
    fs::read_to_string(pid_file(dir, name))
        .ok()?
        .trim()
        .parse()
        .ok()
        .map(Pid::from_raw)
}

pub(crate) fn set_pid(dir: &Path, name: &str, pid: Option<Pid>) -> Result<()> {
    let path = pid_file(dir, name);
    let done = match pid {
        Some(pid) => fs::write(&path, format!("{pid}\n")),
        None => fs::remove_file(&path).or_else(|error| {
            if error.kind() == ErrorKind::NotFound {
                Ok(())
            } else {
                Err(error)
            }
        }),
    };
    done.with_context(|| format!("update {}", path.display()))
}

/// Whether a process lives; a zombie does not.
pub(crate) fn is_running(pid: Pid) -> bool {
    process_state(pid).is_some_and(|state| !['Z', 'X'].contains(&state))
}

/// Whether a process is stopped by a signal.
pub(crate) fn is_stopped(pid: Pid) -> bool {
    process_state(pid).is_some_and(|state| ['T', 't'].contains(&state))
}

fn process_state(pid: Pid) -> Option<char> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before it, in parentheses, may contain anything.
    text.rsplit_once(')')?.1.trim_start().chars().next()
}

#[cfg(test)]
mod tests {
    use super::{is_running, is_stopped};
    use nix::unistd::Pid;

    #[test]
    fn a_dead_child_is_not_running() {
        assert!(is_running(Pid::this()));
        assert!(!is_stopped(Pid::this()));
        let mut child = std::process::Command::new("true")
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let pid = Pid::from_raw(child.id().cast_signed());
        // Its end of the pipe closes when it ends; it stays unburied until we wait.
        std::io::copy(&mut child.stdout.take().unwrap(), &mut std::io::sink()).unwrap();
        while is_running(pid) {
            std::thread::yield_now();
        }
        child.wait().unwrap();
        assert!(!is_running(pid));
    }
}
