// SPDX-License-Identifier: MIT OR Apache-2.0
//! How often an address may be wrong, and what is said of it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::web::connection::network;

/// So many passwords of one address may be wrong, or be looked at, at once.
const BURST: u32 = 10;
/// Then one more in this time.
pub(super) const EVERY: Duration = Duration::from_secs(5);
/// So many addresses are remembered. The one that was heard of longest ago gives way.
const MOST: usize = 4096;
/// What is said of wrong passwords is said so often.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// The attempts that addresses have left.
#[derive(Default)]
pub(super) struct Attempts(HashMap<IpAddr, Left>);

/// Those of one address.
#[derive(Clone, Copy)]
struct Left {
    count: u32,
    /// When it was counted.
    at: Instant,
}

impl Left {
    fn at(self, now: Instant) -> Self {
        let more = now.saturating_duration_since(self.at).as_secs() / EVERY.as_secs();
        let more = u32::try_from(more).unwrap_or(BURST).min(BURST);
        if self.count.saturating_add(more) >= BURST {
            return Self {
                count: BURST,
                at: now,
            };
        }
        Self {
            count: self.count + more,
            at: self.at + EVERY * more,
        }
    }
}

impl Attempts {
    /// Takes one attempt of this address; `false` when it has none left.
    pub(super) fn take(&mut self, from: IpAddr, now: Instant) -> bool {
        let from = network(from);
        if !self.0.contains_key(&from) && self.0.len() >= MOST {
            self.make_room(now);
        }
        let full = Left {
            count: BURST,
            at: now,
        };
        let left = self.0.entry(from).or_insert(full);
        *left = left.at(now);
        let has = left.count > 0;
        left.count = left.count.saturating_sub(1);
        has
    }

    /// Gives an attempt back: the password was right, or nobody looked at it.
    pub(super) fn give_back(&mut self, from: IpAddr) {
        let from = network(from);
        if let Some(left) = self.0.get_mut(&from) {
            left.count += 1;
            if left.count >= BURST {
                self.0.remove(&from);
            }
        }
    }

    fn make_room(&mut self, now: Instant) {
        self.0.retain(|_, left| left.at(now).count < BURST);
        if self.0.len() >= MOST
            && let Some(oldest) = self.0.iter().min_by_key(|(_, left)| left.at)
        {
            let oldest = *oldest.0;
            self.0.remove(&oldest);
        }
    }
}

/// What is said of logins that were refused: at once, and then once a minute with a count.
#[derive(Default)]
pub(super) struct Tally {
    count: u64,
    last: Option<(String, IpAddr)>,
    told: Option<Instant>,
}

impl Tally {
    pub(super) fn note(&mut self, name: &str, from: IpAddr) {
        self.count += 1;
        self.last = Some((crate::codec::shown(name, 64), from.to_canonical()));
    }

    /// A line for the log, when there is one now.
    pub(super) fn line(&mut self, now: Instant) -> Option<String> {
        if self.told.is_some_and(|told| now < told + TOLD_EVERY) {
            return None;
        }
        let (name, from) = self.last.take()?;
        self.told = Some(now);
        Some(match std::mem::take(&mut self.count) {
            1 => format!("a login was refused: user \"{name}\" from {from}"),
            count => {
                format!("{count} logins were refused, the last one: user \"{name}\" from {from}")
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::clock::now;

    #[test]
    fn an_address_that_is_wrong_waits_and_the_others_do_not() {
        let (mut attempts, start) = (Attempts::default(), now());
        let (bad, good) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let mapped = "::ffff:192.0.2.1".parse().unwrap();
        assert_eq!((0..100).filter(|_| attempts.take(bad, start)).count(), 10);
        assert!(!attempts.take(mapped, start), "it is the same one");
        assert!(attempts.take(good, start));
        let later = start + EVERY;
        assert!(attempts.take(bad, later) && !attempts.take(bad, later));
        let (one, other) = (
            "2001:db8::1".parse().unwrap(),
            "2001:db8::2".parse().unwrap(),
        );
        for _ in 0..5 {
            assert!(attempts.take(one, start) && attempts.take(other, start));
        }
        assert!(!attempts.take(other, start), "it is the same network");
    }

    #[test]
    fn a_right_password_costs_nothing() {
        let (mut attempts, start) = (Attempts::default(), now());
        let from = "192.0.2.1".parse().unwrap();
        for _ in 0..100 {
            assert!(attempts.take(from, start));
            attempts.give_back(from);
        }
        assert!(attempts.0.is_empty());
    }

    #[test]
    fn so_many_addresses_are_remembered() {
        let (mut attempts, start) = (Attempts::default(), now());
        for number in 0..MOST + 10 {
            let at = start + Duration::from_millis(u64::try_from(number).unwrap());
            let from = std::net::Ipv4Addr::from_bits(u32::try_from(number).unwrap());
            attempts.take(from.into(), at);
        }
        assert!(attempts.0.len() <= MOST);
    }

    #[test]
    fn thousands_of_wrong_passwords_are_one_line_a_minute_without_control_characters() {
        let (mut tally, start) = (Tally::default(), now());
        let from = "192.0.2.1".parse().unwrap();
        tally.note("root\u{1b}[31m\nroot", from);
        let line = tally.line(start).unwrap();
        assert_eq!(
            line,
            "a login was refused: user \"root[31mroot\" from 192.0.2.1"
        );
        for _ in 0..3000 {
            tally.note("root", from);
            assert_eq!(tally.line(start + Duration::from_secs(59)), None);
        }
        let line = tally.line(start + TOLD_EVERY).unwrap();
        assert!(line.starts_with("3000 logins were refused"), "{line}");
        assert_eq!(tally.line(start + 3 * TOLD_EVERY), None);
    }
}
