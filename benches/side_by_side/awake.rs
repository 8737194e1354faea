// SPDX-License-Identifier: MIT OR Apache-2.0
//! Processors that do not sleep.
//!
//! The lab's kernel is a few processes that wake each other for every system call and page fault. Where the processors
//! fall asleep between, each of these takes up to ten times as long, and a ratio of two short programs tells how often
//! the machine slept.

use std::io::Read as _;
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;

use anyhow::{Context, Result};

/// This program's argument for being one that keeps a processor awake.
pub(crate) const ARGUMENT: &str = "keep-awake";

/// All processors but one are kept awake while this lives.
pub(crate) struct Awake(Vec<Child>);

impl Awake {
    /// Starts a process of the lowest priority for each.
    pub(crate) fn begin() -> Result<Self> {
        let program = std::env::current_exe().context("find this program's file")?;
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let mut all = Self(Vec::new());
        for _ in 1..processors {
            let mut command = Command::new("nice");
            command.args(["-n", "19"]).arg(&program).arg(ARGUMENT);
            let child = command.stdin(Stdio::piped()).spawn();
            all.0
                .push(child.with_context(|| format!("run {command:?}"))?);
        }
        Ok(all)
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        for child in &mut self.0 {
            drop(child.stdin.take());
            let _ = child.wait();
        }
    }
}

/// Keeps one processor awake until standard input ends: with the process that asked for it.
pub(crate) fn keep() -> ExitCode {
    let waiting = thread::spawn(|| std::io::stdin().read(&mut [0]));
    while !waiting.is_finished() {
        std::hint::spin_loop();
    }
    ExitCode::SUCCESS
}
