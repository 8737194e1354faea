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

    /// Adds the elements that are not in it already.
    pub(super) fn extend(&mut self, keys: impl IntoIterator<Item = ServiceKey>) {
        for key in keys {
            if self.members.insert(key) {
                self.order.push_back(key);
            }
        }
    }

    /// Removes and returns the one that has waited longest.
    pub(super) fn take(&mut self) -> Option<ServiceKey> {
        let taken = self.order.pop_front()?;
        self.members.remove(&taken);
        Some(taken)
    }

    /// Nothing waits any more.
    pub(super) fn clear(&mut self) {
        self.order.clear();
        self.members.clear();
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
        assert_eq!((queue.take(), queue.take()), (Some(key(2)), Some(key(1))));
        queue.extend([key(2), key(3)]);
        assert_eq!((queue.take(), queue.take()), (Some(key(3)), Some(key(2))));
        assert!(queue.is_empty());
        queue.extend([key(4)]);
        queue.clear();
        assert_eq!(queue.take(), None);
    }
}
