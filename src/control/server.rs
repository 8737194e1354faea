// SPDX-License-Identifier: MIT OR Apache-2.0
//! The socket of a running director. Holding it is also what makes a director the only one.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

use super::{Reply, Request};

/// The longest question that is read.
const LONGEST_QUESTION: u64 = 4096;
/// A client that does not finish its question, or does not take its answer, is left.
const PATIENCE: Duration = Duration::from_secs(5);

/// The control socket and the lock beside it. Both go when it is dropped; the lock also goes with the process.
#[derive(Debug)]
pub struct ControlSocket {
    listener: std::os::unix::net::UnixListener,
    path: PathBuf,
    _lock: Flock<File>,
}

/// Why the control socket could not be had.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another director has it.
    #[error(
        "open the control socket {socket}: another director is running{}; stop it first, or give this one a socket \
         of its own (director: socket:)",
        .pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default()
    )]
    Taken {
        /// Which socket.
        socket: PathBuf,
        /// Whose it is.
        pid: Option<u32>,
    },
    /// Anything else.
    #[error("open the control socket {socket}: {step}: {cause}")]
    Io {
        /// Which socket.
        socket: PathBuf,
        /// What was tried.
        step: &'static str,
        /// Why it failed.
        cause: std::io::Error,
    },
}

impl ControlSocket {
    /// Takes the lock, then the socket. A socket that a killed director left behind is replaced: without the lock
    /// nobody answers on it.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let failed = |step| {
            move |cause| OpenError::Io {
                socket: path.to_owned(),
                step,
                cause,
            }
        };
        if let Some(directory) = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
        {
            // Not for everybody to write, even where the umask allows it.
            let mut make = DirBuilder::new();
            make.recursive(true).mode(0o755);
            make.create(directory)
                .map_err(failed("make its directory"))?;
        }
        let lock = lock(path)?;
        match std::fs::remove_file(path) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
                return Err(failed("remove the old socket")(cause));
            }
            Ok(()) | Err(_) => {}
        }
        let listener = std::os::unix::net::UnixListener::bind(path).map_err(failed("bind it"))?;
        std::fs::set_permissions(path, Permissions::from_mode(0o600))
            .map_err(failed("close it to others"))?;
        listener
            .set_nonblocking(true)
            .map_err(failed("set it up"))?;
        Ok(Self {
            listener,
            path: path.to_owned(),
            _lock: lock,
        })
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        // It may be gone already; the lock is what counts.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// The lock file beside the socket holds its owner's process number, for the other one's error message.
fn lock(socket: &Path) -> Result<Flock<File>, OpenError> {
    let failed = |step| {
        move |cause| OpenError::Io {
            socket: socket.to_owned(),
            step,
            cause,
        }
    };
    let mut name = socket.as_os_str().to_owned();
    name.push(".lock");
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(PathBuf::from(name))
        .map_err(failed("open its lock file"))?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(mut lock) => {
            let note = |lock: &mut Flock<File>| {
                lock.set_len(0)?;
                lock.rewind()?;
                write!(lock, "{}", std::process::id())
            };
            // Only a note for people: a full disk must not keep a director from starting.
            let _ = note(&mut lock);
            Ok(lock)
        }
        Err((mut file, nix::errno::Errno::EWOULDBLOCK)) => {
            let mut pid = String::new();
            let _ = file.read_to_string(&mut pid);
            Err(OpenError::Taken {
                socket: socket.to_owned(),
                pid: pid.trim().parse().ok(),
            })
        }
        Err((_, errno)) => Err(failed("lock it")(errno.into())),
    }
}

/// Answers every client, each by itself, for ever. `answer` is given the question and returns the answer.
pub async fn serve<F>(socket: &ControlSocket, answer: impl Fn(Request) -> F + Clone + 'static)
where
    F: Future<Output = Reply> + 'static,
{
    let listener = socket.listener.try_clone().and_then(UnixListener::from_std);
    let Ok(listener) = listener else {
        tracing::error!("the control socket does not listen; restart the director to have it");
        return std::future::pending().await;
    };
    loop {
        match listener.accept().await {
            Ok((client, _)) => {
                let answer = answer.clone();
                tokio::task::spawn_local(async move {
                    // A client that goes away, or takes its time, is its own affair.
                    let _ = tokio::time::timeout(PATIENCE, attend(client, answer)).await;
                });
            }
            // Out of descriptors: wait until some are free instead of asking again at once.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn attend<F>(mut client: UnixStream, answer: impl Fn(Request) -> F) -> std::io::Result<()>
where
    F: Future<Output = Reply>,
{
    let (read, mut write) = client.split();
    let mut question = String::new();
    BufReader::new(read.take(LONGEST_QUESTION))
        .read_line(&mut question)
        .await?;
    let reply = match serde_json::from_str(&question) {
        Ok(request) => answer(request).await,
        Err(error) => Reply::Error(format!("not a question this director knows: {error}")),
    };
    let mut line = serde_json::to_vec(&reply)?;
    line.push(b'\n');
    write.write_all(&line).await
}
