// SPDX-License-Identifier: MIT OR Apache-2.0
//! The state of the screen: its rows, the selected one, what is asked on it, and the effect of keys.

use std::time::Duration;

use super::columns::Column;
use super::feed::{Errand, Reading};
use super::looks;
use super::table::{Order as Sorting, Service, Table};
use crate::daemon::pick::is_up;
use crate::model::{Order, ServerKey, ServiceKey};
use crate::screen::{Cursor, Key, longer, shorter};

/// The intervals that `+` and `-` go through, in milliseconds.
const INTERVALS: [u64; 9] = [200, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000, 300_000];
/// The longest text to filter by.
const LONGEST_FILTER: usize = 60;

/// The object of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Object {
    Service(ServiceKey),
    Server(ServiceKey, ServerKey),
}

impl Object {
    /// Its name, as it is shown.
    pub(super) fn name(self) -> String {
        match self {
            Self::Service(key) => key.to_string(),
            Self::Server(_, key) => format!("  -> {key}"),
        }
    }
}

/// What the keys are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// To go about.
    Usual,
    /// To write what to filter by.
    Filter,
    /// To say yes or no to an order.
    Confirm(ServiceKey, ServerKey, Option<Order>),
    /// To leave the page of help.
    Help,
}

/// What a key asks for, apart from drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    None,
    /// Draw everything again.
    Redraw,
    /// Stop until the shell continues us.
    Suspend,
    /// The end.
    Quit,
    /// Have this done.
    Do(Errand),
}

/// All that is shown, and how.
#[derive(Debug)]
pub(super) struct State {
    pub(super) table: Table,
    pub(super) sorting: Sorting,
    pub(super) interval: Duration,
    pub(super) paused: bool,
    pub(super) mode: Mode,
    /// Only rows with this text.
    pub(super) filter: String,
    /// Only what is not up.
    pub(super) only_down: bool,
    /// What became of the last order.
    pub(super) news: Option<String>,
    /// All rows, including those that are scrolled out of view.
    pub(super) rows: Vec<Object>,
    /// Which of them is selected, and which are on the screen.
    pub(super) cursor: Cursor,
    /// How wide the longest name is.
    pub(super) name_width: u16,
}

impl State {
    /// At the start.
    pub(super) fn new(first: Reading, sort: Column, interval: Duration) -> Self {
        let mut state = Self {
            table: Table::default(),
            sorting: Sorting {
                column: sort,
                reversed: false,
            },
            interval,
            paused: false,
            mode: Mode::Usual,
            filter: String::new(),
            only_down: false,
            news: None,
            rows: Vec::new(),
            cursor: Cursor::default(),
            name_width: 0,
        };
        state.read(first);
        state
    }

    /// Takes a reading.
    pub(super) fn read(&mut self, reading: Reading) {
        self.table.read(reading);
        self.arrange();
    }

    /// The screen has room for this many rows.
    pub(super) fn fit(&mut self, rows: usize) {
        self.cursor.fit(rows);
    }

    /// A key was pressed.
    pub(super) fn press(&mut self, key: Key) -> Action {
        match key {
            Key::Interrupt => return Action::Quit,
            Key::Suspend => return Action::Suspend,
            Key::Redraw => return Action::Redraw,
            Key::Character(_)
            | Key::Enter
            | Key::Escape
            | Key::Erase
            | Key::Up
            | Key::Down
            | Key::PageUp
            | Key::PageDown
            | Key::Home
            | Key::End => {}
        }
        match self.mode {
            Mode::Usual => return self.press_usually(key),
            Mode::Filter => self.write_filter(key),
            Mode::Help => self.mode = Mode::Usual,
            Mode::Confirm(service, server, order) => {
                self.mode = Mode::Usual;
                if matches!(key, Key::Character('y' | 'Y')) {
                    return Action::Do(Errand::Order(service, server, order));
                }
                self.news = Some("nothing was ordered".to_owned());
            }
        }
        Action::None
    }

