// SPDX-License-Identifier: MIT OR Apache-2.0
//! `global_defs`.

use super::draft::Draft;
use super::keywords::{Block, look};
use crate::import::statement::Statement;

/// Reads all `global_defs`; gives the statements in them that are of the VRRP side.
pub(super) fn read<'s>(blocks: &[&'s Statement], draft: &mut Draft<'_>) -> Vec<&'s Statement> {
    let mut routers = Vec::new();
    for block in blocks {
        draft.keep(&block.remarks);
        for statement in block.block.iter().flatten() {
            if look(statement, Block::GlobalDefs, draft.out).is_some() {
                routers.push(statement);
            } else {
                draft.keep(&statement.remarks);
            }
        }
    }
    routers
}
