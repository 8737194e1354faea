// SPDX-License-Identifier: MIT OR Apache-2.0
//! `virtual_server` and `real_server`.

use super::checker::write_checkers;
use super::text::{Text, word};
use crate::export::omission::{OfServer, Omissions};
use crate::model::{
    AddressFamily, ConfiguredServer, ConfiguredService, Failover, ForwardingMethod, MinHealthy,
    PoolRules, Protocol, Quorum, QuorumUnit, Rank, Scheduler, SchedulerFlags, ServerKey,
    ServiceKey, ServiceSettings, Tunnel, TunnelChecksum, TunnelKind, Weight,
};

pub(super) fn write_service(
    key: &ServiceKey,
    service: &ConfiguredService,
    text: &mut Text,
    omissions: &mut Omissions,
) {
    let servers = service.servers.iter();
    let primaries: Vec<_> = servers
        .filter(|(_, server)| server.rank == Rank::Primary)
        .collect();
    note_rules(key, service, omissions);
    let Some((_, first)) = primaries.first() else {
        omissions.note_service(key, "keepalived has no virtual server without real servers");
        return;
    };
    let method = first.real_server.forwarding;
    text.block(format_args!("virtual_server {}", place(key)), |text| {
        write_settings(key, &service.settings, text, omissions);
        text.setting("lvs_method", lvs_method(method));
        let weights: Vec<Weight> = primaries
            .iter()
            .map(|(_, server)| server.real_server.weight)
            .collect();
        write_quorum(key, service.pool.quorum, &weights, text, omissions);
        for (server, configured) in service.servers.iter() {
            let mut of = OfServer {
                omissions,
                service: *key,
                server: *server,
            };
            match configured.rank {
                Rank::Primary => write_server(configured, method, text, &mut of),
                Rank::Backup => {
                    of.note("backup: keepalived has no backup servers; it is left out");
                }
                Rank::Sorry => write_sorry(configured, text, &mut of),
            }
        }
    });
}

fn place(key: &ServiceKey) -> String {
    match *key {
        ServiceKey::Address { address, port, .. } => format!("{address} {port}"),
        ServiceKey::Fwmark { mark, .. } => format!("fwmark {mark}"),
    }
}

fn note_rules(key: &ServiceKey, service: &ConfiguredService, omissions: &mut Omissions) {
    let PoolRules {
        min_healthy,
        quorum: _,
    } = service.pool;
    if min_healthy != MinHealthy::Servers(0) {
        omissions.note_service(
            key,
            "min_healthy: keepalived takes the last server out, too",
        );
    }
    match service.failover {
        Failover::Usual => {}
        Failover::KeepConnections => {
            omissions.note_service(
                key,
                "failover: keepalived has nothing that keeps connections over a take-over",
            );
        }
    }
}

/// What `protocol` and the scheduler say. The flags have to come after the scheduler.
fn write_settings(
    key: &ServiceKey,
    settings: &ServiceSettings,
    text: &mut Text,
    omissions: &mut Omissions,
) {
    let ServiceSettings {
        scheduler,
        scheduler_flags,
        one_packet,
        persistence,
        granularity,
        engine,
    } = settings;
    match *key {
        ServiceKey::Address { protocol, .. } => text.setting("protocol", protocol_word(protocol)),
        ServiceKey::Fwmark { family, .. } => text.setting(
            "ip_family",
            Some(match family {
                AddressFamily::Ipv4 => "inet",
                AddressFamily::Ipv6 => "inet6",
            }),
        ),
    }
    if Scheduler::KNOWN.contains(&scheduler.name()) {
        text.setting("lvs_sched", Some(scheduler));
        text.lines(&flag_words(*scheduler_flags, scheduler));
    } else {
        omissions.note_service(key, "scheduler: keepalived does not know it, and takes wlc");
    }
    if *one_packet {
        text.line("ops");
    }
    // Keepalived makes a service persistent by each of these.
    if let Some(timeout) = persistence {
        text.setting("persistence_timeout", Some(timeout));
        text.setting("persistence_granularity", granularity.argument());
        let engine = engine.as_ref().and_then(|engine| word(engine.name()));
        text.setting("persistence_engine", engine);
    }
}

fn protocol_word(protocol: Protocol) -> Option<Protocol> {
    match protocol {
        Protocol::Tcp | Protocol::Udp | Protocol::Sctp => Some(protocol),
        Protocol::Other(_) => None,
    }
}

