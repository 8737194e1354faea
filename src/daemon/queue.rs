// SPDX-License-Identifier: MIT OR Apache-2.0
//! Services that wait to be read back.

use std::collections::{BTreeSet, VecDeque};

use crate::model::ServiceKey;

/// First in, first out, and nothing twice.
#[derive(Debug, Default)]
pub(super) struct Queue {
    order: VecDeque<ServiceKey>,
    members: BTreeSet<ServiceKey>,
}

impl Queue {
    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Adds what is not in it already.
    pub(super) fn extend(&mut self, keys: impl IntoIterator<Item = ServiceKey>) {
        for key in keys {
            if self.members.insert(key) {
                self.order.push_back(key);
            }
        }
    }

    /// Takes out those that have waited longest, at most so many.
    pub(super) fn take(&mut self, most: usize) -> Vec<ServiceKey> {
        let taken: Vec<ServiceKey> = self.order.drain(..most.min(self.order.len())).collect();
        for key in &taken {
            self.members.remove(key);
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_waits_twice_and_the_longest_wait_ends_first() {
        let key = |port| ServiceKey::tcp((std::net::Ipv4Addr::LOCALHOST, port).into());
        let mut queue = Queue::default();
        queue.extend([key(2), key(1), key(2), key(3)]);
        assert_eq!(queue.take(2), [key(2), key(1)]);
        queue.extend([key(2), key(3)]);
        assert_eq!(queue.take(9), [key(3), key(2)]);
        assert!(queue.is_empty());
    }
}
