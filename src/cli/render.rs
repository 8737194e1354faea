// SPDX-License-Identifier: MIT OR Apache-2.0
//! Listings as ipvsadm 1.31 prints them, byte for byte, blanks at the ends of lines included.

use std::fmt::{self, Write};

use super::brief::{Brief, BriefError, Source};
use super::compat;
use super::endpoint::{cut, endpoint, pad, push_column, push_endpoint};
use super::listing::{ListedService, Listing};
use crate::codec::ipvs::{Info, ServerEntry, ServiceEntry};
use crate::codec::sockopt::ServerSummary;
use crate::ipvsadm::list::{Columns, Format};
use crate::model::{
    AddressFamily, Counters, ForwardingMethod, Protocol, ServerKey, ServiceKey, ServiceSettings,
    SyncDaemon, SyncRole, Timeouts, Tunnel, TunnelChecksum, TunnelKind,
};
use crate::system::Names;

/// Services and servers, by name when `names` has one.
pub fn render(
    out: &mut impl Write,
    listing: &Listing,
    format: Format,
    names: &Names,
) -> fmt::Result {
    if listing.whole {
        write_version(out, listing.info)?;
    }
    out.write_str(title(format.columns))?;
    for ListedService { service, servers } in &listing.services {
        write_service(out, service, format, names)?;
        for server in servers {
            write_server(out, service.key, server, format, names)?;
        }
    }
    Ok(())
}

/// All services with the default columns, by number: the same text as [`render`] makes.
pub(super) fn render_brief(
    out: &mut impl Write,
    listing: &Brief,
    source: &mut impl Source,
) -> Result<(), BriefError> {
    write_version(out, listing.info)?;
    out.write_str(title(Columns::Settings))?;
    let names = Names::default();
    let mut line = String::with_capacity(128);
    listing.each(source, |service, servers| {
        write_service(out, service, Format::DEFAULT, &names)?;
        let protocol = protocol(service.key);
        servers.iter().try_for_each(|server| {
            line.clear();
            push_server(&mut line, server.key, protocol, &names);
            push_counts(&mut line, server);
            out.write_str(&line)
        })
    })
}

fn write_version(out: &mut impl Write, info: Info) -> fmt::Result {
    let Info {
        version: (major, minor, patch),
        connection_table_size: size,
    } = info;
    writeln!(
        out,
        "IP Virtual Server version {major}.{minor}.{patch} (size={size})"
    )
}

/// `-L --timeout`.
pub fn render_timeouts(out: &mut impl Write, timeouts: Timeouts) -> fmt::Result {
    let Timeouts { tcp, tcp_fin, udp } = timeouts;
    writeln!(out, "Timeout (tcp tcpfin udp): {tcp} {tcp_fin} {udp}")
}

/// `-L --daemon`: a line for each.
pub fn render_daemons(out: &mut impl Write, daemons: &[SyncDaemon]) -> fmt::Result {
    for daemon in daemons {
        let role = match daemon.role {
            SyncRole::Master => "master",
            SyncRole::Backup => "backup",
        };
        let (interface, id) = (&daemon.interface, daemon.sync_id);
        write!(out, "{role} sync daemon (mcast={interface}, syncid={id}")?;
        // Kernels before 4.3 do not send the rest.
        if daemon.max_length != 0 {
            write!(out, ", maxlen={}", daemon.max_length)?;
        }
        if let Some(group) = daemon.group {
            write!(out, ", group={group}")?;
        }
        if daemon.port != 0 {
            write!(out, ", port={}", daemon.port)?;
        }
        if daemon.ttl != 0 {
            write!(out, ", ttl={}", daemon.ttl)?;
        }
        out.write_str(")\n")?;
    }
    Ok(())
}

