// SPDX-License-Identifier: MIT OR Apache-2.0
//! Connecting to a Unix socket with a time limit. A plain `connect` waits for ever when the other side does not accept.

use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::sockopt::SendTimeout;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, setsockopt, socket};
use nix::sys::time::{TimeVal, TimeValLike};

/// `EAGAIN` when the other side has not accepted the connection in this time. (In the kernel `SO_SNDTIMEO` limits the
/// wait of `connect`.)
pub(super) fn connect_within(path: &Path, patience: Duration) -> Result<UnixStream, Errno> {
    let milliseconds = i64::try_from(patience.as_millis()).unwrap_or(i64::MAX);
    let fd = open(SockFlag::SOCK_CLOEXEC)?;
    setsockopt(
        &fd,
        SendTimeout,
        &TimeVal::milliseconds(milliseconds.max(1)),
    )?;
    to(fd, path)
}

/// `EAGAIN` when the other side cannot take the connection in at once.
pub(super) fn connect_at_once(path: &Path) -> Result<UnixStream, Errno> {
    to(
        open(SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK)?,
        path,
    )
}

fn open(flags: SockFlag) -> Result<OwnedFd, Errno> {
    socket(AddressFamily::Unix, SockType::Stream, flags, None)
}

fn to(fd: OwnedFd, path: &Path) -> Result<UnixStream, Errno> {
    let address = UnixAddr::new(path)?;
    loop {
        match connect(fd.as_raw_fd(), &address) {
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
            Ok(()) => return Ok(UnixStream::from(fd)),
        }
    }
}
