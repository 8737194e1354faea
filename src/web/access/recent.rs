// SPDX-License-Identifier: MIT OR Apache-2.0
//! Passwords of programs that were right a moment ago: a scrape every 15 s need not pay for the slow hash each time.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use ring::hmac;

use super::users::Record;

/// For so long after it was used last.
const KEPT: Duration = Duration::from_secs(15 * 60);
/// So many of them.
const MOST: usize = 256;

/// What was right, as a keyed hash. The key is random, and only in memory.
pub(super) struct Recent {
    key: hmac::Key,
    kept: HashMap<[u8; 32], (Record, Instant)>,
}

impl Recent {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, key),
            kept: HashMap::new(),
        }
    }

    fn hash(&self, name: &str, password: &[u8]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(name.as_bytes());
        // No name has it.
        context.update(b":");
        context.update(password);
        let mut out = [0; 32];
        out.copy_from_slice(context.sign().as_ref());
        out
    }

    /// What this password was compared with when it was right, if it was used a moment ago.
    pub(super) fn find(&mut self, name: &str, password: &[u8], now: Instant) -> Option<&Record> {
        let hash = self.hash(name, password);
        let (record, until) = self.kept.get_mut(&hash)?;
        if now >= *until {
            return None;
        }
        *until = now + KEPT;
        Some(record)
    }

    pub(super) fn keep(&mut self, name: &str, password: &[u8], record: Record, now: Instant) {
        if self.kept.len() >= MOST {
            self.kept.retain(|_, (_, until)| now < *until);
        }
        if self.kept.len() < MOST {
            let hash = self.hash(name, password);
            self.kept.insert(hash, (record, now + KEPT));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::users::{Users, hashed};
    use super::*;
    use crate::web::clock::now;

    #[test]
    fn what_was_right_is_known_for_a_while_and_only_that() {
        let few = std::num::NonZeroU32::new(1000).unwrap();
        let line = hashed("alice", "correct horse", [7; 16], few).unwrap();
        let users = Users::read(line.as_bytes()).unwrap();
        let record = users.record("alice").unwrap().clone();
        let (mut recent, start) = (Recent::new(&[1; 32]), now());
        recent.keep("alice", b"correct horse", record.clone(), start);
        assert!(recent.find("alice", b"correct horse", start) == Some(&record));
        let used = start + KEPT / 2;
        assert!(recent.find("alice", b"correct horse", used).is_some());
        assert!(recent.find("alice", b"correct hors", start).is_none());
        assert!(recent.find("alic", b"e:correct horse", start).is_none());
        assert!(
            recent
                .find("alice", b"correct horse", used + KEPT)
                .is_none()
        );
        for number in 0..2 * MOST {
            recent.keep(&number.to_string(), b"", record.clone(), start);
        }
        assert_eq!(recent.kept.len(), MOST);
    }
}