const fn title(columns: Columns) -> &'static str {
    match columns {
        Columns::Settings => {
            "Prot LocalAddress:Port Scheduler Flags\n  \
             -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n"
        }
        Columns::Counters => {
            "Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes\n  \
             -> RemoteAddress:Port\n"
        }
        Columns::Rates => {
            "Prot LocalAddress:Port                 CPS    InPPS   OutPPS    InBPS   OutBPS\n  \
             -> RemoteAddress:Port\n"
        }
        Columns::Thresholds => {
            "Prot LocalAddress:Port            Uthreshold Lthreshold ActiveConn InActConn \n  \
             -> RemoteAddress:Port\n"
        }
        Columns::PersistentConnections => {
            "Prot LocalAddress:Port            Weight    PersistConn ActiveConn InActConn \n  \
             -> RemoteAddress:Port\n"
        }
        Columns::Tunnels => {
            "Prot LocalAddress:Port Scheduler Flags\n  \
             -> RemoteAddress:Port           Forward TunnelInfo    Weight ActiveConn InActConn\n"
        }
    }
}

fn write_service(
    out: &mut impl Write,
    service: &ServiceEntry,
    format: Format,
    names: &Names,
) -> fmt::Result {
    let name = service_name(&service.key, format.compat, names);
    let counters = &service.counters;
    match format.columns {
        Columns::Counters => {
            write!(out, "{name:<33}")?;
            write_numbers(out, counters.totals(), format.exact)?;
        }
        Columns::Rates => {
            write!(out, "{name:<33}")?;
            write_numbers(out, rates(counters), format.exact)?;
        }
        Columns::Settings
        | Columns::Thresholds
        | Columns::PersistentConnections
        | Columns::Tunnels => {
            out.write_str(&name)?;
            write_settings(out, &service.settings, format.compat)?;
        }
    }
    out.write_char('\n')
}

/// `TCP 10.0.0.100:80`, `FWM 8 IPv6`. Long names of IPv4 services are cut at the column.
pub(super) fn service_name(key: &ServiceKey, compat: bool, names: &Names) -> String {
    match *key {
        ServiceKey::Fwmark { mark, family } if compat => match family {
            AddressFamily::Ipv4 => format!("FWM  {}", compat::mark(mark)),
            AddressFamily::Ipv6 => format!("FWM  {} IPv6", compat::mark(mark)),
        },
        ServiceKey::Address {
            protocol,
            address,
            port,
        } => {
            let at = endpoint(names, address, port, Some(protocol));
            let mut name = format!("{protocol:<4} {at}");
            if address.is_ipv4() {
                cut(&mut name, 33);
            }
            name
        }
        // The model's own words, one blank wider: `FWM 8 IPv6`.
        ServiceKey::Fwmark { .. } => key.to_string().replacen(' ', "  ", 1),
    }
}

fn write_settings(out: &mut impl Write, settings: &ServiceSettings, compat: bool) -> fmt::Result {
    let flags = settings.scheduler_flags;
    write!(out, " {}", settings.scheduler)?;
    if !flags.is_empty() {
        let names = if compat {
            compat::flag_names(settings)
        } else {
            flags.display(&settings.scheduler)
        };
        write!(out, " ({names})")?;
    }
    if let Some(timeout) = settings.persistence {
        write!(out, " persistent {timeout}")?;
        if let Some(granularity) = settings.granularity.argument() {
            write!(out, " mask {granularity}")?;
        }
        if let Some(engine) = &settings.engine {
            write!(out, " pe {engine}")?;
        }
    }
    if settings.one_packet {
        out.write_str(" ops")?;
    }
    Ok(())
}

