// SPDX-License-Identifier: MIT OR Apache-2.0
//! A message of the other director of a pair: it is refused in plain words, or means the same when it is written again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lvs_director::pair::{MOST_BYTES, read, write};

fuzz_target!(|bytes: &[u8]| {
    match read(bytes) {
        Ok(message) => {
            // Escapes make some texts longer than they came.
            if let Some(written) = write(&message) {
                assert!(written.len() <= MOST_BYTES);
                assert_eq!(read(&written).unwrap(), message);
            }
        }
        Err(error) => assert!(!error.to_string().chars().any(char::is_control), "{error}"),
    }
});
