// SPDX-License-Identifier: MIT OR Apache-2.0
//! Standard output, and whether anybody reads it.

use std::io::{self, ErrorKind, Write as _};

/// Whether a program or a person still reads standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// The reader is there.
    There,
    /// The other end of the pipe is closed: the reader, such as `head`, has what it wanted. That is not an error.
    Gone,
}

impl Reader {
    /// What the result of a write to standard output says of its reader.
    pub fn of(written: io::Result<()>) -> io::Result<Self> {
        match written {
            Ok(()) => Ok(Self::There),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Self::Gone),
            Err(error) => Err(error),
        }
    }
}

/// Prints on standard output, at once.
pub fn print(text: &str) -> io::Result<Reader> {
    let mut out = io::stdout().lock();
    Reader::of(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}
