// SPDX-License-Identifier: MIT OR Apache-2.0
//! Asking a running director.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Reply, Request};

/// Also said in [`ClientError::Slow`].
const TIMEOUT: Duration = Duration::from_secs(5);
/// The longest answer that is read: the status of a hundred thousand servers.
const LONGEST_ANSWER: u64 = 64 * 1024 * 1024;

/// Why a running director did not answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens on the socket.
    #[error("ask the director on {0}: no director is running there; start it with: director run")]
    NotRunning(PathBuf),
    /// Somebody listens, and does not answer.
    #[error(
        "ask the director on {0}: no answer within 5 s; its log says why (journalctl -u director)"
    )]
    Slow(PathBuf),
    /// Anything else.
    #[error("ask the director on {socket}: {cause}")]
    Io {
        /// Which socket.
        socket: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// The answer made no sense.
    #[error("ask the director on {socket}: unreadable answer: {cause}")]
    Answer {
        /// Which socket.
        socket: PathBuf,
        /// Why.
        cause: serde_json::Error,
    },
}

/// Asks the director on this socket one question.
pub fn ask(socket: &Path, request: Request) -> Result<Reply, ClientError> {
    let io = |cause: std::io::Error| match cause.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => {
            ClientError::NotRunning(socket.to_owned())
        }
        ErrorKind::WouldBlock | ErrorKind::TimedOut => ClientError::Slow(socket.to_owned()),
        _ => ClientError::Io {
            socket: socket.to_owned(),
            cause,
        },
    };
    let answer = |cause| ClientError::Answer {
        socket: socket.to_owned(),
        cause,
    };
    let mut stream = UnixStream::connect(socket).map_err(io)?;
    stream.set_read_timeout(Some(TIMEOUT)).map_err(io)?;
    stream.set_write_timeout(Some(TIMEOUT)).map_err(io)?;
    let mut line = serde_json::to_vec(&request).map_err(answer)?;
    line.push(b'\n');
    stream.write_all(&line).map_err(io)?;
    let mut reply = String::new();
    BufReader::new(stream.take(LONGEST_ANSWER))
        .read_line(&mut reply)
        .map_err(io)?;
    serde_json::from_str(&reply).map_err(answer)
}
