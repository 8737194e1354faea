// SPDX-License-Identifier: MIT OR Apache-2.0
//! The size of the terminal.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_no_size_as_a_terminal() {
        let file = std::fs::File::open("/dev/null").unwrap();
        assert_eq!(terminal_size(&file), None);
    }
}
