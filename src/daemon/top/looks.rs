// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a server and a service are, in a sign, a word and a colour: each of them alone is enough.

use ratatui::style::Color;

use crate::control::{ServerStatus, ServiceStatus};
use crate::daemon::pick::is_up;

/// How bad it is, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Badness {
    Down,
    NotKnown,
    Out,
    Up,
}

impl Badness {
    /// A letter, so that no colour is needed.
    pub(super) const fn sign(self) -> &'static str {
        match self {
            Self::Down => "!",
            Self::NotKnown => "?",
            Self::Out => "~",
            Self::Up => "+",
        }
    }

    pub(super) const fn colour(self) -> Color {
        match self {
            Self::Down => Color::Red,
            Self::NotKnown => Color::Magenta,
            Self::Out => Color::Yellow,
            Self::Up => Color::Green,
        }
    }
}

/// How a server is, in a word of at most nine letters. What was ordered comes first: it says why the rest is as it is.
pub(super) fn server(it: &ServerStatus) -> (Badness, String) {
    let ended = it.drain.as_ref().map(|drain| drain.ended);
    let (badness, word) = match (it.order.as_deref(), ended, &*it.health) {
        (Some("disable"), ..) => (Badness::Out, "disabled"),
        (_, _, "down") => (Badness::Down, "down"),
        (Some("drain"), Some(true), _) => (Badness::Out, "drained"),
        (Some("drain"), ..) | (_, _, "drain") => (Badness::Out, "drain"),
        _ if it.checks.iter().any(|it| it.could_not_run > 0) => (Badness::NotKnown, "unchecked"),
        (_, _, "maintenance") => (Badness::Out, "maint"),
        (_, _, "leaving") => (Badness::Out, "leaving"),
        (_, _, "up") => (Badness::Up, "up"),
        (_, _, "unchecked") => (Badness::Up, "no check"),
        // Also one of a newer director.
        (_, _, other) => (Badness::NotKnown, other),
    };
    (badness, word.chars().take(9).collect())
}

/// A service is as bad as its worst server; the word says how many are up.
pub(super) fn service(it: &ServiceStatus) -> (Badness, String) {
    let servers = it.servers.iter();
    let worst = servers.clone().map(|it| server(it).0).min();
    let worst = if it.error.is_some() || it.alarm.is_some() {
        Badness::Down
    } else {
        worst.unwrap_or(Badness::Down)
    };
    let up = servers.filter(|it| is_up(it)).count();
    (worst, format!("{up}/{} up", it.servers.len()))
}
