// SPDX-License-Identifier: MIT OR Apache-2.0
//! The links of this host: whether packets can pass, and when they last could not.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use crate::model::{HostEvent, InterfaceAddress, Link, Sighting, Timestamp};

/// What is known of the links.
#[derive(Debug, Clone, Default)]
pub(super) struct Links {
    known: BTreeMap<u32, Known>,
    /// Whether the kernel has been asked for all of them.
    looked: bool,
    /// The way to everybody who is on no link of this host.
    beyond: Opening,
    /// Those on which packets could pass, and cannot any more. Somebody has to be told.
    newly_shut: BTreeSet<u32>,
}

/// Since when somebody on a side is known to be reached.
#[derive(Debug, Clone, Copy, Default)]
enum Opening {
    /// Since before the first look.
    #[default]
    Always,
    /// It was shut, and nobody has answered since.
    Unproven,
    /// It was shut, and this was the first answer after it.
    Proven(Timestamp),
}

#[derive(Debug, Clone)]
struct Known {
    name: Box<str>,
    state: State,
    /// How often the carrier had come or gone when the kernel was asked last.
    carrier_changes: Option<u32>,
    /// The last moment at which packets could perhaps not pass.
    shut: Option<Timestamp>,
    opening: Opening,
    /// The addresses with neighbours that it had while packets could pass. An IPv6 address goes when its link goes down.
    addresses: Vec<InterfaceAddress>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Passes,
    NoCarrier,
    Down,
}

/// The targets that are reached in one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    /// The neighbours on this link.
    On(u32),
    /// Everybody who is on no link of this host.
    Beyond,
}

impl Links {
    /// A change that the kernel reported.
    pub(super) fn happened(&mut self, now: Timestamp, event: &HostEvent) {
        match event {
            HostEvent::LinkChanged(link) => self.note(now, link, None),
            HostEvent::LinkGone(link) => {
                self.known.remove(&link.index);
                self.newly_shut.remove(&link.index);
            }
            HostEvent::Lost => {
                self.beyond = Opening::Unproven;
                for known in self.known.values_mut() {
                    known.close(now);
                }
            }
            HostEvent::AddressAdded(_)
            | HostEvent::AddressRemoved(_)
            | HostEvent::NeighbourChanged(_)
            | HostEvent::NeighbourGone(_)
            | HostEvent::RouteChanged(_)
            | HostEvent::RouteGone(_) => {}
        }
    }

    /// The answer to a question.
    pub(super) fn seen(&mut self, now: Timestamp, sighting: &Sighting) {
        for event in &sighting.happened {
            self.happened(now, event);
        }
        let there = sighting.links.iter().map(|seen| seen.link.index);
        let there: BTreeSet<u32> = there.collect();
        self.known.retain(|index, _| there.contains(index));
        for seen in &sighting.links {
            self.note(now, &seen.link, Some(seen.carrier_changes));
        }
        for (index, known) in &mut self.known {
            // A thousand virtual addresses stand alone.
            let has = sighting.addresses.iter();
            let has = has.filter(|it| it.index == *index && it.has_neighbours());
            if known.state == State::Passes {
                known.addresses = has.cloned().collect();
            } else {
                let new = has.filter(|it| !known.addresses.contains(it));
                let new: Vec<InterfaceAddress> = new.cloned().collect();
                known.addresses.extend(new);
            }
        }
        self.looked = true;
    }

    fn note(&mut self, now: Timestamp, link: &Link, carrier_changes: Option<u32>) {
        let state = match (link.up, link.running) {
            (false, _) => State::Down,
            (true, false) => State::NoCarrier,
            (true, true) => State::Passes,
        };
        let is_new = self.looked && !self.known.contains_key(&link.index);
        let known = self.known.entry(link.index).or_insert_with(|| Known {
            name: link.name.as_str().into(),
            state,
            carrier_changes: None,
            shut: None,
            opening: Opening::Always,
            addresses: Vec::new(),
        });
        let flapped = match (known.carrier_changes, carrier_changes) {
            (Some(before), Some(after)) => before != after,
            (None, _) | (_, None) => false,
        };
        if known.state == State::Passes && state != State::Passes {
            self.newly_shut.insert(link.index);
        }
        if is_new || flapped || known.state != State::Passes || state != State::Passes {
            known.close(now);
            self.beyond = Opening::Unproven;
        }
        known.state = state;
        known.carrier_changes = carrier_changes.or(known.carrier_changes);
        if *known.name != *link.name {
            known.name = link.name.as_str().into();
        }
    }

    /// The links that were shut since the last call.
    pub(super) fn take_newly_shut(&mut self) -> BTreeSet<u32> {
        std::mem::take(&mut self.newly_shut)
    }

