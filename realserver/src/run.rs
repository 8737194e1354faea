// SPDX-License-Identifier: MIT OR Apache-2.0
//! The three actions: look, decide, act, look again.

use std::path::Path;

use crate::failure::Failure;
use crate::host::{Lock, ThisHost, directed, read_state};
use crate::parts::{Outcome, PartState, outcome, parts};
use crate::plan::{self, Leaving, Plan};
use crate::report::Report;
use crate::state::State;
use crate::vips::Wanted;

/// Makes this host a real server for these VIPs.
pub fn start(wanted: Wanted, state_file: &Path) -> Result<Report, Failure> {
    let Wanted {
        placements,
        mut notes,
    } = wanted;
    let mut host = ThisHost::open()?;
    if !host.may_change()? {
        return Err(Failure::NotPermitted("start"));
    }
    let lock = Lock::take(state_file)?;
    let before = read_state(state_file)?;
    let mut observed = host.observe()?;
    let directed = directed();
    let conflicts = plan::conflicts(&placements, &observed, &directed);
    if !conflicts.is_empty() {
        return Err(Failure::Conflict(conflicts));
    }
    let mut done = Vec::new();
    for change in plan::missing_devices(&placements, &observed) {
        host.apply(&change)?;
        done.push(change);
    }
    if !done.is_empty() {
        observed = host.observe()?;
    }
    let plan = plan::start(&placements, &observed, &before);
    if plan.state != before {
        lock.write(&plan.state)?;
    }
    for change in plan.changes {
        if let Err(failure) = host.apply(&change) {
            if done.is_empty() {
                lock.write(&before)?;
                return Err(failure);
            }
            return Err(Failure::Partly(Box::new(failure)));
        }
        done.push(change);
    }
    notes.extend(plan.notes);
    let parts = parts(&placements, &host.observe()?, &directed);
    if let Some(part) = parts.iter().find(|part| part.state != PartState::Ok) {
        return Err(Failure::Incomplete(Box::new(part.clone())));
    }
    Ok(Report {
        action: "start",
        outcome: Outcome::Running,
        vips: placements.into_iter().collect(),
        changes: done,
        parts,
        notes,
    })
}

/// Removes VIPs, and with the last VIP undoes the changes made for them.
pub fn stop(leaving: &Leaving, state_file: &Path) -> Result<Report, Failure> {
    let mut host = ThisHost::open()?;
    if !host.may_change()? {
        return Err(Failure::NotPermitted("stop"));
    }
    let lock = Lock::take(state_file)?;
    let before = read_state(state_file)?;
    let Plan {
        changes,
        state,
        notes,
    } = plan::stop(leaving, &host.observe()?, &before);
    for change in &changes {
        host.apply(change)?;
    }
    if state != before {
        lock.write(&state)?;
    }
    let adopted = state.placements();
    let (outcome, vips, parts) = match leaving {
        Leaving::Started if !adopted.is_empty() => {
            let observed = host.observe()?;
            let parts = parts(&adopted, &observed, &directed());
            let outcome = outcome(&parts, &adopted, &observed, &state);
            (outcome, adopted, parts)
        }
        Leaving::Started => (Outcome::Stopped, before.placements(), Vec::new()),
        Leaving::Named(named) => (Outcome::Stopped, named.clone(), Vec::new()),
    };
    Ok(Report {
        action: "stop",
        outcome,
        vips: vips.into_iter().collect(),
        changes,
        parts,
        notes,
    })
}

/// Checks every part of these VIPs; when none are given, of those that were started.
pub fn status(wanted: Option<Wanted>, state: &State) -> Result<Report, Failure> {
    let Wanted {
        placements,
        mut notes,
    } = wanted.unwrap_or_else(|| Wanted {
        placements: state.placements(),
        notes: Vec::new(),
    });
    if placements.is_empty() {
        notes.push("nothing was started here; name VIPs to look for with --vip".to_owned());
    }
    let observed = ThisHost::open()?.observe()?;
    let parts = parts(&placements, &observed, &directed());
    Ok(Report {
        action: "status",
        outcome: outcome(&parts, &placements, &observed, state),
        vips: placements.into_iter().collect(),
        changes: Vec::new(),
        parts,
        notes,
    })
}
