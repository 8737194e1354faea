// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why a file of the director's state is not read or not written.

use std::path::PathBuf;

use crate::system::{FileError, LockError};

/// Why a file of the director's state is not read or not written. The file at its path stays unchanged.
#[derive(Debug, thiserror::Error)]
pub(in crate::daemon) enum StateError {
    /// Two directors would take away each other's services.
    #[error(
        "another director{} uses the {what} {}; give each director its own state_file and socket",
        .holder.map(|pid| format!(" (pid {pid})")).unwrap_or_default(), .path.display()
    )]
    Taken {
        /// `state file` or `remembered file`.
        what: &'static str,
        /// Which one.
        path: PathBuf,
        /// The other director.
        holder: Option<u32>,
    },
    /// Something else is there.
    #[error("read the {what} {}: this is no {what}: {why}; move it away, or name another path ({key}:)", .path.display())]
    Foreign {
        /// `state file` or `remembered file`.
        what: &'static str,
        /// Which one.
        path: PathBuf,
        /// The evidence for that.
        why: String,
        /// The configuration's key for it.
        key: &'static str,
    },
    /// A newer director wrote it.
    #[error(
        "read the state file {}: a newer director wrote it (version {version}, this one knows version {known}); \
         start that one, or move the file away: services that only it lists stay in the kernel", .path.display()
    )]
    Newer {
        /// Which file.
        path: PathBuf,
        /// The file's version.
        version: u64,
        /// The newest version that is known here.
        known: u64,
    },
    /// It would be too long.
    #[error("write {}: {bytes} bytes are too many; the limit is {limit}", .path.display())]
    TooLarge {
        /// Which file.
        path: PathBuf,
        /// Its length, in bytes.
        bytes: usize,
        /// The limit, in bytes.
        limit: u64,
    },
    /// It could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// Something else is at the lock's path.
    #[error(transparent)]
    Lock(#[from] LockError),
}
