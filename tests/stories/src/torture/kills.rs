// SPDX-License-Identifier: MIT OR Apache-2.0
//! Attacks: the director is killed at any moment, and started again.
//!
//! The kernel goes on forwarding: no request is lost. The next start ends with the right table and with whole files, and
//! every server is up for as long as before.

use std::thread;

use anyhow::{Result, ensure};

use super::files::{self, Ages};
use super::goal::{Goal, LIVE};
use super::moment::Moment;
use super::reloads;
use super::round::Torture;
use crate::director::HOST;
use crate::stage::{LONG, PORTS, SERVERS, Stage, VIP, wait_for};

/// The latest that a director is ended that is at work, in milliseconds.
const LATEST_WORKING: u64 = 500;

/// SIGKILL, sometimes a stray edit, and a start.
pub(super) fn at_work(torture: &mut Torture<'_>) -> Result<String> {
    know_ages(torture)?;
    kill(&torture.story.stage)?;
    files::ensure_whole(&torture.story.stage)?;
    let edited = torture.random.below(2) == 0;
    if edited {
        stray_edit(torture)?;
    }
    torture.choose_goal()?;
    torture.start()?;
    let services = torture.goal().services();
    let edited = if edited { ", table edited" } else { "" };
    Ok(format!("killed{edited}, started with {services} services"))
}

/// SIGTERM, and a start.
pub(super) fn restarted(torture: &mut Torture<'_>) -> Result<String> {
    know_ages(torture)?;
    stop(&torture.story.stage)?;
    let pause = torture.pause(LATEST_WORKING);
    thread::sleep(pause);
    torture.choose_goal()?;
    torture.start()?;
    let services = torture.goal().services();
    Ok(format!("stopped, started with {services} services"))
}

/// Usually on the way to the configuration with more work, or with less.
pub(super) fn starting(torture: &mut Torture<'_>) -> Result<String> {
    know_ages(torture)?;
    kill(&torture.story.stage)?;
    let before = torture.goal().table.clone();
    if torture.random.below(4) > 0 {
        torture.switch()?;
    }
    let goal = torture.goal().clone();
    let moment = Moment::choose(&mut torture.random, goal.table != before)?;
    let launch = match moment.longest_file() {
        None => format!("director run {LIVE} 2>>{HOST}.log & pid=$!"),
        // The log is longer than that.
        Some(bytes) => format!(
            "ulimit -f {}; director run {LIVE} 2>/dev/null & pid=$!",
            bytes / 512
        ),
    };
    act_and_kill(torture, &launch, moment)?;
    let after = torture.story.stage.director.table()?;
    let left = left(torture, after != goal.table && after != before)?;
    torture.choose_goal()?;
    torture.start()?;
    Ok(format!(
        "{} services, killed {}{left}; started with {}",
        goal.services(),
        moment.tell(),
        torture.goal().services()
    ))
}

/// A reload to the other configuration, or to one that the kernel refuses in part.
pub(super) fn reloading(torture: &mut Torture<'_>) -> Result<String> {
    know_ages(torture)?;
    let now = torture.goal().clone();
    let to = if torture.random.below(3) == 0 {
        torture.other().refused()?
    } else {
        torture.other().clone()
    };
    to.put()?;
    let told = if to.is_refused && torture.random.below(2) == 0 {
        reloads::ask_and_be_refused(torture, &now.table)?;
        kill(&torture.story.stage)?;
        "killed after the refusal".to_owned()
    } else {
        kill_reloading(torture, &now, &to)?
    };
    torture.choose_goal()?;
    torture.start()?;
    let refused = if to.is_refused {
        " and one refused"
    } else {
        ""
    };
    Ok(format!(
        "{} services{refused}, {told}; started with {}",
        to.services(),
        torture.goal().services()
    ))
}

fn kill_reloading(torture: &mut Torture<'_>, now: &Goal, to: &Goal) -> Result<String> {
    let moment = Moment::choose(&mut torture.random, true)?;
    let limit = match moment.longest_file() {
        None => String::new(),
        Some(bytes) => format!("prlimit --pid $pid --fsize={bytes}; "),
    };
    let reload = format!("pid=$(busybox pidof director); {limit}kill -HUP $pid");
    act_and_kill(torture, &reload, moment)?;
    kill(&torture.story.stage)?;
    let after = torture.story.stage.director.table()?;
    // What is added for a configuration that is refused is taken away again.
    let half_done = after != now.table && (to.is_refused || after != to.table);
    let left = left(torture, half_done)?;
    Ok(format!("killed {}{left}", moment.tell()))
}

/// What a kill left behind. The director's files are whole.
fn left(torture: &Torture<'_>, half_done: bool) -> Result<String> {
    let stage = &torture.story.stage;
    files::ensure_whole(stage)?;
    let mut left = String::new();
    if half_done {
        left.push_str(", table half done");
    }
    if files::unfinished(stage)? > 0 {
        left.push_str(", file half written");
    }
    Ok(left)
}

/// From now on no server may be younger than it is.
fn know_ages(torture: &mut Torture<'_>) -> Result<()> {
    if torture.ages.is_none() {
        torture.ages = Some(Ages::begin(&torture.story.stage)?);
    }
    Ok(())
}

/// Somebody changes a weight.
fn stray_edit(torture: &mut Torture<'_>) -> Result<()> {
    let (server, port) = (torture.random.pick(&SERVERS)?, torture.random.pick(&PORTS)?);
    let (address, weight) = (server.address, 10 + torture.random.below(90));
    let edit = format!("ipvsadm -e -t {VIP}:{port} -r {address}:{port} -g -w {weight}");
    torture.there(&edit).map(drop)
}

/// Does something that notes the director as `$pid`, and kills it at that moment, in one command: two commands would take
/// longer than filling the table.
fn act_and_kill(torture: &Torture<'_>, act: &str, moment: Moment) -> Result<()> {
    let (note, wait) = (moment.note(), moment.wait());
    // The kernel was faster where it is written more than may be.
    let unless = match moment.longest_file() {
        None => "",
        Some(_) => " 2>/dev/null || :",
    };
    let script = format!("{note}; {act}; {wait}; kill -9 $pid{unless}");
    torture.script(&script).map(drop)
}

/// Kills the director, if it runs, and waits until it is gone.
pub(super) fn kill(stage: &Stage) -> Result<()> {
    wait_for("the end of the director", LONG, || {
        // It fails when there is nothing left to kill.
        let killed = stage
            .lab
            .on(HOST, &["busybox", "killall", "-9", "director"])?;
        Ok((!killed.success()).then_some(()))
    })
}

/// Stops the director, and waits until it is gone.
pub(super) fn stop(stage: &Stage) -> Result<()> {
    let term = ["busybox", "killall", "-TERM", "director"];
    ensure!(stage.lab.on(HOST, &term)?.success(), "no director to stop");
    wait_for("the end of the director", LONG, || {
        let there = stage.lab.on(HOST, &["busybox", "pidof", "director"])?;
        Ok((!there.success()).then_some(()))
    })
}
