// SPDX-License-Identifier: MIT OR Apache-2.0
//! How an entry of the log is written: as a line of text, as a JSON object, or for systemd's journal.

use std::fmt::{self, Write as _};
use std::time::Duration;

use serde_json::Value;
use tracing::Level;
use tracing::field::{Field, Visit};

/// The longest message that goes to the journal, in bytes. What is longer is cut: a datagram must fit a socket's buffer.
const LONGEST_MESSAGE: usize = 48 * 1024;

/// The way in which entries are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// A line for people.
    Text {
        /// Whether the line begins with the time.
        time: bool,
        /// Whether the level has a colour.
        colour: bool,
    },
    /// One object on a line.
    Json,
    /// The fields of systemd's native protocol (`systemd.journal-fields(7)`).
    Journal,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) level: Level,
    pub(super) message: String,
    /// Its other fields, with their names.
    pub(super) fields: Vec<(&'static str, String)>,
}

impl Layout {
    /// The entry with its line feed. `now` is the time since 1970.
    pub(super) fn write(self, now: Duration, entry: &Entry) -> Vec<u8> {
        match self {
            Self::Text { time, colour } => text(time.then_some(now), colour, entry).into_bytes(),
            Self::Json => json(now, entry).into_bytes(),
            Self::Journal => journal(entry),
        }
    }

    /// Whether it writes more of an entry than its message.
    pub(super) const fn has_fields(self) -> bool {
        matches!(self, Self::Json | Self::Journal)
    }
}

fn text(now: Option<Duration>, colour: bool, entry: &Entry) -> String {
    let mut line = now.map(|now| written(now) + " ").unwrap_or_default();
    let level = entry.level.as_str();
    // Cannot fail: a text takes everything.
    let _ = if colour {
        let number = match entry.level {
            Level::ERROR => 31,
            Level::WARN => 33,
            Level::INFO => 32,
            _ => 34,
        };
        write!(line, "\u{1b}[{number}m{level:>5}\u{1b}[0m ")
    } else {
        write!(line, "{level:>5} ")
    };
    line.push_str(&entry.message);
    line.push('\n');
    line
}

/// The field `transition` is JSON already, and becomes a value.
fn json(now: Duration, entry: &Entry) -> String {
    let text = |text: &str| Value::from(text).to_string();
    let level = entry.level.as_str().to_ascii_lowercase();
    let mut line = format!(
        "{{\"time\":{},\"level\":{},\"message\":{}",
        text(&written(now)),
        text(&level),
        text(&entry.message)
    );
    for (name, value) in &entry.fields {
        let value = if *name == TRANSITION {
            value.clone()
        } else {
            text(value)
        };
        // Cannot fail: a text takes everything.
        let _ = write!(line, ",{}:{value}", text(name));
    }
    line.push_str("}\n");
    line
}

/// The field that has a whole transition, as JSON.
pub(super) const TRANSITION: &str = "transition";

fn journal(entry: &Entry) -> Vec<u8> {
    // The levels of syslog.
    let priority = match entry.level {
        Level::ERROR => "3",
        Level::WARN => "4",
        Level::INFO => "6",
        _ => "7",
    };
    let message = &entry.message;
    let message = message.get(..message.floor_char_boundary(LONGEST_MESSAGE));
    let mut datagram = Vec::new();
    journal_field(&mut datagram, "PRIORITY", priority);
    journal_field(&mut datagram, "SYSLOG_IDENTIFIER", "director");
    for (name, value) in &entry.fields {
        let whole = value.len() <= LONGEST_MESSAGE;
        journal_field(
            &mut datagram,
            &name.to_ascii_uppercase(),
            if whole { value } else { "" },
        );
    }
    journal_field(&mut datagram, "MESSAGE", message.unwrap_or_default());
    datagram
}

/// `NAME=value`, or, when the value has several lines, its name, its length and itself.
fn journal_field(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend_from_slice(name.as_bytes());
    if value.contains('\n') {
        out.push(b'\n');
        out.extend_from_slice(&(value.len() as u64).to_le_bytes());
    } else {
        out.push(b'=');
    }
    out.extend_from_slice(value.as_bytes());
    out.push(b'\n');
}

