// SPDX-License-Identifier: MIT OR Apache-2.0
//! Listings as JSON. The shape is promised in `docs/lvsadm.md`: keys are added, never renamed or removed.

use std::net::{IpAddr, Ipv4Addr};

use serde::Serialize;

use super::listing::{ListedService, Listing};
use crate::codec::ipvs::{ServerEntry, ServiceEntry};
use crate::model::{
    AddressFamily, Counters, ForwardingMethod, Granularity, PersistenceEngine, Protocol,
    SchedulerFlags, ServiceKey, ServiceSettings, SyncDaemon, SyncRole, Timeouts, Tunnel,
    TunnelChecksum, TunnelKind,
};

/// A document on several lines, with a newline at its end.
pub fn document(value: &impl Serialize) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    Ok(text)
}

/// The table.
#[derive(Debug, Serialize)]
pub struct Table<'a> {
    version: String,
    connection_table_size: u32,
    services: Vec<Service<'a>>,
}

#[derive(Debug, Serialize)]
struct Service<'a> {
    protocol: Option<String>,
    family: &'static str,
    address: Option<IpAddr>,
    port: Option<u16>,
    fwmark: Option<u32>,
    scheduler: &'a str,
    scheduler_flags: Vec<&'static str>,
    one_packet: bool,
    persistence: Option<PersistenceJson<'a>>,
    counters: Totals,
    rates: Rates,
    servers: Vec<Server>,
}

#[derive(Debug, Serialize)]
struct PersistenceJson<'a> {
    timeout: u32,
    netmask: Option<Ipv4Addr>,
    prefix_length: Option<u8>,
    engine: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct Server {
    address: IpAddr,
    port: u16,
    forwarding: &'static str,
    tunnel: Option<TunnelJson>,
    weight: u32,
    upper_threshold: u32,
    lower_threshold: u32,
    connections: Connections,
    counters: Totals,
    rates: Rates,
}

#[derive(Debug, Serialize)]
struct TunnelJson {
    #[serde(rename = "type")]
    kind: &'static str,
    port: Option<u16>,
    checksum: &'static str,
}

#[derive(Debug, Serialize)]
struct Connections {
    active: u32,
    inactive: u32,
    persistent: u32,
}

#[derive(Debug, Serialize)]
struct Totals {
    connections: u64,
    in_packets: u64,
    out_packets: u64,
    in_bytes: u64,
    out_bytes: u64,
}

#[derive(Debug, Serialize)]
struct Rates {
    connections: u64,
    in_packets: u64,
    out_packets: u64,
    in_bytes: u64,
    out_bytes: u64,
}

impl<'a> Table<'a> {
    /// A listing's document.
    #[must_use]
    pub fn new(listing: &'a Listing) -> Self {
        let (major, minor, patch) = listing.info.version;
        Self {
            version: format!("{major}.{minor}.{patch}"),
            connection_table_size: listing.info.connection_table_size,
            services: listing.services.iter().map(Service::new).collect(),
        }
    }
}

impl<'a> Service<'a> {
    fn new(listed: &'a ListedService) -> Self {
        let ListedService { service, servers } = listed;
        let ServiceEntry {
            key,
            settings,
            counters,
        } = service;
        let (protocol, fwmark) = match *key {
            ServiceKey::Address { protocol, .. } => (Some(protocol_name(protocol)), None),
            ServiceKey::Fwmark { mark, .. } => (None, Some(mark.get())),
        };
        let names = SchedulerFlags::names(&settings.scheduler);
        let set = (0..)
            .zip(names)
            .filter(|(bit, _)| settings.scheduler_flags.bits() & (1 << bit) != 0);
        Self {
            protocol,
            family: family_name(key.family()),
            address: key.address(),
            port: key.port(),
            fwmark,
            scheduler: settings.scheduler.name(),
            scheduler_flags: set.map(|(_, name)| name).collect(),
            one_packet: settings.one_packet,
            persistence: PersistenceJson::new(key.family(), settings),
            counters: Totals::new(counters),
            rates: Rates::new(counters),
            servers: servers.iter().map(Server::new).collect(),
        }
    }
}

impl<'a> PersistenceJson<'a> {
    fn new(family: AddressFamily, settings: &'a ServiceSettings) -> Option<Self> {
        let (netmask, prefix_length) = match (settings.granularity, family) {
            (Granularity::Single, AddressFamily::Ipv4) => (Some(Ipv4Addr::BROADCAST), None),
            (Granularity::Single, AddressFamily::Ipv6) => (None, Some(128)),
            (Granularity::Mask(mask), _) => (Some(mask), None),
            (Granularity::Prefix(length), _) => (None, Some(length)),
        };
        Some(Self {
            timeout: settings.persistence?.0,
            netmask,
            prefix_length,
            engine: settings.engine.as_ref().map(PersistenceEngine::name),
        })
    }
}

