// SPDX-License-Identifier: MIT OR Apache-2.0
//! The state of the screen: its rows, the selected one, and the effect of keys.

use std::collections::BTreeSet;
use std::time::Duration;

use super::columns::Column;
use super::table::{Order, Table};
use crate::cli::listing::Listing;
use crate::cli::render::service_name;
use crate::model::{ServerKey, ServiceKey, Timestamp};
use crate::screen::{Cursor, Key, longer, shorter};
use crate::system::Names;

/// The intervals that `+` and `-` go through, in milliseconds.
const INTERVALS: [u64; 12] = [
    100, 200, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000, 300_000, 900_000, 3_600_000,
];

/// The object of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Object {
    /// A virtual service.
    Service(ServiceKey),
    /// A real server of that service.
    Server(ServiceKey, ServerKey),
}

impl Object {
    /// The service it is or belongs to.
    const fn service(self) -> ServiceKey {
        match self {
            Self::Service(key) | Self::Server(key, _) => key,
        }
    }

    /// Its address as listings have it.
    pub(super) fn name(self) -> String {
        match self {
            Self::Service(key) => service_name(&key, false, &Names::default()),
            Self::Server(_, key) => format!("  -> {key}"),
        }
    }
}

/// What a key asks for, apart from drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Nothing.
    None,
    /// Draw everything again.
    Redraw,
    /// Stop until the shell continues us.
    Suspend,
    /// The end.
    Quit,
}

/// All that is shown, and how.
#[derive(Debug)]
pub(super) struct State {
    pub(super) table: Table,
    pub(super) order: Order,
    pub(super) interval: Duration,
    pub(super) paused: bool,
    pub(super) help: bool,
    /// All rows, including those that are scrolled out of view.
    pub(super) rows: Vec<Object>,
    /// Which of them is selected, and which are on the screen.
    pub(super) cursor: Cursor,
    /// How wide the longest address is.
    pub(super) address_width: u16,
    folded: BTreeSet<ServiceKey>,
    /// Whether services that are new are folded.
    fold_new: bool,
}

impl State {
    /// At the start.
    pub(super) fn new(now: Timestamp, first: Listing, sort: Column, interval: Duration) -> Self {
        let mut state = Self {
            table: Table::new(now, first),
            order: Order {
                column: sort,
                reversed: false,
            },
            interval,
            paused: false,
            help: false,
            rows: Vec::new(),
            cursor: Cursor::default(),
            address_width: 0,
            folded: BTreeSet::new(),
            fold_new: false,
        };
        state.arrange();
        state
    }

    /// Takes a reading of this moment.
    pub(super) fn read(&mut self, now: Timestamp, listing: Listing) {
        let before: BTreeSet<ServiceKey> = self.table.services.keys().copied().collect();
        self.table.read(now, listing);
        let services = &self.table.services;
        self.folded.retain(|key| services.contains_key(key));
        if self.fold_new {
            let new = services.keys().filter(|key| !before.contains(key));
            self.folded.extend(new);
        }
        self.arrange();
    }

    /// The screen has room for this many rows.
    pub(super) fn fit(&mut self, rows: usize) {
        self.cursor.fit(rows);
    }

    /// Whether a service's servers are hidden.
    pub(super) fn is_folded(&self, key: &ServiceKey) -> bool {
        self.folded.contains(key)
    }

    /// A key was pressed.
    pub(super) fn press(&mut self, key: Key) -> Action {
        match key {
            Key::Interrupt => return Action::Quit,
            Key::Suspend => return Action::Suspend,
            Key::Redraw => return Action::Redraw,
            _ if self.help => self.help = false,
            Key::Escape => return Action::Quit,
            _ if self.cursor.press(key) => {}
            Key::Enter => self.fold(),
            Key::Erase
            | Key::Up
            | Key::Down
            | Key::PageUp
            | Key::PageDown
            | Key::Home
            | Key::End => {}
            Key::Character(letter) => return self.letter(letter),
        }
        Action::None
    }

    fn letter(&mut self, letter: char) -> Action {
        match letter {
            'q' | 'Q' => return Action::Quit,
            ' ' => self.fold(),
            'f' => self.fold_all(),
            's' | '>' => self.sort(false),
            '<' => self.sort(true),
            'r' => {
                self.order.reversed = !self.order.reversed;
                self.arrange();
            }
            'p' => self.paused = !self.paused,
            '+' | '=' => self.interval = longer(&INTERVALS, self.interval),
            '-' => self.interval = shorter(&INTERVALS, self.interval),
            'h' | '?' => self.help = true,
            _ => {}
        }
        Action::None
    }

    fn sort(&mut self, back: bool) {
        self.order = Order {
            column: self.order.column.next_sorting(back),
            reversed: false,
        };
        self.arrange();
    }

    fn fold(&mut self) {
        let Some(object) = self.rows.get(self.cursor.selected) else {
            return;
        };
        let key = object.service();
        if !self.folded.remove(&key) {
            self.folded.insert(key);
        }
        self.arrange();
    }

    /// Folds all services, or unfolds all when none is open.
    fn fold_all(&mut self) {
        self.fold_new = self.folded.len() < self.table.services.len();
        self.folded.clear();
        if self.fold_new {
            self.folded.extend(self.table.services.keys());
        }
        self.arrange();
    }

    /// Makes the rows again. The selection stays with its object. When a server is no longer visible, its service is
    /// selected; when a service is gone, the row in its place.
    fn arrange(&mut self) {
        let selected = self.rows.get(self.cursor.selected).copied();
        self.rows.clear();
        for service in self.table.ordered(self.order) {
            let key = service.entry.key;
            self.rows.push(Object::Service(key));
            if !self.folded.contains(&key) {
                let servers = service.ordered(self.order);
                let servers = servers.iter().map(|it| Object::Server(key, it.entry.key));
                self.rows.extend(servers);
            }
        }
        let widths = self.rows.iter().map(|row| row.name().len());
        self.address_width = u16::try_from(widths.max().unwrap_or(0)).unwrap_or(u16::MAX);
        let place = |object| self.rows.iter().position(|row| *row == object);
        let here = selected
            .and_then(|object| place(object).or_else(|| place(Object::Service(object.service()))));
        let row = here.unwrap_or(self.cursor.selected);
        self.cursor.go_to(row, self.rows.len());
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
pub(super) mod tests;
