// SPDX-License-Identifier: MIT OR Apache-2.0
//! `vrrp_sync_group`: virtual routers that are master together or not at all.

use std::collections::BTreeMap;

use super::instance::{Instance, called};
use super::known::{Known, Weight};
use super::track::{self, Kind, Tracked};
use super::value::{Said, all_comments, listed, near, removal};
use crate::diagnostic::{Finding, Findings, Fix, Shown};
use crate::import::Value;
use crate::import::keepalived::keywords::{Block, look};
use crate::import::keepalived::value::{flag, only};
use crate::import::statement::{Statement, Word};

/// The most members of one group.
const MOST: usize = 255;

/// Where each virtual router is in the list of all.
pub(super) type Names<'n> = BTreeMap<&'n str, usize>;

/// What a group says.
struct Group<'t> {
    at: &'t Statement,
    name: String,
    /// Where they are listed.
    listed: Option<&'t Statement>,
    /// The places of its members in the list of all.
    members: Vec<usize>,
    track: Vec<Tracked<'t>>,
    /// Whether weights of members count.
    has_weights: bool,
}

/// Has the members of a group know it, and share what they must share.
pub(super) fn read<'t>(
    at: &'t Statement,
    known: &Known<'t>,
    (names, instances): (&Names<'_>, &mut [Instance<'t>]),
    out: &mut Findings,
) {
    let Some(name) = only(at, out) else {
        return;
    };
    if name.text.is_empty() {
        out.error(name.span, "a vrrp_sync_group needs a name");
        return;
    }
    let mut group = Group {
        at,
        name: called(&name.text),
        listed: None,
        members: Vec::new(),
        track: Vec::new(),
        has_weights: false,
    };
    for statement in at.block.iter().flatten() {
        group.take(statement, known, (names, instances), out);
    }
    if group.members.is_empty() {
        let finding = Finding::warning(at.span(), "this group has no member: it is left out");
        out.push(finding);
        return;
    }
    group.unite(instances, out);
}

impl<'t> Group<'t> {
    fn take(
        &mut self,
        statement: &'t Statement,
        known: &Known<'t>,
        (names, instances): (&Names<'_>, &[Instance<'t>]),
        out: &mut Findings,
    ) {
        let Some(keyword) = look(statement, Block::SyncGroup, out) else {
            return;
        };
        match keyword.today() {
            "group" => {
                if let Some(first) = self.listed.replace(statement) {
                    let message = "a second list of members";
                    let finding = Finding::new(statement.keyword.span, message);
                    let finding = finding.label(first.keyword.span, "the first one");
                    out.push(finding.help("keepalived reads neither this one nor what follows it in the vrrp_sync_group: name all members in one list"));
                }
                for word in listed(statement) {
                    self.take_member(word, (names, instances), out);
                }
            }
            "global_tracking" | "sync_group_tracking_weight" => {
                flag(statement, out);
                self.has_weights = true;
            }
            name => {
                track::take(name, statement, known, &mut self.track, out);
            }
        }
    }

    fn take_member(
        &mut self,
        word: &Word,
        (names, instances): (&Names<'_>, &[Instance<'t>]),
        out: &mut Findings,
    ) {
        match names.get(&*word.text).copied() {
            Some(place) if instances.get(place).is_some_and(|it| it.group.is_some()) => {
                let message = format!("{} is in another group already", Shown(&word.text));
                out.error(word.span, message);
            }
            Some(place) if self.members.contains(&place) => {
                let message = format!("{} stands here twice", Shown(&word.text));
                out.push(Finding::warning(word.span, message).fix(removal(word)));
            }
            Some(_) if self.members.len() == MOST => {
                out.error(word.span, format!("a group has at most {MOST} members"));
            }
            Some(place) => self.members.push(place),
            None => {
                let message = format!("there is no vrrp_instance {}", Shown(&word.text));
                let finding = Finding::new(word.span, message);
                out.push(match near(&word.text, names.keys().copied()) {
                    Some(near) => finding
                        .help(format!("did you mean {near}?"))
                        .fix(Fix::replace(word.span, near)),
                    None => finding.help("keepalived leaves it out").fix(removal(word)),
                });
            }
        }
    }

    fn unite(self, instances: &mut [Instance<'t>], out: &mut Findings) {
        let members = self.members.iter();
        let first = self.members.first().and_then(|at| instances.get(*at));
        let Some(priority) = first.map(|it| it.priority) else {
            return;
        };
        let preempt = first.map(|it| (it.is_master, it.nopreempt, it.delay));
        for place in members {
            let Some(instance) = instances.get_mut(*place) else {
                continue;
            };
            // A group of one is none.
            if self.members.len() > 1 {
                instance.group = Some(self.name.clone());
            }
            share_priority(instance, priority, out);
            if let Some(preempt) = preempt {
                share_preempt(instance, preempt, out);
            }
            if !self.has_weights {
                without_weights(instance, out);
            }
        }
        let Some(first) = self.members.first().and_then(|at| instances.get_mut(*at)) else {
            return;
        };
        first.homeless.extend(all_comments(self.at));
        for tracked in self.track {
            track::add(tracked, &mut first.track, out);
        }
        track_once(&self.members, instances, out);
    }
}

