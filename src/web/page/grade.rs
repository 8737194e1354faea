// SPDX-License-Identifier: MIT OR Apache-2.0
//! How good or bad something is: a colour, a shape and a word.

use std::collections::BTreeMap;

use crate::control::{CheckStatus, ServerStatus, ServiceStatus, Status};

/// How good or bad something is, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Grade {
    /// It is as it should be.
    Right,
    /// Nothing checks it.
    Unchecked,
    /// An operator wanted it so.
    Ordered,
    /// It is not known, or about to change.
    Doubt,
    /// It does not work.
    Wrong,
}

impl Grade {
    /// Its class in the style sheet.
    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Unchecked => "unchecked",
            Self::Ordered => "ordered",
            Self::Doubt => "doubt",
            Self::Wrong => "wrong",
        }
    }

    /// Its shape.
    pub(super) const fn symbol(self) -> &'static str {
        match self {
            Self::Right => "\u{25cf}",
            Self::Unchecked => "\u{25cb}",
            Self::Ordered => "\u{25d0}",
            Self::Doubt => "\u{25b2}",
            Self::Wrong => "\u{2716}\u{fe0e}",
        }
    }

    /// Whether "not up" leaves it out.
    pub(super) const fn is_up(self) -> bool {
        match self {
            Self::Right | Self::Unchecked => true,
            Self::Ordered | Self::Doubt | Self::Wrong => false,
        }
    }
}

/// A grade, and the word for what exactly it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct State<'a> {
    pub(super) grade: Grade,
    pub(super) word: &'a str,
}

const fn state(grade: Grade, word: &str) -> State<'_> {
    State { grade, word }
}

/// For how long a server has not been checked, in seconds; `None` when it is.
pub(super) fn not_checked(server: &ServerStatus) -> Option<u64> {
    let mut idle = server.checks.iter().filter(|it| it.could_not_run > 0);
    idle.next()?.not_checked_seconds
}

/// How a server is.
pub(super) fn of_server(server: &ServerStatus) -> State<'_> {
    let order = server.order.as_deref();
    if order == Some("disable") {
        return state(Grade::Ordered, "disabled");
    }
    // What it was then says nothing about now.
    if not_checked(server).is_some() {
        return state(Grade::Doubt, "not checked");
    }
    match &*server.health {
        "down" => state(Grade::Wrong, "down"),
        "up" | "unchecked" if server.drain.as_ref().is_some_and(|it| it.ended) => {
            state(Grade::Ordered, "drained")
        }
        "up" | "unchecked" if order == Some("drain") || server.drain.is_some() => {
            state(Grade::Ordered, "drain")
        }
        "up" if server.checks.iter().any(fails) => state(Grade::Doubt, "failing"),
        "up" => state(Grade::Right, "up"),
        "unchecked" => state(Grade::Unchecked, "unchecked"),
        word @ ("drain" | "maintenance" | "leaving") => state(Grade::Ordered, word),
        word => state(Grade::Doubt, word),
    }
}

/// For how long it has been so, in seconds, if that is known.
pub(super) fn since(server: &ServerStatus) -> Option<u64> {
    let by_order = server.order.is_some() || server.drain.is_some();
    match of_server(server).grade {
        // An order says nothing about when it was given; its drain does.
        Grade::Ordered if by_order => Some(server.drain.as_ref()?.since_seconds),
        Grade::Right | Grade::Unchecked | Grade::Ordered | Grade::Doubt | Grade::Wrong => {
            server.since_seconds
        }
    }
}

/// Whether a check that still counts as up has failed last.
fn fails(check: &CheckStatus) -> bool {
    check.standing == "up" && check.last_succeeded == Some(false)
}

/// How one check finds its server.
pub(super) fn of_check(check: &CheckStatus) -> Grade {
    match &*check.standing {
        _ if check.could_not_run > 0 => Grade::Doubt,
        "up" if fails(check) => Grade::Doubt,
        "up" => Grade::Right,
        "down" => Grade::Wrong,
        "drain" | "maintenance" => Grade::Ordered,
        _ => Grade::Doubt,
    }
}

