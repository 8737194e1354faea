// SPDX-License-Identifier: MIT OR Apache-2.0
//! `check.tcp`: to which port.

use super::target::TargetLayer;
use crate::config::section::CHECK_TCP;
use crate::config::tree::Node;
use crate::config::value::map;
use crate::diagnostic::{Findings, Wrong};

/// The TCP settings of one layer.
#[derive(Debug, Clone, Default)]
pub(super) struct TcpLayer {
    pub(super) target: TargetLayer,
}

impl TcpLayer {
    /// Reads the map; an error makes the whole check wrong.
    pub(super) fn read(node: &Node<'_>, out: &mut Findings) -> Result<Self, Wrong> {
        let mut layer = Self::default();
        let entries = map(&CHECK_TCP, node, out)?;
        for entry in entries {
            if !layer.target.take(entry, out) {
                CHECK_TCP.unknown_key(entry, entries, out);
            }
        }
        Ok(layer)
    }
}
