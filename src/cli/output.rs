// SPDX-License-Identifier: MIT OR Apache-2.0
//! Standard output for text of any length.

use std::fmt;
use std::io::{self, BufWriter, StdoutLock, Write as _};

use crate::system::Reader;

/// Standard output with a buffer. A reader that went away (`lvsadm -Ln | head -1`) has what it wanted: the rest is
/// dropped silently.
pub(super) struct Output {
    writer: BufWriter<StdoutLock<'static>>,
    error: Option<io::Error>,
}

impl Output {
    pub(super) fn new() -> Self {
        Self {
            writer: BufWriter::with_capacity(64 * 1024, io::stdout().lock()),
            error: None,
        }
    }

    /// Writes the rest of the buffer, and returns whether everything was written or not wanted.
    pub(super) fn finish(mut self) -> Result<(), io::Error> {
        let result = match self.error.take() {
            Some(error) => Err(error),
            None => self.writer.flush(),
        };
        // After a write error, do not try again at the end.
        drop(self.writer.into_parts());
        Reader::of(result).map(|_| ())
    }
}

impl fmt::Write for Output {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.writer.write_all(text.as_bytes()).map_err(|error| {
            self.error = Some(error);
            fmt::Error
        })
    }
}
