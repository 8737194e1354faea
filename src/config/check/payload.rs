// SPDX-License-Identifier: MIT OR Apache-2.0
//! `send` and `expect`: bytes as text with escapes.

use std::ops::RangeInclusive;

use crate::config::tree::Node;
use crate::config::value::text;
use crate::diagnostic::{Finding, Findings, Shown, Wrong};
use crate::model::Payload;

/// How much may be sent; nothing is possible, too.
pub(super) const SENT: RangeInclusive<usize> = 0..=1024;
/// How much may be waited for.
pub(super) const EXPECTED: RangeInclusive<usize> = 1..=1024;

/// Bytes, this many.
pub(super) fn payload(
    name: &str,
    node: &Node<'_>,
    lengths: &RangeInclusive<usize>,
    out: &mut Findings,
) -> Result<Payload, Wrong> {
    const HELP: &str =
        "other bytes are \\r \\n \\t \\0 \\\\ \\xNN, best in single quotes: 'PING\\r\\n'";
    let wanted = format!("a text of {} to {} bytes", lengths.start(), lengths.end());
    let text = text(name, node, &wanted, out)?;
    let why = match Payload::parse(text) {
        Ok(payload) if lengths.contains(&payload.bytes().len()) => return Ok(payload),
        Ok(_) => format!("{name} must be {wanted}, got {}", Shown(text)),
        Err(_) => format!("{name} has an unknown escape, got {}", Shown(text)),
    };
    out.push(Finding::new(node.span, why).help(HELP));
    Err(Wrong)
}
