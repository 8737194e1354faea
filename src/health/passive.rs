// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the kernel's counters of one real server say about answers to its clients.
//!
//! Replies pass the director only under masquerading: there the kernel counts them. With direct routing and tunneling only the
//! clients' packets are seen: a client that gets no answer sends its SYN and a few copies of it, and any other sends more.
//! The numbers of connections help nobody: a connection of which only the SYN was seen counts as active
//! (`tcp_state_active_table` in `net/netfilter/ipvs/ip_vs_proto_tcp.c`).
//!
//! The kernel adds its counters up every two seconds, so they must be read less often than that.

use crate::model::Traffic;

/// A SYN and its copies, within the time between two readings: the client repeats it after 1 s and 3 s.
const PACKETS_OF_A_SYN: u64 = 3;

/// The last reading, and how many connections wait for an answer since an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watch {
    traffic: Traffic,
    waiting: u64,
}

impl Watch {
    /// The first reading.
    #[must_use]
    pub const fn new(traffic: Traffic) -> Self {
        let waiting = 0;
        Self { traffic, waiting }
    }

    /// The next reading. Returns how many new connections have got no answer: there was one at the reading before, and
    /// nothing since speaks for the server. They are returned once.
    ///
    /// `sees_replies` tells whether the kernel counts the packets to clients.
    pub fn see(&mut self, traffic: Traffic, sees_replies: bool) -> Option<u64> {
        let since = traffic.since(self.traffic);
        let waiting = std::mem::take(&mut self.waiting);
        self.traffic = traffic;
        // Otherwise somebody has set the counters to zero, or the server is another one of the same name.
        let since = since?;
        let pending = waiting.saturating_add(since.connections);
        let answered = if sees_replies {
            since.out_packets > 0
        } else {
            since.in_packets > pending.saturating_mul(PACKETS_OF_A_SYN)
        };
        if answered {
            return None;
        }
        if waiting > 0 {
            return Some(pending);
        }
        self.waiting = pending;
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Readings of connections, packets from clients and packets to clients; what is found at each.
    fn found(sees_replies: bool, readings: &[[u64; 3]]) -> Vec<Option<u64>> {
        let read = |[connections, in_packets, out_packets]: [u64; 3]| Traffic {
            connections,
            in_packets,
            out_packets,
        };
        let mut watch = Watch::new(read([0; 3]));
        let readings = readings.iter();
        readings
            .map(|reading| watch.see(read(*reading), sees_replies))
            .collect()
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