/// What one of a group tracks counts for all, and stands once: a fault of one is a fault of all.
fn track_once(members: &[usize], instances: &mut [Instance<'_>], out: &mut Findings) {
    let mut weights: Vec<((&'static str, Value), Weight)> = Vec::new();
    let all = members.iter().filter_map(|at| instances.get(*at));
    for tracked in all.flat_map(|it| &it.track) {
        match weights
            .iter_mut()
            .find(|(object, _)| *object == tracked.object)
        {
            None => weights.push((tracked.object.clone(), tracked.weight)),
            Some((_, weight)) if tracked.weight == Weight::FAULT => *weight = Weight::FAULT,
            Some(_) => {}
        }
    }
    for at in members {
        let Some(instance) = instances.get_mut(*at) else {
            continue;
        };
        instance.track.retain_mut(|tracked| {
            let place = weights
                .iter()
                .position(|(object, _)| *object == tracked.object);
            if let Some((_, weight)) = place.map(|place| weights.swap_remove(place)) {
                say_other_weight(tracked, weight, out);
                tracked.weight = weight;
                return true;
            }
            let message = "left out: another one of the group tracks it, and that counts for all";
            out.push(Finding::note(tracked.by.span(), message));
            false
        });
    }
}

fn say_other_weight(tracked: &Tracked<'_>, weight: Weight, out: &mut Findings) {
    if tracked.weight != weight {
        let message = "without a weight here, because another one of the group tracks it without";
        out.push(Finding::warning(tracked.by.span(), message));
    }
}

/// All of a group have one priority here.
fn share_priority<'t>(
    instance: &mut Instance<'t>,
    first: Option<Said<'t, u32>>,
    out: &mut Findings,
) {
    let number = |it: &Option<Said<'t, u32>>| it.map_or(100, |it| it.value);
    if number(&instance.priority) == number(&first) {
        return;
    }
    let place = instance.priority.map_or(instance.at, |it| it.by);
    let message = format!(
        "this becomes priority {}, which the first of the group has",
        number(&first)
    );
    let finding = Finding::warning(place.span(), message);
    let help = "with different ones one host would be the better one for one address, and the other host for another";
    out.push(finding.help(help));
    instance.priority = first;
}

/// What decides who takes over.
type Preempt<'t> = (
    Option<&'t Statement>,
    Option<&'t Statement>,
    Option<Said<'t, std::time::Duration>>,
);

/// All of a group take over alike.
fn share_preempt<'t>(instance: &mut Instance<'t>, first: Preempt<'t>, out: &mut Findings) {
    let (is_master, nopreempt, delay) = first;
    let alike = instance.is_master.is_some() == is_master.is_some()
        && instance.nopreempt.is_some() == nopreempt.is_some()
        && instance.delay.map(|it| it.value) == delay.map(|it| it.value);
    if !alike {
        let message = "state, nopreempt and preempt_delay become those of the first of the group";
        let finding = Finding::warning(instance.at.span(), message);
        out.push(finding.help("the virtual routers of a group take over together"));
        (instance.is_master, instance.nopreempt, instance.delay) = first;
    }
}

/// keepalived has a member track nothing by a weight, and interfaces without one.
fn without_weights(instance: &mut Instance<'_>, out: &mut Findings) {
    instance.track.retain_mut(|tracked| {
        if tracked.weight.number == 0 {
            return true;
        }
        let span = tracked.by.span();
        if tracked.kind == Kind::Interface {
            let message = "in a group keepalived takes no weight here: the group takes no part while it is down";
            out.push(Finding::warning(span, message));
            tracked.weight = Weight::FAULT;
            return true;
        }
        let message = "left out: in a group keepalived does not track what has a weight";
        let finding = Finding::warning(span, message);
        out.push(finding.help("track it in the vrrp_sync_group: there a weight counts"));
        false
    });
}
