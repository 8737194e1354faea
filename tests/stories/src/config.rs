// SPDX-License-Identifier: MIT OR Apache-2.0
//! The configuration of the demonstration: `examples/rabbitmq.yaml`, with a few values changed.

use std::time::Duration;

use anyhow::{Result, ensure};

const EXAMPLE: &str = include_str!("../../../examples/rabbitmq.yaml");

/// The changes: the old text, and the new one. Each old text occurs once.
const CHANGES: [(&str, &str); 6] = [
    ("- 192.168.0.2\n", "- {address: 192.168.0.2, weight: 3}\n"),
    ("- 192.168.0.3\n", "- {address: 192.168.0.3, weight: 2}\n"),
    (" interval: 6s", " interval: 1s"),
    (" timeout: 3s", " timeout: 500ms"),
    (" retry_delay: 3s", " retry_delay: 200ms"),
    (" fall: 3", " fall: 2"),
];

/// What is added.
const ADDED: &str = "\ndirector:\n  repair_interval: 2s\n";

/// What was changed, for people.
pub(super) const SHOWN: &str = "weights 3, 2, 1 (not 1, 1, 1), interval 1s (6s), timeout 500ms (3s), \
     retry_delay 200ms (3s), fall 2 (3), repair_interval 2s (10s)";

/// The longest from a server's death to its removal: a probe has just succeeded; the next one starts an interval later
/// and times out, and so does the one after it.
pub(super) const REMOVAL: Duration = Duration::from_millis(1000 + 500 + 200 + 500);
/// The longest from a server's return to its restoration: two probes succeed, with an interval before each.
pub(super) const RESTORATION: Duration = Duration::from_millis(2 * 1000);
/// The longest from a change by others to its repair.
pub(super) const REPAIR: Duration = Duration::from_millis(2000);
/// The longest from a start to the last first verdict: the first probe is made within a second.
pub(super) const FIRST_VERDICTS: Duration = Duration::from_millis(1000 + 500);

/// The text of the file; `add` may append to the list of virtual services.
pub(super) fn derive(add: impl FnOnce(&mut String)) -> Result<String> {
    let mut text = EXAMPLE.to_owned();
    for (from, to) in CHANGES {
        ensure!(
            text.matches(from).count() == 1,
            "examples/rabbitmq.yaml: expected {from:?} once"
        );
        text = text.replace(from, to);
    }
    add(&mut text);
    text.push_str(ADDED);
    Ok(text)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_example_still_has_what_is_changed() {
        assert!(super::derive(|_| ()).unwrap().contains("weight: 3}"));
    }
}
