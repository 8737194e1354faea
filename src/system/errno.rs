// SPDX-License-Identifier: MIT OR Apache-2.0
//! The symbols of error numbers.

use nix::errno::Errno;

/// The symbol of an error number: `ENOENT`.
#[must_use]
pub fn errno_name(errno: Errno) -> String {
    format!("{errno:?}")
}
