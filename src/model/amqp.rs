// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an AMQP probe asks.

use std::path::Path;

use serde::{Deserialize, Serialize};

/// A conversation in AMQP 0-9-1: up to `Connection.Start`, or all the way through a login.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AmqpProbe {
    /// Who logs in; `None` when nobody does.
    pub login: Option<AmqpLogin>,
}

/// A login by SASL PLAIN.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AmqpLogin {
    /// The user: 1 to 255 bytes without a NUL.
    pub user: Box<str>,
    /// The absolute path of a file whose first line is the password. The password itself is in no configuration, record
    /// or message.
    pub password_file: Box<Path>,
    /// The virtual host that is opened: 1 to 255 bytes.
    pub vhost: Box<str>,
}

impl AmqpLogin {
    /// The virtual host that every broker has.
    pub const VHOST: &str = "/";
}
