// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a probe speaks TLS.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// What a probe says and demands in a TLS handshake.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Tls {
    /// For which name or address the certificate must be. A name is also told to the server (SNI). `None` is the
    /// target's address.
    pub server_name: Option<Box<str>>,
    /// The absolute path of a file with the only CAs that count; `None` for those of this host.
    pub ca_file: Option<Box<Path>>,
    /// Whether the certificate is verified at all.
    pub verify: bool,
    /// What the probe shows to a server that asks who it is.
    pub client: Option<ClientCertificate>,
    /// The check warns when the certificate ends in fewer days.
    pub min_days: Option<u16>,
}

/// A certificate of our own, and where its key is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClientCertificate {
    /// The absolute path of a file with the certificate, and those of CAs between it and the server's.
    pub certificate: Box<Path>,
    /// The absolute path of a file with its private key. The key itself is in no configuration, record or message.
    pub key: Box<Path>,
}

impl Tls {
    /// The port of AMQP over TLS.
    pub const AMQPS: u16 = 5671;
    /// The port of mail servers that speak TLS from the first byte (RFC 8314).
    pub const SMTPS: u16 = 465;
    /// The port of RabbitMQ's management API over TLS.
    pub const MANAGEMENT: u16 = 15671;

    /// The certificate is verified for the target's address by the CAs of this host.
    pub const VERIFIED: Self = Self {
        server_name: None,
        ca_file: None,
        verify: true,
        client: None,
        min_days: None,
    };

    /// The files that a probe reads.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let client = self.client.as_ref();
        let client = client
            .into_iter()
            .flat_map(|it| [&*it.certificate, &*it.key]);
        self.ca_file.as_deref().into_iter().chain(client)
    }

    /// A handshake alone: as [`super::Probe`] is printed.
    pub(super) fn fmt_asked(&self, at: SocketAddr, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tls {at}")?;
        self.fmt_demands(f)
    }

    /// What differs from [`Tls::VERIFIED`], each with a blank before it.
    pub(super) fn fmt_demands(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.server_name {
            write!(f, " name {name}")?;
        }
        if let Some(file) = &self.ca_file {
            write!(f, " ca {}", file.display())?;
        }
        if !self.verify {
            f.write_str(" unverified")?;
        }
        if let Some(client) = &self.client {
            write!(f, " certificate {}", client.certificate.display())?;
        }
        self.min_days
            .map_or(Ok(()), |days| write!(f, " min_days {days}"))
    }
}
