// SPDX-License-Identifier: MIT OR Apache-2.0
//! What VRRP's statements say as values, and values as entries of ours with the comments of the statement.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::diagnostic::{Finding, Findings, Fix, Shown, nearest};
use crate::import::keepalived::value;
use crate::import::statement::{Statement, Word};
use crate::import::{Entry, Value};

/// A value, and the statement that says it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said<'t, T> {
    pub(super) value: T,
    pub(super) by: &'t Statement,
}

impl<'t, T> Said<'t, T> {
    pub(super) const fn new(value: T, by: &'t Statement) -> Self {
        Self { value, by }
    }

    /// As an entry of ours, with what people have written beside the statement.
    pub(super) fn entry(&self, key: &str, value: Value) -> Entry {
        remarked(Entry::new(key, value), self.by)
    }
}

/// The entry with the comments of the statement that it comes from.
pub(super) fn remarked(mut entry: Entry, by: &Statement) -> Entry {
    entry.before = comments(by);
    entry.remark = by.remarks.behind.as_deref().map(str::to_owned);
    entry
}

/// The comments above a statement.
pub(super) fn comments(by: &Statement) -> Vec<String> {
    by.remarks.before.iter().map(ToString::to_string).collect()
}

/// The comments above a statement, and the one behind it.
pub(super) fn all_comments(by: &Statement) -> impl Iterator<Item = String> {
    let remarks = &by.remarks;
    let all = remarks.before.iter().chain(&remarks.behind);
    all.map(ToString::to_string)
}

/// A duration in our words.
pub(super) fn duration(duration: Duration) -> Value {
    Value::word(value::duration(duration))
}

/// The statements in braces; none when there are no braces.
pub(super) fn block(statement: &Statement) -> &[Statement] {
    statement.block.as_deref().unwrap_or_default()
}

/// All words in the braces: names of interfaces or of instances, one or several in a line.
pub(super) fn listed(statement: &Statement) -> impl Iterator<Item = &Word> {
    block(statement)
        .iter()
        .flat_map(|it| std::iter::once(&it.keyword).chain(&it.words))
}

/// A number behind a keyword.
pub(super) fn integer(
    statement: &Statement,
    range: RangeInclusive<u32>,
    out: &mut Findings,
) -> Option<u32> {
    value::number(value::only(statement, out)?, range, out)
}

/// Seconds behind a keyword.
pub(super) fn seconds(
    statement: &Statement,
    range: RangeInclusive<Duration>,
    out: &mut Findings,
) -> Option<Duration> {
    value::seconds(value::only(statement, out)?, range, out)
}

/// The name that is probably meant. Nobody has written more names than this by hand. Names that differ only in digits are those of
/// different things.
pub(super) fn near<'k>(name: &str, names: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    const MOST: usize = 64;
    let names: Vec<&str> = names.take(MOST + 1).collect();
    if names.len() > MOST {
        return None;
    }
    let letters = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "");
    let own = letters(name);
    nearest(name, names.into_iter()).filter(|near| letters(near) != own)
}

/// An address of a host.
pub(super) fn address(word: &Word, what: &str, out: &mut Findings) -> Option<IpAddr> {
    let parsed: Option<IpAddr> = word.text.parse().ok();
    let Some(address) = parsed else {
        let message = format!("{what} must be an address, got {}", Shown(&word.text));
        out.error(word.span, message);
        return None;
    };
    let is_mapped = matches!(address, IpAddr::V6(address) if address.to_ipv4_mapped().is_some());
    let is_broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    if address.is_unspecified() || address.is_multicast() || is_broadcast || is_mapped {
        let message = format!("{what} must be the address of a host, got {address}");
        out.error(word.span, message);
        return None;
    }
    Some(address)
}

/// The name of an interface.
pub(super) fn interface(word: &Word, out: &mut Findings) -> Option<String> {
    let fits = |c: char| !matches!(c, '/' | ':') && !c.is_whitespace() && !c.is_control();
    if (1..=15).contains(&word.text.len()) && word.text.chars().all(fits) {
        return Some(word.text.to_string());
    }
    let message = format!("not the name of an interface: {}", Shown(&word.text));
    let finding = Finding::new(word.span, message);
    out.push(finding.help("1 to 15 bytes without a slash, a colon or a space: eth1"));
    None
}

/// Takes a word out, and leaves its line, so that the numbers of lines stay.
pub(super) fn removal(word: &Word) -> Fix {
    let mut fix = Fix::replace(word.span, "");
    fix.title = format!("take out {}", Shown(&word.text));
    fix
}
