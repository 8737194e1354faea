// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who has logged in with a browser, and for how long that holds.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ring::digest::{SHA256, digest};

use super::users::Record;

/// A session ends after so long.
pub(super) const LONGEST: Duration = Duration::from_secs(12 * 3600);
/// A session that nothing is asked in ends after so long.
const IDLE: Duration = Duration::from_secs(3600);
/// So many at a time. The one that was used longest ago gives way.
const MOST: usize = 1000;

/// What a browser has in its cookie: 32 random bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::web) struct Token(pub(super) [u8; 32]);

impl Token {
    /// What is kept in place of the token: who reads the director's memory cannot use it.
    fn key(self) -> [u8; 32] {
        hash(&[b"session\0", &self.0])
    }

    /// What a form of this session has in it. Nobody can make it who does not have the token.
    pub(in crate::web) fn of_forms(self) -> String {
        data_encoding::HEXLOWER.encode(&hash(&[b"form\0", &self.0]))
    }
}

fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, &parts.concat()).as_ref());
    out
}

/// A session.
#[derive(Clone)]
pub(super) struct Session {
    /// Who.
    pub(super) user: Arc<str>,
    /// What the password was compared with: a new password ends the session.
    pub(super) record: Record,
    begun: Instant,
    used: Instant,
}

impl Session {
    fn holds(&self, now: Instant) -> bool {
        now < self.begun + LONGEST && now < self.used + IDLE
    }
}

/// All sessions.
#[derive(Default)]
pub(super) struct Sessions(HashMap<[u8; 32], Session>);

impl Sessions {
    pub(super) fn begin(&mut self, token: Token, user: &str, record: Record, now: Instant) {
        if self.0.len() >= MOST {
            self.0.retain(|_, it| it.holds(now));
        }
        if self.0.len() >= MOST {
            let oldest = self.0.iter().min_by_key(|(_, it)| it.used);
            if let Some(key) = oldest.map(|(key, _)| *key) {
                self.0.remove(&key);
            }
        }
        let session = Session {
            user: user.into(),
            record,
            begun: now,
            used: now,
        };
        self.0.insert(token.key(), session);
    }

    /// The session of this token, which is used now.
    pub(super) fn find(&mut self, token: Token, now: Instant) -> Option<Session> {
        let session = self.0.get_mut(&token.key())?;
        if !session.holds(now) {
            self.0.remove(&token.key());
            return None;
        }
        session.used = now;
        Some(session.clone())
    }

    pub(super) fn end(&mut self, token: Token) {
        self.0.remove(&token.key());
    }
}

#[cfg(test)]
mod tests {
    use super::super::users::{Users, hashed};
    use super::*;
    use crate::web::clock::now;

    fn record() -> Record {
        let few = std::num::NonZeroU32::new(1000).unwrap();
        let line = hashed("alice", "correct horse", [7; 16], few).unwrap();
        Users::read(line.as_bytes())
            .unwrap()
            .record("alice")
            .unwrap()
            .clone()
    }

    fn token(number: usize) -> Token {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        Token(bytes)
    }

    #[test]
    fn a_session_ends_when_it_is_idle_old_or_logged_out() {
        let (mut sessions, start) = (Sessions::default(), now());
        let minutes = |minutes: u64| start + Duration::from_secs(60 * minutes);
        for number in 0..3 {
            sessions.begin(token(number), "alice", record(), start);
        }
        assert!(sessions.find(token(9), start).is_none());
        assert!(sessions.find(token(0), minutes(60)).is_none(), "idle");
        sessions.end(token(1));
        assert!(sessions.find(token(1), start).is_none());
        for half_hours in 0..24 {
            let found = sessions.find(token(2), minutes(30 * half_hours));
            assert_eq!(&*found.unwrap().user, "alice");
        }
        assert!(sessions.find(token(2), minutes(720)).is_none(), "old");
    }

    #[test]
    fn there_are_so_many_sessions_and_the_one_not_used_gives_way() {
        let (mut sessions, start) = (Sessions::default(), now());
        for number in 0..MOST {
            sessions.begin(token(number), "alice", record(), start);
        }
        let later = start + Duration::from_secs(1);
        for number in 1..MOST {
            assert!(sessions.find(token(number), later).is_some());
        }
        sessions.begin(token(MOST), "alice", record(), later);
        assert_eq!(sessions.0.len(), MOST);
        assert!(sessions.find(token(0), later).is_none());
        assert!(sessions.find(token(MOST), later).is_some());
    }

    #[test]
    fn what_is_kept_and_what_forms_have_is_not_the_token() {
        let token = token(5);
        assert_ne!(token.key(), token.0);
        assert_ne!(
            token.of_forms(),
            data_encoding::HEXLOWER.encode(&token.key())
        );
        assert_ne!(token.of_forms(), data_encoding::HEXLOWER.encode(&token.0));
    }
}
