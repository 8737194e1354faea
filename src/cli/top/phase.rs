// SPDX-License-Identifier: MIT OR Apache-2.0
//! The phase of a connection's life.

use serde::Serialize;

/// The states of all protocols in four heaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Data flows, or can.
    Established,
    /// The handshake is not over: very many of these are a flood, or servers that do not answer.
    Opening,
    /// Over, and not yet forgotten.
    Closing,
    /// Without a handshake, such as UDP, or refused.
    Other,
}

impl Phase {
    /// That of a state as the kernel names it (`net/netfilter/ipvs/ip_vs_proto_*.c`).
    #[must_use]
    pub fn of(state: &str) -> Self {
        match state {
            "ESTABLISHED" => Self::Established,
            "SYN_SENT" | "SYN_RECV" | "SYNACK" | "INIT1" | "INIT" | "COOKIE_SENT"
            | "COOKIE_REPLIED" | "COOKIE_WAIT" | "COOKIE" | "COOKIE_ECHOED" => Self::Opening,
            "FIN_WAIT" | "TIME_WAIT" | "CLOSE" | "CLOSE_WAIT" | "LAST_ACK" | "SHUTDOWN_SENT"
            | "SHUTDOWN_RECEIVED" | "SHUTDOWN_ACK_SENT" | "CLOSED" => Self::Closing,
            _ => Self::Other,
        }
    }
}

/// How many connections are in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    /// [`Phase::Established`].
    pub established: u32,
    /// [`Phase::Opening`].
    pub opening: u32,
    /// [`Phase::Closing`].
    pub closing: u32,
    /// [`Phase::Other`].
    pub other: u32,
}

impl Counts {
    /// One more. A kernel has no room for more than the numbers have.
    pub const fn add(&mut self, phase: Phase) {
        let count = match phase {
            Phase::Established => &mut self.established,
            Phase::Opening => &mut self.opening,
            Phase::Closing => &mut self.closing,
            Phase::Other => &mut self.other,
        };
        *count = count.saturating_add(1);
    }

    /// All.
    #[must_use]
    pub const fn total(&self) -> u32 {
        self.established
            .saturating_add(self.opening)
            .saturating_add(self.closing)
            .saturating_add(self.other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_connection_is_in_one_heap() {
        let mut counts = Counts::default();
        for state in [
            "ESTABLISHED",
            "SYN_RECV",
            "TIME_WAIT",
            "UDP",
            "NONE",
            "CLOSED",
        ] {
            counts.add(Phase::of(state));
        }
        let Counts {
            established,
            opening,
            closing,
            other,
        } = counts;
        assert_eq!((established, opening, closing, other), (1, 1, 2, 2));
        assert_eq!(counts.total(), 6);
    }
}
