// SPDX-License-Identifier: MIT OR Apache-2.0
//! How soon a verdict of the director is in the kernel, in a large table.

#![allow(
    clippy::disallowed_methods,
    reason = "measuring time is what this file is for"
)]

use std::fs::{self, File};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::daemon::{PATIENCE, Running};
use crate::inputs::PORT;
use crate::measure::{Bench, DIRECTOR};

/// How many servers go down, one after the other.
const VERDICTS: u32 = 20;
/// The time between two servers that go down: longer than the interval of the checks.
const PAUSE: Duration = Duration::from_millis(700);
/// The director's log line for each batch of verdicts that changed the kernel's table.
pub(crate) const TOLD: &str = "verdict in the kernel ";

impl Bench {
    /// The time from the end of the deciding probe until the kernel has carried out the verdict, by the director's own
    /// clock.
    pub(crate) fn verdicts(&self) -> Result<Vec<Duration>> {
        let namespace = Self::namespace()?;
        let listen = |service| TcpListener::bind((self.scale.server_address(service, 0), PORT));
        let listeners: Vec<TcpListener> =
            namespace.run(|| (0..VERDICTS).map(listen).collect::<Result<_, _>>())?;
        let file = self.path("verdicts.yaml");
        let directory = self.directory.to_string_lossy();
        fs::write(&file, self.scale.for_verdicts(&directory, VERDICTS))?;
        let _ = fs::remove_file(self.path("state.json"));

        let log = self.path("verdicts.log");
        let mut command = Command::new(DIRECTOR);
        command.arg("run").arg(&file).args(["--log-level", "debug"]);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(File::create(&log)?);
        namespace.adopt(&mut command);
        let _director = Running(command.spawn().context("run director")?);
        let all = usize::try_from(VERDICTS)?;
        let said = |words: &str| anyhow::Ok(fs::read_to_string(&log)?.matches(words).count());
        until(|| Ok(said("unknown -> up")? == all))?;
        thread::sleep(PAUSE);
        let before = said(TOLD)?;
        for listener in listeners {
            drop(listener);
            // Nothing else runs meanwhile: there is one processor.
            thread::sleep(PAUSE);
        }
        until(|| Ok(said("up -> down")? == all))?;
        until(|| Ok(said(TOLD)? > before))?;
        delays(&fs::read_to_string(&log)?, before)
    }
}

fn until(done: impl Fn() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !done()? {
        ensure!(Instant::now() < deadline, "not done after {PATIENCE:?}");
        thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

/// The figures of the log after its first `before` ones.
pub(crate) fn delays(log: &str, before: usize) -> Result<Vec<Duration>> {
    log.lines()
        .filter_map(|line| line.split_once(TOLD))
        .skip(before)
        .map(|(_, rest)| {
            let figure = rest.split(' ').next().unwrap_or_default();
            let microseconds = figure.parse().with_context(|| format!("read {rest:?}"))?;
            Ok(Duration::from_micros(microseconds))
        })
        .collect()
}
