// SPDX-License-Identifier: MIT OR Apache-2.0
//! `group`: virtual routers that are master together or not at all.

use std::collections::BTreeMap;

use super::{Items, Routers};
use crate::diagnostic::{Finding, Findings, Span};
use crate::model::{ConfiguredRouter, Tracked};

/// Checks what could make two hosts pull a group to and fro, and has each member track what the others track.
pub(super) fn unite(routers: &mut Routers, places: &Items, out: &mut Findings) {
    let mut groups: BTreeMap<Box<str>, Vec<Box<str>>> = BTreeMap::new();
    for (name, router) in &*routers {
        if let Some(group) = &router.group {
            groups.entry(group.clone()).or_default().push(name.clone());
        }
    }
    for (group, members) in groups {
        // There is no group without a member.
        let Some(first) = members.first().and_then(|name| routers.get(name)).cloned() else {
            continue;
        };
        let place = |name: &str| places.get(name).copied().unwrap_or_default();
        let begins = members.first().map(|it| place(it)).unwrap_or_default();
        if members.len() == 1 {
            let message = format!("the group {group} has one virtual router only");
            out.push(Finding::warning(begins, message).help("name the group in another one, too"));
        }
        let mut all: Vec<Tracked> = Vec::new();
        for name in &members {
            let Some(router) = routers.get(name) else {
                continue;
            };
            refuse_differences(&group, (&first, begins), (router, place(name)), out);
            for tracked in &router.track {
                add(tracked, &mut all, (&group, place(name)), out);
            }
        }
        for name in &members {
            if let Some(router) = routers.get_mut(name) {
                router.track.clone_from(&all);
            }
        }
    }
}

/// With one order of priorities on both hosts, each member wants the same host to be master.
fn refuse_differences(
    group: &str,
    (first, begins): (&ConfiguredRouter, Span),
    (router, span): (&ConfiguredRouter, Span),
    out: &mut Findings,
) {
    let different = [
        (first.priority != router.priority, "priority"),
        (first.preempt != router.preempt, "preempt"),
    ];
    for (_, key) in different.into_iter().filter(|(differs, _)| *differs) {
        let message = format!("the virtual routers of the group {group} must have one {key}");
        let help = "else one host is better for one of them, and another host for another: they would pull the group to \
                    and fro";
        out.push(Finding::new(span, message).first(begins).help(help));
    }
}

/// What one member tracks counts for all.
fn add(tracked: &Tracked, all: &mut Vec<Tracked>, (group, span): (&str, Span), out: &mut Findings) {
    match all.iter().find(|it| it.object == tracked.object) {
        None => all.push(tracked.clone()),
        Some(known) if known.consequence == tracked.consequence => {}
        Some(known) => {
            let message = format!(
                "{} is tracked in the group {group} already, with another consequence: {}",
                tracked.object, known.consequence
            );
            let help = "what one virtual router of a group tracks counts for all: write it once";
            out.push(Finding::new(span, message).help(help));
        }
    }
}
