// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lines of a client: bounded in length, and in the time from their first byte to their last.

use std::time::Duration;

use serde::Serialize;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::{Instant, timeout_at};

/// The bytes that one read asks for.
const CHUNK: usize = 4096;

/// A value as one line of JSON, with its end.
pub(super) fn line(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    Ok(line)
}

/// What a client has sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// A line, without its end.
    Line(Vec<u8>),
    /// It has sent everything. Half a line at the end does not count.
    End,
    /// A line that is longer than a line may be.
    TooLong,
    /// A line that was begun and not ended in time.
    Stalled,
}

/// Reads lines. A call that is dropped before it returns loses nothing.
pub(super) struct Lines<R> {
    from: R,
    buffer: Vec<u8>,
    /// The first bytes of the buffer, this many, have no end of a line.
    searched: usize,
    begun: Option<Instant>,
    longest: usize,
    patience: Duration,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(super) fn new(from: R, longest: usize, patience: Duration) -> Self {
        Self {
            from,
            buffer: Vec::new(),
            searched: 0,
            begun: None,
            longest,
            patience,
        }
    }

    /// The next line. A read error is the end, too: nobody is there to get a message.
    pub(super) async fn next(&mut self) -> Heard {
        loop {
            if let Some(line) = self.take_line() {
                return if line.len() > self.longest {
                    Heard::TooLong
                } else {
                    Heard::Line(line)
                };
            }
            if self.buffer.len() > self.longest {
                return Heard::TooLong;
            }
            self.buffer.reserve(CHUNK);
            let read = self.from.read_buf(&mut self.buffer);
            let read = match self.begun {
                None => read.await,
                Some(begun) => match timeout_at(begun + self.patience, read).await {
                    Ok(read) => read,
                    Err(_) => return Heard::Stalled,
                },
            };
            match read {
                Ok(0) | Err(_) => return Heard::End,
                Ok(_) => {
                    self.begun.get_or_insert_with(Instant::now);
                }
            }
        }
    }

    fn take_line(&mut self) -> Option<Vec<u8>> {
        let unsearched = self.buffer.get(self.searched..)?;
        let Some(end) = unsearched.iter().position(|byte| *byte == b'\n') else {
            self.searched = self.buffer.len();
            return None;
        };
        let rest = self.buffer.split_off(self.searched + end + 1);
        let mut line = std::mem::replace(&mut self.buffer, rest);
        line.pop();
        self.searched = 0;
        self.begun = (!self.buffer.is_empty()).then(Instant::now);
        Some(line)
    }
}
