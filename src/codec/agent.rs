// SPDX-License-Identifier: MIT OR Apache-2.0
//! The line of an agent, in the words of HAProxy's agent-check protocol. It is hostile until read.

use crate::model::{AgentAdmin, AgentHealth, AgentState, AskedWeight, Percent};

/// The longest line that is read, in bytes.
pub const MOST_BYTES: usize = 1024;

/// What a line tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AgentLine<'a> {
    /// What its words mean together. Of two words about the same, the last one counts.
    pub state: AgentState,
    /// The first word that has no meaning.
    pub unknown: Option<&'a [u8]>,
}

/// What one word means.
enum Word {
    Health(AgentHealth),
    Admin(AgentAdmin),
    Percent(Percent),
    /// The kernel has no such limit that could be set from here; a server's thresholds are in the configuration.
    MaxConn,
    Unknown,
}

impl<'a> AgentLine<'a> {
    /// Reads a line without its end. A number sign begins a description, which means nothing.
    #[must_use]
    pub fn read(line: &'a [u8]) -> Self {
        let mut read = Self {
            state: AgentState::NOTHING,
            unknown: None,
        };
        let words = line.split(|byte| *byte == b'#').next().unwrap_or_default();
        let words = words.split(|byte| matches!(byte, b' ' | b'\t' | b','));
        for word in words.filter(|word| !word.is_empty()) {
            match Word::of(word) {
                Word::Health(health) => read.state.health = Some(health),
                Word::Admin(admin) => read.state.admin = Some(admin),
                Word::Percent(percent) => {
                    read.state.weight = Some(AskedWeight::Percent(percent));
                }
                Word::MaxConn => {}
                Word::Unknown => read.unknown = read.unknown.or(Some(word)),
            }
        }
        read
    }
}

impl Word {
    fn of(word: &[u8]) -> Self {
        const WORDS: [(&str, Word); 7] = [
            ("up", Word::Health(AgentHealth::Up)),
            ("down", Word::Health(AgentHealth::Down)),
            ("fail", Word::Health(AgentHealth::Down)),
            ("stopped", Word::Health(AgentHealth::Down)),
            ("ready", Word::Admin(AgentAdmin::Ready)),
            ("drain", Word::Admin(AgentAdmin::Drain)),
            ("maint", Word::Admin(AgentAdmin::Maintenance)),
        ];
        const MAX_CONN: &[u8] = b"maxconn:";
        let known = WORDS
            .into_iter()
            .find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(word));
        if let Some((_, known)) = known {
            return known;
        }
        if let Some(percent) = percent(word) {
            return Self::Percent(percent);
        }
        let begin = word.get(..MAX_CONN.len()).unwrap_or_default();
        if begin.eq_ignore_ascii_case(MAX_CONN) {
            return Self::MaxConn;
        }
        Self::Unknown
    }
}

/// `75%`
#[must_use]
pub fn percent(word: &[u8]) -> Option<Percent> {
    let digits = word.strip_suffix(b"%")?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some(Percent(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> (AgentState, Option<&str>) {
        let AgentLine { state, unknown } = AgentLine::read(line.as_bytes());
        (
            state,
            unknown.map(|word| std::str::from_utf8(word).unwrap()),
        )
    }

    #[test]
    fn every_word_of_the_protocol_has_its_meaning() {
        use AgentAdmin::{Drain, Maintenance, Ready};
        use AgentHealth::{Down, Up};
        let health = |health| (Some(health), None, None);
        let admin = |admin| (None, Some(admin), None);
        let table = [
            ("up", health(Up)),
            ("down", health(Down)),
            ("FAIL", health(Down)),
            ("Stopped # disk full", health(Down)),
            ("down#up", health(Down)),
            ("ready", admin(Ready)),
            ("drain", admin(Drain)),
            ("maint", admin(Maintenance)),
            ("75%", (None, None, Some(75))),
            ("0%", (None, None, Some(0))),
            ("4294967295%", (None, None, Some(u32::MAX))),
            ("maxconn:30", (None, None, None)),
            ("MAXCONN:", (None, None, None)),
            ("", (None, None, None)),
            (" ,\t", (None, None, None)),
            ("# up", (None, None, None)),
            // Together, in any order; the last of two wins.
            ("ready,up,\t50%", (Some(Up), Some(Ready), Some(50))),
            (
                "maxconn:9 10% drain down",
                (Some(Down), Some(Drain), Some(10)),
            ),
            (
                "drain up ready 1% 2% down",
                (Some(Down), Some(Ready), Some(2)),
            ),
        ];
        for (line, (health, admin, percent)) in table {
            let weight = percent.map(|number| AskedWeight::Percent(Percent(number)));
            let state = AgentState {
                health,
                admin,
                weight,
            };
            assert_eq!(read(line), (state, None), "{line:?}");
        }
    }

    #[test]
    fn a_word_that_is_not_known_means_nothing() {
        for (line, word) in [
            ("uptime", "uptime"),
            ("75", "75"),
            ("%", "%"),
            ("-1%", "-1%"),
            ("+1%", "+1%"),
            ("4294967296%", "4294967296%"),
            ("7 5%%", "7"),
            ("maxconn", "maxconn"),
            ("HTTP/1.1 400 Bad Request", "HTTP/1.1"),
        ] {
            assert_eq!(read(line), (AgentState::NOTHING, Some(word)), "{line:?}");
        }
        let (state, unknown) = read("hello up");
        assert_eq!(
            (state.health, unknown),
            (Some(AgentHealth::Up), Some("hello"))
        );
        assert_eq!(AgentLine::read(b"\xff\0 up").unknown, Some(&b"\xff\0"[..]));
    }
}
