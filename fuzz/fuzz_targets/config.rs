// SPDX-License-Identifier: MIT OR Apache-2.0
//! A configuration file: it is refused with messages, or it prints as a file that means the same. Its errors print for
//! people and for programs, and all offered fixes can be made.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lvs_director::config::{parse, to_yaml};
use lvs_director::diagnostic::{Diagnostics, SourceMap, apply};

fuzz_target!(|bytes: &[u8]| {
    match parse("director.yaml", bytes) {
        Err(diagnostics) => refused(bytes, &diagnostics),
        Ok(config) => {
            let printed = to_yaml(&config);
            match parse("printed.yaml", printed.as_bytes()) {
                Ok(again) => assert_eq!(again, config, "{printed}"),
                Err(diagnostics) => panic!("{printed}\n{diagnostics}"),
            }
        }
    }
});

fn refused(bytes: &[u8], diagnostics: &Diagnostics) {
    assert!(!diagnostics.to_string().is_empty());
    serde_json::to_string(diagnostics).expect("JSON");
    if let Ok(text) = str::from_utf8(bytes) {
        let mut sources = SourceMap::default();
        let file = sources.add("director.yaml", text);
        let applied = apply(&sources, diagnostics.fixes());
        assert!(applied.left.is_empty(), "{:?}", applied.left);
        let fixed = applied.text(file).is_some_and(|fixed| fixed != text);
        assert_eq!(fixed, !diagnostics.fixes().is_empty());
    }
}
