// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a thread asks of the scheduler.

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
