// SPDX-License-Identifier: MIT OR Apache-2.0
//! When a server is asked, and how many results make a verdict.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::config::written_duration;
use crate::diagnostic::{Finding, Findings, Span};
use crate::import::haproxy::server::{InitState, Settings};
use crate::import::{Entry, Value};

/// HAProxy's own defaults (section 5.2, `inter`, `rise`, `fall`, `agent-inter`).
const INTER: Duration = Duration::from_secs(2);
const RISE: u32 = 2;
const FALL: u32 = 3;

/// What our keys take.
const INTERVALS: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_hours(1);
const TIMEOUTS: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_mins(1);
const COUNTS: RangeInclusive<u32> = 1..=100;

/// What a proxy says about the times of its checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::import::haproxy) struct Times {
    /// `timeout check`.
    pub(in crate::import::haproxy) check: Option<Duration>,
    /// `timeout connect`.
    pub(in crate::import::haproxy) connect: Option<Duration>,
    /// Whether something is said after the connection.
    pub(in crate::import::haproxy) talks: bool,
}

/// What all of HAProxy's checks have in common: an interval begins at the end of a check (`process_chk_conn` in its
/// `src/check.c`), a server is up at first, and its first failure takes it down (`src/server.c`).
pub(in crate::import::haproxy) fn as_haproxy() -> Vec<Entry> {
    vec![
        Entry::new("interval_from", Value::word("end")),
        Entry::new("initial", Value::word("up")),
        Entry::new("first_failure", Value::word("decides")),
    ]
}

/// The times of a server's checks.
pub(super) fn entries(
    settings: &Settings,
    times: &Times,
    span: Span,
    out: &mut Findings,
) -> Vec<Entry> {
    let inter = settings.inter.unwrap_or(INTER);
    let interval = within(inter, &INTERVALS, "inter", span, out);
    let timeout = within(
        deadline(inter, times),
        &TIMEOUTS,
        "the time limit of a check",
        span,
        out,
    );
    let rise = count(settings.rise.unwrap_or(RISE), "rise", span, out);
    let fall = count(settings.fall.unwrap_or(FALL), "fall", span, out);
    let mut entries = vec![
        Entry::new("interval", duration(interval)),
        Entry::new("timeout", duration(timeout)),
        Entry::new("rise", Value::word(rise)),
        Entry::new("fall", Value::word(fall)),
    ];
    entries.push(match settings.fast {
        Some(fast) => {
            let fast = within(fast, &INTERVALS, "fastinter", span, out);
            Entry::new("fast_interval", duration(fast))
        }
        // HAProxy does not hurry without it.
        None => Entry::new("retry_delay", duration(interval)),
    });
    if let Some(down) = settings.down {
        let down = within(down, &INTERVALS, "downinter", span, out);
        entries.push(Entry::new("down_interval", duration(down)));
    }
    entries.extend(initial(settings.init_state, rise, span, out));
    entries
}

/// What a server counts as at first, where that is another than [`as_haproxy`] says.
fn initial(state: InitState, rise: u32, span: Span, out: &mut Findings) -> Option<Entry> {
    let down = || Entry::new("initial", Value::word("down"));
    match state {
        InitState::Up => None,
        InitState::FullyUp => Some(Entry::new("first_failure", Value::word("counts"))),
        InitState::Down => {
            if rise > 1 {
                let message = format!("init-state down: {rise} successes bring the server in");
                let finding = Finding::warning(span, message);
                out.push(finding.help("in HAProxy the first one does; rise: 1 does so here"));
            }
            Some(down())
        }
        InitState::FullyDown => Some(down()),
    }
}

/// How long a whole check may take (section 4.2, `timeout check`).
fn deadline(inter: Duration, times: &Times) -> Duration {
    let Some(check) = times.check else {
        return inter;
    };
    let connect = times.connect.map_or(inter, |connect| connect.min(inter));
    if times.talks {
        connect + check
    } else {
        connect
    }
}

/// The times of an agent: what it says counts at once.
pub(super) fn of_agent(
    settings: &Settings,
    times: &Times,
    span: Span,
    out: &mut Findings,
) -> Vec<Entry> {
    let inter = settings.agent.inter.unwrap_or(INTER);
    let interval = within(inter, &INTERVALS, "agent-inter", span, out);
    let talking = Times {
        talks: true,
        ..*times
    };
    let timeout = deadline(inter, &talking);
    let timeout = within(
        timeout,
        &TIMEOUTS,
        "the time limit of an agent check",
        span,
        out,
    );
    vec![
        Entry::new("interval", duration(interval)),
        Entry::new("timeout", duration(timeout)),
        Entry::new("rise", Value::word(1)),
        Entry::new("fall", Value::word(1)),
    ]
}

fn duration(duration: Duration) -> Value {
    Value::word(written_duration(duration))
}

/// A time that our key takes, with a warning when it is another one.
fn within(
    time: Duration,
    range: &RangeInclusive<Duration>,
    what: &str,
    span: Span,
    out: &mut Findings,
) -> Duration {
    let nearest = time.clamp(*range.start(), *range.end());
    if nearest != time {
        let (time, near) = (written_duration(time), written_duration(nearest));
        let message = format!("{what} of {time} becomes {near}");
        let least = written_duration(*range.start());
        let most = written_duration(*range.end());
        out.push(Finding::warning(span, message).help(format!("{least} to {most} is possible")));
    }
    nearest
}

fn count(count: u32, what: &str, span: Span, out: &mut Findings) -> u32 {
    let nearest = count.clamp(*COUNTS.start(), *COUNTS.end());
    if nearest != count {
        let message = format!("{what} of {count} becomes {nearest}");
        out.push(Finding::warning(span, message).help("1 to 100 is possible"));
    }
    nearest
}
