// SPDX-License-Identifier: MIT OR Apache-2.0
//! `lvsadm top-connections`: counts connections by client, by server or by service. It reads the kernel's list once,
//! and its memory is bounded for any length.

mod phase;
mod render;
mod summary;

use std::io::BufRead;
use std::net::{IpAddr, SocketAddr};

use super::connections::ConnectionsError;
use super::own::Asked;
use crate::codec::connection::Connection;
use crate::ipvsadm::address::number_within;
use crate::ipvsadm::failure::Failure;
use crate::ipvsadm::filter::Filter;
use crate::kernel::ConnectionLines;
use crate::model::ServiceKey;

pub use phase::{Counts, Phase};
pub use render::{Document, render};
pub use summary::{Entry, Summary};

/// Up to this many clients, servers or services are counted exactly. When there are more, a count is too low by at most
/// one in 25,000 of all connections.
pub const ROOM: usize = 50_000;

/// The values of `--by`.
pub const TABLES: &[&str] = &["client", "server", "service"];

/// The request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// By client.
    pub clients: bool,
    /// By real server.
    pub servers: bool,
    /// By virtual service.
    pub services: bool,
    /// How many of each are listed.
    pub rows: usize,
    /// Which connections count.
    pub filter: Filter,
}

impl Wanted {
    /// Reads the options.
    pub fn read(asked: &Asked<'_>) -> Result<Self, Failure> {
        let by = asked.value("by");
        if let Some(text) = by.filter(|text| !TABLES.contains(text)) {
            let all = TABLES.join(", ");
            let message = format!("invalid by `{text}' specified: one of {all}");
            return Err(Failure::usage(message));
        }
        let rows = match asked.value("rows") {
            None => 10,
            Some(text) => number_within(text, 1, 1000).ok_or_else(|| {
                Failure::usage(format!("invalid rows `{text}' specified: 1 to 1000"))
            })?,
        };
        Ok(Self {
            clients: by.is_none_or(|by| by == "client"),
            servers: by.is_none_or(|by| by == "server"),
            services: by == Some("service"),
            rows,
            filter: Filter::asked(asked)?,
        })
    }
}

/// The counts. Persistence templates are not connections.
#[derive(Debug)]
pub struct Counted {
    /// By client, if that was asked for.
    pub clients: Option<Summary<IpAddr>>,
    /// By real server, if that was asked for.
    pub servers: Option<Summary<SocketAddr>>,
    /// By virtual service, if that was asked for.
    pub services: Option<Summary<ServiceKey>>,
    /// All connections.
    pub connections: Counts,
    /// Templates.
    pub templates: u64,
}

impl Counted {
    /// Counts the connections of `input`, after its title, that match the filter.
    pub fn read(input: impl BufRead, wanted: &Wanted) -> Result<Self, ConnectionsError> {
        let mut counted = Self {
            clients: wanted.clients.then(|| Summary::new(ROOM)),
            servers: wanted.servers.then(|| Summary::new(ROOM)),
            services: wanted.services.then(|| Summary::new(ROOM)),
            connections: Counts::default(),
            templates: 0,
        };
        let mut lines = ConnectionLines::behind_title(input)?;
        let mut line = String::new();
        while lines.next(&mut line)? {
            let connection = Connection::parse(&line)?;
            if wanted.filter.has_connection(&connection) {
                counted.add(&connection);
            }
        }
        Ok(counted)
    }

    fn add(&mut self, connection: &Connection<'_>) {
        let (Some(protocol), false) = (connection.transport(), connection.client.port() == 0)
        else {
            self.templates = self.templates.saturating_add(1);
            return;
        };
        let phase = Phase::of(connection.state);
        self.connections.add(phase);
        if let Some(clients) = &mut self.clients {
            clients.add(connection.client.ip(), phase);
        }
        if let Some(servers) = &mut self.servers {
            servers.add(connection.server, phase);
        }
        if let Some(services) = &mut self.services {
            let (address, port) = (connection.service.ip(), connection.service.port());
            let key = ServiceKey::Address {
                protocol,
                address,
                port,
            };
            services.add(key, phase);
        }
    }
}

#[cfg(test)]
mod tests;
