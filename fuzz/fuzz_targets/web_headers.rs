// SPDX-License-Identifier: MIT OR Apache-2.0
//! The value of a header of a browser: a name with a password, a cookie, a host.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lvs_director::web::{basic, cookie, needs_no_dns};

fuzz_target!(|bytes: &[u8]| {
    if let Some((name, password)) = basic(bytes) {
        assert!(!name.contains(':'));
        assert!(name.len() + password.len() < bytes.len());
    }
    if let Some(token) = cookie(bytes, "session-8100") {
        let written: String = token.iter().map(|byte| format!("{byte:02x}")).collect();
        let text = String::from_utf8_lossy(bytes);
        assert!(text.contains(&format!("session-8100={written}")));
    }
    let text = String::from_utf8_lossy(bytes);
    if needs_no_dns(&text) {
        let name = text.to_ascii_lowercase();
        let address = |c: char| c.is_ascii_hexdigit() || "[]:.".contains(c);
        assert!(name.starts_with("localhost") || name.chars().all(address));
    }
});
