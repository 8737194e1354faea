// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a thread asks of the scheduler.

use std::io;

/// How much a thread steps back, of 19 (sched(7)): beside one that does not it gets a tenth of the processor.
const NICE: libc::c_int = 10;

/// Has other threads go first on a busy processor, for as long as the calling thread lives. It is a hint: nothing depends
/// on it.
///
/// On Linux a thread has its own niceness, and 0 names the calling one (setpriority(2)).
#[expect(unsafe_code, reason = "no safe wrapper of setpriority is at hand")]
pub fn step_back() {
    // SAFETY: setpriority takes three numbers and touches no memory of ours.
    unsafe {
        libc::setpriority(libc::PRIO_PROCESS, 0, NICE);
    }
}

/// Has the calling thread run before every other one that has no real-time priority, or a lower one: `SCHED_FIFO` of
/// sched(7), with 1 to 99 as `priority`. Threads and programs that it starts are ordinary ones again.
///
/// # Errors
///
/// The kernel's: `EPERM` without `CAP_SYS_NICE` and without a limit for real-time priorities (`RLIMIT_RTPRIO`).
#[expect(unsafe_code, reason = "nix has no wrapper of sched_setscheduler")]
pub fn go_first(priority: u8) -> io::Result<()> {
    let policy = libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK;
    // SAFETY: all bytes of the structure are numbers.
    let mut parameters: libc::sched_param = unsafe { std::mem::zeroed() };
    parameters.sched_priority = priority.into();
    // SAFETY: the call reads the structure, and 0 names the calling thread.
    let set = unsafe { libc::sched_setscheduler(0, policy, &raw const parameters) };
    if set < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
