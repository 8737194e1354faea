// SPDX-License-Identifier: MIT OR Apache-2.0
//! Since when: a duration, a time of day, or a date, as people type them.

use std::str::FromStr;

use crate::system::{CivilTime, since_1970};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A moment, in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Since(pub(super) i64);

impl FromStr for Since {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let now = i64::try_from(since_1970().as_millis()).unwrap_or(i64::MAX);
        since(text, now).map(Self).ok_or(
            "write a duration (30s, 5m, 2h, 3d), a time of day (14:30, 14:30:05), or a date (2026-12-31, \
             2026-12-31T14:30:00Z)",
        )
    }
}

/// The moment that is meant when it is `now`, both in milliseconds since 1970.
fn since(text: &str, now: i64) -> Option<i64> {
    if let Some(seconds) = duration(text) {
        return Some(now.saturating_sub(seconds.saturating_mul(1000)));
    }
    let seconds = match time(text) {
        Some(time) => last(time, now / 1000)?,
        None => date(text)?.seconds()?,
    };
    seconds.checked_mul(1000)
}

/// `1h`, `1h30m`: in seconds.
fn duration(text: &str) -> Option<i64> {
    let mut sum: i64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, unit) = rest.split_at_checked(end)?;
        let unit_seconds = match unit.chars().next()? {
            's' => 1,
            'm' => MINUTE,
            'h' => HOUR,
            'd' => DAY,
            _ => return None,
        };
        let part = number.parse::<i64>().ok()?.checked_mul(unit_seconds)?;
        sum = sum.checked_add(part)?;
        rest = unit.get(1..)?;
    }
    (!text.is_empty()).then_some(sum)
}

/// `14:30`, `14:30:05`, `14:30:05.123`: hour, minute, second.
fn time(text: &str) -> Option<(i32, i32, i32)> {
    let mut parts = text.split(':');
    let (hour, minute) = (number(parts.next()?, 24)?, number(parts.next()?, 60)?);
    let second = match parts.next() {
        None => 0,
        Some(text) => {
            let (second, fraction) = text.split_once('.').unwrap_or((text, ""));
            if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            number(second, 60)?
        }
    };
    parts.next().is_none().then_some((hour, minute, second))
}

/// Two digits, less than this.
fn number(text: &str, end: i32) -> Option<i32> {
    let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.then(|| text.parse().ok())??;
    (number < end).then_some(number)
}

/// When it was this time of day the last time, in seconds since 1970.
fn last((hour, minute, second): (i32, i32, i32), now: i64) -> Option<i64> {
    [now, now - DAY].into_iter().find_map(|day| {
        let time = CivilTime {
            hour,
            minute,
            second,
            offset: None,
            ..CivilTime::local(day)
        };
        time.seconds().filter(|it| *it <= now)
    })
}

/// `2026-12-31`, and with a time after `T` or a blank, and behind it a zone.
fn date(text: &str) -> Option<CivilTime> {
    let (day, rest) = text.split_at_checked(10)?;
    let mut parts = day.split('-');
    let year = parts.next().filter(|it| it.len() == 4)?.parse().ok()?;
    let (month, day) = (number(parts.next()?, 13)?, number(parts.next()?, 32)?);
    let mut at = CivilTime {
        year,
        month,
        day,
        hour: 0,
        minute: 0,
        second: 0,
        offset: None,
    };
    if rest.is_empty() {
        return Some(at);
    }
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let clock = rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at_checked(clock)?;
    (at.hour, at.minute, at.second) = time(clock)?;
    at.offset = zone_offset(zone)?;
    Some(at)
}

/// Nothing, `Z`, `+01:00`: in seconds ahead of UTC.
#[expect(
    clippy::option_option,
    reason = "no zone is the zone of this host, and a wrong one is wrong"
)]
fn zone_offset(zone: &str) -> Option<Option<i64>> {
    if zone.is_empty() {
        return Some(None);
    }
    if zone.eq_ignore_ascii_case("z") {
        return Some(Some(0));
    }
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let (hours, minutes) = (number(hours, 24)?, number(minutes, 60)?);
    Some(Some(
        sign * (i64::from(hours) * HOUR + i64::from(minutes) * MINUTE),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-12-31T14:03:22Z
    const NOW: i64 = 1_798_725_802;

    /// In seconds before now.
    fn ago(text: &str) -> Option<i64> {
        since(text, NOW * 1000).map(|at| NOW - at / 1000)
    }

    #[test]
    fn a_duration_is_so_long_ago() {
        for (text, seconds) in [
            ("30s", 30),
            ("5m", 300),
            ("2h", 7200),
            ("3d", 259_200),
            ("1h30m", 5400),
            ("0s", 0),
        ] {
            assert_eq!(ago(text), Some(seconds), "{text}");
        }
    }

    #[test]
    fn a_date_with_a_zone_is_a_moment() {
        for (text, seconds) in [
            ("2026-12-31T14:03:22Z", 0),
            ("2026-12-31t14:03:22.999z", 0),
            ("2026-12-31 15:03:22+01:00", 0),
            ("2026-12-31T12:33-01:30", 22),
        ] {
            assert_eq!(ago(text), Some(seconds), "{text}");
        }
    }

    #[test]
    fn a_time_of_day_is_the_last_one_and_a_day_begins_at_midnight_here() {
        let here = CivilTime::local(NOW);
        let clock = format!("{:02}:{:02}:{:02}", here.hour, here.minute, here.second);
        assert_eq!(ago(&clock), Some(0));
        let later = CivilTime::local(NOW + 60);
        let later = format!("{:02}:{:02}:{:02}", later.hour, later.minute, later.second);
        assert!(ago(&later).is_some_and(|it| it > 80_000), "yesterday");
        let day = format!("{:04}-{:02}-{:02}", here.year, here.month, here.day);
        let midnight = i64::from(here.hour) * HOUR + i64::from(here.minute) * MINUTE;
        assert_eq!(ago(&day), Some(midnight + i64::from(here.second)));
    }

    #[test]
    fn anything_else_is_no_moment() {
        for text in [
            "",
            "h",
            "1",
            "1w",
            "-1h",
            "25:00",
            "14:60",
            "1:2",
            "14:30:",
            "14:30:05.x",
            "2026-02-31",
            "2026-13-01",
            "2026-1-1",
            "2026-12-31x",
            "2026-12-31T",
            "2026-12-31T14:30+1",
            "99999999999999999999s",
            "9223372036854775807d",
            "\u{e9}",
        ] {
            assert_eq!(ago(text), None, "{text}");
        }
    }
}
