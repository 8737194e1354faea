// SPDX-License-Identifier: MIT OR Apache-2.0
//! A file of keepalived: it is refused with messages, or becomes a configuration of ours. Its corrections can be made.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lvs_director::config::parse;
use lvs_director::import::{Included, Kind, Output, Surroundings, import};

/// A host with one file, which is whatever is asked for.
struct Host;

impl Surroundings for Host {
    fn include(&self, from: &str, pattern: &str) -> Vec<Included> {
        let bytes = Ok(b"weight 1 # from a file\n".to_vec());
        let name = format!("{from}/{pattern}");
        vec![Included { name, bytes }]
    }

    fn variable(&self, _: &str) -> Option<String> {
        Some("value".to_owned())
    }

    fn host_name(&self) -> String {
        "host.example".to_owned()
    }
}

fuzz_target!(|bytes: &[u8]| {
    let imported = import(Some(Kind::Keepalived), "keepalived.conf", bytes, &Host);
    serde_json::to_string(&imported.diagnostics).expect("JSON");
    let shown = imported.diagnostics.to_string();
    if imported.diagnostics.has_errors() {
        assert!(!shown.is_empty());
    } else if let Output::Director(document) = &imported.output {
        let text = document.to_string();
        if let Err(wrong) = parse("made.yaml", text.as_bytes()) {
            panic!("{text}\n{wrong}");
        }
    }
    for (_, text) in imported.corrected().texts {
        let _ = import(Some(Kind::Keepalived), "keepalived.conf", text.as_bytes(), &Host);
    }
});
