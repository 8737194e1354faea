// SPDX-License-Identifier: MIT OR Apache-2.0
//! When a check runs, and how many results make a verdict.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::config::section::CHECK_FALL;
use crate::config::setting::{Setting, innermost, innermost_or};
use crate::config::tree::{Entry, Node, Value};
use crate::config::value::{duration, integer, map};
use crate::diagnostic::{Finding, Findings, Wrong};
use crate::model::{CheckSchedule, Fall, Retry};

const INTERVAL: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_hours(1);
const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_mins(1);
const COUNT: RangeInclusive<u32> = 1..=Fall::MOST;

const SOME_OF: &str = "write fall: 3 for failures in a row, or fall: {failures: 5, of: 10}";

/// The schedule settings of one layer.
#[derive(Debug, Clone, Default)]
pub(super) struct ScheduleLayer {
    interval: Setting<Duration>,
    timeout: Setting<Duration>,
    rise: Setting<u32>,
    fall: Setting<Fall>,
    retry: Setting<Retry>,
    down_interval: Setting<Duration>,
}

impl ScheduleLayer {
    /// Reads a key if it is a setting of the schedule, and returns whether it is.
    pub(super) fn take(&mut self, entry: &Entry<'_>, out: &mut Findings) -> bool {
        let (name, node) = (&*entry.key, &entry.value);
        match name {
            "interval" => self.interval = Setting::read(node, duration(name, node, INTERVAL, out)),
            "timeout" => self.timeout = Setting::read(node, duration(name, node, TIMEOUT, out)),
            "rise" => self.rise = Setting::read(node, integer(name, node, COUNT, None, out)),
            "fall" => self.fall = Setting::read(node, fall(name, node, out)),
            "retry_delay" => {
                let retry = duration(name, node, INTERVAL, out).map(Retry::Delay);
                self.set_retry(retry, entry, out);
            }
            "fast_interval" => {
                let retry = duration(name, node, INTERVAL, out).map(Retry::FastInterval);
                self.set_retry(retry, entry, out);
            }
            "down_interval" => {
                self.down_interval = Setting::read(node, duration(name, node, INTERVAL, out));
            }
            _ => return false,
        }
        true
    }

    /// Both keys are about the same time: a layer has one of them.
    fn set_retry(&mut self, read: Result<Retry, Wrong>, entry: &Entry<'_>, out: &mut Findings) {
        self.retry = match (read, &self.retry) {
            (Ok(retry), Setting::Unset) => Setting::Set(retry, entry.span),
            (Ok(_), Setting::Set(_, first)) => {
                let message = "a check has a fast_interval or a retry_delay, not both";
                let finding = Finding::new(entry.span, message).first(*first);
                out.push(finding.help(
                    "fast_interval counts from the start of a probe, retry_delay from its end: remove one of them",
                ));
                Setting::Wrong
            }
            (Ok(_), Setting::Wrong) | (Err(Wrong), _) => Setting::Wrong,
        };
    }

    /// The schedule, from all layers, the innermost first.
    pub(super) fn resolve(layers: &[&Self]) -> Result<CheckSchedule, Wrong> {
        const DEFAULT: CheckSchedule = CheckSchedule::DEFAULT;
        Ok(CheckSchedule {
            interval: innermost_or(layers, |layer| &layer.interval, DEFAULT.interval)?,
            timeout: innermost_or(layers, |layer| &layer.timeout, DEFAULT.timeout)?,
            rise: innermost_or(layers, |layer| &layer.rise, DEFAULT.rise)?,
            fall: innermost_or(layers, |layer| &layer.fall, DEFAULT.fall)?,
            retry: innermost_or(layers, |layer| &layer.retry, DEFAULT.retry)?,
            down_interval: innermost(layers, |layer| &layer.down_interval)?.map(|it| *it.value),
        })
    }
}

/// A number of failures in a row, or `{failures: 5, of: 10}`.
fn fall(name: &str, node: &Node<'_>, out: &mut Findings) -> Result<Fall, Wrong> {
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
