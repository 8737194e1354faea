// SPDX-License-Identifier: MIT OR Apache-2.0
//! One network namespace, by a file descriptor: running code, commands and `ip` in it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result, ensure};
use nix::sched::{CloneFlags, setns, unshare};

/// A network namespace. It exists as long as this, a copy of it, a process or a socket in it.
#[derive(Clone, Debug)]
pub struct Namespace {
    file: Arc<File>,
}

impl Namespace {
    /// A fresh one, with nothing in it but a `lo` that is down.
    pub fn fresh() -> Result<Self> {
        let make = || -> io::Result<File> {
            unshare(CloneFlags::CLONE_NEWNET)?;
            File::open("/proc/thread-self/ns/net")
        };
        let file = thread::scope(|scope| scope.spawn(make).join())
            .map_err(|_| io::Error::other("the helper thread panicked"))?
            .context("make a network namespace")?;
        Ok(Self {
            file: Arc::new(file),
        })
    }

    /// The namespace of a file such as `/proc/PID/ns/net`.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            file: Arc::new(File::open(path)?),
        })
    }

    /// Takes the calling thread into it.
    pub fn enter(&self) -> io::Result<()> {
        Ok(setns(&*self.file, CloneFlags::CLONE_NEWNET)?)
    }

    /// Runs `work` in it, in a thread of its own. Sockets opened there stay in the namespace, even when another thread
    /// uses them.
    ///
    /// # Panics
    /// Where `work` does.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let task = || {
            self.enter_or_die();
            work()
        };
        match thread::scope(|scope| scope.spawn(task).join()) {
            Ok(value) => value,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    /// Starts `work` in it, in a thread of its own.
    pub fn spawn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        let namespace = self.clone();
        thread::spawn(move || {
            namespace.enter_or_die();
            work()
        })
    }

    #[allow(
        clippy::expect_used,
        reason = "a test that runs in the wrong namespace is worse than one that stops"
    )]
    fn enter_or_die(&self) {
        self.enter().expect("enter the network namespace");
    }

    /// Makes `command` run in it.
    pub fn adopt(&self, command: &mut Command) {
        let file = Arc::clone(&self.file);
        #[allow(
            unsafe_code,
            reason = "a child changes its namespace between fork and exec"
        )]
        // SAFETY: between fork and exec there is one system call, on a descriptor that is open.
        unsafe {
            command.pre_exec(move || Ok(setns(&*file, CloneFlags::CLONE_NEWNET)?));
        }
    }

    /// Runs a program in it to its end.
    pub fn command(&self, program: &str, arguments: &[&str]) -> io::Result<Output> {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null());
        self.adopt(&mut command);
        command.output()
    }

    /// Runs `ip` with these lines, one command each, such as `link set lo up`.
    pub fn ip(&self, lines: &str) -> Result<()> {
        let mut command = Command::new("ip");
        command.args(["-batch", "-"]).stdin(Stdio::piped());
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        self.adopt(&mut command);
        let mut child = command
            .spawn()
            .context("run ip (install it with: apt-get install iproute2)")?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin
                .write_all(lines.as_bytes())
                .context("tell ip what to do")?;
        }
        let output = child.wait_with_output()?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "ip: {}\nof:\n{lines}",
            complaint.trim()
        );
        Ok(())
    }

    /// Writes to `/proc/sys/net/NAME` of this namespace.
    pub fn sysctl(&self, name: &str, value: &str) -> Result<()> {
        let path = Path::new("/proc/sys/net").join(name);
        self.run(|| fs::write(&path, value))
            .with_context(|| format!("write {value} to {}", path.display()))
    }

    /// Prepares it as a host: `lo` up, no waiting for duplicate addresses, `eth0` up with these addresses.
    pub(crate) fn configure_host(&self, addresses: &[String]) -> Result<()> {
        // A kernel without IPv6 does not have these files; then adding the addresses fails with a clear error.
        for name in ["all", "default", "eth0"] {
            let _ = self.sysctl(&format!("ipv6/conf/{name}/accept_dad"), "0");
            let _ = self.sysctl(&format!("ipv6/conf/{name}/accept_ra"), "0");
        }
        let mut lines = String::from("link set lo up\nlink set eth0 up\n");
        for address in addresses {
            let nodad = if address.contains(':') { " nodad" } else { "" };
            lines.push_str(&format!("address add {address} dev eth0{nodad}\n"));
        }
        self.ip(&lines)
    }

    /// A path that child processes can open while this exists.
    pub(crate) fn path(&self) -> PathBuf {
        PathBuf::from(format!(
            "/proc/{}/fd/{}",
            std::process::id(),
            self.file.as_raw_fd()
        ))
    }
}

impl AsFd for Namespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}
