// SPDX-License-Identifier: MIT OR Apache-2.0
//! Texts and numbers as the page writes them.

use std::fmt::{self, Write as _};
use std::time::Duration;

use askama::filters::HtmlSafe;

use crate::system::CivilTime;

/// So many characters of a text are shown.
const LONGEST: usize = 500;

/// What somebody else wrote, for a browser: at most so many characters, and none that controls a terminal or turns the
/// direction of what follows.
pub(super) struct Text<'a>(pub(super) &'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(text) = *self;
        // Nearly all texts are short and plain.
        if text.len() <= LONGEST && text.bytes().all(|it| it == b' ' || it.is_ascii_graphic()) {
            return f.write_str(text);
        }
        let mut rest = text.chars();
        for c in rest.by_ref().take(LONGEST) {
            f.write_char(if is_harmless(c) { c } else { '\u{fffd}' })?;
        }
        if rest.next().is_some() {
            f.write_str(" \u{2026}")?;
        }
        Ok(())
    }
}

fn is_harmless(c: char) -> bool {
    let turns =
        matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !c.is_control() && !turns
}

/// A duration in seconds: `7 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`.
pub(super) struct Span(pub(super) u64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0;
        let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
        match (days, hours, minutes) {
            (0, 0, 0) => write!(f, "{seconds} s"),
            (0, 0, _) => write!(f, "{minutes} min {} s", seconds % 60),
            (0, _, _) => write!(f, "{hours} h {} min", minutes % 60),
            (_, _, _) => write!(f, "{days} d {} h", hours % 24),
        }
    }
}

/// A duration that grows while somebody looks at it, in seconds. It is numbers and tags alone.
pub(super) struct Ago(pub(super) u64);

impl fmt::Display for Ago {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<time data-s={0}>{1}</time>", self.0, Span(self.0))
    }
}

impl HtmlSafe for Ago {}

/// A duration that shrinks while somebody looks at it, in milliseconds. It is numbers and tags alone.
pub(super) struct In(pub(super) u64);

impl fmt::Display for In {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.div_ceil(1000);
        write!(f, "<time data-s=-{seconds}>{}</time>", Span(seconds))
    }
}

impl HtmlSafe for In {}

/// A short duration in microseconds: `0.31 ms`, `12.4 ms`, `1.25 s`.
pub(super) struct Short(pub(super) u64);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (micros, millis) = (self.0, self.0 / 1000);
        match micros {
            0..10_000 => write!(f, "{millis}.{:02} ms", micros % 1000 / 10),
            10_000..1_000_000 => write!(f, "{millis}.{} ms", micros % 1000 / 100),
            _ => write!(f, "{}.{:02} s", millis / 1000, millis % 1000 / 10),
        }
    }
}

/// A moment since 1970 by the clock of this host: `14:03:22`, and `2026-12-31 14:03:22` on another day than now.
pub(super) fn wall(at: Duration, now: Duration) -> String {
    let local = |it: Duration| CivilTime::local(i64::try_from(it.as_secs()).unwrap_or(0));
    let (at, now) = (local(at), local(now));
    let day = |it: CivilTime| (it.year, it.month, it.day);
    let time = format!("{:02}:{:02}:{:02}", at.hour, at.minute, at.second);
    if day(at) == day(now) {
        return time;
    }
    let (year, month, day) = day(at);
    format!("{year}-{month:02}-{day:02} {time}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_its_two_largest_units() {
        for (seconds, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (200, "3 min 20 s"),
            (7_500, "2 h 5 min"),
            (273_600, "3 d 4 h"),
        ] {
            assert_eq!(Span(seconds).to_string(), text);
        }
    }

    #[test]
    fn a_short_duration_has_three_digits_or_so() {
        for (micros, text) in [
            (0, "0.00 ms"),
            (312, "0.31 ms"),
            (12_450, "12.4 ms"),
            (1_256_000, "1.25 s"),
        ] {
            assert_eq!(Short(micros).to_string(), text);
        }
    }

    #[test]
    fn a_moment_of_another_day_has_its_date() {
        let day = Duration::from_secs(86_400);
        let now = 20_000 * day;
        assert_eq!(wall(now, now).len(), "14:03:22".len());
        assert_eq!(
            wall(now.saturating_sub(2 * day), now).len(),
            "2026-12-31 14:03:22".len()
        );
    }

    #[test]
    fn what_controls_a_terminal_or_turns_the_text_is_replaced() {
        assert_eq!(
            Text("a\u{1b}[31m\nb\u{202e}c\0").to_string(),
            "a\u{fffd}[31m\u{fffd}b\u{fffd}c\u{fffd}"
        );
    }

    #[test]
    fn a_long_text_is_cut_and_says_so() {
        let long = "\u{e4}".repeat(64 << 10);
        let shown = Text(&long).to_string();
        assert_eq!(shown.chars().count(), LONGEST + 2);
        assert!(shown.ends_with(" \u{2026}"));
    }
}
