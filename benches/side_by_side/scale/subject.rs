// SPDX-License-Identifier: MIT OR Apache-2.0
//! One daemon with all of its checks, and what it uses while they run.

#![allow(
    clippy::disallowed_methods,
    reason = "measuring time is what this file is for"
)]

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use lab::namespace::Namespace;
use lvs_director::model::Timestamp;
use nix::time::{ClockId, clock_gettime};

use super::{INTERVAL, WINDOW};
use crate::answer::{Protocol, answer, listener};
use crate::daemon::{PATIENCE, Running, keepalived};
use crate::inputs::PORT;
use crate::measure::{Bench, DIRECTOR};
use crate::usage::{descriptors, peak_memory, processes, processor_time};

/// How often descriptors are counted.
const SAMPLE: Duration = Duration::from_millis(50);

/// A begin and an end, by the director's clock.
pub(super) type Window = (Timestamp, Timestamp);

/// Who is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    Director,
    Keepalived,
}

/// What all processes of a daemon used.
pub(super) struct Used {
    /// How long was measured.
    pub(super) time: Duration,
    /// How many checks the servers saw meanwhile.
    pub(super) checks: u64,
    pub(super) processor: Duration,
    pub(super) descriptors: usize,
    pub(super) peak_memory_kib: u64,
}

impl Bench {
    /// What a daemon uses when every server has been checked once.
    pub(super) fn used_by(&self, subject: Subject) -> Result<Used> {
        let namespace = Self::namespace()?;
        let taken = servers(&namespace)?;
        let daemon = match subject {
            Subject::Director => self.checking_director(&namespace, false, &[])?,
            Subject::Keepalived => self.checking_keepalived(&namespace)?,
        };
        let all = u64::try_from(self.servers()?)?;
        wait_until("every server has been checked", || {
            Ok(taken.load(Ordering::Relaxed) >= all)
        })?;
        // The first checks came all at once; wait until they have their own times.
        thread::sleep(Duration::from_secs(INTERVAL.into()) * 2);
        measure(daemon.0.id(), &taken)
    }

    /// A director whose log is in [`Bench::checking_log`].
    pub(super) fn checking_director(
        &self,
        namespace: &Namespace,
        failing: bool,
        options: &[&str],
    ) -> Result<Running> {
        let file = self.path("checks.yaml");
        let directory = self.directory.to_string_lossy();
        fs::write(&file, self.scale.for_checks(&directory, INTERVAL, failing))?;
        for name in ["state.json", "remembered.json"] {
            let _ = fs::remove_file(self.path(name));
        }
        let mut command = Command::new(DIRECTOR);
        command.arg("run").arg(file).args(options);
        self.launch(namespace, command)
    }

    fn checking_keepalived(&self, namespace: &Namespace) -> Result<Running> {
        let file = self.path("checks.conf");
        fs::write(&file, self.scale.for_keepalived(1, INTERVAL))?;
        let mut command = Command::new(keepalived());
        command.args(["-C", "-n", "-l", "-f"]).arg(file);
        command.arg("-p").arg(self.path("keepalived.pid"));
        command.arg("-c").arg(self.path("checkers.pid"));
        self.launch(namespace, command)
    }

    fn launch(&self, namespace: &Namespace, mut command: Command) -> Result<Running> {
        let log = File::create(self.checking_log())?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?);
        command.stderr(log);
        namespace.adopt(&mut command);
        let child = command.spawn();
        Ok(Running(child.with_context(|| format!("run {command:?}"))?))
    }

    pub(super) fn checking_log(&self) -> PathBuf {
        self.path("checking.log")
    }
}

/// The servers at [`PORT`] of all addresses; the result counts the checks.
pub(super) fn servers(namespace: &Namespace) -> Result<Arc<AtomicU64>> {
    let listener = namespace.run(|| listener(PORT, None))?;
    answer(listener, Protocol::Tcp)
}

fn measure(pid: u32, taken: &AtomicU64) -> Result<Used> {
    let pids = processes(pid)?;
    let now = || anyhow::Ok((processor_time(&pids)?, taken.load(Ordering::Relaxed)));
    let (begin, before) = (Instant::now(), now()?);
    let mut most = 0;
    while begin.elapsed() < WINDOW {
        most = most.max(descriptors(&pids)?);
        thread::sleep(SAMPLE);
    }
    let (time, after) = (begin.elapsed(), now()?);
    Ok(Used {
        time,
        checks: after.1 - before.1,
        processor: after.0.saturating_sub(before.0),
        descriptors: most,
        peak_memory_kib: peak_memory(&pids)?,
    })
}

/// Waits with patience; `what` says for what.
pub(super) fn wait_until(what: &str, mut done: impl FnMut() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !done()? {
        ensure!(Instant::now() < deadline, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

/// Now, by the director's clock.
pub(super) fn now() -> Result<Timestamp> {
    let uptime = clock_gettime(ClockId::CLOCK_MONOTONIC)?;
    Ok(Timestamp::after_start(uptime.into()))
}
