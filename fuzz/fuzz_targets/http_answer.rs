// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a server sends to an HTTP check: it is read in any pieces with the same end, and what is shown is printable.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lvs_director::probe::HttpAnswer;

fuzz_target!(|bytes: &[u8]| {
    let whole = HttpAnswer::read(bytes);
    if let HttpAnswer::Complete(head) = &whole {
        assert!(!(100..200).contains(&head.status));
        assert!(!head.phrase.chars().any(char::is_control), "{head:?}");
        let body = bytes.get(head.length..).expect("the head was there");
        if let Ok(content) = head.body.read(body, false) {
            assert!(content.bytes.len() <= body.len());
            // The content only grows, until it has ended.
            let half = body.get(..body.len() / 2).unwrap_or_default();
            let early = head.body.read(half, false).expect("more was right");
            assert!(content.bytes.starts_with(&early.bytes));
            assert!(!early.ended || content == early);
        }
    }
    // What has come first decides, and more does not change it.
    let middle = bytes.get(..bytes.len() / 2).unwrap_or_default();
    let early = HttpAnswer::read(middle);
    if early != HttpAnswer::Partial {
        assert_eq!(early, whole);
    }
});
