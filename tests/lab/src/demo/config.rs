// SPDX-License-Identifier: MIT OR Apache-2.0
//! The configuration of the demonstration: `examples/rabbitmq.yaml`, with a few values changed.

use anyhow::{Result, ensure};

const EXAMPLE: &str = include_str!("../../../../examples/rabbitmq.yaml");

/// What is changed: what to show, the text there, the text here. Each occurs once.
const CHANGES: [(&str, &str, &str); 6] = [
    (
        "weight of 192.168.0.2: 1 -> 3",
        "    - 192.168.0.2\n",
        "    - {address: 192.168.0.2, weight: 3}\n",
    ),
    (
        "of 192.168.0.3: 1 -> 2",
        "    - 192.168.0.3\n",
        "    - {address: 192.168.0.3, weight: 2}\n",
    ),
    ("interval: 6s -> 1s", "    interval: 6s", "    interval: 1s"),
    (
        "timeout: 3s -> 500ms",
        "    timeout: 3s",
        "    timeout: 500ms",
    ),
    (
        "retry_delay: 3s -> 200ms",
        "    retry_delay: 3s",
        "    retry_delay: 200ms",
    ),
    ("fall: 3 -> 2", "    fall: 3", "    fall: 2"),
];

/// What is added.
const ADDED: &str =
    "\ndirector:\n  repair_interval: 2s\n  state_file: /run/lvs-director/state.json\n";
const ADDED_SHOWN: &str = "repair_interval: 10s -> 2s";

/// The file, and the list of what was changed.
pub(super) fn derive() -> Result<(String, String)> {
    let mut text = EXAMPLE.to_owned();
    for (shown, from, to) in CHANGES {
        ensure!(
            text.matches(from).count() == 1,
            "examples/rabbitmq.yaml: expected {from:?} once ({shown})"
        );
        text = text.replace(from, to);
    }
    text.push_str(ADDED);
    let mut shown = CHANGES.map(|(shown, _, _)| shown).to_vec();
    shown.push(ADDED_SHOWN);
    Ok((text, shown.join(", ")))
}

/// The longest from a server's death to its removal, as the configuration has it: a probe has just succeeded; the next
/// one starts an interval later and times out, and so does the one after it.
pub(super) const REMOVAL: std::time::Duration =
    std::time::Duration::from_millis(1000 + 500 + 200 + 500);
/// The longest from a server's return to its restoration: two probes that succeed, an interval before each.
pub(super) const RESTORATION: std::time::Duration = std::time::Duration::from_millis(2000);
/// The longest from a change by others to its repair.
pub(super) const REPAIR: std::time::Duration = std::time::Duration::from_millis(2000);
/// The longest from a start to the last first verdict: a second at most until the first probe, and its timeout.
pub(super) const FIRST_VERDICTS: std::time::Duration = std::time::Duration::from_millis(1000 + 500);

#[cfg(test)]
mod tests {
    #[test]
    fn the_example_still_has_what_is_changed() {
        let (text, shown) = super::derive().unwrap();
        assert!(text.contains("weight: 3}"));
        assert!(shown.contains("fall: 3 -> 2"));
    }
}
