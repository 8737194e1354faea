// SPDX-License-Identifier: MIT OR Apache-2.0
//! The answers of a director, as lines.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::hello::Hello;
use super::status::{SentConnections, Status};
use crate::engine::ReloadId;
use crate::model::{
    Config, Ordered, Recalled, RecalledDrain, RecalledSlowStart, ServerKey, ServiceKey, Severity,
    Standing, Transition,
};

/// One part of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Item {
    /// How everything is.
    Status(Box<Status>),
    /// An event.
    Event(Told),
    /// Events that are no longer kept, and that the client did not get.
    Skipped {
        /// The number of the first one.
        first: u64,
        /// The number of the last one.
        last: u64,
    },
    /// How far a reload is.
    Reload(Reloaded),
    /// For how many servers an order changed something.
    Ordered(u64),
    /// The virtual routers that leave to another host, by name.
    HandedOver(Vec<String>),
    /// All connections were sent to the other director's kernel. Before [`Self::HandedOver`] when `connection_sync` is
    /// configured and they were sent in time.
    Sent(SentConnections),
    /// Why the order could not be written down: it holds only until the director ends. An item before
    /// [`Self::Ordered`].
    NotWritten(String),
    /// What `director plan` needs to know from the running director.
    Standings(Box<Remembered>),
    /// What is logged, as `RUST_LOG` has it.
    LogLevel(String),
}

/// An order that has been carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carried {
    /// For how many servers it changed something.
    pub servers: u64,
    /// Why it could not be written down, if it could not: it holds only until the director ends.
    pub not_written: Option<String>,
}

/// An event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Its number. They begin at 1 when a director starts, and have no gaps.
    pub number: u64,
    /// How long ago it happened, in milliseconds.
    pub milliseconds_ago: u64,
    /// Its log level.
    pub severity: Severity,
    /// The text in the log.
    pub text: String,
    /// The [`Transition`] as a value. A newer director may send a kind that this program does not know.
    pub transition: serde_json::Value,
}

impl Told {
    /// The event; `None` when this program does not know its kind.
    #[must_use]
    pub fn transition(&self) -> Option<Transition> {
        Transition::deserialize(&self.transition).ok()
    }
}

/// How far a reload is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloaded {
    /// The number of the request.
    pub reload: ReloadId,
    /// The number of the request that was answered: this one, or a later one that replaced it. Absent until there is an
    /// answer.
    #[serde(default)]
    pub answered: Option<ReloadId>,
    /// Why the new configuration was refused, if it was.
    #[serde(default)]
    pub refused: Option<String>,
    /// How many steps it took.
    #[serde(default)]
    pub steps: u64,
    /// What is in force now, and probably not meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

/// What `director plan` needs to know from the running director.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Remembered {
    /// The standing of each server by each check, and for how long.
    pub recalled: Vec<Recalled>,
    /// The services of the kernel's table that are the director's.
    pub owned: BTreeSet<ServiceKey>,
    /// The configuration in force.
    pub config: Config,
    /// What operators have ordered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub orders: Vec<Ordered>,
    /// The drains that are under way, or have ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drains: Vec<RecalledDrain>,
    /// The slow starts that are under way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slow_starts: Vec<RecalledSlowStart>,
    /// The servers that count as the other director of the pair finds them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overruled: Vec<Overruling>,
}

/// A server that counts as the other director of the pair finds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overruling {
    /// Whose server.
    pub service: ServiceKey,
    /// Which one.
    pub server: ServerKey,
    /// How it counts.
    pub standing: Standing,
    /// For how long.
    pub age: Duration,
    /// Whether it is down only because it is held down: its check passes.
    pub only_held_down: bool,
}

/// One line of a director.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplyLine {
    /// The first line.
    Hello(Hello),
    /// A part of the answer to this request; `None` when this program does not know its kind.
    Item(u64, Option<Item>),
    /// The answer to this request is complete.
    End(u64),
    /// The request failed, for this reason; without a number, the connection did.
    Error(Option<u64>, String),
    /// The director is there, and has nothing to tell yet.
    Alive,
    /// A line of a kind that this program does not know.
    Unknown,
}

/// A line as it is read.
#[derive(Deserialize)]
struct Read {
    hello: Option<Hello>,
    id: Option<u64>,
    item: Option<ReadItem>,
    end: Option<bool>,
    error: Option<String>,
    alive: Option<bool>,
}

/// An item as read: one of these, or none when its kind is unknown.
#[derive(Deserialize)]
struct ReadItem {
    status: Option<Box<Status>>,
    event: Option<Told>,
    skipped: Option<ReadSkipped>,
    reload: Option<Reloaded>,
    ordered: Option<u64>,
    handed_over: Option<Vec<String>>,
    sent: Option<SentConnections>,
    not_written: Option<String>,
    standings: Option<Box<Remembered>>,
    log_level: Option<String>,
}

#[derive(Deserialize)]
struct ReadSkipped {
    first: u64,
    last: u64,
}

impl ReadItem {
    fn item(self) -> Option<Item> {
        let skipped = self
            .skipped
            .map(|ReadSkipped { first, last }| Item::Skipped { first, last });
        self.status
            .map(Item::Status)
            .or(self.event.map(Item::Event))
            .or(skipped)
            .or(self.reload.map(Item::Reload))
            .or(self.ordered.map(Item::Ordered))
            .or(self.handed_over.map(Item::HandedOver))
            .or(self.sent.map(Item::Sent))
            .or(self.not_written.map(Item::NotWritten))
            .or(self.standings.map(Item::Standings))
            .or(self.log_level.map(Item::LogLevel))
    }
}

/// A line as it is written.
#[derive(Default, Serialize)]
struct Written<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    hello: Option<&'a Hello>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<&'a Item>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alive: Option<bool>,
}

impl ReplyLine {
    /// Reads a line, and ignores what it does not know.
    pub fn read(line: &[u8]) -> serde_json::Result<Self> {
        let read: Read = serde_json::from_slice(line)?;
        Ok(match read {
            Read {
                error: Some(why),
                id,
                ..
            } => Self::Error(id, why),
            Read {
                hello: Some(hello), ..
            } => Self::Hello(hello),
            Read {
                id: Some(id),
                item: Some(item),
                ..
            } => Self::Item(id, item.item()),
            Read {
                id: Some(id),
                end: Some(true),
                ..
            } => Self::End(id),
            Read {
                alive: Some(true), ..
            } => Self::Alive,
            Read { .. } => Self::Unknown,
        })
    }

    /// The line, with its end.
    pub fn line(&self) -> serde_json::Result<Vec<u8>> {
        let empty = Written::default();
        let written = match self {
            Self::Hello(hello) => Written {
                hello: Some(hello),
                ..empty
            },
            Self::Item(id, item) => Written {
                id: Some(*id),
                item: item.as_ref(),
                ..empty
            },
            Self::End(id) => Written {
                id: Some(*id),
                end: Some(true),
                ..empty
            },
            Self::Error(id, why) => Written {
                id: *id,
                error: Some(why),
                ..empty
            },
            Self::Alive => Written {
                alive: Some(true),
                ..empty
            },
            Self::Unknown => empty,
        };
        super::lines::line(&written)
    }
}
