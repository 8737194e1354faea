// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a probe of RabbitMQ's management API asks.

use std::fmt;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::{Login, Tls};

/// Whether a node is ready to serve clients.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RabbitmqProbe {
    /// Who asks a node that is too old for the question without a login; `None` when nobody does.
    pub login: Option<Login>,
    /// The port on which such a node must listen for clients.
    pub listener: u16,
    /// How it speaks TLS; `None` when it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
}

impl RabbitmqProbe {
    /// The port of the management API.
    pub const PORT: u16 = 15672;
    /// The port of AMQP.
    pub const LISTENER: u16 = 5672;

    /// What it asks, and of whom: as [`super::Probe`] is printed.
    pub(super) fn fmt_asked(&self, at: SocketAddr, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rabbitmq {at} listener {}", self.listener)?;
        if let Some(login) = &self.login {
            write!(f, " user {}", login.user)?;
        }
        self.tls.as_ref().map_or(Ok(()), |tls| {
            f.write_str(" tls")?;
            tls.fmt_demands(f)
        })
    }
}
