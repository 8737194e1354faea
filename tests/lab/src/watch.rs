// SPDX-License-Identifier: MIT OR Apache-2.0
//! Waiting for a process, a deadline, or a signal to stop, whichever comes first.

use std::io;
use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, pthread_sigmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::Pid;

/// Why the waiting ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The kernel's process ended by itself.
    Exited,
    /// The time was over.
    TimedOut,
    /// This signal asked us to stop.
    Interrupted(i32),
    /// Nobody reads our output any more.
    Unread,
}

/// Blocks the signals that ask us to stop, as long as this exists. Threads and children that start meanwhile block them
/// for good.
#[derive(Debug)]
pub(crate) struct Signals {
    set: SigSet,
    before: SigSet,
}

impl Signals {
    pub(crate) fn hold() -> Result<Self> {
        let mut set = SigSet::empty();
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
            set.add(signal);
        }
        let mut before = SigSet::empty();
        pthread_sigmask(SigmaskHow::SIG_BLOCK, Some(&set), Some(&mut before))?;
        Ok(Self { set, before })
    }

    /// Waits until the process ends, a signal comes or the time is over.
    pub(crate) fn watch(&self, pid: Pid, limit: Option<Duration>) -> Result<Ending> {
        let deadline = limit.map(|limit| Instant::now() + limit);
        let process = open_process(pid)?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let arrived = SignalFd::with_flags(&self.set, flags)?;
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return Ok(Ending::TimedOut);
            }
            let timeout = left.map_or(PollTimeout::NONE, |left| {
                PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX)
            });
            let mut fds = [
                PollFd::new(process.as_fd(), PollFlags::POLLIN),
                PollFd::new(arrived.as_fd(), PollFlags::POLLIN),
            ];
            match poll(&mut fds, timeout) {
                Ok(_) | Err(nix::errno::Errno::EINTR) => {}
                Err(error) => return Err(error).context("wait for a process to end"),
            }
            if let Some(signal) = arrived.read_signal()? {
                return Ok(Ending::Interrupted(signal.ssi_signo.cast_signed()));
            }
            if fds.first().is_some_and(|fd| fd.any() == Some(true)) {
                return Ok(Ending::Exited);
            }
        }
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        let _ = pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&self.before), None);
    }
}

fn open_process(pid: Pid) -> Result<OwnedFd> {
    // SAFETY: no pointers are passed; a descriptor that comes back is ours alone.
    #[allow(unsafe_code, reason = "pidfd_open has no wrapper in nix")]
    let fd = unsafe {
        let fd = libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0);
        let fd = i32::try_from(fd).context("open a process")?;
        if fd < 0 {
            return Err(io::Error::last_os_error()).context("open a process");
        }
        OwnedFd::from_raw_fd(fd)
    };
    Ok(fd)
}
