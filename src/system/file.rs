// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reads small files completely, with a limit. Writes them so that a reader finds the old text or the new one, never a
//! part.

use std::fmt;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{Error, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use super::errno::errno_name;

/// Why a file could not be read or written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileError {
    /// `read` or `write`.
    pub operation: &'static str,
    /// Which file.
    pub path: PathBuf,
    /// Why.
    pub cause: FileCause,
}

/// The causes that callers tell apart, and the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileCause {
    /// There is no such file.
    Missing,
    /// Not ours to open.
    NotPermitted,
    /// Something else than a regular file.
    NotRegular(&'static str),
    /// More bytes than this.
    TooLarge(u64),
    /// Anything else.
    Other(Errno),
}

impl std::error::Error for FileError {}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: ", self.operation, self.path.display())?;
        match self.cause {
            FileCause::Missing => f.write_str("no such file or directory (ENOENT)"),
            FileCause::NotPermitted => {
                f.write_str("permission denied (EACCES); run as root, or as the file's owner")
            }
            FileCause::NotRegular(kind) => write!(f, "is {kind}; name a regular file"),
            FileCause::TooLarge(limit) => {
                write!(f, "larger than {limit} bytes; is it the right file")
            }
            FileCause::Other(Errno::ENOSPC) => f.write_str(
                "no space left on device (ENOSPC); what the file held before is unharmed",
            ),
            FileCause::Other(Errno::EROFS) => {
                f.write_str("read-only file system (EROFS); name a file elsewhere")
            }
            FileCause::Other(errno) => write!(f, "{} ({})", errno.desc(), errno_name(errno)),
        }
    }
}

/// The whole of a regular file, links followed. Never waits: a FIFO or a device is refused, not opened.
pub fn read_limited(path: &Path, max_bytes: u64) -> Result<Vec<u8>, FileError> {
    let failed = |cause| FileError {
        operation: "read",
        path: path.to_owned(),
        cause,
    };
    let refused = |error: Error| failed(FileCause::from(&error));
    require_regular(&fs::metadata(path).map_err(refused)?).map_err(failed)?;
    // Even if somebody replaces the file by a FIFO between the two calls, we do not wait.
    let mut file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)
        .map_err(refused)?;
    let found = file.metadata().map_err(refused)?;
    require_regular(&found).map_err(failed)?;
    let expected = found.len().min(max_bytes);
    // One byte more: the end of the file is seen without more room.
    let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or(0).saturating_add(1));
    let read = Read::by_ref(&mut file)
        .take(max_bytes.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(refused)?;
    if u64::try_from(read).is_ok_and(|read| read <= max_bytes) {
        Ok(bytes)
    } else {
        Err(failed(FileCause::TooLarge(max_bytes)))
    }
}

/// The first line of a small file, without its end: how a secret is written down.
pub fn read_first_line(path: &Path, max_bytes: u64) -> Result<Box<[u8]>, FileError> {
    let bytes = read_limited(path, max_bytes)?;
    let mut lines = bytes.split(|byte| matches!(byte, b'\n' | b'\r'));
    Ok(lines.next().unwrap_or_default().into())
}

/// Whether everybody on this host may read a file. One that cannot be looked at is nobody's.
#[must_use]
pub fn is_readable_by_all(path: &Path) -> bool {
    const READABLE_BY_OTHERS: u32 = 0o004;
    fs::metadata(path).is_ok_and(|it| it.permissions().mode() & READABLE_BY_OTHERS != 0)
}

/// Replaces a file's content, or makes the file, with these permission bits and regardless of the umask. A failure
/// leaves the old file unchanged. It replaces a symbolic link at `path` and does not follow it. It makes a missing
/// directory.
pub fn write_atomically(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    write_atomically_with(path, mode, |file| file.write_all(bytes))
}

/// The same for content that is made while it is written. `write` writes it, piece by piece.
pub fn write_atomically_with(
    path: &Path,
    mode: u32,
    write: impl FnOnce(&mut dyn Write) -> Result<(), Error>,
) -> Result<(), FileError> {
    replace(path, mode, Lasts::OverPowerCuts, write)
}

/// As [`write_atomically`], and it does not wait for the disk: after a power cut the file may be empty, or the old one.
pub fn write_for_this_boot(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    replace(path, mode, Lasts::ThisBoot, |file| file.write_all(bytes))
}

/// What a written file must outlast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lasts {
    OverPowerCuts,
    ThisBoot,
}

impl Lasts {
    /// Waits for the disk, if that is needed.
    fn sync(self, file: &File) -> Result<(), Error> {
        match self {
            Self::OverPowerCuts => file.sync_all(),
            Self::ThisBoot => Ok(()),
        }
    }
}

fn replace(
    path: &Path,
    mode: u32,
    lasts: Lasts,
    write: impl FnOnce(&mut dyn Write) -> Result<(), Error>,
) -> Result<(), FileError> {
    let refused = |error: Error| FileError {
        operation: "write",
        path: path.to_owned(),
        cause: FileCause::from(&error),
    };
    let (Some(name), Some(directory)) = (path.file_name(), path.parent()) else {
        return Err(refused(Errno::EISDIR.into()));
    };
    let directory = if directory.as_os_str().is_empty() {
        Path::new(".")
    } else {
        directory
    };
    let name = format!(".{}.{}.tmp", name.to_string_lossy(), std::process::id());
    let temporary = directory.join(name);
    let written = make_directory(directory)
        .and_then(|()| write_new(&temporary, mode, lasts, write))
        .and_then(|()| fs::rename(&temporary, path))
        .and_then(|()| lasts.sync(&File::open(directory)?));
    written.map_err(|error| {
        // The file is gone already when the last step failed.
        let _ = fs::remove_file(&temporary);
        refused(error)
    })
}

