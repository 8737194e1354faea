// SPDX-License-Identifier: MIT OR Apache-2.0
//! The values that stand behind keywords.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use crate::diagnostic::{Finding, Findings, Shown};
use crate::import::statement::{Statement, Word};

/// The only word behind a keyword. `None` with a finding when there is none, or more than one.
pub(super) fn only<'s>(statement: &'s Statement, out: &mut Findings) -> Option<&'s Word> {
    let word = first(statement, out)?;
    too_many(statement, 1, out);
    Some(word)
}

/// The first word behind a keyword. `None` with a finding when there is none.
pub(super) fn first<'s>(statement: &'s Statement, out: &mut Findings) -> Option<&'s Word> {
    let word = statement.words.first();
    if word.is_none() {
        let keyword = &statement.keyword;
        let what = format!("{} has no value", Shown(&keyword.text));
        out.push(Finding::new(keyword.span, what).help("keepalived ends here"));
    }
    word
}

/// Says so when more than `count` words follow a keyword.
pub(super) fn too_many(statement: &Statement, count: usize, out: &mut Findings) {
    if let Some(word) = statement.words.get(count) {
        let keyword = Shown(&statement.keyword.text);
        let what = format!("{} is too much for {keyword}", Shown(&word.text));
        let finding = Finding::warning(word.span, what);
        out.push(finding.help("keepalived does not look at it, and it is left out"));
    }
}

/// A number from a range.
pub(super) fn number<N>(word: &Word, range: RangeInclusive<N>, out: &mut Findings) -> Option<N>
where
    N: FromStr + Display + PartialOrd,
{
    let number = word
        .text
        .parse()
        .ok()
        .filter(|number| range.contains(number));
    if number.is_none() {
        let what = format!("{} is no number of this kind", Shown(&word.text));
        let help = format!("a number from {} to {}", range.start(), range.end());
        out.push(Finding::new(word.span, what).help(help));
    }
    number
}

/// A time in seconds, with up to six digits behind the point.
pub(super) fn seconds(
    word: &Word,
    range: RangeInclusive<Duration>,
    out: &mut Findings,
) -> Option<Duration> {
    let time = decimal(&word.text).filter(|time| range.contains(time));
    if time.is_none() {
        let what = format!("{} is no time of this kind", Shown(&word.text));
        let (least, most) = (range.start().as_secs_f64(), range.end().as_secs_f64());
        let help = format!("a number of seconds from {least} to {most}");
        out.push(Finding::new(word.span, what).help(help));
    }
    time
}

/// A number with digits behind a point, as seconds; to the microsecond.
fn decimal(text: &str) -> Option<Duration> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(part) || whole.is_empty() && part.is_empty() {
        return None;
    }
    let whole: u64 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let part: String = part.chars().chain("000000".chars()).take(6).collect();
    let micros: u64 = part.parse().ok()?;
    Some(Duration::from_micros(
        whole.checked_mul(1_000_000)?.checked_add(micros)?,
    ))
}

/// `on`, `off`, ...; without a word it is on.
pub(super) fn switch(statement: &Statement, out: &mut Findings) -> Option<bool> {
    let Some(word) = statement.words.first() else {
        return Some(true);
    };
    too_many(statement, 1, out);
    match &*word.text {
        "on" | "true" | "yes" => Some(true),
        "off" | "false" | "no" => Some(false),
        other => {
            let what = format!("{} is no switch", Shown(other));
            let finding = Finding::new(word.span, what);
            out.push(finding.help("on, off, true, false, yes or no, in small letters"));
            None
        }
    }
}

/// A time in the words of our file: the largest unit that needs no point.
pub(super) fn duration(time: Duration) -> String {
    let micros = time.as_micros();
    match micros {
        _ if micros.is_multiple_of(1_000_000) => format!("{}s", micros / 1_000_000),
        // Nothing of ours is shorter than a millisecond.
        _ => format!("{}ms", micros.div_ceil(1_000).max(1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_point_and_our_words() {
        let text = |text| decimal(text).map(duration);
        assert_eq!(text("6").as_deref(), Some("6s"));
        assert_eq!(text("0.5").as_deref(), Some("500ms"));
        assert_eq!(text("1.25").as_deref(), Some("1250ms"));
        assert_eq!(text(".5").as_deref(), Some("500ms"));
        for wrong in ["", ".", "-1", "1s", "1e3", "99999999999999999999"] {
            assert_eq!(text(wrong), None, "{wrong}");
        }
    }
}
