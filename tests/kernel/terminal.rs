// SPDX-License-Identifier: MIT OR Apache-2.0
//! A program in a pseudo terminal, and what it has drawn there.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Instant;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{Termios, tcgetattr};
use nix::unistd::Pid;

use crate::stage::PATIENCE;

/// A program in a terminal of its own, whose session it leads.
pub(crate) struct Terminal {
    child: Child,
    master: File,
    pub(crate) slave: OwnedFd,
    before: Termios,
    pub(crate) screen: vt100::Parser,
    pub(crate) raw: Vec<u8>,
}

impl Terminal {
    pub(crate) fn start(program: &[&str], lines: u16, columns: u16) -> Self {
        let size = Winsize {
            ws_row: lines,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let pair = openpty(&size, None).unwrap();
        let end = || Stdio::from(pair.slave.try_clone().unwrap());
        let child = Command::new("setsid")
            .arg("--ctty")
            .args(program)
            .env("TERM", "xterm-256color")
            .env("LC_ALL", "C.UTF-8")
            .env_remove("NO_COLOR")
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .unwrap();
        Self {
            child,
            before: tcgetattr(&pair.slave).unwrap(),
            master: File::from(pair.master),
            slave: pair.slave,
            screen: vt100::Parser::new(lines, columns, 0),
            raw: Vec::new(),
        }
    }

    /// Reads what the program writes within a moment; returns whether it wrote anything.
    pub(crate) fn take(&mut self) -> bool {
        let mut wanted = [PollFd::new(self.master.as_fd(), PollFlags::POLLIN)];
        if poll(&mut wanted, PollTimeout::from(20_u8)).unwrap() == 0 {
            return false;
        }
        let mut bytes = [0; 8 * 1024];
        let length = self.master.read(&mut bytes).unwrap_or(0);
        self.screen.process(&bytes[..length]);
        self.raw.extend_from_slice(&bytes[..length]);
        length > 0
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        let (_, columns) = self.screen.screen().size();
        let lines = self.screen.screen().rows(0, columns);
        lines.map(|line| line.trim_end().to_owned()).collect()
    }

    /// Waits until the screen is as it should be.
    pub(crate) fn until(&mut self, what: &str, good: impl Fn(&[String]) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !good(&self.lines()) {
            assert!(
                Instant::now() < deadline,
                "waited in vain until {what}:\n{}",
                self.lines().join("\n")
            );
            self.take();
        }
    }

    pub(crate) fn until_seen(&mut self, text: &str) {
        self.until(&format!("{text} is seen"), |lines| {
            lines.iter().any(|line| line.contains(text))
        });
    }

    pub(crate) fn press(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap();
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        kill(pid, signal).unwrap();
    }

    pub(crate) fn resize(&mut self, lines: u16, columns: u16) {
        self.screen.screen_mut().set_size(lines, columns);
        let (lines, columns) = (lines.to_string(), columns.to_string());
        let status = Command::new("stty")
            .args(["rows", &lines, "cols", &columns])
            .stdin(Stdio::from(self.slave.try_clone().unwrap()))
            .status();
        assert!(status.unwrap().success());
    }

    pub(crate) fn is_raw(&self) -> bool {
        let now = tcgetattr(&self.slave).unwrap();
        now.local_flags != self.before.local_flags
    }

    /// As it was before, except for the output.
    pub(crate) fn is_as_found(&self) -> bool {
        let (now, before) = (tcgetattr(&self.slave).unwrap(), &self.before);
        now.local_flags == before.local_flags
            && now.input_flags == before.input_flags
            && now.output_flags == before.output_flags
            && now.control_flags == before.control_flags
            && now.control_chars == before.control_chars
            && !self.screen.screen().alternate_screen()
            && !self.screen.screen().hide_cursor()
    }

    pub(crate) fn end(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.take();
            if let Some(status) = self.child.try_wait().unwrap() {
                while self.take() {}
                return status;
            }
            assert!(Instant::now() < deadline, "does not end");
        }
    }

    /// It ends by itself with success, and nothing of it is left on the terminal.
    pub(crate) fn ends_well(&mut self) {
        let status = self.end();
        let raw = String::from_utf8_lossy(&self.raw);
        assert_eq!(status.code(), Some(0), "{raw}");
        assert!(raw.contains("\x1b[?1049h"), "took the other screen");
        assert!(self.is_as_found(), "{raw}");
        assert_eq!(self.lines().concat(), "", "the first screen is untouched");
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Which line has this text.
pub(crate) fn line_of(lines: &[String], text: &str) -> Option<usize> {
    lines.iter().position(|line| line.contains(text))
}

/// The words of the line that has this text.
pub(crate) fn words<'a>(lines: &'a [String], text: &str) -> Vec<&'a str> {
    let line = lines.iter().find(|line| line.contains(text));
    line.map_or_else(Vec::new, |line| line.split_whitespace().collect())
}
