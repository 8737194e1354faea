// SPDX-License-Identifier: MIT OR Apache-2.0
//! `check.icmp`: whom an echo request goes to.

use super::target::TargetLayer;
use crate::config::section::CHECK_ICMP;
use crate::config::tree::Node;
use crate::config::value::map;
use crate::diagnostic::{Finding, Findings, Wrong};

/// The ICMP settings of one layer.
#[derive(Debug, Clone, Default)]
pub(super) struct IcmpLayer {
    pub(super) target: TargetLayer,
}

impl IcmpLayer {
    /// Reads the map; an error makes the whole check wrong.
    pub(super) fn read(node: &Node<'_>, out: &mut Findings) -> Result<Self, Wrong> {
        let mut layer = Self::default();
        let entries = map(&CHECK_ICMP, node, out)?;
        for entry in entries {
            if &*entry.key == "port" {
                let finding = Finding::new(entry.span, "an icmp check has no port");
                out.push(finding.help("leave it out: ICMP knows hosts only"));
                return Err(Wrong);
            }
            if !layer.target.take(entry, out) {
                CHECK_ICMP.unknown_key(entry, entries, out);
            }
        }
        Ok(layer)
    }
}
