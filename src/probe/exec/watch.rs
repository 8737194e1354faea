// SPDX-License-Identifier: MIT OR Apache-2.0
//! Watching a program until it has ended, and reading the beginning of what it writes.

use std::os::fd::OwnedFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::wait::WaitStatus;
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe::Receiver;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::program::Program;

/// So much of what a program writes is kept. It may write more: that is read and thrown away.
const MOST_BYTES: usize = 4096;
/// How often to look whether a program has ended when the kernel's signal is not at hand.
const LOOK: Duration = Duration::from_millis(100);

/// How a program ended.
#[derive(Debug, Clone, Copy)]
pub(super) enum End {
    /// By itself.
    Ended(WaitStatus),
    /// It has not, and the time has been over for so long.
    Late(Duration),
    /// Nobody knows.
    Unknown(Errno),
}

/// What a program has written.
struct Output {
    /// `None` when all writers are gone.
    pipe: Option<Receiver>,
    kept: Vec<u8>,
    /// Where the rest goes.
    thrown_away: Vec<u8>,
}

/// The kernel's signals that a program has ended, from now on; `None` when they cannot be had.
pub(super) fn listen() -> Option<Signal> {
    signal(SignalKind::child()).ok()
}

/// Tells the end of the program at its end, or after `limit`. Then it ends what is left of the program, and returns when
/// the program is gone.
pub(super) async fn watch(
    mut program: Program,
    mut ends: Option<Signal>,
    limit: Duration,
    tell: impl FnOnce(End, &[u8]),
) {
    let deadline = Instant::now() + limit;
    let mut output = Output::of(program.output.take().map(OwnedFd::from));
    let end = tokio::select! {
        end = ended(&program, &mut ends) => Some(end),
        () = output.read() => None,
        () = tokio::time::sleep_until(deadline) => Some(End::Late(deadline.elapsed())),
    };
    let end = match end {
        Some(end) => end,
        // It has closed its outputs, and may run on.
        None => timeout_at(deadline, ended(&program, &mut ends))
            .await
            .unwrap_or_else(|_| End::Late(deadline.elapsed())),
    };
    let end = match end {
        // After a stop of this process the deadline is seen first, though the program has ended.
        End::Late(_) => match program.ended() {
            Ok(Some(status)) => End::Ended(status),
            Ok(None) | Err(_) => end,
        },
        End::Ended(_) | End::Unknown(_) => end,
    };
    // Its children may keep the outputs open for ever: only what is there now is read.
    let _ = timeout(Duration::ZERO, output.read()).await;
    program.kill();
    tell(end, &output.kept);
    drop(output);
    let _ = ended(&program, &mut ends).await;
}

/// Waits for the end of the program.
async fn ended(program: &Program, ends: &mut Option<Signal>) -> End {
    loop {
        match program.ended() {
            Ok(Some(status)) => return End::Ended(status),
            Ok(None) => {}
            Err(errno) => return End::Unknown(errno),
        }
        match ends {
            Some(ends) => {
                let _ = timeout(LOOK, ends.recv()).await;
            }
            None => sleep(LOOK).await,
        }
    }
}

impl Output {
    fn of(pipe: Option<OwnedFd>) -> Self {
        Self {
            pipe: pipe.and_then(|pipe| Receiver::from_owned_fd(pipe).ok()),
            kept: Vec::new(),
            thrown_away: Vec::new(),
        }
    }

    /// Reads until all writers are gone.
    async fn read(&mut self) {
        let Some(pipe) = &mut self.pipe else {
            return;
        };
        loop {
            let into = if self.kept.len() < MOST_BYTES {
                &mut self.kept
            } else {
                self.thrown_away.clear();
                &mut self.thrown_away
            };
            let room = MOST_BYTES.saturating_sub(into.len());
            let room = u64::try_from(room).unwrap_or_default();
            match pipe.take(room).read_buf(into).await {
                Ok(1..) => {}
                Ok(0) | Err(_) => break,
            }
        }
        self.pipe = None;
    }
}
