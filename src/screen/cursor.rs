// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which of many rows is selected, and which of them are on the screen.

use super::keys::Key;

/// The place in a list of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The first row on the screen.
    pub top: usize,
    /// The selected row.
    pub selected: usize,
    /// How many rows there are.
    rows: usize,
    /// How many rows the screen has.
    page: usize,
}

impl Default for Cursor {
    fn default() -> Self {
        Self {
            top: 0,
            selected: 0,
            rows: 0,
            page: 1,
        }
    }
}

impl Cursor {
    /// The screen has room for this many rows.
    pub fn fit(&mut self, page: usize) {
        self.page = page.max(1);
        self.scroll();
    }

    /// There are this many rows now; this one is selected, or the last one.
    pub fn go_to(&mut self, row: usize, rows: usize) {
        self.rows = rows;
        self.select(row);
    }

    /// Goes where a key leads, and returns whether it leads somewhere.
    pub fn press(&mut self, key: Key) -> bool {
        match key {
            Key::Up | Key::Character('k') => self.select(self.selected.saturating_sub(1)),
            Key::Down | Key::Character('j') => self.select(self.selected.saturating_add(1)),
            Key::PageUp => self.select(self.selected.saturating_sub(self.page)),
            Key::PageDown => self.select(self.selected.saturating_add(self.page)),
            Key::Home | Key::Character('g') => self.select(0),
            Key::End | Key::Character('G') => self.select(usize::MAX),
            Key::Character(_)
            | Key::Enter
            | Key::Escape
            | Key::Erase
            | Key::Interrupt
            | Key::Suspend
            | Key::Redraw => return false,
        }
        true
    }

    fn select(&mut self, row: usize) {
        self.selected = row.min(self.rows.saturating_sub(1));
        self.scroll();
    }

    /// Brings the selected row onto the screen, and leaves no room empty that rows could fill.
    fn scroll(&mut self) {
        let last_top = self.rows.saturating_sub(self.page);
        let lowest = self.selected.saturating_sub(self.page - 1);
        self.top = self.top.max(lowest).min(self.selected).min(last_top);
    }
}
