// SPDX-License-Identifier: MIT OR Apache-2.0
//! The values that stand behind keywords.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use super::keywords::stand_together;
use crate::diagnostic::{Finding, Findings, Fix, Replacement, Shown, Span};
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
    let Some(word) = statement.words.get(count) else {
        return;
    };
    if !is_next_keyword(statement, word, out) {
        let keyword = Shown(&statement.keyword.text);
        let what = format!("{} is too much for {keyword}", Shown(&word.text));
        let finding = Finding::warning(word.span, what);
        out.push(finding.help("keepalived does not look at it, and it is left out"));
    }
}

/// Whether a word behind a keyword is a keyword of the same block: then that is said. keepalived loses it in silence.
pub(super) fn is_next_keyword(statement: &Statement, word: &Word, out: &mut Findings) -> bool {
    let first = &statement.keyword;
    let is_keyword = |it: &Word| !it.quoted && stand_together(&first.text, &it.text);
    // What is only counted costs no search.
    if out.is_full() || !is_keyword(word) {
        return false;
    }
    let (shown, keyword) = (Shown(&word.text), Shown(&first.text));
    let what = format!("keepalived does not look at {shown}: it stands in the line of {keyword}");
    let finding = Finding::new(word.span, what);
    out.push(if statement.block.is_some() {
        finding.help("write it in the braces, in a line of its own")
    } else {
        let fix = in_lines(statement, word, is_keyword);
        finding.help("write it in a line of its own").fix(fix)
    });
    true
}

/// A line for each keyword, from this one on. `None` when they come from a definition.
fn in_lines(statement: &Statement, from: &Word, is_keyword: impl Fn(&Word) -> bool) -> Option<Fix> {
    let all: Vec<&Word> = std::iter::once(&statement.keyword)
        .chain(&statement.words)
        .collect();
    let mut replacements = Vec::new();
    for pair in all.windows(2) {
        let [before, word] = *pair else { continue };
        if word.span < from.span || !is_keyword(word) {
            continue;
        }
        if before.span.end() >= word.span.start() {
            return None;
        }
        replacements.push(Replacement {
            span: Span::new(before.span.end(), word.span.start()),
            text: "\n".to_owned(),
        });
    }
    let title = format!("begin a line with {}", Shown(&from.text));
    Some(Fix::new(title, replacements))
}

/// A keyword that says all by itself: keepalived looks at no word behind it.
pub(super) fn flag(statement: &Statement, out: &mut Findings) {
    let is_off = |word: &&Word| matches!(&*word.text, "off" | "false" | "no" | "0");
    let Some(word) = statement.words.first().filter(is_off) else {
        return too_many(statement, 0, out);
    };
    let keyword = Shown(&statement.keyword.text);
    let word = Shown(&word.text);
    let what = format!("keepalived does not look at {word}, and has {keyword} on");
    let mut fix = Fix::replace(statement.span(), "");
    fix.title = format!("take out {keyword} {word}");
    let finding = Finding::new(statement.span(), what);
    out.push(finding.help("leave the line out").fix(fix));
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
