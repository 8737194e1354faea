// SPDX-License-Identifier: MIT OR Apache-2.0
//! The socket of a running director. Its lock makes sure that there is only one director.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::unistd::{Gid, chown, getegid};

use super::peer::Rules;

/// More than a process number has digits: a lock file is not read further.
const LONGEST_NOTE: u64 = 32;

/// The control socket and the lock beside it. Both end when it is dropped; the lock also ends with the process.
#[derive(Debug)]
pub struct ControlSocket {
    listener: UnixListener,
    path: PathBuf,
    identity: Option<(u64, u64)>,
    _lock: Flock<File>,
}

/// Why the control socket could not be had.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another director has it.
    #[error(
        "open the control socket {socket}: another director is running{}; stop it first, or give this one a socket \
         and a state file of its own (director: socket: and state_file:)",
        by(.pid.as_ref())
    )]
    Taken {
        /// Which socket.
        socket: PathBuf,
        /// The process that has it.
        pid: Option<u32>,
    },
    /// Another director has the lock, but somebody has removed its socket.
    #[error(
        "open the control socket {socket}: another director is running{}, but its socket file is gone; restart it to \
         make that file again",
        by(.pid.as_ref())
    )]
    Gone {
        /// Which socket.
        socket: PathBuf,
        /// The process that had it.
        pid: Option<u32>,
    },
    /// Something is there that no director has made. It stays there.
    #[error(
        "open the control socket {socket}: {path} is {what}; it stays as it is: name another path (director: socket:)"
    )]
    Foreign {
        /// Which socket.
        socket: PathBuf,
        /// The path in question: the socket's own, or that of its lock file.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// Anything else.
    #[error("open the control socket {socket}: {step}: {cause}")]
    Io {
        /// Which socket.
        socket: PathBuf,
        /// The failed operation.
        step: &'static str,
        /// Why it failed.
        cause: io::Error,
    },
}

fn by(pid: Option<&u32>) -> String {
    pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default()
}