/// The time as RFC 3339 writes it, in UTC and milliseconds.
fn written(since_1970: Duration) -> String {
    let seconds = since_1970.as_secs();
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
        second / 3600,
        second / 60 % 60,
        second % 60,
        since_1970.subsec_millis()
    )
}

/// The date so many days after 1970-01-01. Years begin in March here, so that the day more of a leap year is the last one.
const fn date(days: u64) -> (u64, u64, u64) {
    // From 0000-03-01.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

/// Collects what an entry says.
pub(super) struct Reading {
    with_fields: bool,
    message: String,
    fields: Vec<(&'static str, String)>,
}

impl Reading {
    pub(super) const fn new(layout: Layout) -> Self {
        Self {
            with_fields: layout.has_fields(),
            message: String::new(),
            fields: Vec::new(),
        }
    }

    pub(super) fn entry(self, level: Level) -> Entry {
        Entry {
            level,
            message: self.message,
            fields: self.fields,
        }
    }
}

impl Visit for Reading {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
        } else if self.with_fields {
            self.fields.push((field.name(), format!("{value:?}")));
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_millis(1_709_210_096_007);

    fn entry(message: &str) -> Entry {
        Entry {
            level: Level::WARN,
            message: message.to_owned(),
            fields: vec![
                ("service", "TCP 192.0.2.1:80".to_owned()),
                ("transition", "{\"at\":1}".to_owned()),
            ],
        }
    }

    #[test]
    fn a_line_of_text_has_the_time_unless_others_note_it() {
        let written = |time, colour| {
            let line = Layout::Text { time, colour }.write(NOW, &entry("a \"b\""));
            String::from_utf8(line).unwrap()
        };
        assert_eq!(
            written(true, false),
            "2024-02-29T12:34:56.007Z  WARN a \"b\"\n"
        );
        assert_eq!(written(false, false), " WARN a \"b\"\n");
        assert_eq!(written(false, true), "\u{1b}[33m WARN\u{1b}[0m a \"b\"\n");
    }

    #[test]
    fn an_object_is_one_line_whatever_the_message_has() {
        let line = Layout::Json.write(NOW, &entry("a \"b\"\nc\u{1b}"));
        assert_eq!(
            String::from_utf8(line).unwrap(),
            "{\"time\":\"2024-02-29T12:34:56.007Z\",\"level\":\"warn\",\"message\":\"a \\\"b\\\"\\nc\\u001b\",\
             \"service\":\"TCP 192.0.2.1:80\",\"transition\":{\"at\":1}}\n"
        );
    }

    #[test]
    fn the_journal_gets_fields_and_no_text_can_make_another_one() {
        let datagram = Layout::Journal.write(NOW, &entry("a\nPRIORITY=0"));
        let mut expected =
            b"PRIORITY=4\nSYSLOG_IDENTIFIER=director\nSERVICE=TCP 192.0.2.1:80\n".to_vec();
        expected.extend_from_slice(
            b"TRANSITION={\"at\":1}\nMESSAGE\n\x0c\0\0\0\0\0\0\0a\nPRIORITY=0\n",
        );
        assert_eq!(datagram, expected);
    }

    #[test]
    fn a_message_without_end_is_cut_between_two_letters() {
        let datagram = Layout::Journal.write(NOW, &entry(&"é".repeat(100_000)));
        assert!(datagram.len() < LONGEST_MESSAGE + 200);
        assert!(String::from_utf8(datagram).is_ok());
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399, "2000-02-28T23:59:59.000Z"),
            (951_868_800, "2000-03-01T00:00:00.000Z"),
            (4_107_542_399, "2100-02-28T23:59:59.000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000Z"),
            (1_798_761_599, "2026-12-31T23:59:59.000Z"),
        ] {
            assert_eq!(written(Duration::from_secs(seconds)), text);
        }
    }
}
