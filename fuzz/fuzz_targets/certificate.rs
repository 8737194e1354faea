// SPDX-License-Identifier: MIT OR Apache-2.0
//! A certificate that a server shows: its end is read without a panic, and printed in digits.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lvs_director::codec::certificate::not_after;

fuzz_target!(|bytes: &[u8]| {
    if let Some(end) = not_after(bytes) {
        let shown = end.to_string();
        let (digits, zone) = shown.split_at(shown.len() - 4);
        assert_eq!(zone, " UTC");
        assert!(
            digits.chars().all(|c| c.is_ascii_digit() || "-: ".contains(c)),
            "{shown}"
        );
    }
});
