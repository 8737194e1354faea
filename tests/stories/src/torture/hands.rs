// SPDX-License-Identifier: MIT OR Apache-2.0
//! Attacks: somebody edits the table, empties it, unloads IPVS, or suspends the director.

use std::thread;

use anyhow::{Context, Result, ensure};

use super::round::{Torture, make_foreign};
use crate::director::{HOST, Table};
use crate::stage::{LONG, PORTS, SERVERS, VIP, wait_for};

/// The longest that a director is suspended, in milliseconds: longer than `fall` probes take to time out.
const LONGEST_SUSPENSION: u64 = 3000;
/// The longest from a suspension to an edit, in milliseconds.
const LATEST_EDIT: u64 = 300;
/// How often IPVS is unloaded beside a director that works, and fills the table again, before that is suspended.
const MOST_TRIES: u32 = 4;

/// One to three edits, each repaired and logged. None of them costs a client anything.
pub(super) fn edited(torture: &mut Torture<'_>) -> Result<String> {
    let mut done = Vec::new();
    for _ in 0..=torture.random.below(3) {
        let mark = torture.story.stage.director.mark()?;
        done.push(edited_once(torture)?);
        torture.wait_for_line(mark, "drift: ")?;
    }
    Ok(done.join("; "))
}

/// One edit, and its repair.
pub(super) fn edited_once(torture: &mut Torture<'_>) -> Result<String> {
    let edit = edit(torture)?;
    torture.there(&format!("ipvsadm {edit}"))?;
    torture
        .wait_for_table("the repair", &torture.goal().table)
        .with_context(|| edit.clone())?;
    Ok(edit)
}

/// The director hangs. The kernel goes on; no server is considered down afterwards, and an edit is repaired.
pub(super) fn suspended(torture: &mut Torture<'_>) -> Result<String> {
    let mark = torture.story.stage.director.mark()?;
    torture.there("busybox killall -STOP director")?;
    let edit = if torture.random.below(2) == 0 {
        let pause = torture.pause(LATEST_EDIT);
        thread::sleep(pause);
        let edit = edit(torture)?;
        torture.there(&format!("ipvsadm {edit}"))?;
        Some(edit)
    } else {
        None
    };
    let pause = torture.pause(LONGEST_SUSPENSION);
    thread::sleep(pause);
    torture.there("busybox killall -CONT director")?;
    let told = match edit {
        None => "hung".to_owned(),
        Some(edit) => {
            torture.wait_for_line(mark, "drift: ")?;
            format!("{edit} while it hung")
        }
    };
    torture.wait_for_table("the table afterwards", &torture.goal().table)?;
    torture.no_verdict_since(mark)?;
    Ok(format!("{told} for {} ms", pause.as_millis()))
}

/// `ipvsadm -C`. Requests fail until the repair; somebody else's service does not come back by itself.
pub(super) fn wiped(torture: &mut Torture<'_>) -> Result<String> {
    let mark = torture.story.stage.director.mark()?;
    let from = torture.traffic.now();
    torture.there("ipvsadm -C")?;
    torture.wait_for_table("the repair", &ours(torture))?;
    torture.excuse(from, None);
    torture.wait_for_line(mark, "drift: ")?;
    make_foreign(torture.story)?;
    Ok("repaired".to_owned())
}

/// IPVS leaves the kernel, with the table, all connections and all settings. The director loads it again.
pub(super) fn unloaded(torture: &mut Torture<'_>) -> Result<String> {
    let from = torture.traffic.now();
    // A service holds the module, and the director makes its services again: sometimes it must not look.
    let tries = if torture.random.below(2) == 0 {
        0
    } else {
        MOST_TRIES
    };
    let told = torture.script(&format!(
        "unload() {{ ipvsadm -C; \
         for scheduler in $(busybox lsmod | busybox grep -o '^ip_vs_[a-z]*'); do rmmod $scheduler; done 2>/dev/null; \
         rmmod ip_vs 2>/dev/null; }}; \
         i=0; while [ $i -lt {tries} ]; do i=$((i + 1)); unload && echo \"beside it, try $i\" && exit 0; done; \
         busybox killall -STOP director; unload; status=$?; busybox killall -CONT director; \
         [ $status = 0 ] || {{ echo 'ip_vs stays' >&2; exit 1; }}; echo 'while it hung'"
    ))?;
    // Asking for the table would load it, too.
    wait_for("the director loads IPVS", LONG, || {
        let there = ["test", "-e", "/proc/net/ip_vs"];
        Ok(torture
            .story
            .stage
            .lab
            .on(HOST, &there)?
            .success()
            .then_some(()))
    })?;
    torture.wait_for_table("the repair", &ours(torture))?;
    torture.excuse(from, None);
    wait_for("the setting expire_nodest_conn", LONG, || {
        let value = torture.there("busybox cat /proc/sys/net/ipv4/vs/expire_nodest_conn")?;
        Ok((value.trim() == "1").then_some(()))
    })?;
    make_foreign(torture.story)?;
    Ok(format!("gone {}, loaded again", told.trim()))
}

/// The table without somebody else's service.
fn ours(torture: &Torture<'_>) -> Table {
    let mut ours = torture.goal().table.clone();
    ours.retain(|line| line.contains(&VIP.to_string()));
    ours
}

/// An edit that costs no client anything: of any weight, or of the service that the load does not ask.
fn edit(torture: &mut Torture<'_>) -> Result<String> {
    let [_, quiet] = PORTS;
    let random = &mut torture.random;
    let choice = random.below(6);
    let address = random.pick(&SERVERS)?.address;
    let port = random.pick(&PORTS)?;
    let number = 10 + random.below(90);
    let edit = match choice {
        0 => format!("-e -t {VIP}:{port} -r {address}:{port} -g -w {number}"),
        1 => format!("-d -t {VIP}:{quiet} -r {address}:{quiet}"),
        2 => format!("-a -t {VIP}:{quiet} -r 192.168.0.{number}:{quiet} -g -w 1"),
        3 => format!("-E -t {VIP}:{quiet} -s rr -p 50"),
        4 => format!("-E -t {VIP}:{quiet} -s wrr -p {}", number + 50),
        _ => format!("-D -t {VIP}:{quiet}"),
    };
    ensure!(!torture.goal().table.contains(&edit), "{edit} is no change");
    Ok(edit)
}
