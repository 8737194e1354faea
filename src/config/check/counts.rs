// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a sign beside the probes counts for: `check.tripwire` and `check.passive`.

use crate::config::section::Section;
use crate::config::tree::{Node, Value};
use crate::config::value::{boolean, choice, map};
use crate::diagnostic::{Findings, Wrong};
use crate::model::Counts;

/// `true`, `false`, or a map of this section, which means true.
pub(super) fn counts(
    section: &Section,
    name: &str,
    node: &Node<'_>,
    out: &mut Findings,
) -> Result<Option<Counts>, Wrong> {
    if matches!(node.value, Value::Scalar { .. }) && !node.is_null() {
        return Ok(boolean(name, node, out)?.then_some(Counts::Probe));
    }
    let entries = map(section, node, out)?;
    let mut counts = Ok(Counts::Probe);
    for entry in entries {
        match &*entry.key {
            "counts" => counts = choice("counts", &entry.value, &Counts::ALL, &[], out),
            _ => section.unknown_key(entry, entries, out),
        }
    }
    counts.map(Some)
}
