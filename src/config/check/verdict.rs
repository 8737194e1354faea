// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a server counts as at first, what takes it down, and how it is held down: `initial`, `fall` and `hold_down`.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::config::duration::write;
use crate::config::section::{CHECK_FALL, CHECK_HOLD_DOWN};
use crate::config::setting::Setting;
use crate::config::tree::{Node, Value};
use crate::config::value::{choice, duration, integer, kind, map};
use crate::diagnostic::{Finding, Findings, Wrong};
use crate::model::{Fall, HoldDown, Initial};

/// Numbers of results.
pub(super) const COUNT: RangeInclusive<u32> = 1..=Fall::MOST;
const HELD: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_hours(24);
const SOME_OF: &str = "write fall: 3 for failures in a row, or fall: {failures: 5, of: 10}";

/// A number of failures in a row, or `{failures: 5, of: 10}`.
pub(super) fn fall(name: &str, node: &Node<'_>, out: &mut Findings) -> Result<Fall, Wrong> {
    let Value::Map(_) = node.value else {
        return integer(name, node, COUNT, Some(SOME_OF), out).map(Fall::InARow);
    };
    let entries = map(&CHECK_FALL, node, out)?;
    let (mut failures, mut of) = (Setting::Unset, Setting::Unset);
    for entry in entries {
        let (name, node) = (&*entry.key, &entry.value);
        match name {
            "failures" => failures = Setting::read(node, integer(name, node, COUNT, None, out)),
            "of" => of = Setting::read(node, integer(name, node, COUNT, None, out)),
            _ => CHECK_FALL.unknown_key(entry, entries, out),
        }
    }
    match (failures, of) {
        (Setting::Wrong, _) | (_, Setting::Wrong) => Err(Wrong),
        (Setting::Unset, _) | (_, Setting::Unset) => {
            let finding = Finding::new(node.span, "fall needs failures and of");
            out.push(finding.help(SOME_OF));
            Err(Wrong)
        }
        (Setting::Set(failures, span), Setting::Set(of, _)) if failures > of => {
            let message = format!("{failures} failures are more than the last {of} results");
            out.push(Finding::new(span, message));
            Err(Wrong)
        }
        (Setting::Set(failures, _), Setting::Set(of, _)) if failures == of => {
            Ok(Fall::InARow(failures))
        }
        (Setting::Set(failures, _), Setting::Set(of, _)) => Ok(Fall::OfTheLast { failures, of }),
    }
}

/// What a server counts as before its first verdict.
pub(super) fn initial(name: &str, node: &Node<'_>, out: &mut Findings) -> Result<Initial, Wrong> {
    const OTHERS: [(&str, &str); 3] =
        [("unknown", "remembered"), ("true", "up"), ("false", "down")];
    choice(name, node, &Initial::ALL, &OTHERS, out)
}

/// `none`, or the first hold-down and the longest.
pub(super) fn hold_down(
    name: &str,
    node: &Node<'_>,
    out: &mut Findings,
) -> Result<Option<HoldDown>, Wrong> {
    const HELP: &str = "write hold_down: {first: 5s, ceiling: 5m}";
    match &node.value {
        Value::Map(_) => {}
        Value::Scalar { text, .. } if &**text == "none" => return Ok(None),
        Value::Scalar { .. } | Value::List(_) => {
            let message = format!("{name} must be none or a map, got {}", kind(node));
            out.push(Finding::new(node.span, message).help(HELP));
            return Err(Wrong);
        }
    }
    let entries = map(&CHECK_HOLD_DOWN, node, out)?;
    let mut read = HoldDown::DEFAULT;
    let mut result = Ok(());
    for entry in entries {
        let (name, node) = (&*entry.key, &entry.value);
        let setting = match name {
            "first" => &mut read.first,
            "ceiling" => &mut read.ceiling,
            _ => {
                CHECK_HOLD_DOWN.unknown_key(entry, entries, out);
                continue;
            }
        };
        match duration(name, node, HELD, out) {
            Ok(time) => *setting = time,
            Err(Wrong) => result = Err(Wrong),
        }
    }
    result?;
    let HoldDown { first, ceiling } = read;
    if first > ceiling {
        let message = format!(
            "first {} is above the ceiling {}",
            write(first),
            write(ceiling)
        );
        out.push(Finding::new(node.span, message).help(HELP));
        return Err(Wrong);
    }
    Ok(Some(read))
}
