// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keywords that stand twice in a block where one counts.

use std::collections::HashMap;

use super::keywords::{Block, block_of, is_repeated};
use crate::diagnostic::{Finding, Findings, Shown, Span};
use crate::import::statement::Statement;

/// Says where a later line of a block takes the place of an earlier one. The blocks of VRRP's side are looked at where they
/// are read. The depth of a tree is bounded.
pub(super) fn tell(statements: &[Statement], block: Block, out: &mut Findings) {
    let mut seen: HashMap<&str, Span> = HashMap::new();
    for statement in statements {
        let name = &*statement.keyword.text;
        match (&statement.block, block_of(block, name)) {
            (Some(inner), Some(of)) => tell(inner, of, out),
            (None, None) if !is_repeated(block, name) => {
                let Some(first) = seen.insert(name, statement.keyword.span) else {
                    continue;
                };
                let what = format!("{} is there twice: the last one counts", Shown(name));
                let finding = Finding::warning(statement.keyword.span, what);
                out.push(finding.label(first, "the first one"));
            }
            (Some(_) | None, _) => {}
        }
    }
}
