// SPDX-License-Identifier: MIT OR Apache-2.0
//! The text of a keepalived.conf: one keyword a line, blocks in braces (keepalived's `lib/parser.c`).

use std::fmt::{Display, Write as _};
use std::time::Duration;

/// Keepalived ignores lines of 1024 bytes and more.
pub(super) const LONGEST: usize = 900;

/// A text that grows line by line.
#[derive(Debug, Default)]
pub(super) struct Text {
    written: String,
    depth: usize,
}

impl Text {
    pub(super) fn line(&mut self, line: impl Display) {
        // A string takes everything.
        let _ = writeln!(self.written, "{:1$}{line}", "", self.depth * 4);
    }

    pub(super) fn lines(&mut self, lines: &[String]) {
        for line in lines {
            self.line(line);
        }
    }

    /// A line of a keyword and its value, if there is one.
    pub(super) fn setting(&mut self, keyword: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.line(format_args!("{keyword} {value}"));
        }
    }

    pub(super) fn block(&mut self, head: impl Display, inside: impl FnOnce(&mut Self)) {
        self.line(format_args!("{head} {{"));
        self.depth += 1;
        inside(self);
        self.depth -= 1;
        self.line("}");
    }

    /// A block, unless nothing is in it.
    pub(super) fn list(&mut self, head: &str, lines: &[String]) {
        if !lines.is_empty() {
            self.block(head, |text| text.lines(lines));
        }
    }

    pub(super) fn written(self) -> String {
        self.written
    }
}

/// A text as one word that keepalived reads back as it is: bare, or in double quotes. `None` when no word can say it: in
/// quotes a backslash and a quote mean something else, and a `$`, `~SEQ` or `~LST` begins a definition everywhere.
pub(super) fn word(text: &str) -> Option<String> {
    let sayable = |c: char| !c.is_control() && !"\"\\$".contains(c);
    let defines = ["~SEQ", "~LST"].iter().any(|it| text.contains(it));
    if text.is_empty() || text.len() > LONGEST || defines || !text.chars().all(sayable) {
        return None;
    }
    if is_bare(text) {
        return Some(text.to_owned());
    }
    Some(format!("\"{text}\""))
}

/// A command line. `None` when a word in it needs quotes: they cannot stand within others.
pub(super) fn command(words: &[Box<str>]) -> Option<String> {
    let bare = words.iter().all(|it| is_bare(it));
    let text = words.join(" ");
    (bare && text.len() <= LONGEST).then(|| format!("\"{text}\""))
}

fn is_bare(text: &str) -> bool {
    let bare = |c: char| c.is_ascii_alphanumeric() || "_-./:,+%=".contains(c);
    !text.is_empty() && text.chars().all(bare)
}

/// Seconds with as many decimals as they need. Keepalived counts microseconds.
pub(super) fn seconds(time: Duration) -> String {
    let (whole, micros) = (time.as_secs(), time.subsec_micros());
    let decimals = format!("{micros:06}");
    match decimals.trim_end_matches('0') {
        "" => whole.to_string(),
        decimals => format!("{whole}.{decimals}"),
    }
}

/// Whole seconds, rounded up, and whether that is another time.
pub(super) fn whole_seconds(time: Duration) -> (u64, bool) {
    let rounded = time.subsec_nanos() != 0;
    (time.as_secs() + u64::from(rounded), rounded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_stands_in_quotes_when_something_in_it_would_mean_something() {
        let table = [
            ("eth0/51", Some("eth0/51")),
            ("/up?a=1#b!", Some("\"/up?a=1#b!\"")),
            ("a b", Some("\"a b\"")),
            ("{", Some("\"{\"")),
            ("", None),
            ("a\"b", None),
            ("a\\b", None),
            ("$A", None),
            ("/~me/up", Some("\"/~me/up\"")),
            ("~SEQ(A,1,2)", None),
            ("a\nvirtual_server", None),
        ];
        for (text, expected) in table {
            assert_eq!(word(text).as_deref(), expected, "{text:?}");
        }
        assert_eq!(word(&"a".repeat(2_000)), None);
    }

    #[test]
    fn a_command_with_a_word_that_needs_quotes_cannot_be_said() {
        let words = |text: &[&str]| text.iter().map(|it| Box::from(*it)).collect::<Vec<_>>();
        let said = command(&words(&["/x/foo", "-p", "80"]));
        assert_eq!(said.as_deref(), Some("\"/x/foo -p 80\""));
        assert_eq!(command(&words(&["/x/foo", "a b"])), None);
        assert_eq!(command(&words(&["/x/foo", ""])), None);
    }

    #[test]
    fn times_have_as_many_decimals_as_they_need() {
        let table = [
            (0, "0"),
            (200, "0.2"),
            (1_100, "1.1"),
            (10, "0.01"),
            (60_000, "60"),
        ];
        for (milliseconds, expected) in table {
            assert_eq!(seconds(Duration::from_millis(milliseconds)), expected);
        }
        assert_eq!(whole_seconds(Duration::from_millis(1_100)), (2, true));
        assert_eq!(whole_seconds(Duration::from_secs(3)), (3, false));
    }
}
