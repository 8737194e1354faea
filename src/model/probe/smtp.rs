// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an SMTP probe asks.

use std::fmt;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::Tls;

/// A greeting, a hello and a goodbye in SMTP (RFC 5321). No mail is sent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SmtpProbe {
    /// As whom the director says hello: 1 to 255 visible ASCII characters. `None` when it is the address that the probe
    /// comes from, as `[192.0.2.1]`.
    pub helo: Option<Box<str>>,
    /// How it speaks TLS, from the first byte; `None` when it does not.
    pub tls: Option<Tls>,
}

impl SmtpProbe {
    /// The port of mail servers.
    pub const PORT: u16 = 25;

    /// What it asks, and of whom: as [`super::Probe`] is printed.
    pub(super) fn fmt_asked(&self, at: SocketAddr, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "smtp {at}")?;
        if let Some(helo) = &self.helo {
            write!(f, " helo {helo}")?;
        }
        self.tls.as_ref().map_or(Ok(()), |tls| {
            f.write_str(" tls")?;
            tls.fmt_demands(f)
        })
    }
}
