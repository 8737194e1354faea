// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the kernel's counters of one real server say about answers to its clients.
//!
//! Replies pass the director only under masquerading: there the kernel counts them. With direct routing and tunneling only the
//! clients' packets are seen: a client that gets no answer sends its SYN and a few copies of it, and any other sends more.
//! The numbers of connections help nobody: a connection of which only the SYN was seen counts as active
//! (`tcp_state_active_table` in `net/netfilter/ipvs/ip_vs_proto_tcp.c`).
//!
//! The kernel adds its counters up every two seconds, so they must be read less often than that.

use std::fmt;

use crate::model::{Timestamp, Traffic};

/// A SYN and its copies, within the time between two readings: the client repeats it after 1 s and 3 s.
const PACKETS_OF_A_SYN: u64 = 3;

/// The last reading, and how many connections wait for an answer since an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watch {
    traffic: Traffic,
    read: Timestamp,
    waiting: u64,
    /// The reading before they came.
    since: Timestamp,
}

/// New connections of clients to one server that have got no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unanswered {
    /// How many.
    pub connections: u64,
    /// None of them is older than this.
    pub since: Timestamp,
    /// Whether an answer would have been seen. Otherwise clients that say nothing look the same.
    pub sees_replies: bool,
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { connections, .. } = self;
        write!(
            f,
            "connections of clients got no answer: {connections} new, 0 answered"
        )
    }
}

impl Watch {
    /// The first reading.
    #[must_use]
    pub const fn new(now: Timestamp, traffic: Traffic) -> Self {
        Self {
            traffic,
            read: now,
            waiting: 0,
            since: now,
        }
    }

    /// The next reading. Returns the new connections that have got no answer: there was one at the reading before, and
    /// nothing since speaks for the server. They are returned once.
    ///
    /// `sees_replies` tells whether the kernel counts the packets to clients.
    pub fn see(
        &mut self,
        now: Timestamp,
        traffic: Traffic,
        sees_replies: bool,
    ) -> Option<Unanswered> {
        let before = *self;
        *self = Self::new(now, traffic);
        // Otherwise somebody has set the counters to zero, or the server is another one of the same name.
        let new = traffic.since(before.traffic)?;
        let connections = before.waiting.saturating_add(new.connections);
        let answered = if sees_replies {
            new.out_packets > 0
        } else {
            new.in_packets > connections.saturating_mul(PACKETS_OF_A_SYN)
        };
        if answered {
            return None;
        }
        if before.waiting > 0 {
            return Some(Unanswered {
                connections,
                since: before.since,
                sees_replies,
            });
        }
        self.waiting = connections;
        self.since = before.read;
        None
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    /// Readings of connections, packets from clients and packets to clients; what is found at each.
    fn found(sees_replies: bool, readings: &[[u64; 3]]) -> Vec<Option<u64>> {
        let read = |[connections, in_packets, out_packets]: [u64; 3]| Traffic {
            connections,
            in_packets,
            out_packets,
        };
        let mut watch = Watch::new(Timestamp::ZERO, read([0; 3]));
        let readings = (1..).zip(readings);
        let found = readings.map(|(second, reading)| {
            let at = |second| Timestamp::after_start(Duration::from_secs(second));
            let found = watch.see(at(second), read(*reading), sees_replies)?;
            assert_eq!(
                found.since,
                at(second - 2),
                "the reading before the first of them"
            );
            Some(found.connections)
        });
        found.collect()
    }

    #[test]
    fn connections_without_a_reply_are_found_at_the_second_reading_and_once() {
        for sees_replies in [true, false] {
            let readings = [[2, 5, 0], [3, 8, 0], [3, 8, 0], [3, 9, 0]];
            let expected = [None, Some(3), None, None];
            assert_eq!(found(sees_replies, &readings), expected, "{sees_replies}");
        }
    }

    #[test]
    fn one_reply_speaks_for_the_server_where_replies_are_seen() {
        assert_eq!(found(true, &[[1, 1, 0], [2, 4, 1], [2, 5, 1]]), [None; 3]);
        // Elsewhere more packets than a client sends that gets no answer.
        assert_eq!(found(false, &[[1, 1, 0], [1, 5, 0]]), [None; 2]);
        assert_eq!(found(false, &[[1, 6, 0], [2, 12, 0]]), [None; 2]);
    }

    #[test]
    fn idle_servers_and_idle_connections_say_nothing() {
        let idle = [[0, 0, 0], [0, 1, 0], [0, 1, 0], [0, 7, 0]];
        for sees_replies in [true, false] {
            assert_eq!(found(sees_replies, &idle), [None; 4]);
        }
    }

    #[test]
    fn counters_that_begin_anew_find_nothing() {
        assert_eq!(found(true, &[[5, 9, 0], [1, 1, 0], [1, 1, 0]]), [None; 3]);
    }

    proptest! {
        #[test]
        fn any_readings_are_legal_and_every_find_needs_two_of_them(
            readings in prop::collection::vec(prop::array::uniform3(any::<u64>()), 0..20),
            sees_replies: bool,
        ) {
            let found = found(sees_replies, &readings);
            prop_assert!(found.windows(2).all(|two| two[0].is_none() || two[1].is_none()));
        }
    }
}