/// A keyword each.
fn flag_words(flags: SchedulerFlags, scheduler: &Scheduler) -> Vec<String> {
    let words = flags.display(scheduler);
    let words = words.split(',').filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

/// `DR`, `TUN type gue port 6080 csum`.
fn lvs_method(method: ForwardingMethod) -> Option<String> {
    match method {
        ForwardingMethod::Masquerading => Some("NAT".to_owned()),
        ForwardingMethod::DirectRouting => Some("DR".to_owned()),
        ForwardingMethod::Tunneling(Tunnel { kind, checksum }) => {
            let kind = match kind {
                TunnelKind::Ipip => return Some("TUN type ipip".to_owned()),
                TunnelKind::Gue { port } => format!("gue port {port}"),
                TunnelKind::Gre => "gre".to_owned(),
                TunnelKind::Other(_) => return None,
            };
            let checksum = match checksum {
                TunnelChecksum::None => "nocsum",
                TunnelChecksum::Full => "csum",
                TunnelChecksum::Remote => "remcsum",
                TunnelChecksum::Other(_) => return None,
            };
            Some(format!("TUN type {kind} {checksum}"))
        }
        ForwardingMethod::Local | ForwardingMethod::Bypass | ForwardingMethod::Other(_) => None,
    }
}

/// Keepalived counts weights. One server is the same as a weight of 1.
fn write_quorum(
    key: &ServiceKey,
    quorum: Quorum,
    weights: &[Weight],
    text: &mut Text,
    omissions: &mut Omissions,
) {
    if quorum == Quorum::ONE {
        return;
    }
    let Quorum {
        unit,
        needed,
        hysteresis,
    } = quorum;
    let least = weights.iter().min().map_or(1, |weight| weight.get());
    let each = match unit {
        QuorumUnit::Weight => 1,
        QuorumUnit::Servers => least,
    };
    if unit == QuorumUnit::Servers && weights.iter().any(|weight| weight.get() != least) {
        omissions.note_service(
            key,
            "quorum: keepalived counts weights, and these differ; each server counts as the smallest",
        );
    }
    let needed = needed.saturating_mul(each).max(1);
    text.setting("quorum", Some(needed));
    let hysteresis = hysteresis.saturating_mul(each);
    if hysteresis >= needed {
        omissions.note_service(key, "hysteresis: with keepalived it is below the quorum");
    }
    text.setting(
        "hysteresis",
        Some(hysteresis.min(needed - 1)).filter(|it| *it > 0),
    );
}

/// An address, and a port where there is one.
fn endpoint(server: ServerKey) -> String {
    format!("{} {}", server.address, server.port)
}

fn write_server(
    configured: &ConfiguredServer,
    usual: ForwardingMethod,
    text: &mut Text,
    of: &mut OfServer<'_>,
) {
    let ConfiguredServer {
        real_server,
        checks,
        inhibit_on_failure,
        rank: _,
        drain,
        slow_start,
    } = configured;
    if drain.is_some() {
        of.note("drain: keepalived removes a server that leaves the file at once");
    }
    if slow_start.is_some() {
        of.note("slow_start: keepalived gives a server its whole weight at once");
    }
    text.block(
        format_args!("real_server {}", endpoint(of.server)),
        |text| {
            text.setting("weight", Some(real_server.weight));
            let method = real_server.forwarding;
            text.setting("lvs_method", lvs_method(method).filter(|_| method != usual));
            let some = |number: u32| Some(number).filter(|number| *number > 0);
            text.setting("uthreshold", some(real_server.thresholds.upper));
            text.setting("lthreshold", some(real_server.thresholds.lower));
            if *inhibit_on_failure {
                text.line("inhibit_on_failure");
            }
            write_checkers(checks, text, of);
        },
    );
}

fn write_sorry(configured: &ConfiguredServer, text: &mut Text, of: &mut OfServer<'_>) {
    text.setting("sorry_server", Some(endpoint(of.server)));
    let method = lvs_method(configured.real_server.forwarding);
    text.setting("sorry_server_lvs_method", method);
    if configured.inhibit_on_failure {
        text.line("sorry_server_inhibit");
    }
    if !configured.checks.each.is_empty() {
        of.note("check: keepalived does not check a sorry server");
    }
    if configured.real_server.weight != Weight::ONE {
        of.note("weight: a sorry server of keepalived has weight 1");
    }
}
