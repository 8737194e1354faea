// SPDX-License-Identifier: MIT OR Apache-2.0
//! Numbers that fit a column of six characters.

/// A number in six characters at most, its first digits exact.
#[must_use]
pub fn short(number: u64) -> String {
    let (divisor, unit) = match number {
        0..1_000_000 => return number.to_string(),
        1_000_000..100_000_000 => (1_000, 'K'),
        100_000_000..100_000_000_000 => (1_000_000, 'M'),
        100_000_000_000..100_000_000_000_000 => (1_000_000_000, 'G'),
        100_000_000_000_000..100_000_000_000_000_000 => (1_000_000_000_000, 'T'),
        100_000_000_000_000_000.. => (1_000_000_000_000_000, 'P'),
    };
    format!("{}{unit}", number / divisor)
}

/// A rate in tenths as a whole number.
#[must_use]
pub fn whole(tenths: u64) -> String {
    short(tenths.saturating_add(5) / 10)
}

/// A rate in tenths with one of them, where there is room. Nothing at all is just 0.
#[must_use]
pub fn fraction(tenths: u64) -> String {
    match tenths {
        0 => "0".to_owned(),
        1..10_000 => format!("{}.{}", tenths / 10, tenths % 10),
        _ => whole(tenths),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_fit_their_columns() {
        for (number, text) in [
            (0, "0"),
            (999_999, "999999"),
            (1_000_000, "1000K"),
            (99_999_999, "99999K"),
            (100_000_000, "100M"),
            (123_456_789_012, "123G"),
            (u64::MAX, "18446P"),
        ] {
            assert_eq!(short(number), text);
        }
        let rates = [0, 5, 999, 9999, 10_000, 123_456].map(fraction);
        assert_eq!(rates, ["0", "0.5", "99.9", "999.9", "1000", "12346"]);
        assert!(whole(u64::MAX).len() <= 6);
    }
}