/// Removes the files that processes left beside `path` when they were killed while they wrote it. Call it only when
/// nobody else writes `path`.
pub fn remove_unfinished(path: &Path) {
    let (Some(name), Some(directory)) = (path.file_name(), path.parent()) else {
        return;
    };
    let begin = format!(".{}.", name.to_string_lossy());
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.strip_prefix(&begin));
        let process = process.and_then(|rest| rest.strip_suffix(".tmp"));
        if process.is_some_and(|it| it.bytes().all(|byte| byte.is_ascii_digit())) {
            // The file does no harm when it stays.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Makes a directory and the missing ones above it. All may enter, only the owner may write, regardless of the umask.
/// An existing directory stays as it is.
pub fn make_directory(directory: &Path) -> Result<(), Error> {
    // If something else has that name, the next step says more clearly that it is not a directory.
    if directory.as_os_str().is_empty() || directory.exists() {
        return Ok(());
    }
    if let Some(above) = directory.parent() {
        make_directory(above)?;
    }
    match fs::DirBuilder::new().mode(0o755).create(directory) {
        // Another process was faster, and chose the permissions.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
        // A narrow umask would exclude users who may enter.
        Ok(()) => fs::set_permissions(directory, Permissions::from_mode(0o755)),
    }
}

fn write_new(
    temporary: &Path,
    mode: u32,
    lasts: Lasts,
    write: impl FnOnce(&mut dyn Write) -> Result<(), Error>,
) -> Result<(), Error> {
    // Left by a process of the same number that was killed.
    match fs::remove_file(temporary) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(temporary)?;
    file.set_permissions(Permissions::from_mode(mode))?;
    write(&mut file)?;
    lasts.sync(&file)
}

fn require_regular(metadata: &fs::Metadata) -> Result<(), FileCause> {
    let kind = metadata.file_type();
    if kind.is_file() {
        return Ok(());
    }
    Err(FileCause::NotRegular(if kind.is_dir() {
        "a directory"
    } else if kind.is_fifo() {
        "a FIFO"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }))
}

impl From<&Error> for FileCause {
    fn from(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound => Self::Missing,
            ErrorKind::PermissionDenied => Self::NotPermitted,
            _ => Self::Other(
                error
                    .raw_os_error()
                    .map_or(Errno::UnknownErrno, Errno::from_raw),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use nix::sys::stat::Mode;
    use nix::unistd::mkfifo;

    use super::*;

    #[test]
    fn what_was_written_is_read_back_and_replaces_what_was_there() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.json");
        write_atomically(&path, b"old", 0o600).unwrap();
        write_atomically(&path, b"new", 0o644).unwrap();
        assert_eq!(read_limited(&path, 3).unwrap(), b"new");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o7777,
            0o644
        );
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_a_killed_process_left_is_removed_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.json");
        let others = [
            "state.json",
            ".state.json.7",
            ".state.json.x.tmp",
            ".x.7.tmp",
        ];
        for name in [&others[..], &[".state.json.7.tmp", ".state.json.123.tmp"]].concat() {
            fs::write(directory.path().join(name), "").unwrap();
        }
        remove_unfinished(&path);
        assert_eq!(
            fs::read_dir(directory.path()).unwrap().count(),
            others.len()
        );
        assert!(others.iter().all(|it| directory.path().join(it).exists()));
    }

    #[test]
    fn one_byte_too_many_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("large");
        fs::write(&path, b"four").unwrap();
        let error = read_limited(&path, 3).unwrap_err();
        assert_eq!(error.cause, FileCause::TooLarge(3));
    }

    #[test]
    fn what_is_no_regular_file_is_refused_without_waiting() {
        let directory = tempfile::tempdir().unwrap();
        let fifo = directory.path().join("fifo");
        mkfifo(&fifo, Mode::S_IRWXU).unwrap();
        let kind = |path: &Path| read_limited(path, 10).unwrap_err().cause;
        assert_eq!(kind(&fifo), FileCause::NotRegular("a FIFO"));
        assert_eq!(kind(directory.path()), FileCause::NotRegular("a directory"));
        assert_eq!(
            kind(Path::new("/dev/null")),
            FileCause::NotRegular("a device")
        );
        assert_eq!(kind(&directory.path().join("none")), FileCause::Missing);
    }

    #[test]
    fn links_are_followed_for_reading_and_a_dangling_one_is_a_missing_file() {
        let directory = tempfile::tempdir().unwrap();
        let (file, link) = (directory.path().join("file"), directory.path().join("link"));
        symlink(&file, &link).unwrap();
        assert_eq!(
            read_limited(&link, 10).unwrap_err().cause,
            FileCause::Missing
        );
        fs::write(&file, b"text").unwrap();
        assert_eq!(read_limited(&link, 10).unwrap(), b"text");
    }

    #[test]
    fn what_cannot_be_written_is_named() {
        // Nobody can make anything in /proc, not even root.
        let error = write_atomically(Path::new("/proc/lvs-director"), b"x", 0o644).unwrap_err();
        assert!(
            error.to_string().starts_with("write /proc/lvs-director: "),
            "{error}"
        );
        let error = write_atomically(Path::new("/"), b"x", 0o644).unwrap_err();
        assert_eq!(error.to_string(), "write /: Is a directory (EISDIR)");
    }
}
