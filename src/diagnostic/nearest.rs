// SPDX-License-Identifier: MIT OR Apache-2.0
//! The known word that the author probably meant.

/// The word of `known` with the smallest edit distance to `word`, if it is small; case does not matter.
#[must_use]
pub fn nearest<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    const LONGEST: usize = 40;
    let word: Vec<char> = word.chars().take(LONGEST + 1).collect();
    if word.len() > LONGEST {
        return None;
    }
    let word: Vec<char> = word.iter().map(char::to_ascii_lowercase).collect();
    let ranked = known.map(|known| {
        let other: Vec<char> = known.chars().map(|c| c.to_ascii_lowercase()).collect();
        let near = (word.len().max(other.len()) / 3).max(1);
        (distance(&word, &other), near, known)
    });
    let near = ranked.filter(|(distance, near, known)| {
        distance <= near && (*distance == 0 || known.chars().count() > *distance)
    });
    near.min_by_key(|(distance, ..)| *distance)
        .map(|(.., known)| known)
}

/// How many insertions, deletions, replacements and swaps of neighbours turn one word into the other.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    let mut last_a = None;
    for (row, a) in a.iter().enumerate() {
        let mut current = vec![row + 1];
        let mut left = row + 1;
        let mut last_b = None;
        for (column, b) in b.iter().enumerate() {
            let at = |line: &[usize], index: usize| line.get(index).copied().unwrap_or(usize::MAX);
            let mut best = at(&above, column) + usize::from(a != b);
            best = best.min(left + 1).min(at(&above, column + 1) + 1);
            if column > 0 && last_a == Some(b) && last_b == Some(a) {
                best = best.min(at(&before, column - 1).saturating_add(1));
            }
            current.push(best);
            left = best;
            last_b = Some(b);
        }
        last_a = Some(a);
        before = std::mem::replace(&mut above, current);
    }
    above.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_found() {
        let known = || ["weight", "scheduler", "servers", "wlc", "wrr"].into_iter();
        assert_eq!(nearest("wieght", known()), Some("weight"));
        assert_eq!(nearest("Server", known()), Some("servers"));
        assert_eq!(nearest("wrl", known()), Some("wrr"));
        assert_eq!(nearest("WRR", known()), Some("wrr"));
        assert_eq!(nearest("banana", known()), None);
        assert_eq!(nearest("", known()), None);
        assert_eq!(nearest(&"w".repeat(1_000_000), known()), None);
    }
}
