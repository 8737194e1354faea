// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the director's process may do, and the time it goes by.

use std::collections::BTreeMap;

use super::facts::{Capability, Facts, servers};
use super::finding::{Fact, Severity, Trouble};
use crate::model::{Config, ProbeKind, ReplayCheck, RouterAuthentication};

/// Sockets, files and pipes of the director beside those of its servers.
const OTHER_FILES: u64 = 256;

/// Which capabilities a configuration needs, and for what.
fn needed(config: &Config) -> BTreeMap<Capability, &'static str> {
    let mut needed = BTreeMap::from([(Capability::NetAdmin, "IPVS")]);
    if !config.routers.is_empty() {
        needed.insert(Capability::NetRaw, "virtual_routers");
    }
    for (_, _, server) in servers(config) {
        for check in server.checks.each.iter() {
            match &check.probe.kind {
                ProbeKind::Icmp => drop(needed.insert(Capability::NetRaw, "checks of type icmp")),
                ProbeKind::Vip(_) => drop(needed.insert(Capability::NetRaw, "checks of type vip")),
                ProbeKind::Exec(exec) if exec.user.is_some() => {
                    needed.insert(Capability::Setuid, "checks of type exec with a user");
                    needed.insert(Capability::Setgid, "checks of type exec with a user");
                }
                ProbeKind::Tcp
                | ProbeKind::TcpTalk(_)
                | ProbeKind::Udp(_)
                | ProbeKind::Amqp(_)
                | ProbeKind::Rabbitmq(_)
                | ProbeKind::Http(_)
                | ProbeKind::Agent(_)
                | ProbeKind::File(_)
                | ProbeKind::Exec(_)
                | ProbeKind::Tls(_)
                | ProbeKind::Dns(_)
                | ProbeKind::Smtp(_) => {}
            }
        }
    }
    if config.director.real_time.is_some() {
        needed.insert(Capability::SysNice, "director: real_time");
    }
    if config.director.lock_memory {
        needed.insert(Capability::IpcLock, "director: lock_memory");
    }
    needed
}

/// What the configuration asks for and the process may not do.
pub(super) fn capabilities(facts: &Facts) -> Fact<Vec<Trouble>> {
    let has = facts.capabilities.clone()?;
    let missing: Vec<_> = needed(facts.config()?)
        .into_iter()
        .filter(|(capability, _)| has & capability.bit() == 0)
        .collect();
    let Some((_, purpose)) = missing.first() else {
        return Ok(Vec::new());
    };
    let names: Vec<_> = missing.iter().map(|(it, _)| it.name()).collect();
    let names = names.join(" ");
    let why = format!("Without it the kernel refuses what the configuration asks for: {purpose}.");
    Ok(vec![match facts.running()? {
        Some(running) => Trouble::error(format!("the running director (pid {}) lacks {names}", running.pid), why)
            .mended_by(format!(
                "mkdir -p /etc/systemd/system/director.service.d && printf '[Service]\\nCapabilityBoundingSet={names}\\n\
                 AmbientCapabilities={names}\\n' > /etc/systemd/system/director.service.d/capabilities.conf && systemctl \
                 daemon-reload && systemctl restart director"
            )),
        None => Trouble::warning(format!("this process lacks {names}, and so would a director that is started like it"), why)
            .mended_by("sudo director doctor"),
    }])
}

/// Each check may have a connection open, and a tripwire another one.
pub(super) fn open_files(facts: &Facts) -> Fact<Vec<Trouble>> {
    let Some(limit) = facts.open_files.clone()? else {
        return Ok(Vec::new());
    };
    let checks = servers(facts.config()?).map(|(_, _, it)| it.checks.each.iter().count());
    let checks = u64::try_from(checks.sum::<usize>()).unwrap_or(u64::MAX);
    let needed = checks.saturating_mul(2).saturating_add(OTHER_FILES);
    if limit >= needed {
        return Ok(Vec::new());
    }
    Ok(vec![
        Trouble::warning(
            format!("the running director may open {limit} files, and {checks} checks may need {needed}"),
            "Checks then wait for each other, and tripwires find no room: a dead server is found later.",
        )
        .mended_by(format!(
            "mkdir -p /etc/systemd/system/director.service.d && printf '[Service]\\nLimitNOFILE={needed}\\n' > \
             /etc/systemd/system/director.service.d/files.conf && systemctl daemon-reload && systemctl restart director"
        )),
    ])
}

/// Certificates, signatures by time, and the times in two logs.
pub(super) fn clock(facts: &Facts) -> Fact<Vec<Trouble>> {
    if facts.synchronised.clone()? {
        return Ok(Vec::new());
    }
    let config = facts.config()?;
    let by_time = config
        .routers
        .values()
        .any(|router| match &router.authentication {
            Some(RouterAuthentication::Hmac(hmac)) => hmac.anti_replay == ReplayCheck::Time,
            Some(RouterAuthentication::Password(_)) | None => false,
        });
    let (severity, why) = if by_time {
        (
            Severity::Warning,
            "Virtual routers drop signed advertisements of a host whose clock differs: then both become master.",
        )
    } else {
        (
            Severity::Note,
            "Checks judge certificates by it, and the times in the logs of two hosts cannot be compared.",
        )
    };
    let what = "nobody keeps this host's clock right (the kernel says: not synchronised)";
    Ok(vec![
        Trouble::new(severity, what, why).mended_by("timedatectl set-ntp true"),
    ])
}
