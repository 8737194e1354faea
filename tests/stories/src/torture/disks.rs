// SPDX-License-Identifier: MIT OR Apache-2.0
//! Attacks: the disk under the log is full, and the disk under the director's files.
//!
//! The director goes on: a dead server leaves the table, edits are repaired, a reload is carried out.

use anyhow::Result;

use super::checks::Dead;
use super::files;
use super::goal::LIVE;
use super::hands;
use super::kills::{kill, stop};
use super::round::Torture;
use crate::director::HOST;
use crate::stage::{LONG, Stage, wait_for};

/// The size of such a disk.
const SIZE: &str = "256k";
/// The disk of the log.
const LOG_DISK: &str = "/run/log-disk";
/// What fills the other one.
const BALLAST: &str = "ballast";

/// Puts a small disk at a directory.
pub(super) fn mount_small(stage: &Stage, directory: &str) -> Result<()> {
    let mount = format!("busybox mount -t tmpfs -o mode=755,size={SIZE} tmpfs {directory}");
    stage.director.run(&mount).map(drop)
}

/// The log's disk fills up while the director works. Later there is room again.
pub(super) fn log_full(torture: &mut Torture<'_>) -> Result<String> {
    let log = format!("{LOG_DISK}/log");
    torture.there(&format!("busybox mkdir -p {LOG_DISK}"))?;
    mount_small(&torture.story.stage, LOG_DISK)?;
    stop(&torture.story.stage)?;
    let run = format!("exec director run {LIVE} 2>>{log}");
    let lab = &torture.story.stage.lab;
    lab.start_detached(HOST, &["sh", "-c", &run])?;
    files::wait_until_answered(&torture.story.stage)?;
    // The log itself fills the disk: not a byte of room is left in its last page.
    torture.script(&format!(
        "yes | busybox tr -d '\\n' >>{log} 2>/dev/null; [ $(busybox stat -f -c %f {LOG_DISK}) = 0 ]"
    ))?;
    let told = provoke(torture)?;
    torture.script(&format!(": >{log}"))?;
    // The next line tells it.
    hands::edited_once(torture)?;
    wait_for("the number of lines that were lost", LONG, || {
        let text = torture.there(&format!("busybox cat {log}"))?;
        Ok(text.contains("were lost").then_some(()))
    })?;
    stop(&torture.story.stage)?;
    torture.there(&format!("busybox umount {LOG_DISK}"))?;
    torture.start()?;
    Ok(format!("{told}; lost lines are counted"))
}

/// The disk under the director's files is full. Sometimes the director is killed meanwhile. Later there is room again.
pub(super) fn state_full(torture: &mut Torture<'_>) -> Result<String> {
    let ballast = format!("{}/{BALLAST}", files::DIRECTORY);
    torture.script(&format!(
        "busybox dd if=/dev/zero of={ballast} bs=4k 2>/dev/null; [ $(busybox stat -f -c %f {}) = 0 ]",
        files::DIRECTORY
    ))?;
    let mut told = provoke(torture)?;
    if torture.random.below(2) == 0 {
        kill(&torture.story.stage)?;
        torture.start()?;
        torture.wait_for_table("the table after the start", &torture.goal().table)?;
        told.push_str(", killed and started");
    }
    torture.there(&format!("busybox rm {ballast}"))?;
    Ok(told)
}

/// A server dies and comes back; before or meanwhile the director repairs or reloads.
fn provoke(torture: &mut Torture<'_>) -> Result<String> {
    // Every server must be known to be up before one dies.
    files::wait_until_all_up(&torture.story.stage)?;
    let reloads = torture.random.below(2) == 0;
    if reloads {
        torture.switch()?;
        torture.there("busybox killall -HUP director")?;
        torture.wait_for_table("the reloaded table", &torture.goal().table)?;
    } else {
        hands::edited_once(torture)?;
    }
    let dead = Dead::kill(torture)?;
    let name = dead.name();
    dead.revive(torture)?;
    let first = if reloads { "reloaded" } else { "edit repaired" };
    Ok(format!("{first}, {name} removed and restored"))
}
