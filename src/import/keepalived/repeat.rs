// SPDX-License-Identifier: MIT OR Apache-2.0
//! `~SEQ(..)` and `~LST(..)`: a line that is read several times.

/// So many times a line is repeated at most.
const MOST: usize = 100_000;

/// The beginning of a line that is repeated.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Repeat {
    /// For each time the names with their values.
    pub(super) times: Vec<Vec<(Box<str>, Box<str>)>>,
    /// How long the beginning is, in bytes.
    pub(super) length: usize,
}

/// Reads the beginning of a line; `None` when it is no repetition, an error when it makes no sense.
pub(super) fn repeat(line: &str) -> Option<Result<Repeat, &'static str>> {
    let (hexadecimal, is_list, inner) = if let Some(rest) = line.strip_prefix("~SEQx(") {
        (true, false, rest)
    } else if let Some(rest) = line.strip_prefix("~SEQ(") {
        (false, false, rest)
    } else {
        (false, true, line.strip_prefix("~LST(")?)
    };
    let Some((inside, _)) = inner.split_once(')') else {
        return Some(Err("the parenthesis is not closed"));
    };
    let length = line.len() - inner.len() + inside.len() + 1;
    let times = if is_list {
        list(inside)
    } else {
        sequence(inside, hexadecimal)
    };
    Some(times.map(|times| Repeat { times, length }))
}

type Times = Vec<Vec<(Box<str>, Box<str>)>>;

fn sequence(inside: &str, hexadecimal: bool) -> Result<Times, &'static str> {
    let mut parts = inside.split(',').map(str::trim);
    let name = parts.next().filter(|name| !name.is_empty());
    let name = name.ok_or("the name is missing")?;
    let numbers: Option<Vec<i64>> = parts.map(number).collect();
    let numbers = numbers.ok_or("not a number")?;
    let (start, step, end) = match *numbers.as_slice() {
        [end] => (if end < 0 { -1 } else { 1 }, None, end),
        [start, end] => (start, None, end),
        [start, step, end] => (start, Some(step), end),
        _ => return Err("expected a name, a start, a step and an end"),
    };
    let step = step.unwrap_or(if end < start { -1 } else { 1 });
    if step == 0 {
        return Err("the step is 0");
    }
    let written = |value: i64| {
        if hexadecimal {
            format!("{value:x}")
        } else {
            value.to_string()
        }
    };
    let within = |value: &i64| {
        if step > 0 {
            *value <= end
        } else {
            *value >= end
        }
    };
    let values = std::iter::successors(Some(start), |value| value.checked_add(step));
    let values: Vec<i64> = values.take_while(within).take(MOST + 1).collect();
    if values.len() > MOST {
        return Err("more than 100000 repetitions");
    }
    let times = values
        .into_iter()
        .map(|value| vec![(name.into(), written(value).into())]);
    Ok(times.collect())
}

fn number(text: &str) -> Option<i64> {
    match text.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
    // Sums of such numbers do not overflow.
    .filter(|number| number.abs() < i64::from(i32::MAX))
}

fn list(inside: &str) -> Result<Times, &'static str> {
    let mut groups = groups(inside).into_iter();
    let names = groups
        .next()
        .filter(|names| names.iter().all(|it| !it.is_empty()));
    let names = names.ok_or("the name is missing")?;
    let times = groups.map(|values| {
        let same = values.len() == names.len();
        let pairs = names
            .iter()
            .zip(values)
            .map(|(name, value)| ((*name).into(), value.into()));
        same.then(|| pairs.collect())
            .ok_or("not as many values as names")
    });
    times.collect()
}

/// What commas separate; several together in braces.
fn groups(inside: &str) -> Vec<Vec<&str>> {
    let mut groups = Vec::new();
    let mut rest = inside.trim();
    while !rest.is_empty() {
        let braced = rest.strip_prefix('{').and_then(|it| it.split_once('}'));
        let (group, behind) = if let Some((group, behind)) = braced {
            (group.split(',').map(str::trim).collect(), behind)
        } else {
            let (one, _) = rest.split_once(',').unwrap_or((rest, ""));
            let behind = rest.get(one.len()..).unwrap_or_default();
            (vec![one.trim()], behind)
        };
        groups.push(group);
        let behind = behind.trim_start();
        rest = behind.strip_prefix(',').unwrap_or(behind).trim_start();
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(line: &str) -> Vec<String> {
        let times = repeat(line).unwrap().unwrap().times;
        let shown = |(name, value): &(Box<str>, Box<str>)| format!("{name}={value}");
        let times = times.iter();
        times
            .map(|it| it.iter().map(shown).collect::<Vec<_>>().join(" "))
            .collect()
    }

    #[test]
    fn sequences_count_up_and_down() {
        assert_eq!(values("~SEQ(A, 0, 2) x"), ["A=0", "A=1", "A=2"]);
        assert_eq!(values("~SEQ(A, 2)"), ["A=1", "A=2"]);
        assert_eq!(values("~SEQ(A, 3, 1)"), ["A=3", "A=2", "A=1"]);
        assert_eq!(values("~SEQ(A, 1, 4, 9)"), ["A=1", "A=5", "A=9"]);
        assert_eq!(
            values("~SEQx(A, 0x90, 0x10, 0xb0)"),
            ["A=90", "A=a0", "A=b0"]
        );
    }

    #[test]
    fn lists_give_several_names_their_values() {
        assert_eq!(values("~LST(A, x, y) z"), ["A=x", "A=y"]);
        assert_eq!(
            values("~LST({A,B}, {10,1},{20,4})"),
            ["A=10 B=1", "A=20 B=4"]
        );
    }

    #[test]
    fn what_makes_no_sense_is_said() {
        for wrong in [
            "~SEQ(A, 1, 0, 2)",
            "~SEQ(A, 1, 1, 1000000000)",
            "~SEQ(A, b)",
            "~SEQ(A",
            "~SEQ()",
            "~SEQ(A, 9223372036854775807)",
            "~LST({A,B}, 1)",
            "~LST()",
        ] {
            assert!(repeat(wrong).unwrap().is_err(), "{wrong}");
        }
        assert_eq!(repeat("virtual_server"), None);
    }
}
