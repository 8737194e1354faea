// SPDX-License-Identifier: MIT OR Apache-2.0
//! The effective configuration as a file: every default spelled out, nothing inherited.

mod check;
mod virtual_router;

use std::fmt::{self, Display, Write as _};
use std::time::Duration;

use self::check::write_checks;
use self::virtual_router::write_routers;
use super::duration;
use crate::model::{
    AddressFamily, Adoption, Config, ConfiguredServer, ConfiguredService, ConnectionSync,
    DirectorSettings, DrainTerms, Failover, ForwardingMethod, IpvsSettings, Peer, PoolRules,
    Protocol, QuorumUnit, Rank, Scheduler, SchedulerFlags, Seconds, ServerKey, ServiceKey,
    ServiceSettings, SyncRoles, Tunnel, TunnelChecksum, TunnelKind, WebListener, WebTls,
};

/// The configuration as a file that [`super::parse`] reads back to the same value.
///
/// Writes everything that `parse` can make. Some values only come from a kernel (protocols, tunnels and forwarding
/// methods without a name): it writes these as numbers, which `parse` refuses.
#[must_use]
pub fn to_yaml(config: &Config) -> String {
    File(config).to_string()
}

struct File<'a>(&'a Config);

impl Display for File<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Config {
            services,
            ipvs,
            director,
            routers,
            connection_sync,
            peer,
            web,
        } = self.0;
        write_director(director, f)?;
        write_ipvs(ipvs, f)?;
        write_routers(routers, f)?;
        if let Some(sync) = connection_sync {
            write_sync(sync, f)?;
        }
        if let Some(peer) = peer {
            write_peer(peer, f)?;
        }
        write_web(web, f)?;
        if services.is_empty() {
            return f.write_str("virtual_services: []\n");
        }
        f.write_str("virtual_services:\n")?;
        services
            .iter()
            .try_for_each(|(key, service)| write_service(key, service, f))
    }
}

fn write_director(director: &DirectorSettings, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let DirectorSettings {
        state_file,
        remembered_file,
        socket,
        repair_interval,
        remember,
        real_time,
        lock_memory,
        socket_group,
        socket_readers,
    } = director;
    f.write_str("director:\n")?;
    writeln!(f, "  state_file: {}", Quoted(&state_file.to_string_lossy()))?;
    let remembered_file = remembered_file.to_string_lossy();
    writeln!(f, "  remembered_file: {}", Quoted(&remembered_file))?;
    let remember = remember.map_or_else(|| "none".to_owned(), duration::write);
    writeln!(f, "  remember: {remember}")?;
    writeln!(f, "  socket: {}", Quoted(&socket.to_string_lossy()))?;
    let repair_interval = duration::write(*repair_interval);
    writeln!(f, "  repair_interval: {repair_interval}")?;
    let real_time = real_time.map_or_else(|| "off".to_owned(), |it| it.get().to_string());
    writeln!(f, "  real_time: {real_time}")?;
    writeln!(f, "  lock_memory: {lock_memory}")?;
    let groups = [
        ("socket_group", socket_group),
        ("socket_readers", socket_readers),
    ];
    for (key, group) in groups {
        if let Some(group) = group {
            writeln!(f, "  {key}: {}", Quoted(group))?;
        }
    }
    Ok(())
}

fn write_ipvs(ipvs: &IpvsSettings, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let IpvsSettings {
        tcp_timeout,
        tcp_fin_timeout,
        udp_timeout,
        expire_nodest_conn,
        expire_quiescent_template,
        conn_reuse_mode,
        conn_lfactor,
        adopt_connections,
    } = ipvs;
    let timeout = |seconds: &Option<Seconds>| seconds.map_or("keep".to_owned(), whole_seconds);
    f.write_str("ipvs:\n")?;
    writeln!(f, "  tcp_timeout: {}", timeout(tcp_timeout))?;
    writeln!(f, "  tcp_fin_timeout: {}", timeout(tcp_fin_timeout))?;
    writeln!(f, "  udp_timeout: {}", timeout(udp_timeout))?;
    let switch = |on: &Option<bool>| on.map_or("keep".to_owned(), |on| on.to_string());
    writeln!(f, "  expire_nodest_conn: {}", switch(expire_nodest_conn))?;
    let template = switch(expire_quiescent_template);
    writeln!(f, "  expire_quiescent_template: {template}")?;
    let mode = conn_reuse_mode.map_or("keep".to_owned(), |mode| mode.to_string());
    writeln!(f, "  conn_reuse_mode: {mode}")?;
    let factor = conn_lfactor.map_or("keep".to_owned(), |factor| factor.to_string());
    writeln!(f, "  conn_lfactor: {factor}")?;
    let adopt = match adopt_connections {
        Adoption::Always => "always".to_owned(),
        Adoption::For(time) => duration::write(*time),
    };
    writeln!(f, "  adopt_connections: {adopt}")
}

