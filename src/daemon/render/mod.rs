// SPDX-License-Identifier: MIT OR Apache-2.0
//! A director's answers as text for people.

mod pair;

use std::fmt::Write as _;

use self::pair::{peer, router, sync};
use super::say::printable;
use crate::control::{ServerStatus, SlowStartStatus, Status, Told};
use crate::model::{NoResult, Severity};
use crate::system::{CivilTime, since_1970, time_of_day};

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
    for it in &status.routers {
        router(&mut text, it);
    }
    if let Some(it) = &status.connection_sync {
        sync(&mut text, it);
    }
    if let Some(it) = &status.peer {
        peer(&mut text, it);
    }
    for service in &status.services {
        let _ = writeln!(text, "{} {}", service.service, service.scheduler);
        if let Some(error) = &service.error {
            let _ = writeln!(text, "  error: {error}");
        }
        if let Some(alarm) = &service.alarm {
            let _ = writeln!(text, "  alarm: {alarm}");
        }
        if let Some(it) = &service.take_over {
            let _ = writeln!(text, "  {it}");
        }
        for it in &service.servers {
            server_as_text(&mut text, it);
        }
    }
    printable(&text)
}

fn server_as_text(text: &mut String, it: &ServerStatus) {
    let name = it.server.to_string();
    let _ = write!(text, "  -> {name:<28} ");
    let idle = it.checks.iter().find(|check| check.could_not_run > 0);
    let not_checked = idle.and_then(|check| check.not_checked_seconds);
    let _ = match (not_checked, it.since_seconds) {
        // What it was then says nothing about now.
        (Some(seconds), _) => write!(text, "not checked for {seconds} s ({} before)", it.health),
        (None, Some(seconds)) => write!(
            text,
            "{}{} for {seconds} s",
            it.health,
            ground(it.by_configuration)
        ),
        (None, None) => write!(text, "{}", it.health),
    };
    match it.weight {
        Some(weight) => {
            let _ = write!(text, ", weight {weight} of {}", it.configured_weight);
        }
        None => {
            let _ = write!(text, ", weight - of {}", it.configured_weight);
        }
    }
    if let Some(order) = &it.order {
        let _ = write!(text, ", ordered: {order}");
    }
    if let Some(note) = &it.note {
        let _ = write!(text, ", {note}");
    }
    let mut memories = it.checks.iter().filter_map(|it| it.remembered.as_ref());
    if let Some(it) = memories.next() {
        let _ = write!(text, ", {it}");
    }
    if let Some(it) = &it.drain {
        let _ = write!(text, ", {it}");
    }
    if let Some(it) = &it.slow_start {
        let _ = write!(text, ", {}", slow_start(it));
    }
    if let Some(check) = idle {
        let why = check.last_failure.as_deref();
        let _ = match check.no_result {
            NoResult::CouldNotRun => Ok(()),
            of @ (NoResult::NotSupported | NoResult::NoOpinion) => write!(text, ": {of}"),
        };
        let _ = write!(text, ": {}", why.unwrap_or("for no known reason"));
    } else if let (Some(reason), false) = (&it.reason, matches!(&*it.health, "up" | "unchecked")) {
        let _ = write!(text, ": {reason}");
    }
    text.push('\n');
}

/// Where a standing comes from, beside the probes.
pub(super) const fn ground(by_configuration: bool) -> &'static str {
    if by_configuration {
        " by configuration, not found so by a check yet,"
    } else {
        ""
    }
}

/// How a slow start goes on: `slow start, 43 % until 14:03:22`.
pub(super) fn slow_start(it: &SlowStartStatus) -> String {
    let left = i64::try_from(it.left_milliseconds / 1000).unwrap_or(i64::MAX);
    format!("slow start, {} % until {}", it.percent, clock(left))
}

/// The time of day in so many seconds: `14:03:22`, and `-1d 14:03:22` for the day before.
fn clock(seconds_from_now: i64) -> String {
    let (hours, minutes, seconds) = time_of_day();
    let now = (i64::from(hours) * 60 + i64::from(minutes)) * 60 + i64::from(seconds);
    let at = now.saturating_add(seconds_from_now);
    let (days, at) = (at.div_euclid(DAY), at.rem_euclid(DAY));
    let day = match days {
        0 => String::new(),
        1.. => format!("+{days}d "),
        ..0 => format!("{days}d "),
    };
    let (hours, minutes, seconds) = (at / 3600, at / 60 % 60, at % 60);
    format!("{day}{hours:02}:{minutes:02}:{seconds:02}")
}

/// When it happened by the clock on the wall, in milliseconds since 1970.
pub(super) fn happened(milliseconds_ago: u64) -> i64 {
    let now = i64::try_from(since_1970().as_millis()).unwrap_or(i64::MAX);
    now.saturating_sub(i64::try_from(milliseconds_ago).unwrap_or(i64::MAX))
}

