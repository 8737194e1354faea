// SPDX-License-Identifier: MIT OR Apache-2.0
//! `track_interface`, `track_script`, `track_file`, `track_process`, `track_bfd`: what is watched, and what follows.

use super::known::{Defined, Known, NO_BFD, Names, WEIGHT, Weight, weight};
use super::script::Program;
use super::value::{block, comments, interface, near, removal};
use crate::diagnostic::{Finding, Findings, Fix, Severity, Shown};
use crate::import::keepalived::keywords::not_carried_over;
use crate::import::statement::{Statement, Word};
use crate::import::{Entry, Item, Value};

/// The most objects of one virtual router.
const MOST: usize = 32;

/// An object that is tracked.
#[derive(Debug, Clone)]
pub(super) struct Tracked<'t> {
    pub(super) by: &'t Statement,
    pub(super) kind: Kind,
    /// Our key and its value.
    pub(super) object: (&'static str, Value),
    pub(super) weight: Weight,
    /// What people have written beside its definition.
    comments: Vec<String>,
}

/// What is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Interface,
    Script,
    File,
    Process,
}

impl Tracked<'_> {
    /// `{script: {...}, weight: -20}`
    pub(super) fn item(&self) -> Item {
        let (key, value) = &self.object;
        let mut entries = vec![Entry::new(*key, value.clone())];
        if self.weight.number != 0 {
            entries.push(Entry::new("weight", Value::word(self.weight.number)));
        }
        Item {
            before: self
                .comments
                .iter()
                .cloned()
                .chain(comments(self.by))
                .collect(),
            value: Value::Map(entries),
            remark: self.by.remarks.behind.as_deref().map(str::to_owned),
        }
    }

    /// Whether it is this interface.
    pub(super) fn is_interface(&self, name: &str) -> bool {
        self.kind == Kind::Interface && *self.by.keyword.text == *name
    }
}

/// Reads one line of a list.
type One<'t> = fn(&'t Statement, &Known<'t>, &mut Findings) -> Option<Tracked<'t>>;

/// Takes a list of objects; `false` when the statement is none.
pub(super) fn take<'t>(
    name: &str,
    statement: &'t Statement,
    known: &Known<'t>,
    all: &mut Vec<Tracked<'t>>,
    out: &mut Findings,
) -> bool {
    let one: One<'t> = match name {
        "track_interface" => |line, known, out| link(line, known, out),
        "track_script" => |line, known, out| script(line, known, out),
        "track_file" => |line, known, out| file(line, known, out),
        "track_process" => |line, known, out| process(line, known, out),
        "track_bfd" => |line, known, out| session(line, known, out),
        _ => return false,
    };
    for line in block(statement) {
        if let Some(tracked) = one(line, known, out) {
            add(tracked, all, out);
        }
    }
    true
}

/// Adds an object that is not there yet.
pub(super) fn add<'t>(tracked: Tracked<'t>, all: &mut Vec<Tracked<'t>>, out: &mut Findings) {
    let place = tracked.by.keyword.span;
    if let Some(first) = all.iter().find(|it| it.object == tracked.object) {
        let message = format!("{} is tracked twice", Shown(&tracked.by.keyword.text));
        let finding = Finding::warning(place, message).first(first.by.span());
        out.push(finding.help("the first one counts"));
    } else if all.len() == MOST {
        let message = format!("left out: a virtual router tracks at most {MOST} objects");
        out.push(Finding::warning(place, message));
    } else {
        all.push(tracked);
    }
}

fn link<'t>(line: &'t Statement, _: &Known<'t>, out: &mut Findings) -> Option<Tracked<'t>> {
    let name = interface(&line.keyword, out)?;
    let weight = own_weight(line, Weight::FAULT, out)?;
    let weight = forward(line, weight, out)?;
    Some(Tracked {
        by: line,
        kind: Kind::Interface,
        object: ("interface", Value::text(name)),
        weight,
        comments: Vec::new(),
    })
}

fn script<'t>(line: &'t Statement, known: &Known<'t>, out: &mut Findings) -> Option<Tracked<'t>> {
    let defined = look_up(line, &known.scripts, "vrrp_script", out)?;
    let script = defined.what.as_ref()?;
    let weight = own_weight(line, script.weight, out)?;
    let weight = forward(line, weight, out)?;
    let (kind, object) = match &script.what {
        Program::Command(command) => (Kind::Script, ("script", script.value(command))),
        Program::Process(name) => (Kind::Script, ("process", Value::text(name))),
    };
    Some(Tracked {
        by: line,
        kind,
        object,
        weight,
        comments: script.comments.clone(),
    })
}