    fn press_usually(&mut self, key: Key) -> Action {
        if self.cursor.press(key) {
            return Action::None;
        }
        match key {
            // First what narrows the view, then the view.
            Key::Escape if !self.filter.is_empty() || self.only_down => self.show_all(),
            Key::Escape => return Action::Quit,
            Key::Character(letter) => return self.letter(letter),
            Key::Enter
            | Key::Erase
            | Key::Up
            | Key::Down
            | Key::PageUp
            | Key::PageDown
            | Key::Home
            | Key::End
            | Key::Interrupt
            | Key::Suspend
            | Key::Redraw => {}
        }
        Action::None
    }

    fn letter(&mut self, letter: char) -> Action {
        match letter {
            'q' | 'Q' => return Action::Quit,
            's' | '>' => self.sort(false),
            '<' => self.sort(true),
            'r' => {
                self.sorting.reversed = !self.sorting.reversed;
                self.arrange();
            }
            'n' => {
                self.only_down = !self.only_down;
                self.arrange();
            }
            '/' => self.mode = Mode::Filter,
            'd' => self.ask(Some(Order::Drain)),
            'u' => self.ask(None),
            'p' => self.paused = !self.paused,
            '+' | '=' => self.interval = longer(&INTERVALS, self.interval),
            '-' => self.interval = shorter(&INTERVALS, self.interval),
            'h' | '?' => self.mode = Mode::Help,
            _ => {}
        }
        Action::None
    }

    /// Asks whether the selected server is to get this order.
    fn ask(&mut self, order: Option<Order>) {
        match self.rows.get(self.cursor.selected) {
            Some(Object::Server(service, server)) => {
                self.mode = Mode::Confirm(*service, *server, order);
            }
            Some(Object::Service(_)) | None => {
                self.news = Some("select a real server for that".to_owned());
            }
        }
    }

    fn write_filter(&mut self, key: Key) {
        match key {
            Key::Character(letter) if self.filter.len() < LONGEST_FILTER => {
                self.filter.push(letter);
            }
            Key::Erase => drop(self.filter.pop()),
            Key::Escape => {
                self.filter.clear();
                self.mode = Mode::Usual;
            }
            Key::Enter => self.mode = Mode::Usual,
            Key::Character(_)
            | Key::Up
            | Key::Down
            | Key::PageUp
            | Key::PageDown
            | Key::Home
            | Key::End
            | Key::Interrupt
            | Key::Suspend
            | Key::Redraw => {}
        }
        self.arrange();
    }

    fn show_all(&mut self) {
        self.filter.clear();
        self.only_down = false;
        self.arrange();
    }

    fn sort(&mut self, back: bool) {
        self.sorting = Sorting {
            column: self.sorting.column.next(back),
            reversed: false,
        };
        self.arrange();
    }

    /// Makes the rows again. The selection stays with its object; when that is gone, with its place.
    fn arrange(&mut self) {
        let selected = self.rows.get(self.cursor.selected).copied();
        let mut rows = Vec::new();
        for service in self.table.ordered(self.sorting) {
            self.add(service, &mut rows);
        }
        self.rows = rows;
        let widths = self.rows.iter().map(|row| row.name().len());
        self.name_width = u16::try_from(widths.max().unwrap_or(0)).unwrap_or(u16::MAX);
        let place = selected.and_then(|object| self.rows.iter().position(|row| *row == object));
        let row = place.unwrap_or(self.cursor.selected);
        self.cursor.go_to(row, self.rows.len());
    }

    /// The rows of a service that are wanted. One that has the text itself is shown whole.
    fn add(&self, service: &Service, rows: &mut Vec<Object>) {
        let key = service.status.service;
        let wanted = self.filter.to_lowercase();
        let has = |name: String, word: &str| {
            wanted.is_empty() || name.to_lowercase().contains(&wanted) || word.contains(&wanted)
        };
        let whole = has(key.to_string(), "");
        let servers = service.ordered(self.sorting).into_iter();
        let servers = servers.filter(|it| {
            let word = looks::server(&it.status).1;
            (whole || has(it.status.server.to_string(), &word))
                && !(self.only_down && is_up(&it.status))
        });
        let servers: Vec<Object> = servers
            .map(|it| Object::Server(key, it.status.server))
            .collect();
        let status = &service.status;
        let bad = status.error.is_some() || status.alarm.is_some();
        let itself = whole && (!self.only_down || bad);
        if itself || !servers.is_empty() {
            rows.push(Object::Service(key));
            rows.extend(servers);
        }
    }
}