fn write_peer(peer: &Peer, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Peer {
        address,
        bind,
        key_file,
    } = peer;
    writeln!(f, "peer:\n  address: \"{address}\"")?;
    if let Some(bind) = bind {
        writeln!(f, "  bind: \"{bind}\"")?;
    }
    writeln!(f, "  key_file: {}", Quoted(&key_file.to_string_lossy()))
}

fn write_web(listeners: &[WebListener], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if listeners.is_empty() {
        return Ok(());
    }
    f.write_str("web:\n")?;
    for listener in listeners {
        let WebListener {
            listen,
            path,
            refresh,
            users_file,
            actions,
            tls,
        } = listener;
        writeln!(f, "  - listen: \"{listen}\"")?;
        writeln!(f, "    path: \"{path}\"")?;
        writeln!(f, "    refresh: {}", duration::write(*refresh))?;
        if let Some(file) = users_file {
            writeln!(f, "    users_file: {}", Quoted(&file.to_string_lossy()))?;
        }
        writeln!(f, "    actions: {actions}")?;
        if let Some(WebTls { certificate, key }) = tls {
            let certificate = certificate.to_string_lossy();
            writeln!(f, "    tls:\n      certificate: {}", Quoted(&certificate))?;
            writeln!(f, "      key: {}", Quoted(&key.to_string_lossy()))?;
        }
    }
    Ok(())
}

fn write_sync(sync: &ConnectionSync, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let ConnectionSync {
        roles,
        interface,
        id,
        group,
        port,
        ttl,
        max_length,
        longest_send,
    } = sync;
    let roles = match roles {
        SyncRoles::Follow => "follow",
        SyncRoles::Both => "both",
    };
    writeln!(f, "connection_sync:\n  interface: {}", Quoted(interface))?;
    writeln!(f, "  id: {id}\n  roles: {roles}")?;
    if let Some(group) = group {
        writeln!(f, "  group: \"{group}\"")?;
    }
    let numbers = [
        ("port", u32::from(*port)),
        ("ttl", u32::from(*ttl)),
        ("max_length", u32::from(*max_length)),
    ];
    let chosen = numbers.iter().filter(|(_, number)| *number != 0);
    chosen
        .clone()
        .try_for_each(|(key, number)| writeln!(f, "  {key}: {number}"))?;
    writeln!(f, "  longest_send: {}", duration::write(*longest_send))
}

fn write_service(
    key: &ServiceKey,
    service: &ConfiguredService,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    match *key {
        ServiceKey::Address {
            protocol,
            address,
            port,
        } => {
            writeln!(
                f,
                "  - address: {}",
                Endpoint(ServerKey::new(address, port))
            )?;
            writeln!(f, "    protocol: {}", protocol_word(protocol))?;
        }
        ServiceKey::Fwmark { mark, family } => {
            writeln!(f, "  - fwmark: {mark}")?;
            let family = match family {
                AddressFamily::Ipv4 => "ipv4",
                AddressFamily::Ipv6 => "ipv6",
            };
            writeln!(f, "    family: {family}")?;
        }
    }
    let settings = &service.settings;
    writeln!(f, "    scheduler: {}", settings.scheduler)?;
    let flags = flag_words(settings.scheduler_flags, &settings.scheduler);
    writeln!(f, "    scheduler_flags: [{flags}]")?;
    writeln!(f, "    one_packet: {}", settings.one_packet)?;
    write_persistence(key.family(), settings, f)?;
    let failover = match service.failover {
        Failover::Usual => "usual",
        Failover::KeepConnections => "keep_connections",
    };
    writeln!(f, "    failover: {failover}")?;
    write_rules(service.pool, f)?;
    let (sorry, servers): (Vec<_>, Vec<_>) = service
        .servers
        .iter()
        .partition(|(_, server)| server.rank == Rank::Sorry);
    for (key, server) in sorry {
        writeln!(f, "    sorry_server:\n        address: {}", Endpoint(*key))?;
        write_server(server, f)?;
    }
    if servers.is_empty() {
        return f.write_str("    servers: []\n");
    }
    f.write_str("    servers:\n")?;
    servers.into_iter().try_for_each(|(key, server)| {
        writeln!(f, "      - address: {}", Endpoint(*key))?;
        writeln!(f, "        backup: {}", server.rank == Rank::Backup)?;
        write_server(server, f)
    })
}

fn write_rules(rules: PoolRules, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let PoolRules {
        min_healthy,
        quorum,
    } = rules;
    writeln!(f, "    min_healthy: {min_healthy}")?;
    let unit = match quorum.unit {
        QuorumUnit::Servers => "servers",
        QuorumUnit::Weight => "weight",
    };
    let (needed, hysteresis) = (quorum.needed, quorum.hysteresis);
    writeln!(
        f,
        "    quorum: {{{unit}: {needed}, hysteresis: {hysteresis}}}"
    )
}

