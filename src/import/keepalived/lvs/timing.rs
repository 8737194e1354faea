// SPDX-License-Identifier: MIT OR Apache-2.0
//! When checkers ask, and what counts as a failure: keepalived's meaning in our words.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::diagnostic::{Finding, Findings};
use crate::import::document::{Entry, Value};
use crate::import::keepalived::value::{duration, number, only, seconds, switch};
use crate::import::statement::{Statement, Word};

/// What may be written in a virtual server, a real server and a checker; the innermost counts.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Timing {
    delay_loop: Option<Duration>,
    connect_timeout: Option<Duration>,
    delay_before_retry: Option<Duration>,
    retry: Option<u32>,
    alpha: Option<bool>,
}

/// What a kind of checker does when nothing is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Usual {
    /// Failures after the first one.
    pub(super) retry: u32,
    /// `None`: as long as the interval.
    pub(super) delay_before_retry: Option<Duration>,
    /// Whether the interval begins with the end of a probe.
    pub(super) from_end: bool,
}

impl Usual {
    /// What most of them do.
    pub(super) const MOST: Self = Self {
        retry: 1,
        delay_before_retry: Some(Duration::from_secs(1)),
        from_end: true,
    };
}

const DELAY_LOOP: Duration = Duration::from_secs(60);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const INTERVALS: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(3_600);
const TIMEOUTS: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(60);
/// Failures after the first one, so that all together are what our configuration takes.
const MOST_RETRIES: u32 = 99;

impl Timing {
    /// Takes a keyword of this kind; `false` when it is another one.
    pub(super) fn take(&mut self, name: &str, statement: &Statement, out: &mut Findings) -> bool {
        match name {
            "delay_loop" => self.delay_loop = time(statement, INTERVALS, out),
            "connect_timeout" => self.connect_timeout = time(statement, TIMEOUTS, out),
            "delay_before_retry" => self.delay_before_retry = time(statement, INTERVALS, out),
            "retry" => self.retry = retry(statement, out),
            "alpha" => self.alpha = switch(statement, out),
            _ => return false,
        }
        true
    }

    /// These, and what `outer` says where these say nothing.
    pub(super) fn within(self, outer: Self) -> Self {
        Self {
            delay_loop: self.delay_loop.or(outer.delay_loop),
            connect_timeout: self.connect_timeout.or(outer.connect_timeout),
            delay_before_retry: self.delay_before_retry.or(outer.delay_before_retry),
            retry: self.retry.or(outer.retry),
            alpha: self.alpha.or(outer.alpha),
        }
    }

    /// Whether the interval is written somewhere.
    pub(super) const fn has_interval(&self) -> bool {
        self.delay_loop.is_some()
    }

    pub(super) fn interval(&self) -> Duration {
        self.delay_loop.unwrap_or(DELAY_LOOP)
    }

    /// The keys of `check` that say the same. `timeout` is for a kind that has one of its own.
    pub(super) fn entries(&self, usual: Usual, timeout: Option<Duration>) -> Vec<Entry> {
        let interval = self.interval();
        let timeout = timeout.or(self.connect_timeout).unwrap_or(CONNECT_TIMEOUT);
        let usual_delay = usual.delay_before_retry.unwrap_or(interval);
        let delay = self.delay_before_retry.unwrap_or(usual_delay);
        let retry = self.retry.unwrap_or(usual.retry);
        let initial = if self.alpha == Some(true) {
            "down"
        } else {
            "up"
        };
        let word = |key: &str, value: String| Entry::new(key, Value::Word(value));
        let mut entries = vec![word("interval", duration(interval))];
        if usual.from_end {
            entries.push(word("interval_from", "end".to_owned()));
        }
        entries.extend([
            word("timeout", duration(timeout)),
            word("rise", "1".to_owned()),
            word("fall", (retry + 1).to_string()),
            word("retry_delay", duration(delay)),
            word("first_failure", "decides".to_owned()),
            word("initial", initial.to_owned()),
        ]);
        entries
    }
}

fn retry(statement: &Statement, out: &mut Findings) -> Option<u32> {
    let word = only(statement, out)?;
    let retry = number(word, 0..=u32::MAX, out)?;
    if retry > MOST_RETRIES {
        let what = format!("{retry} retries become {MOST_RETRIES}");
        out.push(Finding::warning(word.span, what).help("a check counts at most 100 failures"));
    }
    Some(retry.min(MOST_RETRIES))
}

fn time(
    statement: &Statement,
    ours: RangeInclusive<Duration>,
    out: &mut Findings,
) -> Option<Duration> {
    let word = only(statement, out)?;
    // keepalived's own limits of all its times.
    let longest = Duration::from_secs(u64::from(u32::MAX));
    let time = seconds(word, Duration::from_micros(1)..=longest, out)?;
    Some(bounded(word, time, &ours, out))
}

/// The time, or the nearest that our configuration takes.
pub(super) fn bounded(
    word: &Word,
    time: Duration,
    ours: &RangeInclusive<Duration>,
    out: &mut Findings,
) -> Duration {
    let near = time.clamp(*ours.start(), *ours.end());
    if near != time {
        let what = format!("{} s become {}", word.text, duration(near));
        let help = format!(
            "from {} to {}",
            duration(*ours.start()),
            duration(*ours.end())
        );
        out.push(Finding::warning(word.span, what).help(help));
    }
    near
}

/// As a timeout of a check.
pub(super) fn timeout(word: &Word, time: Duration, out: &mut Findings) -> Duration {
    bounded(word, time, &TIMEOUTS, out)
}

/// The nearest timeout to one that is not written.
pub(super) fn possible_timeout(time: Duration) -> Duration {
    time.clamp(*TIMEOUTS.start(), *TIMEOUTS.end())
}
