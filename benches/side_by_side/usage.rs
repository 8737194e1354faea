// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the processes of one daemon use: processor time, descriptors. Source: `proc(5)`.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// The unit of times in `/proc/PID/stat`: the kernel's `USER_HZ`, the same on every machine. The lab's kernel counts in
/// these: who runs when one is over has used all of it.
const TICK: Duration = Duration::from_millis(10);

/// A process and its children.
pub(crate) fn processes(pid: u32) -> Result<Vec<u32>> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
    let children = children.split_whitespace().map(str::parse);
    Ok(std::iter::once(Ok(pid))
        .chain(children)
        .collect::<Result<_, _>>()?)
}

/// The processor time of these processes, with that of their children that have ended.
pub(crate) fn processor_time(pids: &[u32]) -> Result<Duration> {
    let mut ticks = 0;
    for pid in pids {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The name before it may have blanks.
        let (_, fields) = stat
            .rsplit_once(") ")
            .context("a process without a state")?;
        for field in fields.split_ascii_whitespace().skip(11).take(4) {
            ticks += field.parse::<u32>()?;
        }
    }
    Ok(TICK * ticks)
}

/// How many descriptors these processes have open.
pub(crate) fn descriptors(pids: &[u32]) -> Result<usize> {
    let of = |pid| Ok(fs::read_dir(format!("/proc/{pid}/fd"))?.count());
    pids.iter().map(of).sum()
}

/// `VmHWM` of these processes together, in KiB.
pub(crate) fn peak_memory(pids: &[u32]) -> Result<u64> {
    let mut total = 0;
    for pid in pids {
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let figure = line.and_then(|line| line.split_whitespace().next());
        total += figure.context("no VmHWM")?.parse::<u64>()?;
    }
    Ok(total)
}

/// The processor time of a process and of all that it has started and that still runs, by the scheduler's own account.
/// Source: `Documentation/scheduler/sched-stats.rst`.
pub(crate) fn time_of_all(pid: u32) -> Result<Duration> {
    let mut nanoseconds = 0;
    let mut pids = vec![pid];
    while let Some(pid) = pids.pop() {
        // It may have ended meanwhile.
        let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else {
            continue;
        };
        for task in tasks.flatten() {
            let read = |name| fs::read_to_string(task.path().join(name)).unwrap_or_default();
            let used = read("schedstat");
            let used = used.split_whitespace().next();
            nanoseconds += used.map_or(Ok(0), str::parse)?;
            let children = read("children");
            let children = children.split_whitespace().map(str::parse::<u32>);
            pids.extend(children.flatten());
        }
    }
    Ok(Duration::from_nanos(nanoseconds))
}
