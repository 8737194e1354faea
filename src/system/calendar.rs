// SPDX-License-Identifier: MIT OR Apache-2.0
//! Moments on the calendar and the clock of this host's time zone, which the C library knows.

use std::fmt;
use std::mem::MaybeUninit;
use std::time::{Duration, SystemTime};

/// The time since 1970 by the host's clock, which may step: what the clocks of several hosts agree on.
#[expect(
    clippy::disallowed_methods,
    reason = "the rim's clock, for what people and other hosts understand"
)]
#[must_use]
pub fn since_1970() -> Duration {
    // A clock that is set to before 1970 shows its beginning.
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
}

/// A moment as a clock on the wall shows it, and how far that clock is from UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CivilTime {
    /// The year: 2026.
    pub year: i32,
    /// The month: 1 to 12.
    pub month: i32,
    /// The day of the month: 1 to 31.
    pub day: i32,
    /// The hour: 0 to 23.
    pub hour: i32,
    /// The minute: 0 to 59.
    pub minute: i32,
    /// The second: 0 to 60.
    pub second: i32,
    /// How many seconds it is ahead of UTC; `None` for the clock of this host.
    pub offset: Option<i64>,
}

impl CivilTime {
    /// A moment, in seconds since 1970, by the clock of this host.
    #[expect(unsafe_code, reason = "the C library knows the time zone")]
    #[must_use]
    pub fn local(seconds: i64) -> Self {
        let mut parts = MaybeUninit::<libc::tm>::zeroed();
        let at: libc::time_t = seconds;
        // SAFETY: `localtime_r` reads the one number and writes one `tm`, of which every bit pattern, that of zeroes
        // included, is valid (its pointer is never followed).
        let parts = unsafe {
            libc::localtime_r(&raw const at, parts.as_mut_ptr());
            parts.assume_init()
        };
        Self {
            year: parts.tm_year.saturating_add(1900),
            month: parts.tm_mon + 1,
            day: parts.tm_mday,
            hour: parts.tm_hour,
            minute: parts.tm_min,
            second: parts.tm_sec,
            offset: Some(parts.tm_gmtoff),
        }
    }

    /// The moment, in seconds since 1970; `None` when there is no such day or time.
    #[expect(unsafe_code, reason = "the C library knows the time zone")]
    #[must_use]
    pub fn seconds(&self) -> Option<i64> {
        let mut parts = MaybeUninit::<libc::tm>::zeroed();
        // SAFETY: every bit pattern of a `tm`, that of zeroes included, is valid; its pointer is never followed.
        let parts = unsafe { parts.assume_init_mut() };
        parts.tm_year = self.year.checked_sub(1900)?;
        parts.tm_mon = self.month.checked_sub(1)?;
        parts.tm_mday = self.day;
        parts.tm_hour = self.hour;
        parts.tm_min = self.minute;
        parts.tm_sec = self.second;
        // Whether it is summer is found out.
        parts.tm_isdst = -1;
        let given = *parts;
        // SAFETY: both read one `tm` that is ours, and bring its fields into their ranges.
        let seconds = unsafe {
            match self.offset {
                None => libc::mktime(&raw mut *parts),
                Some(offset) => libc::timegm(&raw mut *parts).checked_sub(offset)?,
            }
        };
        // The 31st of February becomes the 3rd of March.
        let same = (parts.tm_mon, parts.tm_mday) == (given.tm_mon, given.tm_mday)
            && (parts.tm_min, parts.tm_sec) == (given.tm_min, given.tm_sec);
        same.then_some(seconds)
    }
}

impl fmt::Display for CivilTime {
    /// As RFC 3339 has it: `2026-12-31T14:03:22+01:00`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            year,
            month,
            day,
            hour,
            minute,
            second,
            offset,
        } = self;
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
        )?;
        match offset {
            None => Ok(()),
            Some(0) => f.write_str("Z"),
            Some(offset) => {
                let sign = if *offset < 0 { '-' } else { '+' };
                let minutes = offset.unsigned_abs() / 60;
                write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
            }
        }
    }
}

/// The local time of day: hours, minutes, seconds.
#[expect(unsafe_code, reason = "the C library reads the clock")]
#[must_use]
pub fn time_of_day() -> (i32, i32, i32) {
    // SAFETY: `time` takes a null pointer for "nowhere".
    let now = CivilTime::local(unsafe { libc::time(std::ptr::null_mut()) });
    (now.hour, now.minute, now.second)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: CivilTime = CivilTime {
        year: 2026,
        month: 12,
        day: 31,
        hour: 14,
        minute: 3,
        second: 22,
        offset: Some(0),
    };

    #[test]
    fn the_time_of_day_is_one() {
        let (hours, minutes, seconds) = time_of_day();
        assert!(
            (0..24).contains(&hours) && (0..60).contains(&minutes) && (0..=60).contains(&seconds)
        );
    }

    #[test]
    fn a_moment_is_written_as_rfc_3339_has_it() {
        let text = |offset| CivilTime { offset, ..AT }.to_string();
        assert_eq!(text(Some(0)), "2026-12-31T14:03:22Z");
        assert_eq!(text(Some(3600)), "2026-12-31T14:03:22+01:00");
        assert_eq!(text(Some(-12_600)), "2026-12-31T14:03:22-03:30");
        assert_eq!(text(None), "2026-12-31T14:03:22");
    }

    #[test]
    fn a_moment_on_the_calendar_is_the_same_moment_again() {
        assert_eq!(AT.seconds(), Some(1_798_725_802));
        let east = CivilTime {
            offset: Some(3600),
            ..AT
        };
        assert_eq!(east.seconds(), Some(1_798_725_802 - 3600));
        for seconds in [0, 1_798_725_802, 951_827_696] {
            let local = CivilTime::local(seconds);
            assert_eq!(local.seconds(), Some(seconds));
            let here = CivilTime {
                offset: None,
                ..local
            };
            // An hour comes twice in autumn.
            assert!(here.seconds().unwrap().abs_diff(seconds) <= 3600);
        }
    }

    #[test]
    fn there_is_no_31st_of_february() {
        let of = |month, day| CivilTime { month, day, ..AT }.seconds();
        assert_eq!((of(2, 31), of(13, 1), of(4, 31)), (None, None, None));
        assert!(of(2, 28).is_some());
    }
}
