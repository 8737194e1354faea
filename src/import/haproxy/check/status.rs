// SPDX-License-Identifier: MIT OR Apache-2.0
//! The statuses that an `http-check expect` means.

use std::ops::RangeInclusive;

/// What our key takes.
const STATUSES: RangeInclusive<u16> = 200..=599;

/// `200`, `200-299`, `200,301-302`, or all others, as far as answers have such.
pub(super) fn statuses(text: &str, negated: bool) -> Option<Vec<(u16, u16)>> {
    let mut wanted = Vec::new();
    for part in text.split(',') {
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        let low: u16 = low.trim().parse().ok()?;
        let high: u16 = high.trim().parse().ok()?;
        wanted.push((low, high));
    }
    let is_wanted = |status: &u16| {
        wanted
            .iter()
            .any(|(low, high)| low <= status && status <= high)
    };
    ranges(|status| is_wanted(&status) != negated)
}

/// Whether some of these are no statuses of our check.
pub(super) fn goes_beyond(text: &str) -> bool {
    let (least, most) = (*STATUSES.start(), *STATUSES.end());
    text.split(',').any(|part| {
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        let outside = |text: &str| {
            let number = text.trim().parse();
            number.is_ok_and(|it: u32| it < u32::from(least) || it > u32::from(most))
        };
        outside(low) || outside(high)
    })
}

/// The statuses that expressions such as `^2..`, `(2|3)[0-9][0-9]` and `200|204` mean.
pub(super) fn statuses_of_expression(expression: &str) -> Option<Vec<(u16, u16)>> {
    let inner = expression.trim_start_matches('^').trim_end_matches('$');
    let tail = ["..", "[0-9][0-9]", "[0-9]{2}", "\\d\\d", "\\d{2}"]
        .iter()
        .find_map(|tail| inner.strip_suffix(tail));
    let (choices, hundreds) = match tail {
        Some(head) => (head, true),
        None => (inner, false),
    };
    let grouped = choices
        .strip_prefix('(')
        .and_then(|it| it.strip_suffix(')'));
    let set = choices
        .strip_prefix('[')
        .and_then(|it| it.strip_suffix(']'));
    let wanted: Vec<String> = match (grouped, set) {
        (_, Some(set)) if hundreds => set.chars().map(String::from).collect(),
        (Some(group), _) => group.split('|').map(str::to_owned).collect(),
        _ => choices.split('|').map(str::to_owned).collect(),
    };
    let digits = if hundreds { 1 } else { 3 };
    let right = |it: &String| it.len() == digits && it.bytes().all(|byte| byte.is_ascii_digit());
    if !wanted.iter().all(right) {
        return None;
    }
    ranges(|status| {
        let shown = status.to_string();
        wanted.iter().any(|it| shown.starts_with(it.as_str()))
    })
}

/// The statuses that are wanted, as ranges; `None` when there are none.
fn ranges(wanted: impl Fn(u16) -> bool) -> Option<Vec<(u16, u16)>> {
    let mut ranges: Vec<(u16, u16)> = Vec::new();
    for status in STATUSES.filter(|status| wanted(*status)) {
        match ranges.last_mut() {
            Some((_, high)) if *high + 1 == status => *high = status,
            _ => ranges.push((status, status)),
        }
    }
    (!ranges.is_empty() && ranges.len() <= 50).then_some(ranges)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_ranges() {
        assert_eq!(statuses("200", false), Some(vec![(200, 200)]));
        assert_eq!(
            statuses("200-299,301", false),
            Some(vec![(200, 299), (301, 301)])
        );
        assert_eq!(statuses("500-599", true), Some(vec![(200, 499)]));
        assert_eq!(statuses("100", false), None);
        assert_eq!(statuses("2xx", false), None);
        assert_eq!(statuses("99-700", false), Some(vec![(200, 599)]));
        assert!(goes_beyond("99-700") && goes_beyond("200,600"));
        assert!(!goes_beyond("200-599,301"));
    }

    #[test]
    fn common_expressions_are_statuses() {
        for expression in ["^2..", "2[0-9][0-9]", "(2)\\d{2}", "^[2][0-9]{2}$"] {
            let read = statuses_of_expression(expression);
            assert_eq!(read, Some(vec![(200, 299)]), "{expression}");
        }
        assert_eq!(statuses_of_expression("(2|3).."), Some(vec![(200, 399)]));
        assert_eq!(
            statuses_of_expression("200|204"),
            Some(vec![(200, 200), (204, 204)])
        );
        assert_eq!(statuses_of_expression("[2-3].."), None);
        assert_eq!(statuses_of_expression("2"), None);
    }
}
