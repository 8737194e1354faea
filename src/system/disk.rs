// SPDX-License-Identifier: MIT OR Apache-2.0
//! A directory, and the room on its file system.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use nix::sys::statvfs::{FsFlags, statvfs};

/// Write permission of the group and of all others.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// How a directory and its file system are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk {
    /// Whether others than its owner may write to the directory.
    pub writable_by_others: bool,
    /// Whether the file system is read-only.
    pub read_only: bool,
    /// How many bytes are left for ordinary users.
    pub free_bytes: u64,
    /// How many files are left; `None` where the file system does not count them.
    pub free_files: Option<u64>,
}

/// Looks at a directory; `None` when there is none.
///
/// # Errors
///
/// The kernel's: not permitted, for one.
pub fn disk(directory: &Path) -> io::Result<Option<Disk>> {
    let mode = match fs::metadata(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        found => found?.permissions().mode(),
    };
    let room = statvfs(directory)?;
    Ok(Some(Disk {
        writable_by_others: mode & WRITABLE_BY_OTHERS != 0,
        read_only: room.flags().contains(FsFlags::ST_RDONLY),
        free_bytes: room.blocks_available().saturating_mul(room.fragment_size()),
        free_files: (room.files() > 0).then(|| room.files_available()),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_looked_at_and_a_missing_one_is_none() {
        let directory = tempfile::tempdir().unwrap();
        let found = disk(directory.path()).unwrap().unwrap();
        assert!(!found.writable_by_others && !found.read_only);
        let open = fs::Permissions::from_mode(0o777);
        fs::set_permissions(directory.path(), open).unwrap();
        assert!(disk(directory.path()).unwrap().unwrap().writable_by_others);
        assert_eq!(disk(&directory.path().join("no")).unwrap(), None);
    }
}
