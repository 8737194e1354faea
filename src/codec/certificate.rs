// SPDX-License-Identifier: MIT OR Apache-2.0
//! When a certificate ends (X.509: RFC 5280, section 4.1). Nothing else of it is read here.

use std::fmt;

/// A second, counted from the beginning of 1970, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Second(pub i64);

/// The length of a day, in seconds.
const DAY: i64 = 86_400;
/// The length of 400 years, in days: after that the calendar repeats itself.
const ERA: i64 = 146_097;
/// From the first of March of year 0 to the beginning of 1970, in days.
const BEFORE_1970: i64 = 719_468;

/// Tags of DER.
mod tag {
    pub(super) const INTEGER: u8 = 0x02;
    pub(super) const UTC_TIME: u8 = 0x17;
    pub(super) const GENERALIZED_TIME: u8 = 0x18;
    pub(super) const SEQUENCE: u8 = 0x30;
    pub(super) const VERSION: u8 = 0xa0;
}

/// The last moment at which a certificate in DER is valid; `None` when these bytes are no certificate.
#[must_use]
pub fn not_after(der: &[u8]) -> Option<Second> {
    let (certificate, _) = element(der, tag::SEQUENCE)?;
    let (signed, _) = element(certificate, tag::SEQUENCE)?;
    let signed = element(signed, tag::VERSION).map_or(signed, |(_, rest)| rest);
    let (_serial, rest) = element(signed, tag::INTEGER)?;
    let (_algorithm, rest) = element(rest, tag::SEQUENCE)?;
    let (_issuer, rest) = element(rest, tag::SEQUENCE)?;
    let (validity, _) = element(rest, tag::SEQUENCE)?;
    let (_, rest) = time(validity)?;
    time(rest).map(|(time, _)| time)
}

/// The content of the element at the beginning, if it has this tag, and what follows it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[found, first], rest) = bytes.split_first_chunk()?;
    if found != tag {
        return None;
    }
    if first < 0x80 {
        return rest.split_at_checked(first.into());
    }
    // The length of the length. Four bytes are more than any certificate needs.
    let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
    if !(1..=4).contains(&length.len()) {
        return None;
    }
    let length = length
        .iter()
        .fold(0_u32, |sum, byte| (sum << 8) | u32::from(*byte));
    rest.split_at_checked(usize::try_from(length).ok()?)
}

/// The moment at the beginning, and what follows it.
fn time(bytes: &[u8]) -> Option<(Second, &[u8])> {
    if let Some((text, rest)) = element(bytes, tag::GENERALIZED_TIME) {
        let (year, text) = text.split_at_checked(4)?;
        return Some((moment(number(year)?, text)?, rest));
    }
    let (text, rest) = element(bytes, tag::UTC_TIME)?;
    let (year, text) = text.split_at_checked(2)?;
    let year = number(year)?;
    let century = if year < 50 { 2000 } else { 1900 };
    Some((moment(century + year, text)?, rest))
}

/// The moment in this year of `1231235959Z`.
fn moment(year: i64, text: &[u8]) -> Option<Second> {
    let [digits @ .., b'Z'] = text else {
        return None;
    };
    let parts: Vec<i64> = digits.chunks(2).map(number).collect::<Option<_>>()?;
    let [
        month @ 1..=12,
        day @ 1..=31,
        hour @ 0..=23,
        minute @ 0..=59,
        second @ 0..=59,
    ] = *parts
    else {
        return None;
    };
    let seconds = (hour * 60 + minute) * 60 + second;
    Some(Second(days(year, month, day) * DAY + seconds))
}

fn number(digits: &[u8]) -> Option<i64> {
    let digit = |byte: &u8| byte.is_ascii_digit().then(|| i64::from(byte - b'0'));
    let digits = digits.iter().map(digit);
    digits.reduce(|sum, digit| Some(sum? * 10 + digit?))?
}

/// From the beginning of 1970 to a day, in days. A year begins in March here, so that its last day is the leap day.
const fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
    let month = (month + 9) % 12;
    let day = (153 * month + 2) / 5 + day - 1;
    era * ERA + year * 365 + year / 4 - year / 100 + day - BEFORE_1970
}

