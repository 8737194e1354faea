// SPDX-License-Identifier: MIT OR Apache-2.0
//! The `DEST` nest.

use super::service::{family_number, parse_family};
use super::stats;
use crate::codec::DecodeError;
use crate::codec::attribute::{Attribute, AttributeWriter};
use crate::model::{
    AddressFamily, ConnectionCounts, Counters, ForwardingMethod, RealServer, ServerKey, Thresholds,
    Tunnel, TunnelChecksum, TunnelKind, Weight,
};

const ADDR: u16 = 1;
const PORT: u16 = 2;
const FWD_METHOD: u16 = 3;
const WEIGHT: u16 = 4;
const U_THRESH: u16 = 5;
const L_THRESH: u16 = 6;
const ACTIVE_CONNS: u16 = 7;
const INACT_CONNS: u16 = 8;
const PERSIST_CONNS: u16 = 9;
const STATS: u16 = 10;
const ADDR_FAMILY: u16 = 11;
const STATS64: u16 = 12;
const TUN_TYPE: u16 = 13;
const TUN_PORT: u16 = 14;
const TUN_FLAGS: u16 = 15;

const FWD_MASK: u32 = 0x7;

/// A real server as the kernel reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerEntry {
    /// Its identity within its service.
    pub key: ServerKey,
    /// The forwarding method.
    pub server: RealServer,
    /// Its connections.
    pub connections: ConnectionCounts,
    /// Its traffic.
    pub counters: Counters,
}

/// What the kernel needs to find a server. We always send the family: without it the kernel silently cuts an IPv6
/// address in an IPv4 service to its first four bytes.
pub(super) fn emit_key(out: &mut AttributeWriter<'_>, key: &ServerKey) {
    out.address(ADDR, key.address);
    out.u16_be(PORT, key.port);
    out.u16(ADDR_FAMILY, family_number(key.family()));
}

/// Everything the kernel needs to make or edit a server. Other methods have no tunnel attributes: without them the
/// kernel resets the tunnel to plain IP in IP.
pub(super) fn emit(out: &mut AttributeWriter<'_>, key: &ServerKey, server: &RealServer) {
    emit_key(out, key);
    out.u32(FWD_METHOD, method_number(server.forwarding));
    out.u32(WEIGHT, server.weight.get());
    out.u32(U_THRESH, server.thresholds.upper);
    out.u32(L_THRESH, server.thresholds.lower);
    if let ForwardingMethod::Tunneling(tunnel) = server.forwarding {
        emit_tunnel(out, tunnel);
    }
}

fn emit_tunnel(out: &mut AttributeWriter<'_>, tunnel: Tunnel) {
    let (kind, port) = match tunnel.kind {
        TunnelKind::Ipip => (0, 0),
        TunnelKind::Gue { port } => (1, port),
        TunnelKind::Gre => (2, 0),
        TunnelKind::Other(kind) => (kind, 0),
    };
    let flags = match tunnel.checksum {
        TunnelChecksum::None => 0,
        TunnelChecksum::Full => 1,
        TunnelChecksum::Remote => 2,
        TunnelChecksum::Other(flags) => flags,
    };
    out.u8(TUN_TYPE, kind);
    out.u16_be(TUN_PORT, port);
    out.u16(TUN_FLAGS, flags);
}

/// The number of a method in the flags of a server, and of a connection.
pub(in crate::codec) const fn method_number(method: ForwardingMethod) -> u32 {
    match method {
        ForwardingMethod::Masquerading => 0,
        ForwardingMethod::Local => 1,
        ForwardingMethod::Tunneling(_) => 2,
        ForwardingMethod::DirectRouting => 3,
        ForwardingMethod::Bypass => 4,
        ForwardingMethod::Other(number) => number as u32,
    }
}

/// The method in the flags of a server, with its encapsulation if it has one.
fn forwarding(flags: u32, tunnel: Tunnel) -> ForwardingMethod {
    match (flags & FWD_MASK).to_le_bytes()[0] {
        0 => ForwardingMethod::Masquerading,
        1 => ForwardingMethod::Local,
        2 => ForwardingMethod::Tunneling(tunnel),
        3 => ForwardingMethod::DirectRouting,
        4 => ForwardingMethod::Bypass,
        other => ForwardingMethod::Other(other),
    }
}

/// The number for the method in the flags of a server.
pub(in crate::codec) fn method_word(flags: u32) -> &'static str {
    forwarding(flags, Tunnel::IPIP).word()
}

