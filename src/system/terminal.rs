// SPDX-License-Identifier: MIT OR Apache-2.0
//! The size of the terminal, and the local time of day.

use std::os::fd::{AsFd, AsRawFd as _};

/// Columns and lines of a terminal; `None` when it is not a terminal, or does not know its size (a serial line).
#[expect(unsafe_code, reason = "this ioctl has no safe wrapper")]
#[must_use]
pub fn terminal_size(terminal: impl AsFd) -> Option<(u16, u16)> {
    let mut size = libc::winsize {
        ws_row: 0,
        ws_col: 0,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: TIOCGWINSZ writes one `winsize` at the address it is given, which lives until the call returns.
    let done = unsafe {
        libc::ioctl(
            terminal.as_fd().as_raw_fd(),
            libc::TIOCGWINSZ,
            &raw mut size,
        )
    };
    (done == 0 && size.ws_col > 0 && size.ws_row > 0).then_some((size.ws_col, size.ws_row))
}

/// The local time of day: hours, minutes, seconds. Midnight when the machine does not know it.
#[expect(unsafe_code, reason = "the C library knows the time zone")]
#[must_use]
pub fn time_of_day() -> (i32, i32, i32) {
    let mut parts = std::mem::MaybeUninit::<libc::tm>::zeroed();
    // SAFETY: `time` takes a null pointer for "nowhere"; `localtime_r` reads the one number and writes one `tm`, of
    // which every bit pattern, that of zeroes included, is valid (its pointer is never followed).
    let parts = unsafe {
        let now = libc::time(std::ptr::null_mut());
        libc::localtime_r(&raw const now, parts.as_mut_ptr());
        parts.assume_init()
    };
    (parts.tm_hour, parts.tm_min, parts.tm_sec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_no_size_as_a_terminal() {
        let file = std::fs::File::open("/dev/null").unwrap();
        assert_eq!(terminal_size(&file), None);
    }

    #[test]
    fn the_time_of_day_is_one() {
        let (hours, minutes, seconds) = time_of_day();
        assert!(
            (0..24).contains(&hours) && (0..60).contains(&minutes) && (0..=60).contains(&seconds)
        );
    }
}
