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
mod secret;
mod source;
mod tree;
mod unused;
mod value;
mod vrrp;

use self::draft::Draft;
use self::keywords::{Block, look};
use super::{Output, Reading};
use crate::diagnostic::{FileId, Finding};
use crate::import::statement::Statement;

/// Reads a file.
pub(super) fn read(file: FileId, reading: &mut Reading<'_>) -> Output {
    let tree = source::tree(file, reading);
    repeated::tell(&tree.statements, reading.out);
    let whole = reading.sources.span(file, 0..0);
    let mut draft = Draft::new(reading);
    let roots = Roots::of(&tree.statements, &mut draft);
    let routers = global::read(&roots.globals, &mut draft);
    lvs::read(&roots.lvs, &mut draft);
    vrrp::read(&routers, &roots.vrrp, &mut draft);
    unused::tell(&tree.statements, draft.out);
    let Draft {
        mut document,
        homeless,
        names,
        out,
        ..
    } = draft;
    if document.is_empty() && !out.has_errors() {
        let finding = Finding::new(
            whole,
            "nothing in this file becomes anything of the director",
        );
        out.push(
            finding.help(
                "a virtual_server with real servers, or a vrrp_instance with an address, does",
            ),
        );
    }
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
