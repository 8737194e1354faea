// SPDX-License-Identifier: MIT OR Apache-2.0
//! `ldirectord.cf`. What a keyword means is what `ldirectord` of resource-agents does, where its manual says another thing.

mod block;
mod check;
mod endpoint;
mod identity;
mod keyword;
mod line;
mod real;
mod timing;
mod unused;
mod wanted;
mod written;

use std::collections::HashMap;

use self::block::{Made, Top};
use self::line::{Lines, last};
use self::timing::Timing;
use super::document::{Document, Entry, Value};
use super::refuse::in_service;
use super::{Output, Reading};
use crate::diagnostic::{FileId, Finding, Findings};
use crate::model::ServiceKey;

/// Reads a file.
pub(super) fn read(file: FileId, reading: &mut Reading<'_>) -> Output {
    let out = &mut *reading.out;
    let lines = Lines::read(reading.sources, file, out);
    let top = Top::read(&lines.top, out);
    if let Some(directive) = last(&lines.top, "cleanstop") {
        unused::say_cleanstop(directive, out);
    }
    let made = services(&lines, &top, out);
    if lines.blocks.is_empty() {
        let place = reading.sources.span(file, 0..0);
        out.push(Finding::warning(place, "the file has no virtual service"));
    }
    for it in &made {
        reading.origins.add_service(it.service.key, it.at);
    }
    say_rest(&lines, out);
    Output::Director(document(&lines, made, &top, out))
}

fn services(lines: &Lines, top: &Top, out: &mut Findings) -> Vec<Made> {
    let mut room = block::room();
    let mut seen: HashMap<ServiceKey, _> = HashMap::new();
    let mut all = Vec::new();
    for block in &lines.blocks {
        let Some(made) = block::read(block, top, &mut room, out) else {
            continue;
        };
        let key = made.service.key;
        if let Some(first) = seen.insert(key, made.at) {
            let message = format!("the virtual service {key} is there already");
            out.push(Finding::new(made.at, message).first(first));
            continue;
        }
        all.push(made);
    }
    all
}

/// Says which comments have no place in our file.
fn say_rest(lines: &Lines, out: &mut Findings) {
    if let Some((count, first)) = lines.rest {
        let message = match count {
            1 => "a comment at the end of the file is not carried over".to_owned(),
            _ => format!("{count} lines of comments at the end of the file are not carried over"),
        };
        out.push(Finding::note(first, message));
    }
}

fn document(lines: &Lines, made: Vec<Made>, top: &Top, out: &mut Findings) -> Document {
    let mut document = Document::default();
    for directive in &lines.top {
        let name = directive.keyword.name;
        document.head.extend(directive.before.iter().cloned());
        let behind = directive.behind.iter();
        document
            .head
            .extend(behind.map(|it| format!("{name}: {it}")));
    }
    let usual = usual(&made, top);
    let all_quiescent = !made.is_empty() && made.iter().all(|it| it.quiescent);
    let defaults = defaults(&made, &usual, all_quiescent);
    if !defaults.is_empty() {
        document.map("defaults").extend_from_slice(&defaults);
    }
    let services = document.list("virtual_services");
    for mut made in made {
        if made.quiescent && !all_quiescent {
            let inhibit = Entry::new("inhibit_on_failure", Value::word(true));
            made.service.rules.push(inhibit);
        }
        made.write_checks(&usual);
        let at = made.at;
        let item = made.service.item();
        in_service(&item, &defaults, at, out);
        services.push(item);
    }
    document
}

/// The times that most services have.
fn usual(made: &[Made], top: &Top) -> Timing {
    let mut counts: HashMap<Timing, usize> = HashMap::new();
    let mut best = None;
    for timing in made.iter().filter_map(|it| it.timings().next()) {
        let count = counts.entry(timing).or_default();
        *count += 1;
        if best.is_none_or(|(_, most)| *count > most) {
            best = Some((timing, *count));
        }
    }
    let nowhere = block::Top::default().given.times(top.given, false);
    best.map_or_else(|| nowhere.timing(nowhere.connect), |(timing, _)| timing)
}

fn defaults(made: &[Made], usual: &Timing, all_quiescent: bool) -> Vec<Entry> {
    let mut defaults = Vec::new();
    if made.iter().any(|it| it.service.sorry.is_none()) {
        let key = Entry::new("min_healthy", Value::word(0));
        defaults.push(key.remark("ldirectord takes out the last server, too; 1 keeps it"));
    }
    if all_quiescent {
        let key = Entry::new("inhibit_on_failure", Value::word(true));
        defaults.push(key.remark("quiescent=yes"));
    }
    if made.iter().any(|it| it.timings().next().is_some()) {
        defaults.push(Entry::new("check", Value::Map(usual.defaults())));
    }
    defaults
}
