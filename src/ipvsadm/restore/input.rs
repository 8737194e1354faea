// SPDX-License-Identifier: MIT OR Apache-2.0
//! The lines of the input, many at a time, in memory that is used again. A table of many thousand lines takes a few
//! milliseconds to read; fresh memory would take the larger part of that.

use std::borrow::Cow;
use std::io::{Error, ErrorKind, Read};

/// The longest line there may be.
const ROOM: usize = 64 * 1024;
/// Read at once, as long as no line is longer: more would save few calls and cost fresh memory. It is no less than what
/// the changes of one call to the kernel take, which are put in its place afterwards.
const AT_ONCE: usize = 40 * 1024;

/// A text being read.
#[derive(Debug)]
pub(super) struct Input<R> {
    from: R,
    bytes: Vec<u8>,
    /// How many of them are read.
    filled: usize,
    /// How many of those bytes were handed out.
    used: usize,
}

impl<R: Read> Input<R> {
    pub(super) fn new(from: R) -> Self {
        Self {
            from,
            bytes: vec![0; AT_ONCE],
            filled: 0,
            used: 0,
        }
    }

    /// The next whole lines, `None` at the end. Bytes that are not UTF-8 are replaced: a word with one has no meaning.
    pub(super) fn next(&mut self) -> Result<Option<Cow<'_, str>>, Error> {
        self.bytes.copy_within(self.used..self.filled, 0);
        self.filled -= self.used;
        self.used = 0;
        while self.used == 0 {
            if self.filled == ROOM {
                let message = format!("a line of more than {ROOM} bytes");
                return Err(Error::new(ErrorKind::InvalidData, message));
            }
            if self.filled == self.bytes.len() {
                self.bytes.resize(ROOM, 0);
            }
            let room = self.bytes.get_mut(self.filled..).unwrap_or_default();
            let before = self.filled;
            match self.from.read(room) {
                Ok(0) if self.filled == 0 => return Ok(None),
                Ok(0) => self.used = self.filled,
                Ok(count) => {
                    self.filled += count;
                    let fresh = self.bytes.get(before..self.filled).unwrap_or_default();
                    let end = fresh.iter().rposition(|byte| *byte == b'\n');
                    self.used = end.map_or(0, |end| before + end + 1);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let lines = self.bytes.get(..self.used).unwrap_or_default();
        if matches!(lines, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) {
            let message = "this is UTF-16; save it as UTF-8";
            return Err(Error::new(ErrorKind::InvalidData, message));
        }
        // To see that nothing has to be replaced is much less work than to look for what has.
        Ok(Some(match str::from_utf8(lines) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => String::from_utf8_lossy(lines),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives this many bytes at a time.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, room: &mut [u8]) -> Result<usize, Error> {
            let count = self.1.min(self.0.len()).min(room.len());
            let (now, later) = self.0.split_at(count);
            room[..count].copy_from_slice(now);
            self.0 = later;
            Ok(count)
        }
    }

    fn lines(from: impl Read) -> Result<Vec<String>, Error> {
        let mut input = Input::new(from);
        let mut lines = Vec::new();
        while let Some(text) = input.next()? {
            lines.extend(text.lines().map(str::to_owned));
        }
        Ok(lines)
    }

    #[test]
    fn lines_come_whole_however_they_arrive() {
        let text = b"one\ntwo\n\nfour \xff\nlast";
        for step in 1..=text.len() {
            assert_eq!(
                lines(Slow(text, step)).unwrap(),
                ["one", "two", "", "four \u{fffd}", "last"]
            );
        }
        assert!(lines(&b""[..]).unwrap().is_empty());
    }

    #[test]
    fn more_than_fits_at_once_is_read() {
        let all: Vec<String> = (0..50_000).map(|number| format!("line {number}")).collect();
        let text = all.join("\n");
        assert!(text.len() > 5 * ROOM);
        for step in [7, 4096, ROOM] {
            let lines = lines(Slow(text.as_bytes(), step)).unwrap();
            assert_eq!(lines.len(), 50_000);
            assert_eq!(lines[49_999], "line 49999");
        }
    }

    #[test]
    fn utf_16_is_told_by_its_name() {
        for text in [&b"\xff\xfe-\0A\0\n\0"[..], b"\xfe\xff\0-\0A\0\n"] {
            let error = lines(text).unwrap_err();
            assert_eq!(error.to_string(), "this is UTF-16; save it as UTF-8");
        }
    }

    #[test]
    fn a_line_without_an_end_is_an_error() {
        let error = lines(std::io::repeat(b'x')).unwrap_err();
        assert_eq!(error.to_string(), "a line of more than 65536 bytes");
    }
}
