// SPDX-License-Identifier: MIT OR Apache-2.0
//! A file with users of the status page: it is refused with a line's number, or read again after a user was put into it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lvs_director::web::{Users, with_line};

const ALICE: &str = "alice:$pbkdf2-sha256$i=1000$MDEyMzQ1Njc4OWFiY2RlZg$\
                     AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fuzz_target!(|bytes: &[u8]| {
    match Users::read(bytes) {
        Err(wrong) => {
            assert!((1..=bytes.len() + 1).contains(&wrong.line));
            assert!(!wrong.to_string().contains(char::is_control));
        }
        Ok(users) => {
            let text = std::str::from_utf8(bytes).unwrap();
            let mut names: Vec<String> = users.names().map(str::to_owned).collect();
            let again = with_line(text, ALICE);
            let again = Users::read(again.as_bytes()).unwrap();
            if !names.iter().any(|it| it == "alice") {
                names.push("alice".to_owned());
                names.sort();
            }
            assert!(again.names().eq(names.iter()));
        }
    }
});
