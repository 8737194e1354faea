// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lines of the control socket, of either side: they are refused in words, or mean the same when they are written again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lvs_director::control::{ClientLine, ReplyLine};

fuzz_target!(|line: &[u8]| {
    match ClientLine::read(line) {
        Ok(read) => {
            let written = read.line().unwrap();
            assert_eq!(written.iter().filter(|byte| **byte == b'\n').count(), 1);
            assert_eq!(ClientLine::read(&written).unwrap(), read);
        }
        // What is sent back holds nothing that a terminal obeys.
        Err(error) => assert!(!error.to_string().chars().any(char::is_control), "{error}"),
    }
    if let Ok(read) = ReplyLine::read(line) {
        let written = read.line().unwrap();
        assert_eq!(written.iter().filter(|byte| **byte == b'\n').count(), 1);
        let again = ReplyLine::read(&written).unwrap();
        // An item of a kind that is not known is written without it.
        if !matches!(read, ReplyLine::Item(_, None)) {
            assert_eq!(again, read);
        }
    }
});
