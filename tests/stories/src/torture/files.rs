// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is in the director's two files after a kill, and what the next director makes of it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::goal::LIVE;
use crate::director::HOST;
use crate::stage::{LONG, PORTS, SERVERS, Stage, VIP, wait_for};

/// Where they are.
pub(super) const DIRECTORY: &str = "/var/lib/lvs-director";
/// Their names.
pub(super) const STATE: [&str; 2] = ["state.json", "remembered.json"];

/// The names of all files there.
pub(super) fn names(stage: &Stage) -> Result<BTreeSet<String>> {
    let listed = stage.run(HOST, &format!("busybox ls -A {DIRECTORY}"))?;
    Ok(listed.lines().map(str::to_owned).collect())
}

/// How many writes were not finished.
pub(super) fn unfinished(stage: &Stage) -> Result<usize> {
    let names = names(stage)?;
    let unfinished = names.iter().filter_map(|name| name.strip_suffix(".tmp"));
    Ok(unfinished.count())
}

/// Both files are whole, whoever was killed while it wrote them. One may not be there yet.
pub(super) fn ensure_whole(stage: &Stage) -> Result<()> {
    let there = names(stage)?;
    for name in STATE.iter().filter(|name| there.contains(**name)) {
        read(stage, name)?;
    }
    Ok(())
}

/// The director that runs has cleared up: nothing of its predecessors is left but the files and their locks. The state
/// file says what is ours.
pub(super) fn wait_until_right(stage: &Stage, owned: &BTreeSet<String>) -> Result<()> {
    wait_for("the state file says what is ours", LONG, || {
        let content = read(stage, "state.json")?;
        let services = content.get("services").and_then(Value::as_array);
        let services = services.context("no services in the state file")?;
        let found: Option<BTreeSet<&str>> = services.iter().map(Value::as_str).collect();
        let found = found.context("a service in the state file is no text")?;
        Ok(owned.iter().map(String::as_str).eq(found).then_some(()))
    })?;
    let pid = status(stage)?.get("pid").and_then(Value::as_u64);
    let pid = pid.context("no pid in the director's status")?;
    let own = format!(".{pid}.tmp");
    let known = |name: &String| {
        let plain = name.trim_end_matches(".lock");
        STATE.contains(&plain) || name.ends_with(&own)
    };
    let more: Vec<String> = names(stage)?.into_iter().filter(|it| !known(it)).collect();
    ensure!(more.is_empty(), "left in {DIRECTORY}: {more:?}");
    Ok(())
}

/// Every server is up, and has been for longer than the director runs.
#[derive(Debug)]
pub(super) struct Ages {
    /// When all were first seen up.
    up: Instant,
    /// How many directors have run since.
    starts: u32,
}

impl Ages {
    /// Begins when all are up and written down.
    pub(super) fn begin(stage: &Stage) -> Result<Self> {
        wait_until_all_up(stage)?;
        let up = Instant::now();
        wait_for("what is believed of them is written down", LONG, || {
            let there = names(stage)?.contains("remembered.json");
            let text = if there {
                read(stage, "remembered.json")?.to_string()
            } else {
                String::new()
            };
            Ok((text.matches("\"up\"").count() == SERVERS.len() * PORTS.len()).then_some(()))
        })?;
        Ok(Self { up, starts: 0 })
    }

    pub(super) fn note_start(&mut self) {
        self.starts += 1;
    }

    /// None is younger than it was seen to be. Times of day are written in whole seconds: each start may cost one.
    pub(super) fn wait_until_kept(&self, stage: &Stage) -> Result<Duration> {
        wait_for("all servers are up", LONG, || {
            let least = self.up.elapsed();
            let ages = up_for(stage)?;
            if ages.len() < SERVERS.len() * PORTS.len() {
                return Ok(None);
            }
            let youngest = ages.into_iter().min().unwrap_or_default();
            let granted = Duration::from_secs(1 + u64::from(self.starts));
            ensure!(
                youngest + granted >= least,
                "a server is up for {youngest:?} only, after {} starts; it was seen up {least:?} ago",
                self.starts
            );
            Ok(Some(youngest))
        })
    }
}

/// Waits until the running director considers every server up.
pub(super) fn wait_until_all_up(stage: &Stage) -> Result<()> {
    wait_for("all servers are up", LONG, || {
        let ages = up_for(stage)?;
        Ok((ages.len() == SERVERS.len() * PORTS.len()).then_some(()))
    })
}

/// Waits until the director answers.
pub(super) fn wait_until_answered(stage: &Stage) -> Result<()> {
    wait_for("the director's status", LONG, || {
        let answer = stage.lab.on(HOST, &["director", "status", LIVE])?;
        Ok(answer.success().then_some(()))
    })
}

/// How long each server that is up has been so.
fn up_for(stage: &Stage) -> Result<Vec<Duration>> {
    let status = status(stage)?;
    let services = status.get("services").and_then(Value::as_array);
    let servers = services.context("no services in the status")?.iter();
    let servers = servers.filter_map(|it| it.get("servers")?.as_array());
    let up = servers
        .flatten()
        .filter(|it| it.get("health").and_then(Value::as_str) == Some("up"));
    let ages = up.map(|it| it.get("since_seconds")?.as_u64().map(Duration::from_secs));
    let ages: Option<_> = ages.collect();
    ages.context("a server without an age in the status")
}

/// What the director says of the services that it checks.
fn status(stage: &Stage) -> Result<Value> {
    let services = PORTS.map(|port| format!("TCP {VIP}:{port}"));
    let [first, second] = &services;
    let command = [
        "director",
        "status",
        "--json",
        "--service",
        first,
        "--service",
        second,
        LIVE,
    ];
    let output = stage.lab.on(HOST, &command)?;
    ensure!(output.success(), "director status: {}", output.error_text());
    serde_json::from_str(&output.text()).context("read the director's status")
}

fn read(stage: &Stage, name: &str) -> Result<Value> {
    let text = stage.run(HOST, &format!("busybox cat {DIRECTORY}/{name}"))?;
    serde_json::from_str(&text).with_context(|| format!("{name} is not whole: {text:?}"))
}
