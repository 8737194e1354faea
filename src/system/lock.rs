// SPDX-License-Identifier: MIT OR Apache-2.0
//! A lock of one process. Its file names the process.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

/// A process number and a line's end are shorter than this.
const LONGEST_NOTE: usize = 24;

/// A lock of this process. It ends with the value, and with the process, even if that is killed.
///
/// The lock file is a file beside the protected one: a write replaces the protected file by a new one each time. The
/// lock file stays when the lock ends, because another process may have opened it already to wait.
#[derive(Debug)]
pub struct FileLock {
    _file: Flock<File>,
}

/// Why a lock could not be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("lock {}: another process{} has it", .path.display(), pid(*.holder))]
    Taken {
        /// The lock's file.
        path: PathBuf,
        /// The process that has it, if the file says so.
        holder: Option<u32>,
    },
    /// A file of that name has other content.
    #[error("lock {}: it is no lock file; move it away", .path.display())]
    NotALock {
        /// The file.
        path: PathBuf,
    },
    /// The file could not be opened, or not be locked.
    #[error("lock {}: {cause}", .path.display())]
    Io {
        /// The lock's file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
}

/// ` (pid 7)`, or nothing.
fn pid(holder: Option<u32>) -> String {
    holder
        .map(|pid| format!(" (pid {pid})"))
        .unwrap_or_default()
}

impl FileLock {
    /// Takes the lock with this file, and makes the file if it is missing. Does not wait. The directory must exist.
    pub fn take(path: &Path) -> Result<Self, LockError> {
        let failed = |cause| LockError::Io {
            path: path.to_owned(),
            cause,
        };
        let file = open(path)?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(mut file) => {
                let note = read_note(&mut file).map_err(failed)?;
                if !is_note(&note) {
                    return Err(LockError::NotALock {
                        path: path.to_owned(),
                    });
                }
                // Only for people: the lock is valid even if the disk is full or read-only.
                let _ = write_note(&mut file);
                Ok(Self { _file: file })
            }
            Err((mut file, Errno::EWOULDBLOCK)) => Err(LockError::Taken {
                path: path.to_owned(),
                holder: read_note(&mut file).ok().as_deref().and_then(number),
            }),
            Err((_, errno)) => Err(failed(errno.into())),
        }
    }
}

/// The process number of a note.
fn number(text: &[u8]) -> Option<u32> {
    str::from_utf8(text.trim_ascii()).ok()?.parse().ok()
}

/// To write, or where the disk cannot be written, to read: that is enough to lock it.
fn open(path: &Path) -> Result<File, LockError> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
    let mut read = OpenOptions::new();
    read.read(true).custom_flags(flags);
    let mut write = read.clone();
    write.write(true).create(true).truncate(false).mode(0o600);
    let opened = write
        .open(path)
        .or_else(|refused| read.open(path).map_err(|_| refused));
    let not_a_lock = || LockError::NotALock {
        path: path.to_owned(),
    };
    match opened {
        Ok(file) if file.metadata().is_ok_and(|it| it.is_file()) => Ok(file),
        Ok(_) => Err(not_a_lock()),
        // A symbolic link.
        Err(cause) if cause.raw_os_error() == Some(libc::ELOOP) => Err(not_a_lock()),
        Err(cause) => Err(LockError::Io {
            path: path.to_owned(),
            cause,
        }),
    }
}

fn read_note(file: &mut File) -> io::Result<Vec<u8>> {
    let mut note = Vec::new();
    let longest = u64::try_from(LONGEST_NOTE).unwrap_or(u64::MAX);
    Read::by_ref(file).take(longest).read_to_end(&mut note)?;
    Ok(note)
}

fn is_note(note: &[u8]) -> bool {
    note.len() < LONGEST_NOTE && note.trim_ascii().iter().all(u8::is_ascii_digit)
}

fn write_note(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    write!(file, "{}", std::process::id())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn one_at_a_time_has_it_and_the_other_is_told_who() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.json.lock");
        let first = FileLock::take(&path).unwrap();
        let error = FileLock::take(&path).unwrap_err();
        let own = std::process::id();
        assert!(
            matches!(error, LockError::Taken { holder: Some(pid), .. } if pid == own),
            "{error}"
        );
        drop(first);
        FileLock::take(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), own.to_string());
    }

    #[test]
    fn what_is_no_lock_file_stays_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let (text, link) = (directory.path().join("text"), directory.path().join("link"));
        std::fs::write(&text, "dear diary\n").unwrap();
        symlink(&text, &link).unwrap();
        for path in [&text, &link, directory.path(), Path::new("/dev/null")] {
            let error = FileLock::take(path).unwrap_err();
            assert!(matches!(error, LockError::NotALock { .. }), "{error}");
        }
        assert_eq!(std::fs::read_to_string(&text).unwrap(), "dear diary\n");
    }
}