fn flag_words(flags: SchedulerFlags, scheduler: &Scheduler) -> String {
    flags.display(scheduler).replace(',', ", ")
}

fn protocol_word(protocol: Protocol) -> String {
    match protocol {
        Protocol::Tcp | Protocol::Udp | Protocol::Sctp => protocol.to_string().to_lowercase(),
        Protocol::Other(number) => number.to_string(),
    }
}

fn write_persistence(
    family: AddressFamily,
    settings: &ServiceSettings,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let Some(timeout) = settings.persistence else {
        return f.write_str("    persistence: none\n");
    };
    let timeout = whole_seconds(timeout);
    let single = match family {
        AddressFamily::Ipv4 => "32",
        AddressFamily::Ipv6 => "128",
    };
    let granularity = settings.granularity.argument();
    let granularity = granularity.as_deref().unwrap_or(single);
    let engine = settings.engine.as_ref();
    let engine = engine.map_or("none", |engine| engine.name());
    writeln!(
        f,
        "    persistence: {{timeout: {timeout}, granularity: {granularity}, engine: {engine}}}"
    )
}

fn write_server(server: &ConfiguredServer, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let real = &server.real_server;
    let word = match real.forwarding {
        ForwardingMethod::DirectRouting => "dr".to_owned(),
        ForwardingMethod::Masquerading => "nat".to_owned(),
        ForwardingMethod::Tunneling(_) => "tun".to_owned(),
        ForwardingMethod::Local => "1".to_owned(),
        ForwardingMethod::Bypass => "4".to_owned(),
        ForwardingMethod::Other(number) => number.to_string(),
    };
    writeln!(f, "        forwarding: {word}")?;
    if let ForwardingMethod::Tunneling(tunnel) = real.forwarding {
        write_tunnel(tunnel, f)?;
    }
    writeln!(f, "        weight: {}", real.weight)?;
    writeln!(f, "        upper_threshold: {}", real.thresholds.upper)?;
    writeln!(f, "        lower_threshold: {}", real.thresholds.lower)?;
    writeln!(
        f,
        "        inhibit_on_failure: {}",
        server.inhibit_on_failure
    )?;
    write_drain(server.drain, f)?;
    let slow_start = server.slow_start.map(duration::write);
    let slow_start = slow_start.as_deref().unwrap_or("none");
    writeln!(f, "        slow_start: {slow_start}")?;
    write_checks(&server.checks, f)
}

fn write_drain(drain: Option<DrainTerms>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Some(DrainTerms {
        deadline,
        templates,
    }) = drain
    else {
        return f.write_str("        drain: none\n");
    };
    let deadline = deadline.map_or_else(String::new, |deadline| {
        format!("deadline: {}, ", duration::write(deadline))
    });
    writeln!(f, "        drain: {{{deadline}templates: {templates}}}")
}

fn write_tunnel(tunnel: Tunnel, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("        tunnel: {type: ")?;
    match tunnel.kind {
        TunnelKind::Ipip => f.write_str("ipip")?,
        TunnelKind::Gue { port } => write!(f, "gue, port: {port}")?,
        TunnelKind::Gre => f.write_str("gre")?,
        TunnelKind::Other(number) => write!(f, "{number}")?,
    }
    match tunnel.checksum {
        TunnelChecksum::None => f.write_str(", checksum: none}\n"),
        TunnelChecksum::Full => f.write_str(", checksum: full}\n"),
        TunnelChecksum::Remote => f.write_str(", checksum: remote}\n"),
        TunnelChecksum::Other(number) => writeln!(f, ", checksum: {number}}}"),
    }
}

fn whole_seconds(seconds: Seconds) -> String {
    duration::write(Duration::from_secs(seconds.0.into()))
}

/// An address and port; IPv6 in quotes, because `[` opens a list.
struct Endpoint(ServerKey);

impl Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.family() {
            AddressFamily::Ipv4 => self.0.fmt(f),
            AddressFamily::Ipv6 => write!(f, "\"{}\"", self.0),
        }
    }
}

/// Text in double quotes, or bare when nothing in it could mean anything to YAML.
struct Quoted<'a>(&'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-');
        if self.0.starts_with('/') && self.0.chars().all(bare) {
            return f.write_str(self.0);
        }
        write_in_quotes(self.0, f)
    }
}

/// A text as YAML's double quotes hold it, whatever is in it.
pub(crate) fn write_in_quotes(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_char('"')?;
    for character in text.chars() {
        match character {
            '"' | '\\' => write!(f, "\\{character}")?,
            ' '..='~' => f.write_char(character)?,
            other => write!(f, "\\U{:08X}", u32::from(other))?,
        }
    }
    f.write_char('"')
}
