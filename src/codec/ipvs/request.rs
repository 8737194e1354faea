// SPDX-License-Identifier: MIT OR Apache-2.0
//! The requests to IPVS, and their bytes.

use super::{daemon, server, service, top};
use crate::codec::DecodeError;
use crate::codec::attribute::{Attribute, AttributeWriter};
use crate::codec::message::{Answer, Envelope, emit_genl};
use crate::model::{
    RealServer, ServerKey, ServiceKey, ServiceSettings, SyncDaemon, SyncRole, Timeouts,
};

/// One request to the `IPVS` family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request<'a> {
    /// `NEW_SERVICE`: EEXIST when it is there already.
    AddService(&'a ServiceKey, &'a ServiceSettings),
    /// `SET_SERVICE`: replaces all settings; ESRCH when there is no such service.
    EditService(&'a ServiceKey, &'a ServiceSettings),
    /// `DEL_SERVICE`: with all its servers.
    DeleteService(&'a ServiceKey),
    /// `GET_SERVICE` for one.
    GetService(&'a ServiceKey),
    /// `GET_SERVICE` for all.
    ListServices,
    /// `NEW_DEST`: EEXIST when it is there already, ESRCH without its service.
    AddServer(&'a ServiceKey, &'a ServerKey, &'a RealServer),
    /// `SET_DEST`: replaces everything; ENOENT when there is no such server.
    EditServer(&'a ServiceKey, &'a ServerKey, &'a RealServer),
    /// `DEL_DEST`.
    DeleteServer(&'a ServiceKey, &'a ServerKey),
    /// `GET_DEST`: empty, without an error, when there is no such service.
    ListServers(&'a ServiceKey),
    /// `NEW_DAEMON`.
    StartDaemon(&'a SyncDaemon),
    /// `DEL_DAEMON`.
    StopDaemon(SyncRole),
    /// `GET_DAEMON`.
    ListDaemons,
    /// `SET_CONFIG`.
    SetTimeouts(Timeouts),
    /// `GET_CONFIG`.
    GetTimeouts,
    /// `GET_INFO`.
    GetInfo,
    /// `ZERO` for one service and its servers.
    ZeroService(&'a ServiceKey),
    /// `ZERO` for all.
    ZeroAll,
    /// `FLUSH`: removes every service of the network namespace.
    Flush,
}

impl Request<'_> {
    /// `IPVS_CMD_*`.
    #[must_use]
    pub const fn command(&self) -> u8 {
        match self {
            Self::AddService(..) => 1,
            Self::EditService(..) => 2,
            Self::DeleteService(_) => 3,
            Self::GetService(_) | Self::ListServices => 4,
            Self::AddServer(..) => 5,
            Self::EditServer(..) => 6,
            Self::DeleteServer(..) => 7,
            Self::ListServers(_) => 8,
            Self::StartDaemon(_) => 9,
            Self::StopDaemon(_) => 10,
            Self::ListDaemons => 11,
            Self::SetTimeouts(_) => 12,
            Self::GetTimeouts => 13,
            Self::GetInfo => 15,
            Self::ZeroService(_) | Self::ZeroAll => 16,
            Self::Flush => 17,
        }
    }

    /// Whether the answer is a list.
    #[must_use]
    pub const fn is_dump(&self) -> bool {
        matches!(
            self,
            Self::ListServices | Self::ListServers(_) | Self::ListDaemons
        )
    }

    /// Appends the request as one netlink message to the family of this number.
    pub fn emit(&self, family: u16, sequence: u32, answer: Answer, out: &mut Vec<u8>) {
        let envelope = Envelope {
            message_type: family,
            sequence,
            answer,
        };
        emit_genl(out, envelope, self.command(), |attributes| {
            self.emit_attributes(attributes);
        });
    }

    fn emit_attributes(&self, out: &mut AttributeWriter<'_>) {
        match *self {
            Self::AddService(key, settings) | Self::EditService(key, settings) => {
                out.nest(top::SERVICE, |nest| service::emit(nest, key, settings));
            }
            Self::DeleteService(key)
            | Self::GetService(key)
            | Self::ListServers(key)
            | Self::ZeroService(key) => {
                out.nest(top::SERVICE, |nest| service::emit_key(nest, key));
            }
            Self::AddServer(key, server_key, server)
            | Self::EditServer(key, server_key, server) => {
                out.nest(top::SERVICE, |nest| service::emit_key(nest, key));
                out.nest(top::DEST, |nest| server::emit(nest, server_key, server));
            }
            Self::DeleteServer(key, server_key) => {
                out.nest(top::SERVICE, |nest| service::emit_key(nest, key));
                out.nest(top::DEST, |nest| server::emit_key(nest, server_key));
            }
            Self::StartDaemon(sync) => out.nest(top::DAEMON, |nest| daemon::emit(nest, sync)),
            Self::StopDaemon(role) => out.nest(top::DAEMON, |nest| daemon::emit_role(nest, role)),
            Self::SetTimeouts(timeouts) => {
                out.u32(top::TIMEOUT_TCP, timeouts.tcp.0);
                out.u32(top::TIMEOUT_TCP_FIN, timeouts.tcp_fin.0);
                out.u32(top::TIMEOUT_UDP, timeouts.udp.0);
            }
            Self::ListServices
            | Self::ListDaemons
            | Self::GetTimeouts
            | Self::GetInfo
            | Self::ZeroAll
            | Self::Flush => {}
        }
    }
}

/// The objects that a request names, read back from its attributes: the opposite of [`Request::emit`], for tests that
/// compare our bytes with another writer's.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequestedObjects {
    /// The service.
    pub service: Option<ServiceKey>,
    /// The server.
    pub server: Option<ServerKey>,
    /// The sync daemon's role.
    pub daemon: Option<SyncRole>,
}

impl RequestedObjects {
    /// The objects a request's attributes name.
    pub fn parse(attributes: &[u8]) -> Result<Self, DecodeError> {
        let (mut objects, mut dest) = (Self::default(), None);
        for attribute in Attribute::all(attributes) {
            let attribute = attribute?;
            match attribute.kind {
                top::SERVICE => objects.service = Some(service::parse_key(attribute.bytes())?),
                top::DEST => dest = Some(attribute),
                top::DAEMON => objects.daemon = Some(daemon::parse_role(attribute.bytes())?),
                _ => {}
            }
        }
        // Only now we know the service's family, because its nest may be anywhere.
        if let Some(dest) = dest {
            let service = objects.service.ok_or(DecodeError::Missing("SERVICE"))?;
            objects.server = Some(server::parse_key(dest.bytes(), service.family())?);
        }
        Ok(objects)
    }
}
