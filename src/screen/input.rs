// SPDX-License-Identifier: MIT OR Apache-2.0
//! What comes from the terminal and to this process: keys and signals.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::read;

use super::keys::{Key, Keys};
use super::terminal::Screen;

/// The rest of a key comes sooner than this, also over a slow line.
const KEY_PATIENCE: Duration = Duration::from_millis(100);

/// Keys and signals.
#[derive(Debug)]
pub struct Input {
    keys: Keys,
    /// When the last bytes of an incomplete key came.
    keyed_at: Instant,
    signals: SignalFd,
}

/// What is ready.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ready {
    /// Keys to take.
    pub keys: bool,
    /// Signals to take.
    pub signals: bool,
    /// What else was waited for.
    pub other: bool,
}

/// What the keys and signals ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pressed {
    /// These keys were pressed, perhaps none.
    Keys(Vec<Key>),
    /// The terminal or a signal ends the program.
    End,
}

impl Input {
    /// Signals that end us, and those of the terminal, come through a descriptor from now on. Call this before any thread
    /// starts.
    #[expect(clippy::disallowed_methods, reason = "the rim: time begins here")]
    pub fn new() -> nix::Result<Self> {
        use Signal::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGWINCH};
        let mut set = SigSet::empty();
        for signal in [SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGWINCH] {
            set.add(signal);
        }
        set.thread_block()?;
        Ok(Self {
            keys: Keys::default(),
            keyed_at: Instant::now(),
            signals: SignalFd::with_flags(&set, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?,
        })
    }

    /// Waits for a key, a signal, or something else; so long at most.
    pub fn wait(&self, other: BorrowedFd<'_>, patience: Option<Duration>) -> nix::Result<Ready> {
        let mut left = patience;
        if self.keys.is_pending() {
            left = Some(left.map_or(KEY_PATIENCE, |left| left.min(KEY_PATIENCE)));
        }
        let timeout = left.map_or(PollTimeout::NONE, |left| {
            // A millisecond more: not to wake before it is time.
            PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX)
        });
        let input = io::stdin();
        let mut wanted = [
            PollFd::new(input.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
            PollFd::new(other, PollFlags::POLLIN),
        ];
        match poll(&mut wanted, timeout) {
            Ok(_) => {}
            Err(Errno::EINTR) => return Ok(Ready::default()),
            Err(errno) => return Err(errno),
        }
        let [keys, signals, other] = wanted.map(|it| it.any().unwrap_or(true));
        Ok(Ready {
            keys,
            signals,
            other,
        })
    }

    /// Takes what is ready.
    pub fn take(&mut self, ready: Ready, screen: &mut Screen) -> io::Result<Pressed> {
        if ready.signals && self.take_signals(screen)? {
            return Ok(Pressed::End);
        }
        self.take_keys(ready.keys)
    }

    /// Returns whether one of them ends us.
    fn take_signals(&mut self, screen: &mut Screen) -> io::Result<bool> {
        let mut ends = false;
        while let Some(signal) = self.signals.read_signal()? {
            let number = i32::try_from(signal.ssi_signo).unwrap_or_default();
            match Signal::try_from(number) {
                // Every drawing looks at the size.
                Ok(Signal::SIGWINCH) | Err(_) => {}
                Ok(Signal::SIGCONT) => screen.set_up()?,
                Ok(Signal::SIGTSTP) => screen.suspend(false)?,
                Ok(_) => ends = true,
            }
        }
        Ok(ends)
    }

    /// Nothing to read where something is ready is the end of the terminal.
    #[expect(
        clippy::disallowed_methods,
        reason = "the rim: how long a key takes to come"
    )]
    fn take_keys(&mut self, ready: bool) -> io::Result<Pressed> {
        let mut pressed: Vec<Key> = Vec::new();
        if ready {
            let mut bytes = [0; 1024];
            match read(io::stdin(), &mut bytes) {
                Ok(0) | Err(Errno::EIO) => return Ok(Pressed::End),
                Ok(length) => {
                    self.keyed_at = Instant::now();
                    pressed = self.keys.feed(bytes.get(..length).unwrap_or_default());
                }
                Err(Errno::EINTR | Errno::EAGAIN) => {}
                Err(errno) => return Err(errno.into()),
            }
        } else if self.keys.is_pending() && self.keyed_at.elapsed() >= KEY_PATIENCE {
            pressed.extend(self.keys.flush());
        }
        Ok(Pressed::Keys(pressed))
    }
}