fn file<'t>(line: &'t Statement, known: &Known<'t>, out: &mut Findings) -> Option<Tracked<'t>> {
    let defined = look_up(line, &known.files, "track_file", out)?;
    let thing = defined.what.as_ref()?;
    let weight = own_weight(line, thing.weight, out)?;
    if !WEIGHT.contains(&weight.number) {
        let message = format!(
            "the weight of {} is more than 254",
            Shown(&line.keyword.text)
        );
        out.error(line.span(), message);
        return None;
    }
    // A number times a negative weight is what reverse makes of it.
    let weight = match (weight.number, weight.is_reverse) {
        (0, _) | (_, false) => forward(line, weight, out)?,
        (number, true) => Weight {
            number: -number,
            is_reverse: false,
        },
    };
    Some(Tracked {
        by: line,
        kind: Kind::File,
        object: ("file", Value::text(&thing.name)),
        weight,
        comments: Vec::new(),
    })
}

fn process<'t>(line: &'t Statement, known: &Known<'t>, out: &mut Findings) -> Option<Tracked<'t>> {
    let defined = look_up(line, &known.processes, "vrrp_track_process", out)?;
    let thing = defined.what.as_ref()?;
    let weight = own_weight(line, thing.weight, out)?;
    let weight = forward(line, weight, out)?;
    Some(Tracked {
        by: line,
        kind: Kind::Process,
        object: ("process", Value::text(&thing.name)),
        weight,
        comments: Vec::new(),
    })
}

fn session<'t>(line: &'t Statement, known: &Known<'t>, out: &mut Findings) -> Option<Tracked<'t>> {
    look_up(line, &known.sessions, "bfd_instance", out)?;
    out.push(not_carried_over(line, Severity::Warning, NO_BFD));
    None
}

/// What a name stands for. keepalived knows what is defined above only.
fn look_up<'k, 't, T>(
    line: &'t Statement,
    names: &'k Names<'t, T>,
    kind: &str,
    out: &mut Findings,
) -> Option<&'k Defined<'t, T>> {
    let name = &line.keyword;
    let Some(defined) = names.get(&*name.text) else {
        out.push(nowhere(name, names.keys().copied(), kind));
        return None;
    };
    if defined.by.keyword.span > name.span {
        let message = format!(
            "keepalived ignores this, because {kind} {} stands below",
            Shown(&name.text)
        );
        let finding = Finding::warning(name.span, message);
        let finding = finding.label(defined.by.span(), "defined here");
        out.push(finding.help("here it is tracked; with keepalived, define it first"));
    }
    Some(defined)
}

/// A name that nothing has.
fn nowhere<'k>(name: &Word, known: impl Iterator<Item = &'k str>, kind: &str) -> Finding {
    let shown = Shown(&name.text);
    let finding = Finding::new(name.span, format!("there is no {kind} {shown}"));
    match near(&name.text, known) {
        Some(near) => finding
            .help(format!("did you mean {near}?"))
            .fix(Fix::replace(name.span, near)),
        None => finding
            .help("define it, or take it out: keepalived tracks nothing here")
            .fix(removal(name)),
    }
}

/// The weight behind a name, or that of its definition; `None` when it is wrong.
fn own_weight(line: &Statement, usual: Weight, out: &mut Findings) -> Option<Weight> {
    match line.words.first() {
        None => Some(usual),
        Some(word) if &*word.text == "weight" => weight(line, 1, WEIGHT, out),
        Some(word) => {
            let message = format!(
                "unknown word {} behind {}",
                Shown(&word.text),
                Shown(&line.keyword.text)
            );
            let finding = Finding::new(word.span, message);
            out.push(match near(&word.text, std::iter::once("weight")) {
                Some(meant) => finding
                    .help(format!("keepalived leaves it out; did you mean {meant}?"))
                    .fix(Fix::replace(word.span, meant)),
                None => finding
                    .help("keepalived leaves it out; weight N can stand here")
                    .fix(removal(word)),
            });
            None
        }
    }
}

/// What is bad cannot make this host better here.
fn forward(line: &Statement, weight: Weight, out: &mut Findings) -> Option<Weight> {
    if !weight.is_reverse {
        return Some(weight);
    }
    let message = format!(
        "{} is left out: an object that is good never makes the priority lower here",
        Shown(&line.keyword.text)
    );
    let finding = Finding::warning(line.span(), message);
    out.push(finding.help("that is what reverse asks for; have the script say the opposite"));
    None
}
