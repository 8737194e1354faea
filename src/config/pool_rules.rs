// SPDX-License-Identifier: MIT OR Apache-2.0
//! How the servers of a virtual service stand in for each other.

use super::setting::{Setting, innermost_or};
use super::tree::{Entry, Node};
use super::value::{decimal, text};
use crate::diagnostic::{Finding, Findings, Shown, Wrong};
use crate::model::{MinHealthy, PoolRules};

/// The most servers that a rule can ask for.
const MOST: u32 = 200_000;

/// The rules of one layer.
#[derive(Debug, Clone, Default)]
pub(super) struct PoolLayer {
    min_healthy: Setting<MinHealthy>,
}

impl PoolLayer {
    /// Reads a key if it is one of these settings, and returns whether it is.
    pub(super) fn take(&mut self, entry: &Entry<'_>, out: &mut Findings) -> bool {
        let (name, node) = (&*entry.key, &entry.value);
        match name {
            "min_healthy" => self.min_healthy = Setting::read(node, min_healthy(name, node, out)),
            _ => return false,
        }
        true
    }

    /// The rules of a service, from all layers, the service's own first.
    pub(super) fn resolve(layers: &[&Self; 2]) -> Result<PoolRules, Wrong> {
        let PoolRules { min_healthy } = PoolRules::default();
        Ok(PoolRules {
            min_healthy: innermost_or(layers, |layer| &layer.min_healthy, min_healthy)?,
        })
    }
}

/// A number of servers, or a share of them.
fn min_healthy(name: &str, node: &Node<'_>, out: &mut Findings) -> Result<MinHealthy, Wrong> {
    let wanted = format!("0 to {MOST} servers, or 0% to 100%");
    let text = text(name, node, &wanted, out)?;
    let found = match text.strip_suffix('%') {
        Some(share) => decimal(share)
            .and_then(|share| u8::try_from(share).ok())
            .filter(|share| *share <= 100)
            .map(MinHealthy::Percent),
        None => decimal(text)
            .filter(|number| *number <= MOST)
            .map(MinHealthy::Servers),
    };
    found.ok_or_else(|| {
        let message = format!("{name} must be {wanted}, got {}", Shown(text));
        out.push(Finding::new(node.span, message).help("0 lets all servers go"));
        Wrong
    })
}
