// SPDX-License-Identifier: MIT OR Apache-2.0
//! IPVS's answers, from the attributes after the generic netlink header.

use super::{ServerEntry, ServiceEntry, daemon, server, service, top};
use crate::codec::DecodeError;
use crate::codec::attribute::Attribute;
use crate::model::{AddressFamily, Seconds, SyncDaemon, Timeouts};

/// What the kernel says about IPVS itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Info {
    /// Major, minor, patch: 1.2.1 in every kernel of the last decade.
    pub version: (u8, u8, u8),
    /// Buckets of the connection table; 0 on Linux 7.1 and later while there is no service.
    pub connection_table_size: u32,
}

/// The answer to `GET_INFO`. It uses the message's attribute numbers with another meaning.
pub fn parse_info(attributes: &[u8]) -> Result<Info, DecodeError> {
    let (mut version, mut size) = (None, None);
    for attribute in Attribute::all(attributes) {
        let attribute = attribute?;
        match attribute.kind {
            1 => version = Some(attribute.u32("INFO_VERSION")?),
            2 => size = Some(attribute.u32("INFO_CONN_TAB_SIZE")?),
            _ => {}
        }
    }
    let [_, major, minor, patch] = version
        .ok_or(DecodeError::Missing("INFO_VERSION"))?
        .to_be_bytes();
    Ok(Info {
        version: (major, minor, patch),
        connection_table_size: size.ok_or(DecodeError::Missing("INFO_CONN_TAB_SIZE"))?,
    })
}

/// The answer to `GET_CONFIG`.
pub fn parse_timeouts(attributes: &[u8]) -> Result<Timeouts, DecodeError> {
    let mut timeouts = Timeouts {
        tcp: Seconds(0),
        tcp_fin: Seconds(0),
        udp: Seconds(0),
    };
    for attribute in Attribute::all(attributes) {
        let attribute = attribute?;
        match attribute.kind {
            top::TIMEOUT_TCP => timeouts.tcp = Seconds(attribute.u32("TIMEOUT_TCP")?),
            top::TIMEOUT_TCP_FIN => timeouts.tcp_fin = Seconds(attribute.u32("TIMEOUT_TCP_FIN")?),
            top::TIMEOUT_UDP => timeouts.udp = Seconds(attribute.u32("TIMEOUT_UDP")?),
            _ => {}
        }
    }
    Ok(timeouts)
}

/// One service of a listing.
pub fn parse_service(attributes: &[u8]) -> Result<ServiceEntry, DecodeError> {
    service::parse(nest(attributes, top::SERVICE, "SERVICE")?)
}

/// One server of a listing. `family` is its service's.
pub fn parse_server(attributes: &[u8], family: AddressFamily) -> Result<ServerEntry, DecodeError> {
    server::parse(nest(attributes, top::DEST, "DEST")?, family)
}

/// One sync daemon of a listing.
pub fn parse_sync_daemon(attributes: &[u8]) -> Result<SyncDaemon, DecodeError> {
    daemon::parse(nest(attributes, top::DAEMON, "DAEMON")?)
}

fn nest<'a>(attributes: &'a [u8], kind: u16, name: &'static str) -> Result<&'a [u8], DecodeError> {
    for attribute in Attribute::all(attributes) {
        let attribute = attribute?;
        if attribute.kind == kind {
            return Ok(attribute.bytes());
        }
    }
    Err(DecodeError::Missing(name))
}
