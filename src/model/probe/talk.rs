// SPDX-License-Identifier: MIT OR Apache-2.0
//! What probes say and wait for, by TCP and by UDP.

use std::fmt;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::Payload;

/// What is said over a TCP connection, and what has to come.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TcpTalk {
    /// What is said first; empty when the server speaks by itself.
    pub send: Payload,
    /// What must be somewhere in the answer; not empty.
    pub expect: Payload,
}

impl TcpTalk {
    /// What it asks, and of whom: as [`super::Probe`] is printed.
    pub(super) fn fmt_asked(&self, at: SocketAddr, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tcp {at}")?;
        fmt_sent(&self.send, f)?;
        write!(f, " expect \"{}\"", self.expect)
    }
}

/// One datagram, and what has to come back.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct UdpProbe {
    /// What is sent; it may be empty.
    pub send: Payload,
    /// What must be somewhere in the answer. `None` when no answer is wanted: then it is enough that no error comes.
    pub expect: Option<Payload>,
}

impl UdpProbe {
    /// What it asks, and of whom: as [`super::Probe`] is printed.
    pub(super) fn fmt_asked(&self, at: SocketAddr, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "udp {at}")?;
        fmt_sent(&self.send, f)?;
        let expect = self.expect.as_ref();
        expect.map_or(Ok(()), |expect| write!(f, " expect \"{expect}\""))
    }
}

fn fmt_sent(send: &Payload, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if send.bytes().is_empty() {
        return Ok(());
    }
    write!(f, " send \"{send}\"")
}
