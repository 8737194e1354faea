// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a server sends to an HTTP check: it is read in any pieces with the same end, and what is shown is printable.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lvs_director::probe::HttpAnswer;

fuzz_target!(|bytes: &[u8]| {
    let whole = HttpAnswer::read(bytes);
    if let HttpAnswer::Complete(status, phrase) = &whole {
        assert!(!(100..200).contains(status));
        assert!(!phrase.chars().any(char::is_control), "{phrase:?}");
    }
    // What has come first decides, and more does not change it.
    let middle = bytes.get(..bytes.len() / 2).unwrap_or_default();
    let early = HttpAnswer::read(middle);
    if early != HttpAnswer::Partial {
        assert_eq!(early, whole);
    }
});
