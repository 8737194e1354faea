// SPDX-License-Identifier: MIT OR Apache-2.0
//! `global_defs`, and what of the whole host keepalived leaves to others.

use super::names::Names;
use super::text::{Text, word};
use crate::export::omission::Omissions;
use crate::model::{
    Config, ConfiguredRouter, ConnectionSync, ExecProbe, IpvsSettings, ProbeKind, SyncRoles,
    TrackedObject,
};

pub(super) fn write_globals(
    config: &Config,
    names: &Names<'_>,
    text: &mut Text,
    omissions: &mut Omissions,
) {
    let mut inside = Text::default();
    write_timeouts(&config.ipvs, &mut inside);
    if let Some(sync) = &config.connection_sync {
        write_sync(sync, config, names, &mut inside, omissions);
    }
    let real_time = config.director.real_time.map(|it| it.get().to_string());
    let mut lines = lines(inside);
    lines.extend(real_time.map(|it| format!("vrrp_rt_priority {it}")));
    if config.director.lock_memory {
        lines.extend(["vrrp_no_swap", "checker_no_swap"].map(str::to_owned));
    }
    lines.extend(script_lines(config));
    text.list("global_defs", &lines);
    for setting in sysctls(&config.ipvs) {
        omissions.note_section("ipvs", setting);
    }
    if config.peer.is_some() {
        omissions.note_section(
            "peer",
            "two keepalived share neither orders nor what their checks find",
        );
    }
}

fn lines(text: Text) -> Vec<String> {
    text.written().lines().map(str::to_owned).collect()
}

fn write_timeouts(ipvs: &IpvsSettings, text: &mut Text) {
    let each = [
        ("tcp", ipvs.tcp_timeout),
        ("tcpfin", ipvs.tcp_fin_timeout),
        ("udp", ipvs.udp_timeout),
    ];
    let set = each.iter().filter_map(|(word, seconds)| {
        let seconds = seconds.as_ref()?;
        Some(format!(" {word} {seconds}"))
    });
    let set: String = set.collect();
    text.setting(
        "lvs_timeouts",
        Some(set.trim_start()).filter(|it| !it.is_empty()),
    );
}

fn write_sync(
    sync: &ConnectionSync,
    config: &Config,
    names: &Names<'_>,
    text: &mut Text,
    omissions: &mut Omissions,
) {
    const SECTION: &str = "connection_sync";
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
    let Some(interface) = word(interface) else {
        omissions.note_section(SECTION, "interface: keepalived cannot read this name");
        return;
    };
    let follows = match roles {
        SyncRoles::Both => None,
        SyncRoles::Follow => config.routers.keys().next(),
    };
    let instance = follows.map_or_else(String::new, |name| format!(" inst {}", names.router(name)));
    let number = |word: &str, number: u16| match number {
        0 => String::new(),
        number => format!(" {word} {number}"),
    };
    let (length, port, ttl) = (
        number("maxlen", *max_length),
        number("port", *port),
        number("ttl", u16::from(*ttl)),
    );
    let group = group.map_or_else(String::new, |group| format!(" group {group}"));
    text.line(format_args!(
        "lvs_sync_daemon {interface}{instance} id {id}{length}{port}{ttl}{group}"
    ));
    if follows.is_some() && config.routers.len() > 1 {
        omissions.note_section(
            SECTION,
            "roles: keepalived's daemons follow one virtual router, here the first one",
        );
    }
    if !longest_send.is_zero() {
        omissions.note_section(
            SECTION,
            "longest_send: keepalived sends nothing before a hand-over",
        );
    }
}

/// What keepalived has to know before it runs a program.
fn script_lines(config: &Config) -> Vec<String> {
    let mut programs = programs(config).peekable();
    if programs.peek().is_none() {
        return Vec::new();
    }
    let mut lines = vec!["enable_script_security".to_owned()];
    // Without it keepalived runs them as root, where there is no user keepalived_script.
    if programs.any(|program| user(program).is_none()) {
        lines.push("script_user nobody".to_owned());
    }
    lines
}

/// As whom keepalived runs a program: it takes names only.
pub(super) fn user(program: &ExecProbe) -> Option<String> {
    let user = program.user.as_deref()?;
    let is_number = user.bytes().all(|it| it.is_ascii_digit());
    word(user).filter(|_| !is_number)
}

fn programs(config: &Config) -> impl Iterator<Item = &ExecProbe> {
    let servers = config.services.values().flat_map(|it| it.servers.values());
    let checks = servers.flat_map(|server| server.checks.each.iter());
    let checks = checks.filter_map(|check| match &check.probe.kind {
        ProbeKind::Exec(program) => Some(&**program),
        ProbeKind::Tcp
        | ProbeKind::TcpTalk(_)
        | ProbeKind::Udp(_)
        | ProbeKind::Amqp(_)
        | ProbeKind::Rabbitmq(_)
        | ProbeKind::Http(_)
        | ProbeKind::Agent(_)
        | ProbeKind::File(_)
        | ProbeKind::Tls(_)
        | ProbeKind::Vip(_)
        | ProbeKind::Dns(_)
        | ProbeKind::Smtp(_)
        | ProbeKind::Icmp => None,
    });
    let tracked = config.routers.values().flat_map(ConfiguredRouter::tracked);
    let scripts = tracked.filter_map(|object| match object {
        TrackedObject::Script(script) => Some(&script.program),
        TrackedObject::Interface(_)
        | TrackedObject::Route { .. }
        | TrackedObject::File(_)
        | TrackedObject::Process(_)
        | TrackedObject::Service(_) => None,
    });
    checks.chain(scripts)
}

/// The settings of the kernel that somebody else has to make.
pub(in crate::export) fn sysctls(ipvs: &IpvsSettings) -> impl Iterator<Item = String> {
    let number = |on: Option<bool>| on.map(i64::from);
    let each = [
        ("expire_nodest_conn", number(ipvs.expire_nodest_conn)),
        (
            "expire_quiescent_template",
            number(ipvs.expire_quiescent_template),
        ),
        ("conn_reuse_mode", ipvs.conn_reuse_mode.map(i64::from)),
        ("conn_lfactor", ipvs.conn_lfactor.map(i64::from)),
    ];
    each.into_iter().filter_map(|(name, value)| {
        let value = value?;
        let older = match name {
            "conn_lfactor" => ", on Linux 7.1 and later",
            _ => "",
        };
        Some(format!(
            "{name}: run sysctl net.ipv4.vs.{name}={value}{older}"
        ))
    })
}
