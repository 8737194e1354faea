// SPDX-License-Identifier: MIT OR Apache-2.0
//! The `DAEMON` nest: connection synchronisation.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::codec::DecodeError;
use crate::codec::attribute::{Attribute, AttributeWriter};
use crate::model::{SyncDaemon, SyncRole};

const STATE: u16 = 1;
const MCAST_IFN: u16 = 2;
const SYNC_ID: u16 = 3;
const SYNC_MAXLEN: u16 = 4;
const MCAST_GROUP: u16 = 5;
const MCAST_GROUP6: u16 = 6;
const MCAST_PORT: u16 = 7;
const MCAST_TTL: u16 = 8;

/// Which daemon to stop.
pub(super) fn emit_role(out: &mut AttributeWriter<'_>, role: SyncRole) {
    out.u32(
        STATE,
        match role {
            SyncRole::Master => 1,
            SyncRole::Backup => 2,
        },
    );
}

/// Everything needed to start one. The kernel chooses what is 0 or `None`.
pub(super) fn emit(out: &mut AttributeWriter<'_>, daemon: &SyncDaemon) {
    emit_role(out, daemon.role);
    out.string(MCAST_IFN, &daemon.interface);
    out.u32(SYNC_ID, daemon.sync_id.into());
    if daemon.max_length != 0 {
        out.u16(SYNC_MAXLEN, daemon.max_length);
    }
    match daemon.group {
        Some(IpAddr::V4(group)) => out.bytes(MCAST_GROUP, &group.octets()),
        Some(IpAddr::V6(group)) => out.bytes(MCAST_GROUP6, &group.octets()),
        None => {}
    }
    if daemon.port != 0 {
        // The one port in this family that is in the machine's order.
        out.u16(MCAST_PORT, daemon.port);
    }
    if daemon.ttl != 0 {
        out.u8(MCAST_TTL, daemon.ttl);
    }
}

/// The role alone.
pub(super) fn parse_role(nest: &[u8]) -> Result<SyncRole, DecodeError> {
    for attribute in Attribute::all(nest) {
        let attribute = attribute?;
        if attribute.kind == STATE {
            return role(attribute);
        }
    }
    Err(DecodeError::Missing("STATE"))
}

fn role(attribute: Attribute<'_>) -> Result<SyncRole, DecodeError> {
    match attribute.u32("STATE")? {
        1 => Ok(SyncRole::Master),
        2 => Ok(SyncRole::Backup),
        other => Err(DecodeError::Impossible {
            name: "STATE",
            value: other.into(),
        }),
    }
}

/// A daemon out of its nest. Unknown attributes are passed over.
pub(super) fn parse(nest: &[u8]) -> Result<SyncDaemon, DecodeError> {
    let mut daemon = SyncDaemon {
        role: parse_role(nest)?,
        interface: String::new(),
        sync_id: 0,
        max_length: 0,
        group: None,
        port: 0,
        ttl: 0,
    };
    for attribute in Attribute::all(nest) {
        let attribute = attribute?;
        match attribute.kind {
            MCAST_IFN => daemon.interface = attribute.string(),
            // One byte on the wire between directors; the kernel stores and echoes more without using it.
            SYNC_ID => daemon.sync_id = attribute.u32("SYNC_ID")?.to_le_bytes()[0],
            SYNC_MAXLEN => daemon.max_length = attribute.u16("SYNC_MAXLEN")?,
            MCAST_GROUP => {
                let octets = attribute.u32("MCAST_GROUP")?.to_ne_bytes();
                daemon.group = Some(Ipv4Addr::from(octets).into());
            }
            MCAST_GROUP6 => daemon.group = Some(group6(attribute)?),
            MCAST_PORT => daemon.port = attribute.u16("MCAST_PORT")?,
            MCAST_TTL => daemon.ttl = attribute.u8("MCAST_TTL")?,
            _ => {}
        }
    }
    Ok(daemon)
}

fn group6(attribute: Attribute<'_>) -> Result<IpAddr, DecodeError> {
    let length = attribute.bytes().len();
    let octets: [u8; 16] =
        attribute
            .bytes()
            .first_chunk()
            .copied()
            .ok_or(DecodeError::WrongLength {
                name: "MCAST_GROUP6",
                length,
            })?;
    Ok(Ipv6Addr::from(octets).into())
}
