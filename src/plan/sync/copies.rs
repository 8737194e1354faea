// SPDX-License-Identifier: MIT OR Apache-2.0
//! A connection of the kernel's list, as another kernel has to be told of it.
//!
//! The list says neither the flags of a connection, nor its mark, nor how long its state may last. These follow from its
//! state and from the service and the server that it belongs to. What nobody can see, such as how far an application has
//! moved sequence numbers, is not told.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use crate::codec::connection::Connection;
use crate::codec::sync::{SyncConnection, SyncEngine, SyncFlags, is_active, state_number};
use crate::model::{
    AddressFamily, ForwardingMethod, Fwmark, IpvsTable, Protocol, ServerKey, ServiceKey,
    VirtualService,
};

use super::super::services::service_of;

/// The kernel gives a template that is no good any more this port.
const INVALID: u16 = 0xffff;
/// The list shows bytes that are no text as this.
const REPLACED: char = char::REPLACEMENT_CHARACTER;

/// Why the other kernel is not told of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeftOut {
    /// Another host is master of its virtual address, and knows it better.
    Elsewhere,
    /// Its service is not in this host's table, or it is a template that binds nobody any more.
    Service,
    /// Its real server is not in this host's table.
    Server,
    /// The real server has an address of another family than the service: messages cannot say that.
    Family,
    /// A state that has no number.
    State,
    /// The data of its persistence engine has bytes that the list does not show.
    EngineData,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Elsewhere => "another host is master of the virtual address",
            Self::Service => "the service is not in this host's table",
            Self::Server => "the real server has left the table",
            Self::Family => "the real server's address is of another family",
            Self::State => "a state without a number",
            Self::EngineData => "persistence data that is no text",
        })
    }
}

/// Makes the copies of connections, by this host's table.
#[derive(Debug)]
pub struct Copies {
    services: BTreeMap<ServiceKey, VirtualService>,
    /// The virtual addresses that other hosts have.
    elsewhere: BTreeSet<IpAddr>,
}

/// What a connection's service and server say about it.
struct Belongs {
    mark: u32,
    forwarding: ForwardingMethod,
    /// How long persistence lasts, in seconds; 0 without.
    persistence: u32,
}

impl Copies {
    /// Of the connections of this table. Those to the addresses in `elsewhere` are left out.
    #[must_use]
    pub fn new(table: IpvsTable, elsewhere: BTreeSet<IpAddr>) -> Self {
        Self {
            services: table.services,
            elsewhere,
        }
    }

