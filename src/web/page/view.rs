// SPDX-License-Identifier: MIT OR Apache-2.0
//! What of the state is shown, and in which order.

use std::cmp::Reverse;

use serde::Deserialize;

use super::grade::{Grade, State, badness, of_server, of_service};
use super::history::{Curve, History};
use crate::control::{ServerStatus, ServiceStatus, Status};

/// With so many services all are open.
const FEW: usize = 8;
/// So many services are opened because something is wrong with them.
const MOST_OPEN: usize = 50;

/// What a reader asks for, in the address of the page.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub(in crate::web) struct Question {
    show: String,
    q: String,
    sort: String,
}

impl Question {
    /// Whether everything is shown, in its own order.
    pub(in crate::web) fn is_plain(&self) -> bool {
        !self.only_not_up() && self.q.is_empty() && self.sort() == Sort::State
    }

    pub(super) fn only_not_up(&self) -> bool {
        self.show == "not-up"
    }

    /// The text that is looked for.
    pub(super) fn text(&self) -> &str {
        &self.q
    }

    /// The orders that can be chosen: each with its name in the address, its words, and whether it is chosen.
    pub(super) fn orders(&self) -> impl Iterator<Item = (&'static str, &'static str, bool)> {
        let chosen = self.sort();
        let all = Sort::ALL.into_iter();
        all.map(move |it| (it.name(), it.words(), it == chosen))
    }

    fn sort(&self) -> Sort {
        let mut all = Sort::ALL.into_iter();
        all.find(|it| it.name() == self.sort).unwrap_or(Sort::State)
    }
}

/// An order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    State,
    Name,
    Weight,
    Latency,
    Since,
}

impl Sort {
    const ALL: [Self; 5] = [
        Self::State,
        Self::Name,
        Self::Weight,
        Self::Latency,
        Self::Since,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Name => "name",
            Self::Weight => "weight",
            Self::Latency => "latency",
            Self::Since => "since",
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::State => "the worst first",
            Self::Name => "by address",
            Self::Weight => "the heaviest first",
            Self::Latency => "the slowest first",
            Self::Since => "the last changed first",
        }
    }

    /// Larger is earlier.
    fn key(self, server: &ServerView<'_>) -> u64 {
        match self {
            Self::State | Self::Name => 0,
            Self::Weight => server.it.weight.map_or(0, |it| u64::from(it) + 1),
            Self::Latency => latency(server.it).map_or(0, |it| it + 1),
            Self::Since => server.it.since_seconds.map_or(0, |it| u64::MAX - it),
        }
    }
}

/// What the slowest check of a server took last, in microseconds.
pub(super) fn latency(server: &ServerStatus) -> Option<u64> {
    let checks = server.checks.iter();
    checks.filter_map(|it| it.latency_microseconds).max()
}

/// One service, as it is shown.
pub(super) struct ServiceView<'a> {
    pub(super) it: &'a ServiceStatus,
    /// Its place in ipvsadm's order.
    pub(super) place: usize,
    pub(super) state: State<'a>,
    pub(super) badness: u8,
    /// How many of its servers are up.
    pub(super) up: usize,
    pub(super) open: bool,
    pub(super) servers: Vec<ServerView<'a>>,
    pub(super) curve: Option<Curve>,
}

/// One server, as it is shown.
pub(super) struct ServerView<'a> {
    pub(super) it: &'a ServerStatus,
    pub(super) state: State<'a>,
}

/// One service with all its servers.
pub(super) fn service<'a>(
    place: usize,
    it: &'a ServiceStatus,
    history: &History,
) -> ServiceView<'a> {
    let servers = it.servers.iter().map(|it| ServerView {
        it,
        state: of_server(it),
    });
    let servers: Vec<_> = servers.collect();
    ServiceView {
        it,
        place,
        state: of_service(it),
        badness: badness(it),
        up: servers
            .iter()
            .filter(|it| it.state.grade == Grade::Right)
            .count(),
        open: false,
        servers,
        curve: history.of(&it.service),
    }
}

/// What the question asks for, in its order.
pub(super) fn services<'a>(
    status: &'a Status,
    history: &History,
    question: &Question,
) -> Vec<ServiceView<'a>> {
    let wanted = question.q.to_lowercase();
    let mut all: Vec<_> = (0..)
        .zip(&status.services)
        .map(|(place, it)| service(place, it, history))
        .filter_map(|it| narrowed(it, question.only_not_up(), &wanted))
        .collect();
    let sort = question.sort();
    match sort {
        Sort::State => all.sort_by_key(|it| Reverse(it.badness)),
        Sort::Name => {}
        Sort::Weight | Sort::Latency | Sort::Since => {
            for it in &mut all {
                it.servers.sort_by_key(|it| Reverse(sort.key(it)));
            }
            all.sort_by_key(|it| Reverse(it.servers.iter().map(|it| sort.key(it)).max()));
        }
    }
    let few = all.len() <= FEW;
    let mut left = MOST_OPEN;
    for it in &mut all {
        let wrong = it.state.grade >= Grade::Doubt && left > 0;
        left -= usize::from(wrong);
        it.open = few || wrong;
    }
    all
}

/// The service with those of its servers that are asked for; `None` when nothing of it is.
fn narrowed<'a>(
    mut it: ServiceView<'a>,
    only_not_up: bool,
    wanted: &str,
) -> Option<ServiceView<'a>> {
    if only_not_up {
        if it.state.grade.is_up() {
            return None;
        }
        it.servers.retain(|it| !it.state.grade.is_up());
    }
    if !wanted.is_empty() && !names(&it, wanted) {
        it.servers.retain(|it| says(it, wanted));
        if it.servers.is_empty() {
            return None;
        }
    }
    Some(it)
}

/// Whether the service itself has this text.
fn names(service: &ServiceView<'_>, wanted: &str) -> bool {
    let it = service.it;
    let own = [&*it.service.to_string(), &it.scheduler, service.state.word];
    let texts = [it.error.as_deref(), it.alarm.as_deref()];
    let mut all = own.into_iter().chain(texts.into_iter().flatten());
    all.any(|text| has(text, wanted))
}

/// Whether the server has this text.
fn says(server: &ServerView<'_>, wanted: &str) -> bool {
    let it = server.it;
    let own = [&*it.server.to_string(), server.state.word, &it.health];
    let texts = [
        it.reason.as_deref(),
        it.order.as_deref(),
        it.note.as_deref(),
    ];
    let checks = it.checks.iter();
    let checks = checks.flat_map(|it| [Some(&*it.probe), it.last_failure.as_deref()]);
    let all = own
        .into_iter()
        .chain(texts.into_iter().chain(checks).flatten());
    all.into_iter().any(|text| has(text, wanted))
}

fn has(text: &str, wanted: &str) -> bool {
    text.to_lowercase().contains(wanted)
}
