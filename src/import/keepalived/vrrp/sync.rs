// SPDX-License-Identifier: MIT OR Apache-2.0
//! `lvs_sync_daemon`: the kernel tells another kernel of its connections.

use std::net::IpAddr;

use super::instance::Instance;
use super::value::{interface, near, remarked};
use crate::diagnostic::{Finding, Findings, Fix, Shown};
use crate::import::keepalived::value::{first, number};
use crate::import::statement::{Statement, Word};
use crate::import::{Document, Entry, Value};

/// The shortest message of ours.
const SHORTEST: u32 = 576;

/// Writes the section, if a statement asks for it.
pub(super) fn write(
    statement: Option<&Statement>,
    instances: &[Instance<'_>],
    document: &mut Document,
    out: &mut Findings,
) {
    let mut old = instances.iter().filter_map(|it| Some((it, it.sync?)));
    let first = old.next();
    let counts = statement.or_else(|| first.map(|(_, it)| it));
    // A host has one such daemon.
    for (_, other) in first.filter(|_| statement.is_some()).into_iter().chain(old) {
        let message = "left out: keepalived takes the first line of this kind";
        let finding = Finding::warning(other.span(), message);
        out.push(match counts {
            Some(first) => finding.label(first.span(), "the first one"),
            None => finding,
        });
    }
    let entries = match (statement, first) {
        (Some(statement), _) => global(statement, instances, out),
        (None, Some((instance, statement))) => by_instance(statement, instance, out),
        (None, None) => return,
    };
    if let Some(entries) = entries {
        *document.map("connection_sync") = entries;
    }
}

/// The old keyword of a virtual router.
fn by_instance(
    statement: &Statement,
    instance: &Instance<'_>,
    out: &mut Findings,
) -> Option<Vec<Entry>> {
    let name = interface(first(statement, out)?, out)?;
    let id = instance.vrid.as_ref().map_or(0, |it| it.value);
    let on = remarked(Entry::new("interface", Value::text(name)), statement);
    Some(vec![on, Entry::new("id", Value::word(id))])
}

fn global(
    statement: &Statement,
    instances: &[Instance<'_>],
    out: &mut Findings,
) -> Option<Vec<Entry>> {
    let on = interface(first(statement, out)?, out)?;
    let mut entries = vec![remarked(
        Entry::new("interface", Value::text(on)),
        statement,
    )];
    let mut words = statement
        .words
        .get(1..)
        .unwrap_or_default()
        .iter()
        .peekable();
    let (mut id, mut roles) = (None, Some("both"));
    let is_option = |word: &Word| ["id", "maxlen", "port", "ttl", "group"].contains(&&*word.text);
    words.next_if(|it| &*it.text == "inst");
    if let Some(name) = words.next_if(|it| !is_option(it)) {
        id = followed(name, instances, out)?.vrid.map(|it| it.value);
        roles = None;
    }
    while let Some(word) = words.next() {
        let Some(value) = words.next() else {
            out.error(word.span, format!("{} needs a value", Shown(&word.text)));
            return None;
        };
        match &*word.text {
            "id" => id = Some(number(value, 0..=255_u32, out)?),
            _ => entries.push(option(word, value, out)?),
        }
    }
    entries.insert(1, Entry::new("id", Value::word(id.unwrap_or(0))));
    entries.extend(roles.map(|it| Entry::new("roles", Value::word(it))));
    Some(entries)
}

/// The virtual router that the daemon follows; keepalived takes its number for that of the daemon.
fn followed<'i, 't>(
    name: &Word,
    instances: &'i [Instance<'t>],
    out: &mut Findings,
) -> Option<&'i Instance<'t>> {
    let called = instances.iter().find(|it| it.is_called(&name.text));
    if called.is_some() {
        return called;
    }
    let message = format!("there is no vrrp_instance {}", Shown(&name.text));
    let names = instances.iter().map(Instance::word);
    let meant = near(&name.text, names).map(|it| Fix::replace(name.span, it));
    let help = "name one of this file, or none: then both daemons run all the time";
    out.push(Finding::new(name.span, message).help(help).fix(meant));
    None
}

fn option(word: &Word, value: &Word, out: &mut Findings) -> Option<Entry> {
    let (key, value) = match &*word.text {
        "maxlen" => {
            let length = number(value, 1..=65_507_u32, out)?;
            if length < SHORTEST {
                let message = format!("maxlen becomes {SHORTEST}, the shortest here");
                out.push(Finding::warning(value.span, message));
            }
            ("max_length", Value::word(length.max(SHORTEST)))
        }
        "port" => ("port", Value::word(number(value, 1..=65_535_u32, out)?)),
        "ttl" => ("ttl", Value::word(number(value, 1..=255_u32, out)?)),
        "group" => {
            let group: Option<IpAddr> = value.text.parse().ok().filter(IpAddr::is_multicast);
            let Some(group) = group else {
                let message = format!(
                    "group must be a multicast address, got {}",
                    Shown(&value.text)
                );
                out.error(value.span, message);
                return None;
            };
            ("group", Value::text(group))
        }
        other => {
            let message = format!("unknown word {} behind lvs_sync_daemon", Shown(other));
            let finding = Finding::new(word.span, message);
            out.push(finding.help("known here: id, maxlen, port, ttl, group"));
            return None;
        }
    };
    Some(Entry::new(key, value))
}
