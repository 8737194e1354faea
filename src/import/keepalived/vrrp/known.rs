// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can be tracked by a name: scripts, files, processes, and sessions of BFD.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::defaults::Defaults;
use super::script::Script;
use super::value::{block, integer};
use crate::diagnostic::{Finding, Findings, Severity, Shown};
use crate::import::keepalived::keywords::{Block, look, not_carried_over};
use crate::import::keepalived::value::{first, only, too_many};
use crate::import::statement::{Statement, Word};

pub(super) const NO_BFD: &str =
    "the director speaks no BFD; with version 3 an interval of 100ms finds a dead master as soon";

/// The weights of ours.
pub(super) const WEIGHT: RangeInclusive<i32> = -254..=254;

/// What a tracked object does to the priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Weight {
    pub(super) number: i32,
    pub(super) is_reverse: bool,
}

impl Weight {
    /// What the number in a file is multiplied by, where nothing is said.
    pub(super) const ONE: Self = Self {
        number: 1,
        is_reverse: false,
    };
    /// A bad object is a fault.
    pub(super) const FAULT: Self = Self {
        number: 0,
        is_reverse: false,
    };
}

/// A file or a process.
#[derive(Debug)]
pub(super) struct Thing {
    /// The path, or the name of the process.
    pub(super) name: String,
    pub(super) weight: Weight,
}

/// Something that is defined by a name, where, and whether it can be used.
#[derive(Debug)]
pub(super) struct Defined<'t, T> {
    pub(super) by: &'t Statement,
    pub(super) what: Option<T>,
}

/// Definitions of one kind.
pub(super) type Names<'t, T> = BTreeMap<&'t str, Defined<'t, T>>;

/// All that can be tracked by a name.
#[derive(Debug, Default)]
pub(super) struct Known<'t> {
    pub(super) scripts: Names<'t, Script>,
    pub(super) files: Names<'t, Thing>,
    pub(super) processes: Names<'t, Thing>,
    pub(super) sessions: Names<'t, ()>,
}

impl<'t> Known<'t> {
    /// Takes a definition; `false` when the statement is none.
    pub(super) fn take(
        &mut self,
        statement: &'t Statement,
        defaults: &Defaults<'t>,
        out: &mut Findings,
    ) -> bool {
        match &*statement.keyword.text {
            "vrrp_script" => add(&mut self.scripts, statement, out, |statement, out| {
                Script::read(statement, defaults, out)
            }),
            "track_file" | "vrrp_track_file" => add(&mut self.files, statement, out, file),
            "vrrp_track_process" => add(&mut self.processes, statement, out, process),
            "bfd_instance" => add(&mut self.sessions, statement, out, |statement, out| {
                session(statement, out);
                Some(())
            }),
            _ => return false,
        }
        true
    }
}

fn add<'t, T>(
    names: &mut Names<'t, T>,
    statement: &'t Statement,
    out: &mut Findings,
    read: impl FnOnce(&'t Statement, &mut Findings) -> Option<T>,
) {
    let Some(name) = only(statement, out) else {
        return;
    };
    if let Some(first) = names.get(&*name.text) {
        let message = format!("{} is defined twice", Shown(&name.text));
        let finding = Finding::new(name.span, message).first(first.by.span());
        out.push(finding.help("the first one counts; give this one another name"));
        return;
    }
    let what = read(statement, out);
    names.insert(
        &name.text,
        Defined {
            by: statement,
            what,
        },
    );
}

/// `bfd_instance`, which is not carried over.
fn session(statement: &Statement, out: &mut Findings) {
    for statement in block(statement) {
        look(statement, Block::BfdInstance, out);
    }
    out.push(not_carried_over(statement, Severity::Warning, NO_BFD));
}

/// `track_file`.
fn file(statement: &Statement, out: &mut Findings) -> Option<Thing> {
    let (mut path, mut weight) = (None, None);
    // Files of real servers have larger ones.
    let any = -i32::MAX..=i32::MAX;
    for statement in block(statement) {
        match look(statement, Block::TrackFile, out).map_or("", |it| it.today()) {
            "file" => {
                let read = absolute(statement, out);
                path = path.or(read);
            }
            "weight" => {
                let read = self::weight(statement, 0, any.clone(), out);
                weight = weight.or(read);
            }
            "init_file" => init_file(statement, out),
            _ => {}
        }
    }
    let name = required(path, statement, "file", out)?;
    let weight = weight.unwrap_or(Weight::ONE);
    Some(Thing { name, weight })
}