    /// Whether packets can pass on this link, as far as is known.
    pub(super) fn passes(&self, link: u32) -> bool {
        let known = self.known.get(&link);
        known.is_none_or(|known| known.state == State::Passes)
    }

    /// Why this host is to blame for a probe by this link that started then. After a link has come back, nothing counts
    /// for the time of `grace`.
    pub(super) fn trouble(&self, link: u32, started: Timestamp, grace: Duration) -> Option<String> {
        let known = self.known.get(&link)?;
        let shut = known.shut.is_some_and(|shut| started < shut + grace);
        match known.state {
            State::Passes if shut => Some(format!("{} was down a moment ago", known.name)),
            State::Passes => None,
            State::NoCarrier | State::Down => known.closed(),
        }
    }

    /// Somebody answered.
    pub(super) fn answered(&mut self, at: Timestamp, target: IpAddr) {
        let beyond = matches!(self.beyond, Opening::Unproven);
        let unproven = |known: &Known| matches!(known.opening, Opening::Unproven);
        // This is so after a link was shut, and not for every answer.
        if !beyond && !self.known.values().any(unproven) {
            return;
        }
        let mut is_beyond = true;
        for known in self.known.values_mut() {
            if known.is_home_of(target) {
                known.opening.prove(at);
                is_beyond = false;
            }
        }
        if is_beyond {
            self.beyond.prove(at);
        }
    }

    /// Nobody on this side answers: that is as if it were shut.
    pub(super) fn nobody_answers(&mut self, side: Side) {
        match side {
            Side::On(link) => {
                if let Some(known) = self.known.get_mut(&link) {
                    known.opening = Opening::Unproven;
                }
            }
            Side::Beyond => self.beyond = Opening::Unproven,
        }
    }

    /// Whether somebody on this side was reached so long before this moment, and after the side was shut last.
    pub(super) fn open_for(&self, side: Side, at: Timestamp, before: Duration) -> bool {
        let opening = match side {
            Side::On(link) => self.known.get(&link).map(|known| known.opening),
            Side::Beyond => Some(self.beyond),
        };
        match opening {
            Some(Opening::Proven(since)) => since + before <= at,
            Some(Opening::Unproven) => false,
            Some(Opening::Always) | None => true,
        }
    }

    /// Whether the way to a target has been open from this moment on, by all that is known: its link passes packets, and
    /// somebody was reached after the side was shut last, and before this moment.
    pub(super) fn open_since(&self, target: IpAddr, at: Timestamp) -> bool {
        let open = |side| self.open_for(side, at, Duration::ZERO);
        let homes = self.known.iter().filter(|(_, it)| it.is_home_of(target));
        let ways = homes.map(|(link, it)| it.state == State::Passes && open(Side::On(*link)));
        ways.reduce(|one, other| one && other)
            .unwrap_or_else(|| open(Side::Beyond))
    }

    /// Why the link that this target is on does not pass packets, when they leave by another link for that reason.
    pub(super) fn detour(&self, target: IpAddr, link: u32) -> Option<String> {
        if self.has_neighbour(link, target) {
            return None;
        }
        let homes = self.known.values().filter(|known| known.is_home_of(target));
        homes.map(Known::closed).find_map(|closed| closed)
    }

    /// The side on which a target is that is reached by this link.
    pub(super) fn side(&self, target: IpAddr, link: u32) -> Side {
        if self.has_neighbour(link, target) {
            Side::On(link)
        } else {
            Side::Beyond
        }
    }

    /// Whether a target is on this side.
    pub(super) fn is_on(&self, side: Side, target: IpAddr) -> bool {
        match side {
            Side::On(link) => self.has_neighbour(link, target),
            Side::Beyond => !self.known.values().any(|known| known.is_home_of(target)),
        }
    }

    /// The name of a link.
    pub(super) fn name(&self, link: u32) -> String {
        let known = self.known.get(&link);
        known.map_or_else(
            || format!("interface {link}"),
            |known| known.name.clone().into(),
        )
    }

    fn has_neighbour(&self, link: u32, target: IpAddr) -> bool {
        let known = self.known.get(&link);
        known.is_some_and(|known| known.is_home_of(target))
    }
}

impl Opening {
    /// Somebody answered at this moment.
    const fn prove(&mut self, at: Timestamp) {
        if let Self::Unproven = self {
            *self = Self::Proven(at);
        }
    }
}

impl Known {
    const fn close(&mut self, now: Timestamp) {
        self.shut = Some(now);
        self.opening = Opening::Unproven;
    }

    fn is_home_of(&self, target: IpAddr) -> bool {
        self.addresses.iter().any(|it| it.is_on_link(target))
    }

    fn closed(&self) -> Option<String> {
        match self.state {
            State::Passes => None,
            State::NoCarrier => Some(format!("{} has no carrier", self.name)),
            State::Down => Some(format!("{} is down", self.name)),
        }
    }
}
