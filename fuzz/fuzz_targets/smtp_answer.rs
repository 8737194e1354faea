// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a mail server sends to an SMTP check: it is read in any pieces with the same end, and what is shown is printable.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lvs_director::codec::smtp::{MOST_BYTES, SmtpAnswer};

fuzz_target!(|bytes: &[u8]| {
    let whole = SmtpAnswer::read(bytes);
    if let SmtpAnswer::Complete(reply, length) = &whole {
        assert!((4..=bytes.len().min(MOST_BYTES)).contains(length));
        assert!((200..600).contains(&reply.code));
        assert!(!reply.text.chars().any(char::is_control), "{reply:?}");
    }
    // What has come first decides, and more does not change it.
    let middle = bytes.get(..bytes.len() / 2).unwrap_or_default();
    let early = SmtpAnswer::read(middle);
    if early != SmtpAnswer::Partial {
        assert_eq!(early, whole);
    }
});