fn init_file(statement: &Statement, out: &mut Findings) {
    let message = "init_file is left out: the director writes no file that it tracks";
    let finding = Finding::warning(statement.span(), message);
    out.push(finding.help("a file that is not there counts as 0; write it when the host starts"));
}

/// The path of a file.
fn absolute(statement: &Statement, out: &mut Findings) -> Option<String> {
    let word = only(statement, out)?;
    let fits = |c: char| !c.is_control();
    if word.text.starts_with('/') && !word.text.ends_with('/') && word.text.chars().all(fits) {
        return Some(word.text.to_string());
    }
    let message = format!("file must be an absolute path, got {}", Shown(&word.text));
    out.error(word.span, message);
    None
}

/// `vrrp_track_process`.
fn process(statement: &Statement, out: &mut Findings) -> Option<Thing> {
    let (mut name, mut weight) = (None, None);
    for statement in block(statement) {
        match look(statement, Block::TrackProcess, out).map_or("", |it| it.today()) {
            "process" => {
                let read = process_name(statement, out);
                name = name.or(read);
            }
            "weight" => {
                let read = self::weight(statement, 0, WEIGHT, out);
                weight = weight.or(read);
            }
            "quorum" => quorum(statement, out),
            _ => {}
        }
    }
    let name = required(name, statement, "process", out)?;
    let weight = weight.unwrap_or(Weight::FAULT);
    Some(Thing { name, weight })
}

fn quorum(statement: &Statement, out: &mut Findings) {
    if integer(statement, 1..=65_535, out).is_some_and(|it| it > 1) {
        let message = "quorum is left out: one process of this name is enough here";
        out.push(Finding::warning(statement.span(), message));
    }
}

/// The name of a process, without its path and its arguments.
fn process_name(statement: &Statement, out: &mut Findings) -> Option<String> {
    let word = first(statement, out)?;
    let arguments = statement.words.get(1..).unwrap_or_default();
    if let (Some(first), Some(last)) = (arguments.first(), arguments.last()) {
        let message = "the arguments are left out: a process is known by its name alone";
        out.push(Finding::warning(first.span.through(last.span), message));
    }
    known_by(word, out)
}

/// As the kernel knows a process: by the file's name, at most 15 bytes.
pub(super) fn known_by(word: &Word, out: &mut Findings) -> Option<String> {
    let name = word.text.rsplit('/').next().unwrap_or_default();
    let fits = !name.is_empty() && !name.chars().any(char::is_control);
    if !fits {
        let message = format!("not the name of a process: {}", Shown(&word.text));
        out.error(word.span, message);
        return None;
    }
    Some(name[..name.floor_char_boundary(15)].to_owned())
}

fn required(
    value: Option<String>,
    statement: &Statement,
    key: &str,
    out: &mut Findings,
) -> Option<String> {
    let says = |it: &Statement| &*it.keyword.text == key;
    if value.is_none() && !block(statement).iter().any(says) {
        let message = format!("{} needs {key}", &statement.keyword.text);
        out.error(statement.span(), message);
    }
    value
}

/// `N [reverse|noreverse]`, from this word of the line on.
pub(super) fn weight(
    line: &Statement,
    from: usize,
    range: RangeInclusive<i32>,
    out: &mut Findings,
) -> Option<Weight> {
    let Some(number) = line.words.get(from) else {
        out.error(line.span(), "weight needs a number");
        return None;
    };
    let parsed: Option<i32> = number.text.parse().ok();
    let Some(parsed) = parsed.filter(|it| range.contains(it)) else {
        let (least, most) = (range.start(), range.end());
        let message = format!(
            "weight must be {least} to {most}, got {}",
            Shown(&number.text)
        );
        out.error(number.span, message);
        return None;
    };
    let (is_reverse, count) = match line.words.get(from + 1).map(|word| &*word.text) {
        Some("reverse") => (true, 2),
        Some("noreverse" | "no_reverse") => (false, 2),
        Some(_) | None => (false, 1),
    };
    too_many(line, from + count, out);
    Some(Weight {
        number: parsed,
        is_reverse,
    })
}
