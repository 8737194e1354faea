// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a director answers, for people.

use std::fmt::Write as _;

use super::say::printable;
use crate::control::{ServerStatus, Status, Told};
use crate::model::Severity;
use crate::system::time_of_day;

const DAY: i64 = 24 * 3600;

/// A line for the director, a line for each service, a line for each server.
pub(super) fn status(status: &Status) -> String {
    let mut text = format!(
        "director {} (pid {}), running for {} s; drift repaired {} times, {} checks could not run\n\
         verdicts in the kernel after {} us (the longest {} us)\n",
        status.version,
        status.pid,
        status.uptime_seconds,
        status.drift_repairs,
        status.probes_not_run,
        status.verdict_delay.latest_microseconds,
        status.verdict_delay.longest_microseconds,
    );
    if let Some(error) = &status.reload_error {
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(
            text,
            "reload refused, the running configuration stays: {error}"
        );
    }
    for service in &status.services {
        let _ = writeln!(text, "{} {}", service.service, service.scheduler);
        if let Some(error) = &service.error {
            let _ = writeln!(text, "  error: {error}");
        }
        for it in &service.servers {
            server(&mut text, it);
        }
    }
    printable(&text)
}

fn server(text: &mut String, it: &ServerStatus) {
    let name = it.server.to_string();
    let _ = write!(text, "  -> {name:<28} {}", it.health);
    if it.health != "unchecked" {
        let _ = write!(text, " for {} s", it.since_seconds);
    }
    match it.weight {
        Some(weight) => {
            let _ = write!(text, ", weight {weight} of {}", it.configured_weight);
        }
        None => {
            let _ = write!(text, ", weight - of {}", it.configured_weight);
        }
    }
    if let Some(check) = it.checks.iter().find(|check| check.could_not_run > 0) {
        let why = check
            .last_failure
            .as_deref()
            .unwrap_or("for no known reason");
        let probes = match check.could_not_run {
            1 => "the last probe".to_owned(),
            number => format!("the last {number} probes"),
        };
        let _ = write!(text, "; {probes} could not run: {why}");
    } else if let (Some(reason), false) = (&it.reason, matches!(&*it.health, "up" | "unchecked")) {
        let _ = write!(text, ": {reason}");
    }
    text.push('\n');
}

/// `12 14:03:22 warning drift: ...`, and `12 -1d 14:03:22 ...` for the day before.
pub(super) fn event(told: &Told) -> String {
    let (hours, minutes, seconds) = time_of_day();
    let now = (i64::from(hours) * 60 + i64::from(minutes)) * 60 + i64::from(seconds);
    let ago = i64::try_from(told.milliseconds_ago / 1000).unwrap_or(i64::MAX);
    let at = now.saturating_sub(ago);
    let (days, at) = (at.div_euclid(DAY), at.rem_euclid(DAY));
    let day = if days == 0 {
        String::new()
    } else {
        format!("{days}d ")
    };
    let severity = match told.severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
    };
    printable(&format!(
        "{} {day}{:02}:{:02}:{:02} {severity} {}\n",
        told.number,
        at / 3600,
        at / 60 % 60,
        at % 60,
        told.text
    ))
}

/// Events that nobody can tell any more.
pub(super) fn skipped(first: u64, last: u64) -> String {
    if first == last {
        format!("event {first} is no longer kept\n")
    } else {
        format!("events {first} to {last} are no longer kept\n")
    }
}
