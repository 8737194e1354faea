// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keywords that stand twice in a block where one counts.

use std::collections::HashMap;

use super::keywords::{Block, Counts, block_of, repeated};
use crate::diagnostic::{Finding, Findings, Shown};
use crate::import::statement::{Statement, Word};

/// Says where a line of a block takes the place of another one. All `global_defs` are one block. The depth of a tree is
/// bounded.
pub(super) fn tell(roots: &[Statement], out: &mut Findings) {
    let is_global = |it: &&Statement| &*it.keyword.text == "global_defs";
    let globals = roots.iter().filter(is_global);
    let globals = globals.flat_map(|it| it.block.iter().flatten());
    within(globals, Block::GlobalDefs, out);
    within(roots.iter().filter(|it| !is_global(it)), Block::Root, out);
}

fn within<'s>(statements: impl Iterator<Item = &'s Statement>, block: Block, out: &mut Findings) {
    let (mut seen, mut authentication) = (Seen::default(), Seen::default());
    for statement in statements {
        match (&statement.block, block_of(block, &statement.keyword.text)) {
            // A virtual router has one, however many blocks say it.
            (Some(inner), Some(of @ Block::Authentication)) => {
                for line in inner {
                    authentication.take(line, of, out);
                }
            }
            (Some(inner), Some(of)) => within(inner.iter(), of, out),
            (None, None) => seen.take(statement, block, out),
            (Some(_) | None, _) => {}
        }
    }
}

/// The first line of each kind.
#[derive(Default)]
struct Seen<'s> {
    first: HashMap<&'static str, &'s Word>,
}

impl<'s> Seen<'s> {
    fn take(&mut self, statement: &'s Statement, block: Block, out: &mut Findings) {
        let word = &statement.keyword;
        let Some((what, counts)) = repeated(block, &word.text) else {
            return;
        };
        let first = *self.first.entry(what).or_insert(word);
        if !std::ptr::eq(first, word) {
            said_again(word, first, counts, out);
        }
    }
}

fn said_again(word: &Word, first: &Word, counts: Counts, out: &mut Findings) {
    let which = match counts {
        Counts::All => return,
        Counts::First => "the first one counts",
        Counts::Last => "the last one counts",
        Counts::Master => "MASTER counts",
    };
    let name = Shown(&word.text);
    let what = if word.text == first.text {
        format!("{name} is there twice: {which}")
    } else {
        format!("{name} stands beside {}: {which}", Shown(&first.text))
    };
    let finding = Finding::warning(word.span, what);
    out.push(finding.label(first.span, "the first one"));
}
