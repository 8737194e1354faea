// SPDX-License-Identifier: MIT OR Apache-2.0
//! `check.agent`: where an agent answers, and what is sent to it.

use super::target::TargetLayer;
use crate::config::section::CHECK_AGENT;
use crate::config::setting::{Setting, innermost};
use crate::config::tree::Node;
use crate::config::value::{map, text_that};
use crate::diagnostic::{Findings, Wrong};
use crate::model::AgentProbe;

/// The longest line, in bytes.
const LONGEST: usize = 1024;

/// The agent's settings of one layer.
#[derive(Debug, Clone, Default)]
pub(super) struct AgentLayer {
    pub(super) target: TargetLayer,
    send: Setting<Box<str>>,
}

impl AgentLayer {
    /// Reads the map; an error makes the whole check wrong.
    pub(super) fn read(node: &Node<'_>, out: &mut Findings) -> Result<Self, Wrong> {
        let mut layer = Self::default();
        let entries = map(&CHECK_AGENT, node, out)?;
        for entry in entries {
            let (name, node) = (&*entry.key, &entry.value);
            match name {
                "send" => layer.send = Setting::read(node, line(name, node, out)),
                _ if layer.target.take(entry, out) => {}
                _ => CHECK_AGENT.unknown_key(entry, entries, out),
            }
        }
        Ok(layer)
    }

    /// What is asked, from all layers, the innermost first.
    pub(super) fn resolve(layers: &[&Self]) -> Result<AgentProbe, Wrong> {
        let send = innermost(layers, |layer| &layer.send)?;
        Ok(AgentProbe {
            send: send.map(|found| found.value.clone()),
        })
    }
}

/// One line, without its end.
fn line(name: &str, node: &Node<'_>, out: &mut Findings) -> Result<Box<str>, Wrong> {
    let possible =
        |text: &str| (1..=LONGEST).contains(&text.len()) && !text.chars().any(char::is_control);
    let help = "1 to 1024 bytes without control characters; the check adds the line feed";
    text_that(possible, name, node, "a line", help, out)
}
