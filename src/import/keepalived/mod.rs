// SPDX-License-Identifier: MIT OR Apache-2.0
//! `keepalived.conf`: lines (`source`, `definitions`, `repeat`, `lexer`) -> a tree (`tree`) -> what each keyword means, by one
//! table of all of them (`keywords`).

mod command;
mod definitions;
mod draft;
mod global;
mod keywords;
mod lexer;
mod line;
mod lvs;
mod repeat;
mod repeated;
mod source;
mod tree;
mod value;
mod vrrp;

use self::draft::Draft;
use self::keywords::{Block, look};
use super::{Output, Reading};
use crate::diagnostic::FileId;
use crate::import::statement::Statement;

/// Reads a file.
pub(super) fn read(file: FileId, reading: &mut Reading<'_>) -> Output {
    let tree = source::tree(file, reading);
    let mut draft = Draft::new(reading.out, reading.around);
    let roots = Roots::of(&tree.statements, &mut draft);
    let routers = global::read(&roots.globals, &mut draft);
    for root in &roots.lvs {
        repeated::tell(std::slice::from_ref(root), Block::Root, draft.out);
    }
    lvs::read(&roots.lvs, &mut draft);
    vrrp::read(reading.sources, &routers, &roots.vrrp, &mut draft);
    let Draft {
        mut document,
        homeless,
        names,
        ..
    } = draft;
    // A file without services is a configuration, too.
    document.list("virtual_services");
    document.shorten(&names);
    let comments = tree.head.into_iter().chain(homeless).chain(tree.tail);
    document.head.extend(comments.map(String::from));
    Output::Director(document)
}

/// The blocks of a file, by who reads them.
#[derive(Default)]
struct Roots<'s> {
    globals: Vec<&'s Statement>,
    lvs: Vec<&'s Statement>,
    vrrp: Vec<&'s Statement>,
}

impl<'s> Roots<'s> {
    fn of(statements: &'s [Statement], draft: &mut Draft<'_>) -> Self {
        let mut roots = Self::default();
        for statement in statements {
            let Some(keyword) = look(statement, Block::Root, draft.out) else {
                draft.keep(&statement.remarks);
                continue;
            };
            match keyword.today() {
                "global_defs" => roots.globals.push(statement),
                "virtual_server" | "virtual_server_group" | "SSL" => roots.lvs.push(statement),
                // A file that servers are checked by is of both sides.
                "track_file" => {
                    roots.lvs.push(statement);
                    roots.vrrp.push(statement);
                }
                _ => roots.vrrp.push(statement),
            }
        }
        roots
    }
}

#[cfg(test)]
mod tests;
