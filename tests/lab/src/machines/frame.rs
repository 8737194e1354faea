// SPDX-License-Identifier: MIT OR Apache-2.0
//! The messages between the lab and a director's agent: one request, then input and output as they come, then the end.
//!
//! A frame is one byte of kind, four bytes of length (big-endian), and that many bytes.

use std::io::{self, Read, Write};
use std::path::PathBuf;

use nix::pty::Winsize;
use serde::{Deserialize, Serialize};

/// Longer frames are a mistake.
const LONGEST: u32 = 16 * 1024 * 1024;

/// A command to run.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Request {
    /// The program and its arguments.
    pub(crate) argv: Vec<String>,
    /// Its whole environment.
    pub(crate) env: Vec<(String, String)>,
    /// Its directory.
    pub(crate) cwd: PathBuf,
    /// For a command that should outlive the connection: the file for its output.
    pub(crate) log: Option<PathBuf>,
    /// Where its standard input comes from.
    pub(crate) input: Input,
}

/// Where a command's standard input comes from.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) enum Input {
    /// From nowhere: it is at its end.
    #[default]
    Nothing,
    /// From frames of input.
    Frames,
    /// From frames of input, by a terminal of this size, which is its output, too.
    Terminal(Size),
}

/// The size of a terminal, in characters.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Size {
    pub(crate) rows: u16,
    pub(crate) columns: u16,
}

impl From<Size> for Winsize {
    fn from(size: Size) -> Self {
        Self {
            ws_row: size.rows,
            ws_col: size.columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        }
    }
}

/// One message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Frame {
    /// From the lab: run this.
    Run(Request),
    /// From the agent: the command wrote this to its standard output.
    Stdout(Vec<u8>),
    /// From the agent: the command wrote this to its standard error.
    Stderr(Vec<u8>),
    /// From the agent: the command ended with this status, or was started if it should outlive the connection.
    Exit(i32),
    /// From the agent: the command could not be run.
    Failed(String),
    /// From the lab: the command's input; nothing means its end. The lab sends the next after [`Frame::Taken`].
    Stdin(Vec<u8>),
    /// From the agent: the command has taken its input, or wants none.
    Taken,
    /// From the lab: the terminal has another size.
    Resize(Size),
}

impl Frame {
    /// Writes the frame in one piece.
    pub(crate) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let (kind, payload) = match self {
            Self::Run(request) => (0, serde_json::to_vec(request)?),
            Self::Stdout(bytes) => (1, bytes.clone()),
            Self::Stderr(bytes) => (2, bytes.clone()),
            Self::Exit(status) => (3, status.to_be_bytes().to_vec()),
            Self::Failed(why) => (4, why.as_bytes().to_vec()),
            Self::Stdin(bytes) => (5, bytes.clone()),
            Self::Taken => (6, Vec::new()),
            Self::Resize(size) => (7, serde_json::to_vec(size)?),
        };
        let length = u32::try_from(payload.len())
            .ok()
            .filter(|&length| length <= LONGEST);
        let length = length.ok_or_else(|| invalid("frame too long"))?;
        let mut bytes = Vec::with_capacity(payload.len() + 5);
        bytes.push(kind);
        bytes.extend(length.to_be_bytes());
        bytes.extend(payload);
        to.write_all(&bytes)
    }

    /// Reads one frame; `None` at the end of the stream.
    pub(crate) fn read(from: &mut impl Read) -> io::Result<Option<Self>> {
        let mut kind = [0];
        if from.read(&mut kind)? == 0 {
            return Ok(None);
        }
        let mut length = [0; 4];
        from.read_exact(&mut length)?;
        let length = u32::from_be_bytes(length);
        if length > LONGEST {
            return Err(invalid("frame too long"));
        }
        let mut payload = Vec::new();
        from.take(length.into()).read_to_end(&mut payload)?;
        if payload.len() != usize::try_from(length).unwrap_or(usize::MAX) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let [kind] = kind;
        Self::parse(kind, payload).map(Some)
    }

    fn parse(kind: u8, payload: Vec<u8>) -> io::Result<Self> {
        Ok(match kind {
            0 => Self::Run(serde_json::from_slice(&payload)?),
            1 => Self::Stdout(payload),
            2 => Self::Stderr(payload),
            3 => {
                let status = payload
                    .try_into()
                    .map_err(|_| invalid("a status has four bytes"))?;
                Self::Exit(i32::from_be_bytes(status))
            }
            4 => Self::Failed(String::from_utf8_lossy(&payload).into_owned()),
            5 => Self::Stdin(payload),
            6 => Self::Taken,
            7 => Self::Resize(serde_json::from_slice(&payload)?),
            _ => return Err(invalid("unknown kind of frame")),
        })
    }
}

fn invalid(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::{Frame, Input, Request, Size};

    fn examples() -> Vec<Frame> {
        let size = Size {
            rows: 24,
            columns: 80,
        };
        let request = Request {
            argv: vec!["ipvsadm".to_owned(), "-Ln".to_owned()],
            env: vec![("A".to_owned(), "b c".to_owned())],
            cwd: "/tmp".into(),
            log: Some("/tmp/log".into()),
            input: Input::Terminal(size),
        };
        vec![
            Frame::Run(request),
            Frame::Stdout(b"out\0\xff".to_vec()),
            Frame::Stderr(Vec::new()),
            Frame::Exit(-1),
            Frame::Failed("no such file".to_owned()),
            Frame::Stdin(b"in\0".to_vec()),
            Frame::Stdin(Vec::new()),
            Frame::Taken,
            Frame::Resize(size),
        ]
    }

    #[test]
    fn what_is_written_is_read() {
        let mut bytes = Vec::new();
        for frame in examples() {
            frame.write(&mut bytes).unwrap();
        }
        let mut from = bytes.as_slice();
        for frame in examples() {
            assert_eq!(Frame::read(&mut from).unwrap(), Some(frame));
        }
        assert_eq!(Frame::read(&mut from).unwrap(), None);
    }

    #[test]
    fn a_frame_that_is_cut_short_is_an_error() {
        let mut bytes = Vec::new();
        Frame::Stdout(b"some output".to_vec())
            .write(&mut bytes)
            .unwrap();
        for length in 1..bytes.len() {
            assert!(
                Frame::read(&mut &bytes[..length]).is_err(),
                "{length} bytes"
            );
        }
    }

    #[test]
    fn nonsense_is_an_error() {
        for bytes in [
            &[9, 0, 0, 0, 0][..],
            &[1, 0xff, 0, 0, 0],
            &[3, 0, 0, 0, 1, 7],
            &[0, 0, 0, 0, 1, b'{'],
        ] {
            assert!(Frame::read(&mut &bytes[..]).is_err(), "{bytes:?}");
        }
    }
}