impl Server {
    fn new(entry: &ServerEntry) -> Self {
        let server = &entry.server;
        let (forwarding, tunnel) = match server.forwarding {
            ForwardingMethod::Masquerading => ("nat", None),
            ForwardingMethod::DirectRouting => ("dr", None),
            ForwardingMethod::Tunneling(tunnel) => ("tun", Some(TunnelJson::new(tunnel))),
            ForwardingMethod::Local => ("local", None),
            ForwardingMethod::Bypass => ("bypass", None),
            ForwardingMethod::Other(_) => ("unknown", None),
        };
        Self {
            address: entry.key.address,
            port: entry.key.port,
            forwarding,
            tunnel,
            weight: server.weight.get(),
            upper_threshold: server.thresholds.upper,
            lower_threshold: server.thresholds.lower,
            connections: Connections {
                active: entry.connections.active,
                inactive: entry.connections.inactive,
                persistent: entry.connections.persistent,
            },
            counters: Totals::new(&entry.counters),
            rates: Rates::new(&entry.counters),
        }
    }
}

impl TunnelJson {
    const fn new(tunnel: Tunnel) -> Self {
        let (kind, port) = match tunnel.kind {
            TunnelKind::Ipip => ("ipip", None),
            TunnelKind::Gue { port } => ("gue", Some(port)),
            TunnelKind::Gre => ("gre", None),
            TunnelKind::Other(_) => ("unknown", None),
        };
        let checksum = match tunnel.checksum {
            TunnelChecksum::None => "none",
            TunnelChecksum::Full => "full",
            TunnelChecksum::Remote => "remote",
            TunnelChecksum::Other(_) => "unknown",
        };
        Self {
            kind,
            port,
            checksum,
        }
    }
}

impl Totals {
    const fn new(counters: &Counters) -> Self {
        Self {
            connections: counters.connections,
            in_packets: counters.in_packets,
            out_packets: counters.out_packets,
            in_bytes: counters.in_bytes,
            out_bytes: counters.out_bytes,
        }
    }
}

impl Rates {
    const fn new(counters: &Counters) -> Self {
        Self {
            connections: counters.connection_rate,
            in_packets: counters.in_packet_rate,
            out_packets: counters.out_packet_rate,
            in_bytes: counters.in_byte_rate,
            out_bytes: counters.out_byte_rate,
        }
    }
}

/// `-L --timeout --json`.
#[derive(Debug, Serialize)]
pub struct TimeoutsDocument {
    timeouts: TimeoutsJson,
}

#[derive(Debug, Serialize)]
struct TimeoutsJson {
    tcp: u32,
    tcp_fin: u32,
    udp: u32,
}

impl From<Timeouts> for TimeoutsDocument {
    fn from(timeouts: Timeouts) -> Self {
        let Timeouts { tcp, tcp_fin, udp } = timeouts;
        let timeouts = TimeoutsJson {
            tcp: tcp.0,
            tcp_fin: tcp_fin.0,
            udp: udp.0,
        };
        Self { timeouts }
    }
}

/// `-L --daemon --json`.
#[derive(Debug, Serialize)]
pub struct DaemonsDocument<'a> {
    sync_daemons: Vec<Daemon<'a>>,
}

#[derive(Debug, Serialize)]
struct Daemon<'a> {
    role: &'static str,
    interface: &'a str,
    sync_id: u8,
    max_length: u16,
    group: Option<IpAddr>,
    port: u16,
    ttl: u8,
}

impl<'a> DaemonsDocument<'a> {
    /// The daemons' document.
    #[must_use]
    pub fn new(daemons: &'a [SyncDaemon]) -> Self {
        let daemon = |daemon: &'a SyncDaemon| Daemon {
            role: match daemon.role {
                SyncRole::Master => "master",
                SyncRole::Backup => "backup",
            },
            interface: &daemon.interface,
            sync_id: daemon.sync_id,
            max_length: daemon.max_length,
            group: daemon.group,
            port: daemon.port,
            ttl: daemon.ttl,
        };
        Self {
            sync_daemons: daemons.iter().map(daemon).collect(),
        }
    }
}

/// `tcp`, `udp`, `sctp`, or the number.
fn protocol_name(protocol: Protocol) -> String {
    match protocol {
        Protocol::Tcp | Protocol::Udp | Protocol::Sctp => protocol.to_string().to_lowercase(),
        Protocol::Other(number) => number.to_string(),
    }
}

const fn family_name(family: AddressFamily) -> &'static str {
    match family {
        AddressFamily::Ipv4 => "ipv4",
        AddressFamily::Ipv6 => "ipv6",
    }
}