/// `12 2026-12-31T14:03:22+01:00 warning drift: ...`
pub(super) fn event(told: &Told) -> String {
    let at = CivilTime::local(happened(told.milliseconds_ago).div_euclid(1000));
    let severity = match told.severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
    };
    printable(&format!("{} {at} {severity} {}\n", told.number, told.text))
}

/// The line for events that are no longer kept.
pub(super) fn skipped(first: u64, last: u64) -> String {
    if first == last {
        format!("event {first} is no longer kept\n")
    } else {
        format!("events {first} to {last} are no longer kept\n")
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::control::{CheckStatus, ServiceStatus};

    /// One that is up.
    pub(in crate::daemon) fn server(name: &str) -> ServerStatus {
        ServerStatus {
            server: name.parse().unwrap(),
            health: "up".into(),
            since_seconds: Some(5),
            weight: Some(10),
            configured_weight: 10,
            by_configuration: false,
            reason: None,
            order: None,
            note: None,
            drain: None,
            slow_start: None,
            checks: Vec::new(),
        }
    }

    fn server_line(change: impl FnOnce(&mut ServerStatus)) -> String {
        let mut it = server("10.0.0.5:80");
        change(&mut it);
        let mut text = String::new();
        server_as_text(&mut text, &it);
        text
    }

    pub(in crate::daemon) fn not_run(times: u32) -> CheckStatus {
        CheckStatus {
            probe: "tcp 10.0.0.5:80".to_owned(),
            standing: "up".into(),
            since_seconds: 5,
            by_configuration: false,
            remembered: None,
            latency_microseconds: None,
            last_failure: Some("no descriptor left".to_owned()),
            warning: None,
            last_succeeded: None,
            probes: crate::model::ProbeCounts::default(),
            against: 0,
            against_needed: 3,
            against_of: None,
            held: None,
            next_milliseconds: None,
            checked_seconds_ago: None,
            could_not_run: times,
            no_result: NoResult::CouldNotRun,
            not_checked_seconds: (times > 0).then_some(4),
            hastened: None,
            tripwire: None,
        }
    }

    #[test]
    fn a_server_is_one_line() {
        assert_eq!(
            server_line(|_| {}),
            "  -> 10.0.0.5:80                  up for 5 s, weight 10 of 10\n"
        );
        let down = server_line(|it| {
            it.health = "down".into();
            it.weight = None;
            it.reason = Some("connect refused".to_owned());
        });
        assert!(
            down.ends_with("down for 5 s, weight - of 10: connect refused\n"),
            "{down}"
        );
    }

    #[test]
    fn nobody_knows_for_how_long_an_unchecked_server_has_been_so() {
        let line = server_line(|it| {
            (it.health, it.since_seconds) = ("unchecked".into(), None);
        });
        assert!(line.ends_with(" unchecked, weight 10 of 10\n"), "{line}");
    }

    #[test]
    fn a_server_whose_probes_do_not_run_is_not_said_to_be_up() {
        let line = server_line(|it| it.checks = vec![not_run(0), not_run(3)]);
        assert!(
            line.ends_with(
                " not checked for 4 s (up before), weight 10 of 10: no descriptor left\n"
            ),
            "{line}"
        );
    }

    #[test]
    fn what_came_from_elsewhere_does_not_reach_the_terminal_as_it_is() {
        let text = status(&Status {
            reload_error: Some("a\u{1b}[31mb".to_owned()),
            services: vec![ServiceStatus {
                service: "FWM 7".parse().unwrap(),
                scheduler: "wlc".to_owned(),
                keeps_connections: false,
                take_over: None,
                error: Some("\u{7}".to_owned()),
                alarm: None,
                servers: Vec::new(),
            }],
            ..Status::default()
        });
        assert!(!text.contains(['\u{1b}', '\u{7}']), "{text:?}");
        assert!(text.contains("FWM 7 wlc\n"), "{text:?}");
    }

    #[test]
    fn an_event_is_one_line_with_its_number_and_time() {
        let told = |milliseconds_ago| Told {
            number: 12,
            milliseconds_ago,
            severity: Severity::Warning,
            text: "drift: it was so; repaired: -e".to_owned(),
            transition: serde_json::Value::Null,
        };
        let line = event(&told(7 * 86_400_000));
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!((words[0], words[2]), ("12", "warning"), "{line}");
        let week = crate::daemon::since::Since(happened(7 * 86_400_000) - 1000);
        let at: crate::daemon::since::Since = words[1].parse().unwrap();
        assert!((week.0..week.0 + 60_000).contains(&at.0), "{line}");
        assert!(line.ends_with("drift: it was so; repaired: -e\n"), "{line}");
        // However long ago it was.
        assert!(event(&told(u64::MAX)).starts_with("12 "));
    }

    #[test]
    fn what_is_no_longer_kept_is_told_by_its_numbers() {
        assert_eq!(skipped(4, 4), "event 4 is no longer kept\n");
        assert_eq!(skipped(4, 9), "events 4 to 9 are no longer kept\n");
    }
}
