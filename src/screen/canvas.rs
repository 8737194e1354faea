// SPDX-License-Identifier: MIT OR Apache-2.0
//! Drawing with letters: what the terminal can show, and an area to write on.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

/// What the terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Looks {
    /// Characters beyond letters.
    pub unicode: bool,
    /// Colours.
    pub colour: bool,
}

/// As it is.
pub const PLAIN: Style = Style::new();
/// What counts.
pub const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);
/// What counts less.
pub const DIM: Style = Style::new().add_modifier(Modifier::DIM);

impl Looks {
    /// In this colour, where there are colours.
    #[must_use]
    pub const fn coloured(self, style: Style, colour: Color) -> Style {
        if self.colour { style.fg(colour) } else { style }
    }
}

/// An area to write on; text that does not fit is cut.
pub struct Canvas<'a> {
    buffer: &'a mut Buffer,
    area: Rect,
}

impl<'a> Canvas<'a> {
    /// The whole screen.
    pub fn new<'f>(frame: &'a mut Frame<'f>) -> Self {
        let area = frame.area();
        let buffer = frame.buffer_mut();
        Self { buffer, area }
    }

    /// How many columns it has.
    #[must_use]
    pub const fn width(&self) -> u16 {
        self.area.width
    }

    /// How many lines it has.
    #[must_use]
    pub const fn height(&self) -> u16 {
        self.area.height
    }

    /// Writes a cell that begins at this place: a text at its left, a number at its right.
    pub fn write_cell(
        &mut self,
        (x, y): (u16, u16),
        width: u16,
        is_text: bool,
        text: &str,
        style: Style,
    ) {
        let length = u16::try_from(text.chars().count()).unwrap_or(u16::MAX);
        let indent = if is_text {
            0
        } else {
            width.saturating_sub(length)
        };
        self.write(x + indent, y, width, text, style);
    }

    /// Writes from this place on, at most so many characters.
    pub fn write(&mut self, x: u16, y: u16, width: u16, text: &str, style: Style) {
        if x < self.area.width && y < self.area.height {
            let width = width.min(self.area.width - x);
            self.buffer.set_stringn(x, y, text, width.into(), style);
        }
    }

    /// Writes a whole line.
    pub fn line(&mut self, y: u16, text: &str, style: Style) {
        self.write(0, y, u16::MAX, text, style);
    }

    /// The whole line looks like this.
    pub fn mark(&mut self, y: u16, style: Style) {
        if y < self.area.height {
            let line = Rect::new(0, y, self.area.width, 1);
            self.buffer.set_style(line, style);
        }
    }

    /// In the middle, with a blank around it.
    pub fn overlay(&mut self, lines: &[&str]) {
        let longest = lines
            .iter()
            .map(|line| line.len())
            .max()
            .unwrap_or_default();
        let width = u16::try_from(longest + 4)
            .unwrap_or(u16::MAX)
            .min(self.area.width);
        let height = u16::try_from(lines.len() + 2)
            .unwrap_or(u16::MAX)
            .min(self.area.height);
        let x = (self.area.width - width) / 2;
        let y = (self.area.height - height) / 2;
        let inner = usize::from(width);
        let lines = std::iter::once("").chain(lines.iter().copied()).chain([""]);
        for (y, text) in (y..y + height).zip(lines) {
            let text = format!("  {text:<inner$}");
            let style = Style::new().add_modifier(Modifier::REVERSED);
            self.write(x, y, width, &text, style);
        }
    }
}

/// As many of these as fit, the first ones first.
#[must_use]
pub fn as_fits(width: u16, separator: &str, parts: &[String]) -> String {
    let mut line = String::new();
    for part in parts {
        let before = if line.is_empty() { "" } else { separator };
        if line.chars().count() + before.len() + part.chars().count() > width.into() {
            break;
        }
        line.push_str(before);
        line.push_str(part);
    }
    line
}
