// SPDX-License-Identifier: MIT OR Apache-2.0
//! A recorded director, and a thousand servers that fail at once: each by its own check, and all by one.

#![allow(
    clippy::disallowed_methods,
    reason = "waiting for a daemon's checks takes time"
)]

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use lvs_director::model::Timestamp;

use super::recording::{Batch, Recording};
use super::subject::{Window, now, servers, wait_until};
use super::{INTERVAL, VERDICTS, WINDOW, line};
use crate::answer::{Protocol, process};
use crate::daemon::Running;
use crate::figure::Figure;
use crate::inputs::{FAILING_PORT, SHARED_PORT};
use crate::measure::Bench;
use crate::verdicts::{TOLD, delays};

/// A director's recording, in which a thousand servers fail twice.
pub(super) struct Recorded {
    pub(super) recording: Recording,
    /// Before anything failed.
    pub(super) window: Window,
    /// The servers that had a check each.
    each: Failed,
    /// Those with one check.
    shared: Failed,
}

/// A thousand servers that failed.
struct Failed {
    /// From then.
    begin: Timestamp,
    /// Until then all were out.
    end: Timestamp,
    /// From a verdict to the kernel, for each batch.
    delays: Vec<Duration>,
}

impl Bench {
    pub(super) fn recorded(&self) -> Result<Recorded> {
        let namespace = Self::namespace()?;
        let taken = servers(&namespace)?;
        let server = |port| anyhow::Ok(Running(process(&namespace, &[(Protocol::Tcp, port)])?));
        let (each, shared) = (server(FAILING_PORT)?, server(SHARED_PORT)?);
        let file = self.path("checks.recording");
        let _ = fs::remove_file(&file);
        let record = file.to_string_lossy();
        let options = ["--log-level", "debug", "--record", &record];
        let director = self.checking_director(&namespace, true, &options)?;
        let all = self.servers()? + self.services()?;
        wait_until("every server is up", || {
            Ok(self.said("unknown -> up")? == all)
        })?;
        thread::sleep(Duration::from_secs(INTERVAL.into()) * 2);
        let begin = now()?;
        thread::sleep(WINDOW);
        let window = (begin, now()?);
        drop(taken);
        let each = self.failed(each)?;
        let shared = self.failed(shared)?;
        // It writes its recording to the end.
        drop(director);
        let recording = Recording::read(&file).context("read the director's recording")?;
        let _ = fs::remove_file(&file);
        Ok(Recorded {
            recording,
            window,
            each,
            shared,
        })
    }

    /// Ends a server process: one server of each service fails.
    fn failed(&self, server: Running) -> Result<Failed> {
        let mut log = File::open(self.checking_log())?;
        log.seek(SeekFrom::End(0))?;
        let all = self.services()?;
        let begin = now()?;
        drop(server);
        // Each look reads only what is new: the director shares its processor with this program.
        let mut text = String::new();
        wait_until("every one of them is down, and the kernel has it", || {
            log.read_to_string(&mut text)?;
            Ok(text.matches("up -> down").count() >= all && text.contains(TOLD))
        })?;
        Ok(Failed {
            begin,
            end: now()?,
            delays: delays(&text, 0)?,
        })
    }

    fn services(&self) -> Result<usize> {
        Ok(usize::try_from(self.scale.services)?)
    }

    fn said(&self, words: &str) -> Result<usize> {
        Ok(fs::read_to_string(self.checking_log())?
            .matches(words)
            .count())
    }
}

impl Recorded {
    pub(super) fn failures(&self) -> [Figure; 2] {
        let batches = |failed: &Failed| {
            let batches = self.recording.batches.iter();
            let within =
                |it: &&Batch| it.removed > 0 && it.at >= failed.begin && it.at < failed.end;
            let removed: Vec<usize> = batches.filter(within).map(|batch| batch.removed).collect();
            (removed.len(), removed.iter().sum::<usize>())
        };
        let figure = |what: &str, failed: &Failed| {
            let (batches, removed) = batches(failed);
            let worst = failed.delays.iter().max().copied().unwrap_or_default();
            let milliseconds = format!("{:.1} ms", worst.as_secs_f64() * 1000.0);
            let cell = format!("{milliseconds} ({batches})");
            (line(&format!("{removed} {what}"), &[&cell]), batches, worst)
        };
        let (each, _, worst) = figure(
            "servers fail, a check each: verdict to kernel, worst (batches)",
            &self.each,
        );
        let each = each.goal("<= 50 ms", worst <= VERDICTS);
        let (shared, batches, worst) = figure(
            "servers fail by one check: verdict to kernel (batches)",
            &self.shared,
        );
        let met = worst <= VERDICTS && batches == 1;
        [each, shared.goal("<= 50 ms in 1 batch", met)]
    }
}
