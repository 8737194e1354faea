// SPDX-License-Identifier: MIT OR Apache-2.0
//! The requests to a running director, as lines.

use serde::{Deserialize, Deserializer, Serialize};

use super::hello::Hello;
use crate::model::{Order, ServerKey, ServiceKey};

/// One request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub enum Request {
    /// The whole status: one [`super::Item::Status`].
    Status {
        /// Only these services; all services when the list is empty.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        services: Vec<ServiceKey>,
        /// Send it again after every change, until the client leaves.
        #[serde(default)]
        watch: bool,
    },
    /// The events: one [`super::Item::Event`] for each.
    Events {
        /// Only events after this number; all kept events when it is absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<u64>,
        /// Also new events, until the client leaves.
        #[serde(default)]
        follow: bool,
    },
    /// Read the configuration again: one [`super::Item::Reload`], and with `wait` a second one.
    Reload {
        /// The answer ends when the new configuration is in force, or is refused.
        #[serde(default)]
        wait: bool,
    },
    /// Order something for single servers, or take it back: one [`super::Item::Ordered`], and before it a
    /// [`super::Item::NotWritten`] when a later director will not know it.
    Order {
        /// For whom: real servers of services of the running configuration.
        servers: Vec<(ServiceKey, ServerKey)>,
        /// The order; `null` takes one back.
        #[serde(deserialize_with = "written")]
        order: Option<Order>,
        /// For a drain: it ends after so many seconds, also when connections are left.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deadline_seconds: Option<u64>,
        /// For a drain: it waits also for the persistence templates.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        templates: bool,
        /// Also when a service is left without a server that takes new connections.
        #[serde(default)]
        force: bool,
    },
    /// Let another host be master: one [`super::Item::HandedOver`].
    Failover {
        /// Only this virtual router; all that are master here when it is absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        router: Option<String>,
    },
    /// Send all connections to the other director's kernel now: one [`super::Item::Sent`] when that is done.
    Sync,
    /// What `director plan` needs to know from the running director: one [`super::Item::Standings`].
    Standings,
    /// What is logged: one [`super::Item::LogLevel`].
    LogLevel {
        /// Log messages of this level and above from now on; absent to change nothing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        level: Option<String>,
        /// Of this module only; of all when it is absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        module: Option<String>,
    },
}

/// A field that must be there, also when it is `null`: what is left out by mistake must not take an order back.
fn written<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Order>, D::Error> {
    Option::deserialize(from)
}

/// The requests that are known, as the lines name them.
const KINDS: [&str; 8] = [
    "status",
    "events",
    "reload",
    "order",
    "failover",
    "sync",
    "standings",
    "log_level",
];

impl Request {
    /// Whether it changes something.
    #[must_use]
    pub const fn changes(&self) -> bool {
        match self {
            Self::Reload { .. } | Self::Order { .. } | Self::Failover { .. } | Self::Sync => true,
            Self::LogLevel { level, .. } => level.is_some(),
            Self::Status { .. } | Self::Events { .. } | Self::Standings => false,
        }
    }
}

/// One line of a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ClientLine {
    /// The first line.
    Hello {
        /// The client's hello.
        hello: Hello,
    },
    /// A request.
    Request {
        /// The client's number for it, which every line of the answer carries.
        id: u64,
        /// What is asked.
        #[serde(flatten)]
        request: Request,
    },
}

/// What is wrong with a line of a client.
#[derive(Debug, thiserror::Error)]
pub enum Misunderstood {
    /// A client of protocol 1.
    #[error("a request of control protocol 1")]
    Old,
    /// Not a line of this protocol.
    #[error("not a line of control protocol 2: {0}")]
    Unreadable(serde_json::Error),
    /// No hello and no request, or a request without a number.
    #[error("not a line of control protocol 2: it must have \"hello\", or \"id\" and \"request\"")]
    Nothing,
    /// A request that this director does not know.
    #[error(
        "{} (control protocol {}) does not know the request {kind:?}; it knows {}",
        Hello::ours().program, Hello::ours().protocol, KINDS.join(", ")
    )]
    Unknown {
        /// Its number.
        id: u64,
        /// The request's kind.
        kind: String,
    },
    /// A known request with a field that it cannot have.
    #[error("not a {kind} request: {why}")]
    Wrong {
        /// Its number.
        id: u64,
        /// The request's kind.
        kind: String,
        /// What is wrong.
        why: serde_json::Error,
    },
}

impl Misunderstood {
    /// The number of the request it answers.
    #[must_use]
    pub const fn id(&self) -> Option<u64> {
        match self {
            Self::Unknown { id, .. } | Self::Wrong { id, .. } => Some(*id),
            Self::Old | Self::Unreadable(_) | Self::Nothing => None,
        }
    }
}

/// As much of a line as every client, older or newer, writes the same.
#[derive(Deserialize)]
struct Head {
    hello: Option<Hello>,
    id: Option<u64>,
    request: Option<String>,
}

impl ClientLine {
    /// Reads a line. Fields that are not known are passed over.
    pub fn read(line: &[u8]) -> Result<Self, Misunderstood> {
        if line.trim_ascii().starts_with(b"\"") {
            return Err(Misunderstood::Old);
        }
        let head: Head = serde_json::from_slice(line).map_err(Misunderstood::Unreadable)?;
        if let Some(hello) = head.hello {
            return Ok(Self::Hello { hello });
        }
        let (Some(id), Some(kind)) = (head.id, head.request) else {
            return Err(Misunderstood::Nothing);
        };
        if !KINDS.contains(&kind.as_str()) {
            return Err(Misunderstood::Unknown { id, kind });
        }
        match serde_json::from_slice(line) {
            Ok(request) => Ok(Self::Request { id, request }),
            Err(why) => Err(Misunderstood::Wrong { id, kind, why }),
        }
    }

    /// The line, with its end.
    pub fn line(&self) -> serde_json::Result<Vec<u8>> {
        super::lines::line(self)
    }
}
