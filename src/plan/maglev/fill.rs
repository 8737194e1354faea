// SPDX-License-Identifier: MIT OR Apache-2.0
//! How the servers of a service share the slots of its table.

use super::hash::{Key, hsiphash};
use super::{Destination, SLOTS, folded, slot_of};
use crate::model::AddressFamily;

const SECOND_KEY: Key = [2_654_446_892; 2];
/// Larger shares than so many bits are cut down (`IP_VS_MH_TAB_BITS`: half of `CONFIG_IP_VS_MH_TAB_INDEX`).
const SHARE_BITS: u32 = 6;

/// The way of a server through the slots.
struct Walk {
    /// The slot that it looks at.
    slot: u32,
    /// How far it goes from one to the next.
    skip: u32,
    /// How many slots it takes before it is the next one's turn.
    turns: u32,
}

impl Walk {
    fn new(family: AddressFamily, destination: &Destination, turns: u32) -> Self {
        let server = destination.server;
        let word = folded(family, server.address).wrapping_add(u32::from(server.port));
        Self {
            slot: slot_of(word),
            skip: hsiphash(word, SECOND_KEY) % (SLOTS - 1) + 1,
            turns,
        }
    }

    /// Takes the next slot that is free.
    fn take(&mut self, slots: &mut [Option<u16>], server: u16) {
        loop {
            let slot = slots.get_mut(self.slot as usize);
            match slot {
                Some(Some(_)) => self.slot = (self.slot + self.skip) % SLOTS,
                Some(free) => {
                    *free = Some(server);
                    return;
                }
                // No slot has such a number.
                None => return,
            }
        }
    }
}

/// Which server has each slot, by its place in the list. No slot has one when no server ever had a weight.
/// (`ip_vs_mh_permutate` and `ip_vs_mh_populate`)
pub(super) fn slots(family: AddressFamily, destinations: &[Destination]) -> Vec<Option<u16>> {
    let mut slots = vec![None; SLOTS as usize];
    let mut walks = walks(family, destinations);
    if walks.iter().all(|(_, walk)| walk.turns == 0) {
        return slots;
    }
    let mut left = SLOTS;
    loop {
        for (server, walk) in &mut walks {
            for _ in 0..walk.turns {
                walk.take(&mut slots, *server);
                left -= 1;
                if left == 0 {
                    return slots;
                }
            }
        }
    }
}

fn walks(family: AddressFamily, destinations: &[Destination]) -> Vec<(u16, Walk)> {
    let weights = || destinations.iter().map(|it| it.last_weight.get());
    let divisor = weights().fold(0, divisor);
    let largest = weights().max().unwrap_or(0);
    let bits = u32::BITS - largest.checked_div(divisor).unwrap_or(0).leading_zeros();
    let shift = bits.saturating_sub(SHARE_BITS);
    let turns = |weight: u32| match weight.checked_div(divisor) {
        None | Some(0) => 0,
        Some(share) => (share >> shift).max(1),
    };
    let walk = |it: &Destination| Walk::new(family, it, turns(it.last_weight.get()));
    (0..).zip(destinations.iter().map(walk)).collect()
}

/// The greatest common divisor; 0 counts as no number.
const fn divisor(mut a: u32, mut b: u32) -> u32 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_divides_nothing() {
        assert_eq!([6, 0, 4].into_iter().fold(0, divisor), 2);
        assert_eq!([0, 0].into_iter().fold(0, divisor), 0);
    }
}