/// The attributes of the nest, unchanged.
#[derive(Default)]
struct Raw<'a> {
    family: Option<u16>,
    address: Option<Attribute<'a>>,
    port: Option<u16>,
    method: u32,
    weight: u32,
    upper: u32,
    lower: u32,
    tunnel: (u8, u16, u16),
    connections: ConnectionCounts,
    stats: Option<Counters>,
    stats64: Option<Counters>,
}

impl<'a> Raw<'a> {
    fn collect(nest: &'a [u8]) -> Result<Self, DecodeError> {
        let mut raw = Self::default();
        for attribute in Attribute::all(nest) {
            let attribute = attribute?;
            match attribute.kind {
                ADDR => raw.address = Some(attribute),
                PORT => raw.port = Some(attribute.u16_be("PORT")?),
                FWD_METHOD => raw.method = attribute.u32("FWD_METHOD")?,
                WEIGHT => raw.weight = attribute.u32("WEIGHT")?,
                U_THRESH => raw.upper = attribute.u32("U_THRESH")?,
                L_THRESH => raw.lower = attribute.u32("L_THRESH")?,
                ACTIVE_CONNS => raw.connections.active = attribute.u32("ACTIVE_CONNS")?,
                INACT_CONNS => raw.connections.inactive = attribute.u32("INACT_CONNS")?,
                PERSIST_CONNS => raw.connections.persistent = attribute.u32("PERSIST_CONNS")?,
                STATS => raw.stats = Some(stats::parse(attribute.bytes())?),
                ADDR_FAMILY => raw.family = Some(attribute.u16("ADDR_FAMILY")?),
                STATS64 => raw.stats64 = Some(stats::parse(attribute.bytes())?),
                TUN_TYPE => raw.tunnel.0 = attribute.u8("TUN_TYPE")?,
                TUN_PORT => raw.tunnel.1 = attribute.u16_be("TUN_PORT")?,
                TUN_FLAGS => raw.tunnel.2 = attribute.u16("TUN_FLAGS")?,
                // A newer kernel may send more than this code understands.
                _ => {}
            }
        }
        Ok(raw)
    }

    fn key(&self, service: AddressFamily) -> Result<ServerKey, DecodeError> {
        // Kernels before 3.18 do not send the family; there it is the service's. 0 means the same.
        let family = match self.family {
            None | Some(0) => service,
            Some(number) => parse_family("ADDR_FAMILY", number)?,
        };
        let address = self
            .address
            .ok_or(DecodeError::Missing("ADDR"))?
            .address("ADDR", family)?;
        Ok(ServerKey {
            address,
            port: self.port.ok_or(DecodeError::Missing("PORT"))?,
        })
    }

    fn forwarding(&self) -> ForwardingMethod {
        forwarding(self.method, self.tunnel())
    }

    const fn tunnel(&self) -> Tunnel {
        let (kind, port, flags) = self.tunnel;
        Tunnel {
            kind: match kind {
                0 => TunnelKind::Ipip,
                1 => TunnelKind::Gue { port },
                2 => TunnelKind::Gre,
                other => TunnelKind::Other(other),
            },
            checksum: match flags {
                0 => TunnelChecksum::None,
                1 => TunnelChecksum::Full,
                2 => TunnelChecksum::Remote,
                other => TunnelChecksum::Other(other),
            },
        }
    }
}

/// A server out of its nest, in a service of this family. Unknown attributes are passed over.
pub(super) fn parse(nest: &[u8], service: AddressFamily) -> Result<ServerEntry, DecodeError> {
    let raw = Raw::collect(nest)?;
    let weight = Weight::new(raw.weight).ok_or(DecodeError::Impossible {
        name: "WEIGHT",
        value: raw.weight.into(),
    })?;
    Ok(ServerEntry {
        key: raw.key(service)?,
        server: RealServer {
            forwarding: raw.forwarding(),
            weight,
            thresholds: Thresholds {
                upper: raw.upper,
                lower: raw.lower,
            },
        },
        connections: raw.connections,
        counters: raw.stats64.or(raw.stats).unwrap_or_default(),
    })
}

/// The identity from a nest that may have nothing else.
pub(super) fn parse_key(nest: &[u8], service: AddressFamily) -> Result<ServerKey, DecodeError> {
    Raw::collect(nest)?.key(service)
}