impl ControlSocket {
    /// Takes the lock, then the socket. It replaces a socket that a killed director left behind: without the lock
    /// nobody answers on it. Anything else at that path stays, and is an error.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let failed = |step| move |cause| io_error(path, step, cause);
        if let Some(directory) = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
        {
            DirBuilder::new()
                .recursive(true)
                .mode(0o755)
                .create(directory)
                .map_err(failed("make its directory"))?;
        }
        let lock = lock(path)?;
        remove_stale(path)?;
        let listener = UnixListener::bind(path).map_err(failed("bind it"))?;
        fs::set_permissions(path, Permissions::from_mode(0o600))
            .map_err(failed("close it to others"))?;
        listener
            .set_nonblocking(true)
            .map_err(failed("set it up"))?;
        Ok(Self {
            listener,
            path: path.to_owned(),
            identity: identity(path),
            _lock: lock,
        })
    }

    /// As [`Self::open`], beside a director that ends and has taken its socket away: waits for its end, so long at most.
    pub async fn open_after(path: &Path, patience: Duration) -> Result<Self, OpenError> {
        const STEP: Duration = Duration::from_millis(5);
        let mut left = patience;
        loop {
            match Self::open(path) {
                Err(OpenError::Gone { .. }) if !left.is_zero() => {
                    let step = left.min(STEP);
                    left -= step;
                    tokio::time::sleep(step).await;
                }
                opened => return opened,
            }
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Lets the members of these groups connect, and nobody else but root and the owner. A file has one group: where there
    /// are two, everybody may connect, and is turned away afterwards.
    pub fn let_in(&self, rules: &Rules) -> io::Result<()> {
        if self.identity.is_none() || identity(&self.path) != self.identity {
            // Somebody else's file is there now.
            return Ok(());
        }
        let (group, mode) = match (&rules.all, &rules.readers) {
            (None, None) => (getegid(), 0o600),
            (Some(one), None) | (None, Some(one)) => (Gid::from_raw(one.gid), 0o660),
            (Some(_), Some(_)) => (getegid(), 0o666),
        };
        // The other group never has what this one gets.
        fs::set_permissions(&self.path, Permissions::from_mode(0o600))?;
        chown(&self.path, None, Some(group))?;
        fs::set_permissions(&self.path, Permissions::from_mode(mode))
    }

    /// Removes the socket's file, and keeps the lock: this director ends.
    pub fn take_away(&self) {
        // A file that somebody else has put in its place stays.
        if self.identity.is_some() && identity(&self.path) == self.identity {
            // It may be gone already; the lock is what counts.
            let _ = fs::remove_file(&self.path);
        }
    }

    /// The listener for clients. None of its calls blocks.
    pub(super) const fn listener(&self) -> &UnixListener {
        &self.listener
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        self.take_away();
    }
}

/// Device and inode number of the file at this path.
fn identity(path: &Path) -> Option<(u64, u64)> {
    let there = fs::symlink_metadata(path).ok()?;
    Some((there.dev(), there.ino()))
}

fn io_error(socket: &Path, step: &'static str, cause: io::Error) -> OpenError {
    OpenError::Io {
        socket: socket.to_owned(),
        step,
        cause,
    }
}

/// Removes a socket on which nobody answers.
fn remove_stale(path: &Path) -> Result<(), OpenError> {
    let foreign = |what| OpenError::Foreign {
        socket: path.to_owned(),
        path: path.to_owned(),
        what,
    };
    let kind = match fs::symlink_metadata(path) {
        Ok(there) => there.file_type(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io_error(path, "look what is there", error)),
    };
    if !kind.is_socket() {
        return Err(foreign(if kind.is_dir() {
            "a directory"
        } else if kind.is_symlink() {
            "a symbolic link"
        } else if kind.is_file() {
            "a file"
        } else {
            "a device or a pipe"
        }));
    }
    match super::connect::connect_at_once(path) {
        Err(Errno::ECONNREFUSED) => {}
        Ok(_) | Err(_) => return Err(foreign("a socket that another program uses")),
    }
    match fs::remove_file(path) {
        Err(cause) if cause.kind() != ErrorKind::NotFound => {
            Err(io_error(path, "remove the old socket", cause))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The lock file beside the socket has its owner's process number, for the error message of another director.
fn lock(socket: &Path) -> Result<Flock<File>, OpenError> {
    let failed = |step| move |cause| io_error(socket, step, cause);
    let path = lock_file(socket);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(&path)
        .map_err(failed("open its lock file"))?;
    let note = match note(&file) {
        Ok(note) => note,
        Err(Unusable::Foreign(what)) => {
            return Err(OpenError::Foreign {
                socket: socket.to_owned(),
                path,
                what,
            });
        }
        Err(Unusable::Io(cause)) => return Err(failed("read its lock file")(cause)),
    };
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(mut lock) => {
            // Only a note for people: a full disk must not prevent a director from starting.
            let _ = write_note(&mut lock);
            Ok(lock)
        }
        Err((_, Errno::EWOULDBLOCK)) => {
            let (socket, pid) = (socket.to_owned(), note);
            Err(match fs::symlink_metadata(&socket) {
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    OpenError::Gone { socket, pid }
                }
                Ok(_) | Err(_) => OpenError::Taken { socket, pid },
            })
        }
        Err((_, errno)) => Err(failed("lock it")(errno.into())),
    }
}

fn lock_file(socket: &Path) -> PathBuf {
    let mut name = socket.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

fn write_note(lock: &mut Flock<File>) -> io::Result<()> {
    lock.set_len(0)?;
    lock.rewind()?;
    write!(**lock, "{}", std::process::id())
}

/// Why a file is no lock file.
enum Unusable {
    Foreign(&'static str),
    Io(io::Error),
}

/// The process number in a lock file, if there is one. A file with other content belongs to somebody else.
fn note(file: &File) -> Result<Option<u32>, Unusable> {
    if !file.metadata().map_err(Unusable::Io)?.is_file() {
        return Err(Unusable::Foreign("not a file"));
    }
    let mut note = Vec::new();
    Read::take(file, LONGEST_NOTE)
        .read_to_end(&mut note)
        .map_err(Unusable::Io)?;
    let note = note.trim_ascii();
    if !note.iter().all(u8::is_ascii_digit) {
        return Err(Unusable::Foreign("not the lock file of a director"));
    }
    Ok(str::from_utf8(note).ok().and_then(|note| note.parse().ok()))
}

/// Whether a running director has the lock beside this socket, and which one; it does not touch the lock.
pub(super) fn holder(socket: &Path) -> Option<u32> {
    let file = File::open(lock_file(socket)).ok()?;
    let pid = note(&file).ok().flatten()?;
    let inode = file.metadata().ok()?.ino();
    let locks = fs::read_to_string("/proc/locks").ok()?;
    // 1: FLOCK  ADVISORY  WRITE 4711 08:01:131 0 EOF
    let held = locks.lines().any(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        matches!(*words, [_, "FLOCK", _, "WRITE", holder, place, ..]
            if holder.parse() == Ok(pid)
                && place.rsplit(':').next().and_then(|word| word.parse().ok()) == Some(inode))
    });
    held.then_some(pid)
}
