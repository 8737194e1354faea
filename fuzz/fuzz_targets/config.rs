// SPDX-License-Identifier: MIT OR Apache-2.0
//! A configuration file: it is refused in words, or is a configuration that prints as a file that says the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lvs_director::config::{parse, to_yaml};

fuzz_target!(|bytes: &[u8]| {
    match parse("director.yaml", bytes) {
        Err(diagnostics) => assert!(!diagnostics.to_string().is_empty()),
        Ok(config) => {
            let printed = to_yaml(&config);
            match parse("printed.yaml", printed.as_bytes()) {
                Ok(again) => assert_eq!(again, config, "{printed}"),
                Err(diagnostics) => panic!("{printed}\n{diagnostics}"),
            }
        }
    }
});
