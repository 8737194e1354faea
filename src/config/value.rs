// SPDX-License-Identifier: MIT OR Apache-2.0
//! Nodes of the tree as typed values. [`Wrong`] means that the error is reported already.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::duration::{self, DurationError};
use super::section::Section;
use super::tree::{Entry, Node, Value};
use crate::diagnostic::{Finding, Findings, Shown, Wrong, nearest};
use crate::model::{Fwmark, Seconds};

/// The text of a scalar. `name` is the key's, `wanted` what it must be.
pub(super) fn text<'n>(
    name: &str,
    node: &'n Node<'_>,
    wanted: &str,
    out: &mut Findings,
) -> Result<&'n str, Wrong> {
    node.text().ok_or_else(|| {
        let message = format!("{name} must be {wanted}, got {}", kind(node));
        out.error(node.span, message);
        Wrong
    })
}

/// The text of a scalar that is `possible`. Otherwise the error says what it must be, and `help` how.
pub(super) fn text_that(
    possible: impl Fn(&str) -> bool,
    name: &str,
    node: &Node<'_>,
    wanted: &str,
    help: &'static str,
    out: &mut Findings,
) -> Result<Box<str>, Wrong> {
    let text = text(name, node, wanted, out)?;
    if possible(text) {
        return Ok(text.into());
    }
    let message = format!("{name} must be {wanted}, got {}", Shown(text));
    out.push(Finding::new(node.span, message).help(help));
    Err(Wrong)
}

/// The kind of a node, in words.
pub(super) fn kind(node: &Node<'_>) -> String {
    match &node.value {
        Value::List(_) => "a list".to_owned(),
        Value::Map(_) => "a map".to_owned(),
        Value::Scalar { .. } if node.is_null() => "no value".to_owned(),
        Value::Scalar { text, .. } => Shown(text).to_string(),
    }
}

/// The items of a list.
pub(super) fn list<'n, 'a>(
    name: &str,
    node: &'n Node<'a>,
    empty: &'static str,
    out: &mut Findings,
) -> Result<&'n [Node<'a>], Wrong> {
    if let Value::List(nodes) = &node.value {
        return Ok(nodes);
    }
    let message = format!("{name} must be a list, got {}", kind(node));
    out.push(Finding::new(node.span, message).help(empty));
    Err(Wrong)
}

/// The items of a list, 1 to `most`, or one item that stands alone. `what` they are, in the plural.
pub(super) fn one_or_more<'n, 'a>(
    name: &str,
    node: &'n Node<'a>,
    what: &str,
    most: usize,
    out: &mut Findings,
) -> Result<&'n [Node<'a>], Wrong> {
    match &node.value {
        Value::List(nodes) if nodes.is_empty() || nodes.len() > most => {
            let message = format!("{name} must have 1 to {most} {what}, got {}", nodes.len());
            out.error(node.span, message);
            Err(Wrong)
        }
        Value::List(nodes) => Ok(nodes),
        Value::Scalar { .. } | Value::Map(_) => Ok(std::slice::from_ref(node)),
    }
}

/// The entries of a map; nothing is an empty map.
pub(super) fn map<'n, 'a>(
    section: &Section,
    node: &'n Node<'a>,
    out: &mut Findings,
) -> Result<&'n [Entry<'a>], Wrong> {
    match &node.value {
        Value::Map(entries) => Ok(entries),
        Value::Scalar { .. } if node.is_null() => Ok(&[]),
        Value::Scalar { .. } | Value::List(_) => {
            let keys: Vec<_> = section.keys().collect();
            let message = format!("{} must be a map, got {}", section.name, kind(node));
            out.push(
                Finding::new(node.span, message).help(format!("its keys are {}", keys.join(", "))),
            );
            Err(Wrong)
        }
    }
}

/// A whole number in `range`, in decimal digits without leading zeros.
pub(super) fn integer(
    name: &str,
    node: &Node<'_>,
    range: RangeInclusive<u32>,
    help: Option<&'static str>,
    out: &mut Findings,
) -> Result<u32, Wrong> {
    let wanted = format!("{} to {}", range.start(), range.end());
    let text = text(name, node, &wanted, out)?;
    let number = decimal(text).filter(|number| range.contains(number));
    number.ok_or_else(|| {
        let message = format!("{name} must be {wanted}, got {}", Shown(text));
        let mut finding = Finding::new(node.span, message);
        finding.help = help.map(Into::into);
        out.push(finding);
        Wrong
    })
}

