// SPDX-License-Identifier: MIT OR Apache-2.0
//! The LAN between the directors.

use std::collections::BTreeMap;
use std::time::Duration;

/// What the LAN does to packets.
#[derive(Debug, Clone)]
pub(super) struct Lan {
    /// Of a thousand packets so many are lost. Three in a row never are: that is a partition.
    pub(super) loss: u32,
    /// Of a thousand so many arrive twice.
    pub(super) doubled: u32,
    pub(super) longest_delay: Duration,
    /// Which side of a partition each host is on.
    pub(super) side: Vec<u8>,
    lost_in_a_row: BTreeMap<(usize, usize, usize), u32>,
}

impl Lan {
    pub(super) fn new(hosts: usize, rng: &mut fastrand::Rng, interval: Duration) -> Self {
        Self {
            loss: *choose(rng, &[0, 0, 100, 300]),
            doubled: *choose(rng, &[0, 100, 500]),
            longest_delay: interval / *choose(rng, &[1000, 20, 4]),
            side: vec![0; hosts],
            lost_in_a_row: BTreeMap::new(),
        }
    }

    pub(super) fn is_whole(&self) -> bool {
        self.side.iter().all(|side| *side == self.side[0])
    }

    pub(super) fn connects(&self, one: usize, two: usize) -> bool {
        self.side[one] == self.side[two]
    }

    /// The delays with which a packet arrives: none, one, or two of them.
    pub(super) fn carry(
        &mut self,
        (from, to, member): (usize, usize, usize),
        rng: &mut fastrand::Rng,
    ) -> Vec<Duration> {
        if !self.connects(from, to) {
            return Vec::new();
        }
        let lost = self.lost_in_a_row.entry((from, to, member)).or_default();
        if *lost < 2 && rng.u32(0..1000) < self.loss {
            *lost += 1;
            return Vec::new();
        }
        *lost = 0;
        let copies = 1 + usize::from(rng.u32(0..1000) < self.doubled);
        (0..copies)
            .map(|_| between(rng, Duration::ZERO, self.longest_delay))
            .collect()
    }
}

pub(super) fn choose<'a, T>(rng: &mut fastrand::Rng, from: &'a [T]) -> &'a T {
    &from[rng.usize(0..from.len())]
}

pub(super) fn between(rng: &mut fastrand::Rng, least: Duration, most: Duration) -> Duration {
    let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap();
    Duration::from_micros(rng.u64(micros(least)..=micros(most)))
}
