// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the log goes: standard error, or the socket of systemd's journal.

use std::io::{self, IsTerminal, Write};
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::stat::fstat;

use super::LogFormat;
use super::layout::Layout;

/// Where the journal takes entries with fields.
const JOURNAL: &str = "/run/systemd/journal/socket";

/// Where the log goes. Only the log's own thread writes there, and may wait.
pub(super) enum Outlet {
    /// Standard error without its lock: others would wait for the lock while a write hangs.
    StandardError,
    /// The journal: one datagram an entry.
    Journal(UnixDatagram),
}

impl Outlet {
    /// The outlet for this format, and how entries are written there. Without a journal the log is text.
    pub(super) fn open(format: LogFormat) -> (Layout, Self) {
        let under_systemd = stream().is_some();
        let text = Layout::Text {
            time: !under_systemd,
            colour: io::stderr().is_terminal(),
        };
        let journal = match format {
            LogFormat::Text => None,
            LogFormat::Json => return (Layout::Json, Self::StandardError),
            LogFormat::Auto if !is_standard_error(stream()) => None,
            LogFormat::Auto | LogFormat::Journal => connected(),
        };
        journal.map_or((text, Self::StandardError), |socket| {
            (Layout::Journal, Self::Journal(socket))
        })
    }
}

fn connected() -> Option<UnixDatagram> {
    let socket = UnixDatagram::unbound().ok()?;
    socket.connect(JOURNAL).ok()?;
    Some(socket)
}

/// The device and the file of the stream that systemd has connected to the journal for this process.
fn stream() -> Option<(u64, u64)> {
    let named = std::env::var("JOURNAL_STREAM").ok()?;
    let (device, file) = named.split_once(':')?;
    Some((device.parse().ok()?, file.parse().ok()?))
}

/// Whether standard error is that stream: whoever has redirected it wants to have the log there.
fn is_standard_error(stream: Option<(u64, u64)>) -> bool {
    let own = fstat(io::stderr()).ok();
    stream.is_some_and(|stream| own.is_some_and(|it| (it.st_dev, it.st_ino) == stream))
}

impl Write for Outlet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::StandardError => match nix::unistd::write(io::stderr(), bytes) {
                // Another process with the same terminal or pipe made it non-blocking.
                Err(Errno::EAGAIN) => {
                    pause();
                    Err(io::ErrorKind::Interrupted.into())
                }
                written => Ok(written?),
            },
            Self::Journal(socket) => socket.send(bytes).or_else(|error| {
                // The journal was restarted, and has another socket.
                *socket = connected().ok_or(error)?;
                socket.send(bytes)
            }),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the log's own thread, which nobody waits for"
)]
fn pause() {
    std::thread::sleep(Duration::from_millis(20));
}
