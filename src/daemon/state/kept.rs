// SPDX-License-Identifier: MIT OR Apache-2.0
//! A list in a file of ours: lines that this director understands, and lines that only a newer one does.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// The lines of one list.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Kept<T> {
    /// Those that are understood.
    pub(super) known: Vec<T>,
    others: Vec<Value>,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        let (known, others) = (Vec::new(), Vec::new());
        Self { known, others }
    }
}

impl<T: DeserializeOwned + Serialize> Kept<T> {
    /// Takes the list with this name out of the fields of a file.
    pub(super) fn take(fields: &mut Map<String, Value>, name: &str) -> Self {
        let mut kept = Self::default();
        let Some(Value::Array(lines)) = fields.get_mut(name).map(Value::take) else {
            return kept;
        };
        fields.remove(name);
        for line in lines {
            // What a newer director says beside it does not change what it is.
            match T::deserialize(&line) {
                Ok(known) => kept.known.push(known),
                Err(_) => kept.others.push(line),
            }
        }
        kept
    }

    /// The list with these lines in place of the known ones. A line that only a newer director understands ends with the
    /// next one for its server.
    pub(super) fn with(&self, lines: impl Iterator<Item = T>) -> Vec<Value> {
        // A value of strings and numbers always serialises.
        let mut all: Vec<Value> = lines
            .filter_map(|line| serde_json::to_value(line).ok())
            .collect();
        let same = |a: &Value, b: &Value| {
            let equal = |name| a.get(name) == b.get(name);
            equal("service") && equal("server")
        };
        let others = self.others.iter();
        let others = others.filter(|other| !all.iter().any(|line| same(line, other)));
        let others: Vec<Value> = others.cloned().collect();
        all.extend(others);
        all
    }
}
