// SPDX-License-Identifier: MIT OR Apache-2.0
//! The output of the commands, and what happens when it cannot be written.

use std::io::{self, Write as _};

use super::args::Failure;
use crate::system::{self, Reader};

/// Prints on standard output. A command that has more to print may stop when the reader is gone.
pub(super) fn say(text: &str) -> Result<Reader, Failure> {
    system::print(text).map_err(|error| unwritten(&error))
}

/// The result of a write to standard output.
pub(super) fn heard(written: io::Result<()>) -> Result<Reader, Failure> {
    Reader::of(written).map_err(|error| unwritten(&error))
}

fn unwritten(error: &io::Error) -> Failure {
    Failure::failed(format!("write to standard output: {error}"))
}

/// Prints a line on standard error. If that fails there is nowhere left to say so.
pub(super) fn complain(line: &str) {
    let mut error = io::stderr().lock();
    let _ = writeln!(error, "{line}").and_then(|()| error.flush());
}

/// Text from elsewhere, without control sequences for a terminal.
pub(super) fn printable(text: &str) -> String {
    let harmless = |c: char| !c.is_control() || c == '\n';
    text.chars()
        .map(|c| if harmless(c) { c } else { '\u{fffd}' })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::*;

    #[test]
    fn a_closed_pipe_is_no_error_and_a_full_disk_is_one() {
        let outcome = |kind: ErrorKind| heard(Err(kind.into())).ok();
        assert_eq!(heard(Ok(())).ok(), Some(Reader::There));
        assert_eq!(outcome(ErrorKind::BrokenPipe), Some(Reader::Gone));
        assert_eq!(outcome(ErrorKind::StorageFull), None);
    }

    #[test]
    fn escapes_do_not_reach_the_terminal() {
        assert_eq!(printable("a\u{1b}[31m\nb\r"), "a\u{fffd}[31m\nb\u{fffd}");
    }
}