/// A port.
pub(super) fn port(name: &str, node: &Node<'_>, out: &mut Findings) -> Result<u16, Wrong> {
    let port = integer(name, node, 1..=65_535, None, out)?;
    u16::try_from(port).map_err(|_| Wrong)
}

/// A number in decimal digits without leading zeros, which some would read as octal.
pub(super) fn decimal(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let ambiguous = text.len() > 1 && text.starts_with('0');
    text.parse().ok().filter(|_| digits && !ambiguous)
}

/// A mark in decimal or, with 0x, in hexadecimal digits.
pub(super) fn fwmark(name: &str, node: &Node<'_>, out: &mut Findings) -> Result<Fwmark, Wrong> {
    const WANTED: &str = "1 to 4294967295";
    let text = text(name, node, WANTED, out)?;
    let number = match text.strip_prefix("0x") {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            u32::from_str_radix(digits, 16).ok()
        }
        Some(_) => None,
        None => decimal(text),
    };
    number.and_then(Fwmark::new).ok_or_else(|| {
        let message = format!("{name} must be {WANTED}, got {}", Shown(text));
        out.push(Finding::new(node.span, message).help("0 means no mark"));
        Wrong
    })
}

/// `true` or `false`.
pub(super) fn boolean(name: &str, node: &Node<'_>, out: &mut Findings) -> Result<bool, Wrong> {
    const YES_NO: [(&str, bool); 2] = [("true", true), ("false", false)];
    const OTHERS: [(&str, &str); 6] = [
        ("yes", "true"),
        ("on", "true"),
        ("1", "true"),
        ("no", "false"),
        ("off", "false"),
        ("0", "false"),
    ];
    choice(name, node, &YES_NO, &OTHERS, out)
}

/// One of some words. `others` are words of other programs, with our words for them.
pub(super) fn choice<T: Copy>(
    name: &str,
    node: &Node<'_>,
    words: &[(&'static str, T)],
    others: &[(&str, &'static str)],
    out: &mut Findings,
) -> Result<T, Wrong> {
    let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
    let wanted = one_of(&known);
    let text = text(name, node, &wanted, out)?;
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
        return Ok(*value);
    }
    let lower = text.to_ascii_lowercase();
    let other = others.iter().find(|(word, _)| *word == lower);
    let meant = other.map(|(_, word)| *word);
    let meant = meant.or_else(|| nearest(text, known.iter().copied()));
    let message = format!("{name} must be {wanted}, got {}", Shown(text));
    let mut finding = Finding::new(node.span, message);
    if let Some(meant) = meant {
        finding = finding.help(format!("write {meant}"));
    }
    out.push(finding);
    Err(Wrong)
}

/// `a, b or c`.
pub(super) fn one_of(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// A duration in `range`.
pub(super) fn duration(
    name: &str,
    node: &Node<'_>,
    range: RangeInclusive<Duration>,
    out: &mut Findings,
) -> Result<Duration, Wrong> {
    let limits = [*range.start(), *range.end()].map(duration::write);
    let wanted = limits.join(" to ");
    let text = text(name, node, &wanted, out)?;
    let (message, help) = match duration::parse(text) {
        Ok(duration) if range.contains(&duration) => return Ok(duration),
        Ok(_) => (
            format!("{name} must be {wanted}, got {}", Shown(text)),
            None,
        ),
        Err(DurationError::NoUnit) => (
            format!("{name} needs a unit, got {}", Shown(text)),
            Some(format!("write {}s", Shown(text))),
        ),
        Err(DurationError::Other) => (
            format!("{name} must be a duration, got {}", Shown(text)),
            Some("whole numbers with units, the largest first: 500ms, 6s, 1m30s, 1h".to_owned()),
        ),
    };
    let mut finding = Finding::new(node.span, message);
    finding.help = help.map(Into::into);
    out.push(finding);
    Err(Wrong)
}

/// A duration of whole seconds, the kernel's unit: 1 s to 31 days.
pub(super) fn seconds(name: &str, node: &Node<'_>, out: &mut Findings) -> Result<Seconds, Wrong> {
    let longest = Duration::from_secs(Seconds::MAX.0.into());
    let duration = duration(name, node, Duration::from_secs(1)..=longest, out)?;
    let whole = u32::try_from(duration.as_secs()).ok();
    let whole = whole.filter(|_| duration.subsec_nanos() == 0);
    whole.map(Seconds).ok_or_else(|| {
        let message = format!("{name} must be whole seconds, got {}", kind(node));
        out.push(Finding::new(node.span, message).help("the kernel counts it in whole seconds"));
        Wrong
    })
}
