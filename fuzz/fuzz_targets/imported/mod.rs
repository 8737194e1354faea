// SPDX-License-Identifier: MIT OR Apache-2.0
//! What must be true of every text that is imported.

use lvs_director::config::parse;
use lvs_director::import::{Imported, Kind, Output, Surroundings, import};

/// The text is refused with messages, or becomes a file that our own reader takes. All corrections can be made or left, and
/// the corrected text is read, too.
pub fn check(kind: Kind, bytes: &[u8], around: &dyn Surroundings) {
    let imported = one(kind, bytes, around);
    for (_, text) in imported.corrected().texts {
        one(kind, text.as_bytes(), around);
    }
}

fn one(kind: Kind, bytes: &[u8], around: &dyn Surroundings) -> Imported {
    let imported = import(Some(kind), "fuzzed", bytes, around);
    let said = imported.diagnostics.render(false);
    assert!(said.chars().all(|c| c == '\n' || !c.is_control()), "{said}");
    serde_json::to_string(&imported.diagnostics).expect("JSON");
    if imported.diagnostics.has_errors() {
        assert!(!said.is_empty());
        return imported;
    }
    match &imported.output {
        Output::Text(text) => assert!(text.len() < 1 << 20),
        Output::Director(document) => {
            let text = document.to_string();
            if let Err(wrong) = parse("made.yaml", text.as_bytes()) {
                panic!("{text}\n{wrong}");
            }
        }
    }
    imported
}