fn write_server(
    out: &mut impl Write,
    service: ServiceKey,
    entry: &ServerEntry,
    format: Format,
    names: &Names,
) -> fmt::Result {
    let mut line = String::with_capacity(128);
    push_server(&mut line, entry.key, protocol(service), names);
    if format.columns == Columns::Settings {
        push_counts(&mut line, &ServerSummary::from(entry));
        return out.write_str(&line);
    }
    out.write_str(&line)?;
    let (server, connections) = (&entry.server, &entry.connections);
    let (active, inactive) = (connections.active, connections.inactive);
    let weight = server.weight.get();
    match format.columns {
        Columns::Counters => {
            write_numbers(out, entry.counters.totals(), format.exact)?;
            return out.write_char('\n');
        }
        Columns::Rates => {
            let [connections, in_packets, out_packets, in_bytes, out_bytes] =
                rates(&entry.counters);
            write!(out, " {connections:>8} {in_packets:>8} {out_packets:>8}")?;
            write_numbers(out, [in_bytes, out_bytes], format.exact)?;
            return out.write_char('\n');
        }
        // Written already.
        Columns::Settings => return Ok(()),
        Columns::Thresholds => {
            let thresholds = server.thresholds;
            write!(out, " {:<10} {:<10}", thresholds.upper, thresholds.lower)?;
        }
        Columns::PersistentConnections => {
            write!(out, " {weight:<9} {:<11}", connections.persistent)?;
        }
        Columns::Tunnels => {
            let tunnel = encapsulation(server.forwarding);
            write!(out, " {:<7} {tunnel:<13} {weight:<6}", server.forwarding)?;
        }
    }
    writeln!(out, " {active:<10} {inactive:<10}")
}

const fn protocol(service: ServiceKey) -> Option<Protocol> {
    match service {
        ServiceKey::Address { protocol, .. } => Some(protocol),
        ServiceKey::Fwmark { .. } => None,
    }
}

/// Weight and connections.
/// A server's line up to its name.
fn push_server(line: &mut String, key: ServerKey, protocol: Option<Protocol>, names: &Names) {
    line.push_str("  -> ");
    let start = line.len();
    push_endpoint(line, names, key.address, key.port, protocol);
    if key.address.is_ipv4() {
        cut(line, start + 28);
    }
    pad(line, start, 28);
}

/// The rest of the line under the default columns.
fn push_counts(line: &mut String, server: &ServerSummary) {
    line.push(' ');
    let start = line.len();
    line.push_str(server.method);
    pad(line, start, 7);
    push_column(line, server.weight, 6);
    push_column(line, server.active, 10);
    push_column(line, server.inactive, 10);
    line.push('\n');
}

/// `gue:6080:-c`, `gre:+c`, `ipip`, and `n/a` for servers that are not tunneled to.
fn encapsulation(method: ForwardingMethod) -> String {
    let ForwardingMethod::Tunneling(Tunnel { kind, checksum }) = method else {
        return "n/a".to_owned();
    };
    let checksum = match checksum {
        TunnelChecksum::None => "-c".to_owned(),
        TunnelChecksum::Full => "+c".to_owned(),
        TunnelChecksum::Remote => "r+c".to_owned(),
        TunnelChecksum::Other(flags) => flags.to_string(),
    };
    match kind {
        TunnelKind::Ipip => "ipip".to_owned(),
        TunnelKind::Gue { port } => format!("gue:{port}:{checksum}"),
        TunnelKind::Gre => format!("gre:{checksum}"),
        TunnelKind::Other(kind) => kind.to_string(),
    }
}

const fn rates(counters: &Counters) -> [u64; 5] {
    [
        counters.connection_rate,
        counters.in_packet_rate,
        counters.out_packet_rate,
        counters.in_byte_rate,
        counters.out_byte_rate,
    ]
}

fn write_numbers(
    out: &mut impl Write,
    numbers: impl IntoIterator<Item = u64>,
    exact: bool,
) -> fmt::Result {
    for number in numbers {
        match abbreviated(number) {
            Some((number, unit)) if !exact => write!(out, "{number:>8}{unit}")?,
            _ => write!(out, " {number:>8}")?,
        }
    }
    Ok(())
}

/// A number of more than eight digits in a unit that shortens it to eight at most.
const fn abbreviated(number: u64) -> Option<(u64, char)> {
    match number {
        0..100_000_000 => None,
        100_000_000..1_000_000_000 => Some((number / 1_000, 'K')),
        1_000_000_000..100_000_000_000 => Some((number / 1_000_000, 'M')),
        100_000_000_000..100_000_000_000_000 => Some((number / 1_000_000_000, 'G')),
        100_000_000_000_000.. => Some((number / 1_000_000_000_000, 'T')),
    }
}

#[cfg(test)]
#[path = "render_tests.rs"]
mod tests;
