// SPDX-License-Identifier: MIT OR Apache-2.0
//! The table of a configuration as `ipvsadm -S -n` prints it.

use std::fmt::Write as _;

use super::Exported;
use super::omission::{OfServer, Omissions};
use crate::ipvsadm::{ServerRule, ServiceRule};
use crate::model::{
    AllUp, Config, ConfiguredServer, ConfiguredService, Failover, IpvsSettings, IpvsTable, Rank,
    Role, ServiceKey,
};
use crate::plan::desired;

/// The lines that make the table of this configuration while every server is up: `ipvsadm -R` and `lvsadm -R` read them.
#[must_use]
pub fn to_ipvsadm(config: &Config) -> Exported {
    let table = desired(config, &AllUp, Role::Serving, &IpvsTable::default());
    let mut text = String::new();
    for (key, service) in &table.services {
        // A string takes everything.
        let _ = writeln!(text, "-A {}", ServiceRule(key, &service.settings));
        for (server, real) in &service.servers {
            let _ = writeln!(text, "-a {}", ServerRule(key, server, Some(real)));
        }
    }
    let mut omissions = Omissions::default();
    for (key, service) in &config.services {
        of_service(key, service, &mut omissions);
    }
    of_host(config, &mut omissions);
    Exported {
        text,
        omissions: omissions.told(config),
    }
}

fn of_service(key: &ServiceKey, service: &ConfiguredService, omissions: &mut Omissions) {
    match service.failover {
        Failover::Usual => {}
        Failover::KeepConnections => {
            omissions.note_service(key, "failover: the lines say nothing about another host");
        }
    }
    for (server, configured) in service.servers.iter() {
        let mut of = OfServer {
            omissions,
            service: *key,
            server: *server,
        };
        of_server(configured, &mut of);
    }
}

fn of_server(configured: &ConfiguredServer, of: &mut OfServer<'_>) {
    if !configured.checks.each.is_empty() {
        of.note("check: ipvsadm checks nobody, and takes nobody out");
    }
    match configured.rank {
        Rank::Primary => {}
        Rank::Backup => of.note("backup: it is not in the table while the others are up"),
        Rank::Sorry => of.note("sorry_server: it is not in the table while the others are up"),
    }
    if configured.slow_start.is_some() {
        of.note("slow_start: the weight is the full one");
    }
}

fn of_host(config: &Config, omissions: &mut Omissions) {
    let IpvsSettings {
        tcp_timeout,
        tcp_fin_timeout,
        udp_timeout,
        ..
    } = config.ipvs;
    let timeouts = [tcp_timeout, tcp_fin_timeout, udp_timeout];
    if timeouts.iter().any(Option::is_some) {
        // 0 leaves a timeout as it is.
        let [tcp, fin, udp] = timeouts.map(|it| it.map_or(0, |it| it.0));
        let set = format!("the timeouts: run ipvsadm --set {tcp} {fin} {udp}");
        omissions.note_section("ipvs", set);
    }
    for setting in super::keepalived::sysctls(&config.ipvs) {
        omissions.note_section("ipvs", setting);
    }
    if config.connection_sync.is_some() {
        omissions.note_section(
            "connection_sync",
            "the lines have no daemons: run ipvsadm --start-daemon",
        );
    }
    if config.peer.is_some() {
        omissions.note_section("peer", "ipvsadm talks to nobody");
    }
    for name in config.routers.keys() {
        omissions.note_router(name, "ipvsadm has no virtual addresses");
    }
}
