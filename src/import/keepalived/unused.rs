// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is defined by a name that is used nowhere: often the name is misspelt at one of both places.

use std::collections::HashSet;

use crate::diagnostic::{Finding, Findings, Shown};
use crate::import::statement::Statement;

/// The kinds of definitions, by the keyword of today.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Script,
    File,
    Process,
    Group,
}

type Used<'s> = HashSet<(Kind, &'s str)>;

/// Names each.
pub(super) fn tell(roots: &[Statement], out: &mut Findings) {
    let mut used = Used::new();
    for root in roots.iter().filter(|it| defined(it).is_none()) {
        collect(root, &mut used);
    }
    for root in roots {
        let Some((kind, name)) = defined(root) else {
            continue;
        };
        if !used.contains(&(kind, name)) {
            let what = format!("{} is defined and used nowhere", Shown(name));
            let finding = Finding::warning(root.span(), what);
            out.push(finding.help("it is left out; is its name misspelt where it is used?"));
        }
    }
}

/// What a block at the root defines.
fn defined(root: &Statement) -> Option<(Kind, &str)> {
    let kind = match &*root.keyword.text {
        "vrrp_script" => Kind::Script,
        "track_file" | "vrrp_track_file" => Kind::File,
        "vrrp_track_process" => Kind::Process,
        "virtual_server_group" => Kind::Group,
        _ => return None,
    };
    Some((kind, &root.words.first()?.text))
}

/// Takes the names that a block uses. The depth of a tree is bounded.
fn collect<'s>(statement: &'s Statement, used: &mut Used<'s>) {
    let names = statement.block.iter().flatten().map(|it| &*it.keyword.text);
    let words: Vec<&str> = statement.words.iter().map(|it| &*it.text).collect();
    match (&*statement.keyword.text, words.as_slice()) {
        ("virtual_server", ["group", name, ..]) => {
            used.insert((Kind::Group, name));
        }
        // In a FILE_CHECK it has a word, elsewhere a list.
        ("track_file", [name, ..]) => {
            used.insert((Kind::File, name));
        }
        ("track_script", _) => used.extend(names.map(|name| (Kind::Script, name))),
        ("track_file", []) => used.extend(names.map(|name| (Kind::File, name))),
        ("track_process", _) => used.extend(names.map(|name| (Kind::Process, name))),
        _ => {}
    }
    for inner in statement.block.iter().flatten() {
        collect(inner, used);
    }
}