/// The year, month and day of a day.
const fn date(days: i64) -> (i64, i64, i64) {
    let days = days + BEFORE_1970;
    let (era, day) = (days.div_euclid(ERA), days.rem_euclid(ERA));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, later) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    (era * 400 + year + later, month, day)
}

impl fmt::Display for Second {
    /// `2026-12-31 23:59 UTC`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = date(self.0.div_euclid(DAY));
        let minutes = self.0.rem_euclid(DAY) / 60;
        let (hour, minute) = (minutes / 60, minutes % 60);
        write!(f, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The part of a certificate that is read, with its end as this element.
    fn certificate(end: &[u8]) -> Vec<u8> {
        let wrapped = |tag: u8, content: &[u8]| {
            let length = u8::try_from(content.len()).unwrap();
            [&[tag, length], content].concat()
        };
        let begin = wrapped(tag::UTC_TIME, b"200101000000Z");
        let validity = wrapped(tag::SEQUENCE, &[&begin, end].concat());
        let signed = [
            &wrapped(tag::VERSION, &[2, 1, 2])[..],
            &wrapped(tag::INTEGER, &[7]),
            &wrapped(tag::SEQUENCE, &[6, 1, 1]),
            &wrapped(tag::SEQUENCE, &[]),
            &validity,
        ];
        wrapped(tag::SEQUENCE, &wrapped(tag::SEQUENCE, &signed.concat()))
    }

    #[test]
    fn the_end_is_read_in_both_forms() {
        for (end, shown) in [
            (&b"\x17\x0d261231235959Z"[..], Some("2026-12-31 23:59 UTC")),
            (b"\x17\x0d700101000000Z", Some("1970-01-01 00:00 UTC")),
            (b"\x17\x0d500101000000Z", Some("1950-01-01 00:00 UTC")),
            (b"\x17\x0d491231235959Z", Some("2049-12-31 23:59 UTC")),
            (b"\x18\x0f20500228120000Z", Some("2050-02-28 12:00 UTC")),
            (b"\x18\x0f20000229000000Z", Some("2000-02-29 00:00 UTC")),
            (b"\x18\x0f99991231235959Z", Some("9999-12-31 23:59 UTC")),
            (b"\x18\x81\x0f20500228120000Z", Some("2050-02-28 12:00 UTC")),
            (b"\x17\x0d261331235959Z", None),
            (b"\x17\x0d2612312359590", None),
            (b"\x17\x0b2612312359Z", None),
            (b"\x17\x0d+61231235959Z", None),
            (b"\x17\x80261231235959Z", None),
            (b"\x17\x85\0\0\0\0\x0d261231235959Z", None),
            (b"\x16\x0d261231235959Z", None),
            (b"", None),
        ] {
            let read = not_after(&certificate(end)).map(|end| end.to_string());
            assert_eq!(read.as_deref(), shown, "{end:?}");
        }
        assert_eq!(
            not_after(&certificate(b"\x17\x0d700102000001Z")),
            Some(Second(86_401))
        );
    }

    #[test]
    fn a_certificate_that_was_made_is_read() {
        let authority = lab::tls::Authority::new("a CA").unwrap();
        let end = |days| {
            let made = authority.sign(&["a.example"], days).unwrap();
            not_after(made.der()).unwrap().0
        };
        // The clock goes on between the two.
        let (earlier, later) = (end(-100), end(100));
        let apart = 200 * DAY;
        assert!((apart..apart + 3600).contains(&(later - earlier)));
    }

    proptest! {
        #[test]
        fn every_day_is_one_day_after_the_other(day in -800_000_i64..3_000_000) {
            let (year, month, number) = date(day);
            prop_assert_eq!(days(year, month, number), day);
            let next = date(day + 1);
            prop_assert!(
                next == (year, month, number + 1) || next == (year, month + 1, 1) || next == (year + 1, 1, 1)
            );
        }

        #[test]
        fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..60), end in "\\PC{0,20}") {
            let _ = not_after(&bytes);
            let _ = not_after(&certificate(end.as_bytes()));
        }
    }
}
