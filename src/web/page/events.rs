// SPDX-License-Identifier: MIT OR Apache-2.0
//! The last events, with the time of day.

use std::collections::VecDeque;
use std::time::Duration;

use super::words::{Text, wall};
use crate::control::Told;
use crate::model::Severity;
use crate::web::source::Source;

/// So many are kept, as the director keeps them.
const KEPT: usize = 1_000;
/// So many stand on the status page.
const SHOWN: usize = 50;

/// The last events.
#[derive(Debug, Default)]
pub(in crate::web) struct Log {
    last: u64,
    kept: VecDeque<Line>,
}

/// An event.
#[derive(Debug)]
struct Line {
    number: u64,
    /// Since 1970.
    at: Duration,
    severity: Severity,
    text: String,
}

impl Log {
    /// Takes what has come since the last time. `now` is the time since 1970.
    pub(in crate::web) fn read(&mut self, source: &dyn Source, now: Duration) {
        for told in source.events(self.last) {
            self.last = self.last.max(told.number);
            self.add(&told, now);
        }
    }

    fn add(&mut self, told: &Told, now: Duration) {
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(Line {
            number: told.number,
            at: now.saturating_sub(Duration::from_millis(told.milliseconds_ago)),
            severity: told.severity,
            // Cut and harmless: a thousand of them have a bounded size.
            text: Text(&told.text).to_string(),
        });
    }

    /// The number of the last one.
    pub(in crate::web) const fn last(&self) -> u64 {
        self.last
    }

    /// What is shown of it.
    pub(super) fn view(&self, all: bool, now: Duration) -> Events {
        let most = if all { KEPT } else { SHOWN };
        let lines = self.kept.iter().rev().take(most).map(|it| Event {
            number: it.number,
            at: wall(it.at, now),
            class: class(it.severity),
            word: word(it.severity),
            text: it.text.clone(),
        });
        let oldest = self.kept.front();
        Events {
            lines: lines.collect(),
            kept: self.kept.len(),
            since: oldest.map(|it| wall(it.at, now)).unwrap_or_default(),
        }
    }
}

/// The events that are shown, the last one first.
pub(super) struct Events {
    pub(super) lines: Vec<Event>,
    /// How many there are.
    pub(super) kept: usize,
    /// The time of day of the oldest of these.
    pub(super) since: String,
}

/// An event that is shown.
pub(super) struct Event {
    pub(super) number: u64,
    pub(super) at: String,
    pub(super) class: &'static str,
    pub(super) word: &'static str,
    pub(super) text: String,
}

const fn class(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "doubt",
        Severity::Error => "wrong",
    }
}

const fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}
