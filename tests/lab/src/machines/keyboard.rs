// SPDX-License-Identifier: MIT OR Apache-2.0
//! This program's standard input, on its way to a command on a director: a stream, or a terminal's keys.

use std::io::{self, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::mpsc;
use std::thread;

use anyhow::{Context, Result};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};

use super::frame::{Frame, Input, Size};

/// How much is sent at once.
const PIECE: usize = 64 * 1024;
/// How often the terminal is asked for its size, in milliseconds.
const LOOK: u8 = 200;

/// Sends standard input in a thread of its own, which ends with the program. The result must be told of each piece that
/// was taken; the next is sent then.
pub(crate) fn send(to: TcpStream, input: Input) -> mpsc::Sender<()> {
    let (sender, taken) = mpsc::channel();
    // The connection may be cut: then there is nobody to send to.
    thread::spawn(move || {
        let _ = match input {
            Input::Terminal(size) => send_keys(&to, size, &taken),
            Input::Nothing | Input::Frames => send_stream(&to, &taken),
        };
    });
    sender
}

fn send_stream(mut to: &TcpStream, taken: &mpsc::Receiver<()>) -> io::Result<()> {
    let mut buffer = vec![0; PIECE];
    loop {
        let length = read(&mut buffer)?;
        let piece = buffer.get(..length).unwrap_or_default().to_vec();
        Frame::Stdin(piece).write(&mut to)?;
        if length == 0 || taken.recv().is_err() {
            return Ok(());
        }
    }
}

fn send_keys(mut to: &TcpStream, mut size: Size, taken: &mpsc::Receiver<()>) -> io::Result<()> {
    let mut buffer = vec![0; PIECE];
    loop {
        let stdin = io::stdin();
        let mut ready = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
        if poll(&mut ready, PollTimeout::from(LOOK)).unwrap_or(0) == 0 {
            let now = terminal_size().unwrap_or(size);
            if now != size {
                size = now;
                Frame::Resize(size).write(&mut to)?;
            }
            continue;
        }
        let length = read(&mut buffer)?;
        let keys = buffer.get(..length).unwrap_or_default().to_vec();
        Frame::Stdin(keys).write(&mut to)?;
        if length == 0 || taken.recv().is_err() {
            return Ok(());
        }
    }
}

/// Reads standard input past the library's buffer, which `poll` does not see.
fn read(buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match nix::unistd::read(io::stdin().as_fd(), buffer) {
            Err(nix::errno::Errno::EINTR) => {}
            other => return Ok(other?),
        }
    }
}

/// The size of the terminal that is our standard input.
fn terminal_size() -> io::Result<Size> {
    let mut size = libc::winsize {
        ws_row: 0,
        ws_col: 0,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    #[allow(unsafe_code, reason = "the size of a terminal is read by an ioctl")]
    // SAFETY: the descriptor is open, and the kernel writes a whole winsize.
    let failed =
        unsafe { libc::ioctl(io::stdin().as_raw_fd(), libc::TIOCGWINSZ, &raw mut size) } < 0;
    if failed {
        return Err(io::Error::last_os_error());
    }
    Ok(Size {
        rows: size.ws_row,
        columns: size.ws_col,
    })
}

/// Our terminal, with every key passed on as it is. Dropping this makes it as it was.
pub(crate) struct Raw {
    before: Termios,
}

impl Raw {
    /// Changes the terminal that is standard input; fails where it is none. Returns its size, too.
    pub(crate) fn begin() -> Result<(Self, Size)> {
        let size = terminal_size().context("standard input is no terminal; leave out -t")?;
        let stdin = io::stdin();
        let before = tcgetattr(stdin.as_fd()).context("read the terminal's settings")?;
        let mut raw = before.clone();
        cfmakeraw(&mut raw);
        tcsetattr(stdin.as_fd(), SetArg::TCSADRAIN, &raw)
            .context("change the terminal's settings")?;
        Ok((Self { before }, size))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = io::stdout().flush();
        let _ = tcsetattr(io::stdin().as_fd(), SetArg::TCSADRAIN, &self.before);
    }
}
