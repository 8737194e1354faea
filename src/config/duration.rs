// SPDX-License-Identifier: MIT OR Apache-2.0
//! Durations as files have them: whole numbers with their units, the largest first: `500ms`, `6s`, `1m30s`.

use std::time::Duration;

/// The units, the largest first, in milliseconds.
const UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Why a text is not a duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DurationError {
    /// A number alone.
    NoUnit,
    /// Anything else.
    Other,
}

/// Reads `1m30s`; each unit at most once, the largest first.
pub(super) fn parse(text: &str) -> Result<Duration, DurationError> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(DurationError::NoUnit);
    }
    let mut rest = text;
    let mut total = 0_u64;
    let mut units = UNITS.iter();
    while !rest.is_empty() {
        let (number, after) = rest.split_at(digits(rest));
        let letters = after.find(|c: char| !c.is_ascii_lowercase());
        let (unit, after) = after.split_at(letters.unwrap_or(after.len()));
        let factor = units
            .find(|(name, _)| *name == unit)
            .map(|(_, factor)| factor);
        let part = number.parse::<u64>().ok().zip(factor);
        let part = part.and_then(|(number, factor)| number.checked_mul(*factor));
        total = part
            .and_then(|part| total.checked_add(part))
            .ok_or(DurationError::Other)?;
        rest = after;
    }
    if text.is_empty() {
        return Err(DurationError::Other);
    }
    Ok(Duration::from_millis(total))
}

fn digits(text: &str) -> usize {
    text.find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len())
}

/// Writes a duration in the largest unit that divides it; drops parts of a millisecond.
pub(crate) fn write(duration: Duration) -> String {
    let total = duration.as_millis();
    let unit = UNITS
        .iter()
        .find(|(_, factor)| total != 0 && total.is_multiple_of(u128::from(*factor)));
    match unit {
        Some((name, factor)) => format!("{}{name}", total / u128::from(*factor)),
        None => "0s".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_with_their_units() {
        for (text, milliseconds) in [
            ("6s", 6_000),
            ("500ms", 500),
            ("2m", 120_000),
            ("1h", 3_600_000),
            ("1m30s", 90_000),
            ("1d1h1m1s1ms", 90_061_001),
            ("0s", 0),
        ] {
            assert_eq!(
                parse(text),
                Ok(Duration::from_millis(milliseconds)),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        assert_eq!(parse("6"), Err(DurationError::NoUnit));
        for text in [
            "",
            "s",
            "-6s",
            "6 s",
            "1.5s",
            "6S",
            "30s1m",
            "6s6s",
            "6x",
            "6s7",
            "99999999999999999999s",
            "18446744073709551615d",
            "½s",
        ] {
            assert_eq!(parse(text), Err(DurationError::Other), "{text}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        for (milliseconds, text) in [
            (0, "0s"),
            (1, "1ms"),
            (1_500, "1500ms"),
            (90_000, "90s"),
            (2_678_400_000, "31d"),
        ] {
            let duration = Duration::from_millis(milliseconds);
            assert_eq!(write(duration), text);
            assert_eq!(parse(text), Ok(duration));
        }
    }
}
