// SPDX-License-Identifier: MIT OR Apache-2.0
//! Asks for a secret at the terminal.

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Read, Result, Write};

use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};

/// The longest answer, in bytes.
const LONGEST: usize = 4096;

/// Asks at this process's terminal, which does not show the answer. Ctrl-C ends it with [`ErrorKind::Interrupted`].
pub fn ask_without_echo(prompt: &str) -> Result<String> {
    let mut terminal = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
    let quiet = Quiet::of(terminal.try_clone()?)?;
    terminal.write_all(prompt.as_bytes())?;
    let answer = read_line(&mut terminal);
    drop(quiet);
    // Whatever was typed, the cursor stands behind the prompt.
    terminal.write_all(b"\n")?;
    let answer = String::from_utf8(answer?);
    answer.map_err(|_| Error::new(ErrorKind::InvalidData, "it is not UTF-8"))
}

/// A terminal that neither shows what is typed nor acts on it. It is as before when this is dropped.
struct Quiet {
    terminal: File,
    before: Termios,
}

impl Quiet {
    fn of(terminal: File) -> Result<Self> {
        let before = tcgetattr(&terminal)?;
        let mut quiet = before.clone();
        // With its signals a terminal could end this process while it is quiet, and stay so.
        let off = LocalFlags::ECHO | LocalFlags::ICANON | LocalFlags::ISIG;
        quiet.local_flags.remove(off);
        tcsetattr(&terminal, SetArg::TCSAFLUSH, &quiet)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // Nothing can be done about a terminal that is gone.
        let _ = tcsetattr(&self.terminal, SetArg::TCSAFLUSH, &self.before);
    }
}

/// A line, with the keys that a terminal acts on by itself otherwise.
fn read_line(from: &mut impl Read) -> Result<Vec<u8>> {
    const CTRL_C: u8 = 0x03;
    const CTRL_D: u8 = 0x04;
    const CTRL_U: u8 = 0x15;
    const BACKSPACE: u8 = 0x08;
    const DELETE: u8 = 0x7f;
    let mut line = Vec::new();
    loop {
        let mut byte = [0];
        if from.read(&mut byte)? == 0 {
            return Ok(line);
        }
        match byte {
            [b'\n' | b'\r' | CTRL_D] => return Ok(line),
            [CTRL_C] => return Err(ErrorKind::Interrupted.into()),
            [CTRL_U] => line.clear(),
            [BACKSPACE | DELETE] => erase(&mut line),
            [_] if line.len() >= LONGEST => {
                return Err(Error::new(ErrorKind::InvalidData, "it is too long"));
            }
            [byte] => line.push(byte),
        }
    }
}

/// Takes away the last character, which may be several bytes of UTF-8.
fn erase(line: &mut Vec<u8>) {
    while line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_of_a_terminal_mean_what_they_mean_there() {
        for (typed, read) in [
            ("secret\nmore", "secret"),
            ("secret\r", "secret"),
            ("secret", "secret"),
            ("sexy\u{7f}\u{8}cret\n", "secret"),
            ("\u{7f}a\n", "a"),
            ("gä\u{7f}a\n", "ga"),
            ("wrong\u{15}right\u{4}", "right"),
        ] {
            let line = read_line(&mut typed.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(line).unwrap(), read, "{typed:?}");
        }
        let error = read_line(&mut &b"sec\x03"[..]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Interrupted);
        assert!(read_line(&mut vec![b'a'; LONGEST + 1].as_slice()).is_err());
    }
}
