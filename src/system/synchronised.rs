// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether the host's clock is kept right.

use std::io;

/// Whether a program, such as chronyd or systemd-timesyncd, keeps the clock right now. Source: adjtimex(2).
///
/// # Errors
///
/// The kernel's, where a sandbox forbids the question.
#[expect(unsafe_code, reason = "nix has no adjtimex")]
pub fn clock_is_synchronised() -> io::Result<bool> {
    // SAFETY: the structure has numbers only, of which each bit pattern is valid.
    let mut clock: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: without a mode the kernel changes nothing and fills the structure, which is ours.
    let state = unsafe { libc::adjtimex(&raw mut clock) };
    if state < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(clock.status & libc::STA_UNSYNC == 0)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_kernel_answers_everybody() {
        assert!(super::clock_is_synchronised().is_ok());
    }
}
