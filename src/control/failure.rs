// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why a running director did not answer.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::unistd::{Gid, Group};

use super::hello::Incompatible;
use super::peer::write_remedy;
use super::socket::holder;

/// Why a running director did not answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No director listens on the socket.
    #[error("ask the director on {0}: no director is running there; start it with: director run")]
    NotRunning(PathBuf),
    /// A director runs, and its socket has been removed.
    #[error(
        "ask the director on {socket}: a director is running (pid {pid}), but its socket file is gone; restart it to \
         make that file again"
    )]
    Gone {
        /// Which socket.
        socket: PathBuf,
        /// Whose it was.
        pid: u32,
    },
    /// Something else is there.
    #[error(
        "ask the director on {0}: this is no socket; name the director's socket (director: socket: in its configuration)"
    )]
    NoSocket(PathBuf),
    /// We may not open the socket.
    #[error("ask the director on {socket}: permission denied (EACCES); {remedy}")]
    NotPermitted {
        /// Which socket.
        socket: PathBuf,
        /// Who may.
        remedy: String,
    },
    /// The director does not let us ask this.
    #[error("ask the director on {socket}: {why}")]
    Denied {
        /// Which socket.
        socket: PathBuf,
        /// Its reason, and who may.
        why: String,
    },
    /// A director listens, but does not answer.
    #[error(
        "ask the director on {0}: no answer within 5 s; its log says why (journalctl -u director)"
    )]
    Slow(PathBuf),
    /// The connection ended before the answer did.
    #[error(
        "ask the director on {0}: the director closed the connection before it had answered; its log says why \
         (journalctl -u director)"
    )]
    Cut(PathBuf),
    /// The director speaks other protocols.
    #[error("ask the director on {socket}: {why}")]
    Incompatible {
        /// Which socket.
        socket: PathBuf,
        /// Both sides.
        why: Box<Incompatible>,
    },
    /// The director will not, or cannot, answer this.
    #[error("ask the director on {socket}: {why}")]
    Refused {
        /// Which socket.
        socket: PathBuf,
        /// Its reason.
        why: String,
    },
    /// The answer made no sense.
    #[error("ask the director on {socket}: unreadable answer: {why}")]
    Answer {
        /// Which socket.
        socket: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Anything else.
    #[error("ask the director on {socket}: {cause}")]
    Io {
        /// Which socket.
        socket: PathBuf,
        /// Why.
        cause: io::Error,
    },
}

/// Why there is no connection to the director on this socket.
pub(super) fn not_connected(socket: &Path, errno: Errno) -> ClientError {
    let path = socket.to_owned();
    match errno {
        Errno::ECONNREFUSED if is_something_else(socket) => ClientError::NoSocket(path),
        Errno::ECONNREFUSED => ClientError::NotRunning(path),
        Errno::ENOENT => match holder(socket) {
            Some(pid) => ClientError::Gone { socket: path, pid },
            None => ClientError::NotRunning(path),
        },
        Errno::EACCES | Errno::EPERM => ClientError::NotPermitted {
            remedy: remedy(socket),
            socket: path,
        },
        Errno::EAGAIN | Errno::ETIMEDOUT => ClientError::Slow(path),
        _ => ClientError::Io {
            socket: path,
            cause: errno.into(),
        },
    }
}

/// Who may connect, by the mode of the socket's file.
fn remedy(socket: &Path) -> String {
    let may_write = |it: &Metadata| it.mode() & 0o020 != 0;
    let file = std::fs::metadata(socket).ok().filter(may_write);
    let group = file.map(|it| {
        let found = Group::from_gid(Gid::from_raw(it.gid())).ok().flatten();
        found.map_or_else(|| it.gid().to_string(), |group| group.name)
    });
    let mut remedy = String::new();
    // Writing to a String cannot fail.
    let _ = write_remedy(&group.unwrap_or_default(), &mut remedy);
    remedy
}

/// The kernel refuses a connection to a directory or a file as it refuses one to a socket that nobody listens on.
fn is_something_else(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|it| !it.file_type().is_socket())
}
