// SPDX-License-Identifier: MIT OR Apache-2.0
//! From a running kernel to its caller: copies its output, and makes sure that no process of it is left.

use std::fs::File;
use std::io::{self, PipeReader, Read, Write};
use std::os::fd::OwnedFd;
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::prctl::set_child_subreaper;
use nix::sys::wait::waitpid;
use nix::unistd::Pid;

use crate::uml::kill_group;
use crate::watch::{Ending, Signals};

/// Waits for the end of `kernel` and copies its output to ours; afterwards no process of it is left.
pub(crate) fn wait(
    kernel: &mut Child,
    streams: [PipeReader; 2],
    signals: Signals,
    limit: Option<Duration>,
) -> Result<Ending> {
    let leader = Pid::from_raw(kernel.id().cast_signed());
    set_child_subreaper(true).context("adopt the kernel's processes")?;
    let unread = Arc::new(AtomicBool::new(false));
    let [out, err] = streams;
    let copies = [
        copy(out, io::stdout(), leader, &unread),
        copy(err, io::stderr(), leader, &unread),
    ];
    let ending = signals.watch(leader, limit);
    // From here on, signals end us: our output may be stuck.
    drop(signals);
    kill_group(leader);
    kernel.wait().context("wait for the kernel")?;
    reap_group(leader);
    for copy in copies {
        let _ = copy.join();
    }
    if unread.load(Ordering::Relaxed) {
        return Ok(Ending::Unread);
    }
    ending
}

/// Waits for the processes the kernel left behind, which became our children.
fn reap_group(leader: Pid) {
    while waitpid(Pid::from_raw(-leader.as_raw()), None).is_ok() {}
    let _ = set_child_subreaper(false);
}

/// Copies until the end. Where our side fails, the kernel is of no use any more.
fn copy(
    mut from: PipeReader,
    mut to: impl Write + Send + 'static,
    kernel: Pid,
    unread: &Arc<AtomicBool>,
) -> JoinHandle<()> {
    let unread = Arc::clone(unread);
    thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            let bytes = buffer.get(..length).unwrap_or_default();
            if to.write_all(bytes).and_then(|()| to.flush()).is_err() {
                unread.store(true, Ordering::Relaxed);
                kill_group(kernel);
                return;
            }
        }
    })
}

/// A pipe whose writing end the kernel may keep.
pub(crate) fn stream() -> Result<(PipeReader, File)> {
    let (reader, writer) = io::pipe().context("make a pipe")?;
    Ok((reader, File::from(OwnedFd::from(writer))))
}
