// SPDX-License-Identifier: MIT OR Apache-2.0
//! What must be true of every text that is imported.

use lvs_director::config::parse;
use lvs_director::import::{Alone, Kind, Output, import};

/// The text is refused with messages, or becomes a file that our own reader takes. All corrections can be made or left.
pub fn check(kind: Kind, bytes: &[u8]) {
    let imported = import(Some(kind), "fuzzed", bytes, &Alone);
    let said = imported.diagnostics.render(false);
    serde_json::to_string(&imported.diagnostics).expect("JSON");
    let _ = imported.corrected();
    if imported.diagnostics.has_errors() {
        assert!(!said.is_empty());
        return;
    }
    match imported.output {
        Output::Text(text) => assert!(text.len() < 1 << 20),
        Output::Director(document) => {
            let text = document.to_string();
            if let Err(wrong) = parse("made.yaml", text.as_bytes()) {
                panic!("{text}\n{wrong}");
            }
        }
    }
}