/// How a service is: as bad as its worst server, and worse when the kernel or its servers together are not right.
pub(super) fn of_service(service: &ServiceStatus) -> State<'_> {
    if service.error.is_some() {
        return state(Grade::Wrong, "error");
    }
    if service.alarm.is_some() {
        return state(Grade::Wrong, "alarm");
    }
    let servers = service.servers.iter().map(of_server);
    let worst = servers.reduce(|worst, it| if it.grade > worst.grade { it } else { worst });
    worst.unwrap_or(state(Grade::Doubt, "no servers"))
}

/// The same as a number: the larger the worse. A service that is wrong as a whole is worse than its servers are.
pub(super) fn badness(service: &ServiceStatus) -> u8 {
    match of_service(service).grade {
        Grade::Right => 0,
        Grade::Unchecked => 1,
        Grade::Ordered => 2,
        Grade::Doubt => 3,
        Grade::Wrong => 4 + u8::from(service.error.is_some() || service.alarm.is_some()),
    }
}

/// How a virtual router is.
pub(super) fn of_router(router: &crate::control::RouterStatus) -> Grade {
    match &*router.state {
        _ if router.problem.is_some() => Grade::Wrong,
        "master" | "backup" => Grade::Right,
        "fault" => Grade::Wrong,
        _ => Grade::Doubt,
    }
}

/// Everything together.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Summary {
    /// The worst of all.
    pub(super) grade: Grade,
    /// What is wrong, or that nothing is: `1 error, 3 down`.
    pub(super) headline: String,
    /// How many servers are what: `27 up, 3 down`.
    pub(super) servers: String,
    /// How many servers there are.
    pub(super) number: usize,
}

impl Summary {
    /// Of all servers of all services.
    pub(super) fn of(status: &Status) -> Self {
        let mut words: BTreeMap<(Grade, &str), usize> = BTreeMap::new();
        let all = status.services.iter().flat_map(|it| &it.servers);
        for State { grade, word } in all.map(of_server) {
            *words.entry((grade, word)).or_default() += 1;
        }
        let errors = number(status, |it| it.error.is_some());
        let alarms = number(status, |it| it.error.is_none() && it.alarm.is_some());
        let refused = status.reload_error.is_some();
        let fault = |it: &&crate::control::RouterStatus| of_router(it) == Grade::Wrong;
        let faults = status.routers.iter().filter(fault).count();
        let mut bad: Vec<String> = Vec::new();
        bad.extend(refused.then(|| "reload refused".to_owned()));
        for (number, one, many) in [
            (errors, "error", "errors"),
            (alarms, "alarm", "alarms"),
            (
                faults,
                "virtual router in fault",
                "virtual routers in fault",
            ),
        ] {
            let word = if number == 1 { one } else { many };
            bad.extend((number > 0).then(|| format!("{number} {word}")));
        }
        let wrong = if bad.is_empty() {
            Grade::Right
        } else {
            Grade::Wrong
        };
        let counted = |((_, word), number): (&(Grade, &str), &usize)| format!("{number} {word}");
        let doubtful = words
            .iter()
            .rev()
            .filter(|((grade, _), _)| *grade >= Grade::Doubt);
        bad.extend(doubtful.map(counted));
        let worst = words.keys().map(|(grade, _)| *grade).max();
        let headline = match (bad.is_empty(), status.services.is_empty()) {
            (false, _) => bad.join(", "),
            (true, true) => "no services".to_owned(),
            (true, false) => "all up".to_owned(),
        };
        Self {
            grade: worst.unwrap_or(Grade::Right).max(wrong),
            headline,
            servers: words.iter().map(counted).collect::<Vec<_>>().join(", "),
            number: words.values().sum(),
        }
    }
}

fn number(status: &Status, is_so: fn(&&ServiceStatus) -> bool) -> usize {
    status.services.iter().filter(is_so).count()
}