    /// What to tell of a connection or template.
    ///
    /// A connection lives as long at the receiver as if its last packet had just come, by the receiver's own timeouts. What
    /// is left of its time here would be wrong: packets that come here do not prolong it there.
    ///
    /// # Errors
    ///
    /// It is left out, for this reason.
    pub fn of<'a>(&self, connection: &Connection<'a>) -> Result<SyncConnection<'a>, LeftOut> {
        let is_template = is_template(connection);
        let mark = connection.fwmark();
        if mark.is_none() && self.elsewhere.contains(&connection.service.ip()) {
            return Err(LeftOut::Elsewhere);
        }
        let family = AddressFamily::of(connection.client.ip());
        if AddressFamily::of(connection.server.ip()) != family {
            return Err(LeftOut::Family);
        }
        let belongs = match (connection.transport(), mark) {
            (Some(protocol), _) => self.belongs(protocol, connection, is_template)?,
            (None, Some(mark)) => self.by_mark(mark, family, connection)?,
            (None, None) => return Err(LeftOut::Service),
        };
        let protocol = connection.transport().filter(|_| !is_template);
        let state = state_number(protocol, connection.state).ok_or(LeftOut::State)?;
        Ok(SyncConnection {
            protocol: connection.transport().map_or(0, number),
            flags: flags(connection, is_template, belongs.forwarding),
            state,
            client: connection.client,
            service: connection.service,
            server: connection.server,
            mark: belongs.mark,
            timeout: if is_template { belongs.persistence } else { 0 },
            sequences: None,
            engine: engine(connection)?,
        })
    }

    /// Of a connection or template with a protocol.
    fn belongs(
        &self,
        protocol: Protocol,
        connection: &Connection<'_>,
        is_template: bool,
    ) -> Result<Belongs, LeftOut> {
        let at = connection.service;
        if is_template && at.port() == INVALID {
            return Err(LeftOut::Service);
        }
        if let Some((_, service)) = service_of(&self.services, protocol, at) {
            return belongs(service, 0, connection.server);
        }
        self.by_a_mark(connection)
    }

    /// Of the first service by mark that has the server: which one it is, the list does not say.
    fn by_a_mark(&self, connection: &Connection<'_>) -> Result<Belongs, LeftOut> {
        let mut left_out = LeftOut::Service;
        let family = AddressFamily::of(connection.client.ip());
        for (key, service) in &self.services {
            match key {
                ServiceKey::Fwmark { mark, family: of } if *of == family => {
                    match belongs(service, mark.get(), connection.server) {
                        Ok(belongs) => return Ok(belongs),
                        Err(why) => left_out = why,
                    }
                }
                ServiceKey::Fwmark { .. } | ServiceKey::Address { .. } => {}
            }
        }
        Err(left_out)
    }

    fn by_mark(
        &self,
        mark: u32,
        family: AddressFamily,
        connection: &Connection<'_>,
    ) -> Result<Belongs, LeftOut> {
        let key = Fwmark::new(mark).map(|mark| ServiceKey::Fwmark { mark, family });
        let service = key.and_then(|key| self.services.get(&key));
        belongs(service.ok_or(LeftOut::Service)?, mark, connection.server)
    }
}

fn belongs(service: &VirtualService, mark: u32, server: SocketAddr) -> Result<Belongs, LeftOut> {
    // A server of all ports has port 0.
    let keys = [server.port(), 0].map(|port| ServerKey::new(server.ip(), port));
    let server = keys.iter().find_map(|key| service.servers.get(key));
    Ok(Belongs {
        mark,
        forwarding: server.ok_or(LeftOut::Server)?.forwarding,
        persistence: service.settings.persistence.map_or(0, |it| it.0),
    })
}

/// A template has no client's port, and states of its own.
fn is_template(connection: &Connection<'_>) -> bool {
    connection.client.port() == 0 && state_number(None, connection.state).is_some()
}

/// As the kernel would set them. A receiver whose table has the server takes its own forwarding method.
fn flags(
    connection: &Connection<'_>,
    is_template: bool,
    forwarding: ForwardingMethod,
) -> SyncFlags {
    let mut flags = SyncFlags::forwarding(forwarding);
    if !forwarding.shows_replies() {
        flags = flags | SyncFlags::NO_OUTPUT;
    }
    let protocol = connection.transport();
    if is_template {
        flags = flags | SyncFlags::TEMPLATE;
    } else if connection.client.port() == 0 {
        flags = flags | SyncFlags::NO_CLIENT_PORT;
    }
    if is_template || !protocol.is_some_and(|it| is_active(it, connection.state)) {
        flags = flags | SyncFlags::INACTIVE;
    }
    flags
}

fn engine<'a>(connection: &Connection<'a>) -> Result<Option<SyncEngine<'a>>, LeftOut> {
    match connection.engine {
        Some((_, data)) if data.contains(REPLACED) => Err(LeftOut::EngineData),
        Some((name, data)) => Ok(Some((name.as_bytes(), data.as_bytes()))),
        None => Ok(None),
    }
}

fn number(protocol: Protocol) -> u8 {
    // The kernel's list has the three that IPVS balances.
    u8::try_from(protocol.number()).unwrap_or(0)
}

#[cfg(test)]
mod tests;
