// SPDX-License-Identifier: MIT OR Apache-2.0
//! The lines of the kernel's list of connections, one after the other.

use std::io::{BufRead, Error};

/// A list while we read it, after its title.
#[derive(Debug)]
pub struct ConnectionLines<R> {
    input: R,
    /// Used again for each line.
    bytes: Vec<u8>,
}

impl<R: BufRead> ConnectionLines<R> {
    /// Passes over the title.
    pub fn behind_title(mut input: R) -> Result<Self, Error> {
        let mut bytes = Vec::new();
        input.read_until(b'\n', &mut bytes)?;
        Ok(Self { input, bytes })
    }

    /// Reads the next line into `line`, and replaces its content; `false` at the end. Bytes that are not UTF-8 are
    /// replaced: a SIP client chooses the data of its persistence engine, and must not be able to end the list.
    pub fn next(&mut self, line: &mut String) -> Result<bool, Error> {
        self.bytes.clear();
        line.clear();
        if self.input.read_until(b'\n', &mut self.bytes)? == 0 {
            return Ok(false);
        }
        line.push_str(&String::from_utf8_lossy(&self.bytes));
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_end_nothing() {
        let mut lines = ConnectionLines::behind_title(&b"\xff title\none \xe9\n\ntwo"[..]).unwrap();
        let mut line = "before".to_owned();
        for expected in ["one \u{fffd}\n", "\n", "two"] {
            assert!(lines.next(&mut line).unwrap());
            assert_eq!(line, expected);
        }
        assert!(!lines.next(&mut line).unwrap());
        assert!(
            !ConnectionLines::behind_title(&b""[..])
                .unwrap()
                .next(&mut line)
                .unwrap()
        );
    }
}
