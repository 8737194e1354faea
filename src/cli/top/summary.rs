// SPDX-License-Identifier: MIT OR Apache-2.0
//! The keys with the most connections, in bounded memory. It is exact while there is room for all keys. With more keys,
//! its error is never larger than it says.
//!
//! With room for `k` keys, and `n` connections counted, a key with more than `2n / k` of them is always among those
//! kept, and no count is ever too high. This is the Misra-Gries summary (J. Misra, D. Gries, 1982) with the median taken
//! off when it is full (Anderson and others, 2017), except that each key remembers how much had been taken off when it
//! came, as in lossy counting (Manku, Motwani, 2002): what is counted since then is exact.

use std::collections::HashMap;
use std::hash::Hash;

use super::phase::{Counts, Phase};

/// Connections by key.
#[derive(Debug)]
pub struct Summary<K> {
    room: usize,
    entries: HashMap<K, Entry>,
    /// The largest possible count of a key that is not kept; 0 until the first key was dropped.
    error: u32,
}

/// What is known of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Connections since it was first kept.
    pub counts: Counts,
    /// How many more it can have had before: 0 if it was always kept.
    pub uncounted: u32,
}

impl Entry {
    /// Its largest possible count.
    const fn most(&self) -> u32 {
        self.counts.total().saturating_add(self.uncounted)
    }
}

impl<K: Copy + Ord + Hash> Summary<K> {
    /// An empty one with room for this many keys, at least 2.
    #[must_use]
    pub fn new(room: usize) -> Self {
        Self {
            room: room.max(2),
            entries: HashMap::new(),
            error: 0,
        }
    }

    /// Counts a connection.
    pub fn add(&mut self, key: K, phase: Phase) {
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.counts.add(phase);
            return;
        }
        if self.entries.len() >= self.room {
            self.make_room();
        }
        let mut counts = Counts::default();
        counts.add(phase);
        let uncounted = self.error;
        self.entries.insert(key, Entry { counts, uncounted });
    }

    /// Drops the half of the keys that have least, and keeps in mind how much that can be.
    fn make_room(&mut self) {
        let mut most: Vec<u32> = self.entries.values().map(Entry::most).collect();
        let middle = most.len() / 2;
        let (_, median, _) = most.select_nth_unstable(middle);
        let error = *median;
        self.entries.retain(|_, entry| entry.most() > error);
        // Dropped keys leave marks behind: a table with many marks grows more than its keys need.
        self.entries.shrink_to_fit();
        self.error = error;
    }

    /// The largest error: how much a count can be too low, and how many connections a missing key can have. 0 while
    /// everything is exact.
    #[must_use]
    pub const fn error(&self) -> u32 {
        self.error
    }

    /// How many keys there are; `None` when there were too many to keep.
    #[must_use]
    pub fn keys(&self) -> Option<usize> {
        (self.error == 0).then_some(self.entries.len())
    }

    /// The keys with the most connections, this many; keys with equal counts in their order.
    #[must_use]
    pub fn top(&self, rows: usize) -> Vec<(K, Entry)> {
        let mut all: Vec<(&K, &Entry)> = self.entries.iter().collect();
        let rank = |(key, entry): &(&K, &Entry)| (u32::MAX - entry.counts.total(), **key);
        if rows < all.len() {
            all.select_nth_unstable_by_key(rows, rank);
            all.truncate(rows);
        }
        all.sort_unstable_by_key(rank);
        all.into_iter().map(|(key, entry)| (*key, *entry)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn summary(room: usize, keys: &[u16]) -> Summary<u16> {
        let mut summary = Summary::new(room);
        for key in keys {
            summary.add(
                *key,
                Phase::of(if key % 3 == 0 { "SYN_RECV" } else { "UDP" }),
            );
        }
        summary
    }

    fn exact(keys: &[u16]) -> BTreeMap<u16, u32> {
        let mut exact = BTreeMap::new();
        for key in keys {
            *exact.entry(*key).or_default() += 1;
        }
        exact
    }

    /// Some keys often, many rarely, in runs.
    fn keys() -> impl Strategy<Value = Vec<u16>> {
        let run = prop_oneof![
            3 => (0..8u16, 1..20usize),
            5 => (0..400u16, 1..3usize),
            2 => (400..u16::MAX, Just(1)),
        ];
        let runs = prop::collection::vec(run, 0..400);
        runs.prop_map(|runs| {
            runs.into_iter()
                .flat_map(|(key, length)| std::iter::repeat_n(key, length))
                .collect()
        })
    }

    proptest! {
        #[test]
        fn no_count_is_further_off_than_it_says(room in 2..80usize, keys in keys()) {
            let (summary, exact) = (summary(room, &keys), exact(&keys));
            let kept: BTreeMap<u16, Entry> = summary.top(usize::MAX).into_iter().collect();
            prop_assert!(kept.len() <= room);
            prop_assert!(summary.error() as usize <= 2 * keys.len() / room);
            for (key, count) in &exact {
                match kept.get(key) {
                    Some(entry) => {
                        prop_assert!(entry.counts.total() <= *count);
                        prop_assert!(*count <= entry.most());
                        prop_assert!(entry.uncounted <= summary.error());
                    }
                    None => prop_assert!(*count <= summary.error()),
                }
            }
        }

        #[test]
        fn as_long_as_there_is_room_everything_is_exact(keys in keys()) {
            let exact = exact(&keys);
            let summary = summary(exact.len(), &keys);
            prop_assert_eq!(summary.keys(), Some(exact.len()));
            let kept = summary.top(usize::MAX);
            let counts: BTreeMap<u16, u32> =
                kept.iter().map(|(key, entry)| (*key, entry.counts.total())).collect();
            prop_assert_eq!(counts, exact);
            prop_assert!(kept.is_sorted_by_key(|(key, it)| (u32::MAX - it.counts.total(), *key)));
        }
    }

    #[test]
    fn who_has_as_many_stands_in_order() {
        let summary = summary(10, &[5, 3, 9, 3, 1, 9]);
        let top: Vec<u16> = summary.top(3).iter().map(|(key, _)| *key).collect();
        assert_eq!(top, [3, 9, 1]);
        assert_eq!(summary.top(0).len(), 0);
    }

    #[test]
    fn one_who_has_much_is_found_among_very_many() {
        let mut keys: Vec<u16> = (0..60_000).collect();
        for index in 0..600 {
            keys.insert(index * 100, 65_535);
        }
        let summary = summary(1000, &keys);
        let (key, entry) = summary.top(1)[0];
        assert_eq!((key, summary.keys()), (65_535, None));
        assert!(summary.error() <= 121, "{}", summary.error());
        assert!(entry.counts.total() + entry.uncounted >= 600, "{entry:?}");
    }
}
