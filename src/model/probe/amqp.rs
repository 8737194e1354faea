// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an AMQP probe asks.

use std::fmt;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::{Login, Tls};

/// A conversation in AMQP 0-9-1: up to `Connection.Start`, or all the way through a login by SASL PLAIN.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AmqpProbe {
    /// Who logs in, and to which virtual host; `None` when nobody does.
    pub login: Option<AmqpLogin>,
    /// How it speaks TLS; `None` when it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
}

impl AmqpProbe {
    /// What it asks, and of whom: as [`super::Probe`] is printed.
    pub(super) fn fmt_asked(&self, at: SocketAddr, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "amqp {at}")?;
        if let Some(login) = &self.login {
            write!(f, " user {} vhost {}", login.who.user, login.vhost)?;
        }
        self.tls.as_ref().map_or(Ok(()), |tls| {
            f.write_str(" tls")?;
            tls.fmt_demands(f)
        })
    }
}

/// A login to a broker.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AmqpLogin {
    /// Who.
    pub who: Login,
    /// The virtual host that is opened: 1 to 255 bytes.
    pub vhost: Box<str>,
}

impl AmqpLogin {
    /// The virtual host that every broker has.
    pub const VHOST: &str = "/";
}
