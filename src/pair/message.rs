// SPDX-License-Identifier: MIT OR Apache-2.0
//! The messages of the channel between two directors, as values.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::ledger::OrderVersion;
use crate::model::{DrainTerms, Order, ServerKey, ServiceKey, Standing};

/// The version of the messages that this director writes.
pub const VERSION: u32 = 1;
/// The oldest version whose director understands what this one writes.
pub const READABLE_BY: u32 = 1;
/// A message has at most so many orders, verdicts or services. So it fits into one frame.
pub const MOST_IN_A_MESSAGE: usize = 100;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    /// The first one of each side.
    Hello(Hello),
    /// The sender is there, and has nothing else to say.
    Alive {},
    /// Orders of operators. All of them after a connection has come, and each new one.
    Orders(Vec<OrderNews>),
    /// The digests of the sender's services.
    Services {
        /// Whether these are the first ones: what was sent before does not count any more.
        first: bool,
        /// Some of them.
        of: Vec<ServiceNews>,
    },
    /// How the sender finds servers. All of them after a connection has come, and each change.
    Verdicts(Vec<Verdict>),
    /// Whether the sender leads. After a connection has come this is the last of all that is sent at first.
    Leads(bool),
    /// Drains that have ended: their servers have left the sender's table.
    Drained(Vec<(ServiceKey, ServerKey)>),
    /// The sender has another configuration now, and asks for everything once more.
    Again {},
    /// About the connections in the kernel's table, which go by another way than this channel.
    Table(TableNews),
}

/// Who speaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The version of its messages.
    pub version: u32,
    /// The oldest version whose director understands them.
    pub readable_by: u32,
    /// A number by chance, another one after each start of a director.
    pub instance: u64,
    /// Its program and version, to be shown.
    pub program: Box<str>,
}

/// The last that an operator has ordered for a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderNews {
    /// Whose server.
    pub service: ServiceKey,
    /// Which one.
    pub server: ServerKey,
    /// The order; `None` when the last one was taken back.
    pub order: Option<Order>,
    /// What ends it, when it is a drain.
    #[serde(default)]
    pub terms: DrainTerms,
    /// How long ago the drain began, when it is one. With the deadline of its terms this is the time that is left.
    #[serde(default)]
    pub age: Duration,
    /// Whether the drain has ended: the server has left the sender's table.
    #[serde(default)]
    pub ended: bool,
    /// Whether it was ordered also if a service is left without a server.
    #[serde(default)]
    pub force: bool,
    /// Who ordered it, in words.
    pub by: Box<str>,
    /// Whether that was at the sender.
    pub at_sender: bool,
    /// The later version counts.
    pub version: OrderVersion,
}

/// A service of the sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceNews {
    /// Which one.
    pub service: ServiceKey,
    /// Of its configuration.
    pub digest: Digest,
}

/// How the sender finds a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Whose server.
    pub service: ServiceKey,
    /// Which one.
    pub server: ServerKey,
    /// The checks that say so.
    pub checks: Digest,
    /// What they say; `None` when they say nothing: no result yet, or they could not run.
    pub own: Option<Standing>,
    /// How the server counts in the sender's table; `None` when nothing is known.
    pub counts: Option<Standing>,
    /// For how long.
    pub age: Duration,
    /// Whether it is down only because it is held down: its check passes.
    #[serde(default)]
    pub only_held_down: bool,
}

/// About the connections of the kernel's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TableNews {
    /// The sender has none, and wants those of the other director.
    Wanted,
    /// The sender has sent its own.
    Sent {
        /// How many.
        connections: u64,
    },
}
