// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tripwires: a connection that is held to a server, so that its end tells of the server's death at once.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a held connection tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WireNews {
    /// It has ended. Nothing comes after that.
    Ended(WireEnd),
    /// The broker takes no messages from publishers, for this reason.
    Blocked(Box<str>),
    /// It takes messages again.
    Unblocked,
}

/// How a held connection ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WireEnd {
    /// The server closed it.
    Closed,
    /// The server reset it.
    Reset,
    /// Nothing answers on it any more.
    Silent,
    /// The server did not take the connection.
    NotTaken(Box<str>),
    /// The broker ended it by its protocol, and asked its clients to leave: it shuts down, goes into maintenance, or an
    /// operator closed the connection. These are its words.
    AskedToLeave(Box<str>),
    /// It ended by the rules of its protocol, or against them: why.
    Ended(Box<str>),
    /// The broker sent nothing for so many seconds, although it had promised heartbeats.
    NoHeartbeat(u16),
    /// The server sent more than anybody asked for.
    Flooded,
    /// This host could not open or hold it: that says nothing about the server.
    CouldNotHold(Box<str>),
}

impl fmt::Display for WireEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the server closed the held connection"),
            Self::Reset => f.write_str("the held connection was reset"),
            Self::Silent => f.write_str("nobody answers on the held connection"),
            Self::NotTaken(why) | Self::CouldNotHold(why) => {
                write!(f, "no connection could be held: {why}")
            }
            Self::AskedToLeave(said) => write!(f, "the server asks its clients to leave: {said}"),
            Self::Ended(why) => write!(f, "the held connection ended: {why}"),
            Self::NoHeartbeat(seconds) => {
                write!(
                    f,
                    "no heartbeat came on the held connection for {seconds} s"
                )
            }
            Self::Flooded => f.write_str("the server sent too much on the held connection"),
        }
    }
}
