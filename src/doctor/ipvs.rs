// SPDX-License-Identifier: MIT OR Apache-2.0
//! Settings of IPVS that hurt, by the version of the kernel and by what the services need.

use super::addresses::own_servers;
use super::facts::{Facts, KernelVersion, servers};
use super::finding::{Fact, Trouble};
use crate::model::ForwardingMethod;

/// Since then `expire_nodest_conn` counts in every `conn_reuse_mode` (c95c07836fa4).
const NODEST_IN_EVERY_MODE: KernelVersion = KernelVersion(5, 16);
/// Since then the table of connections grows by itself.
const GROWING_TABLE: KernelVersion = KernelVersion(7, 1);
/// More connections than this for each bucket make the search slow.
const LONG_CHAIN: u64 = 8;

fn sysctl(key: &str, value: i32) -> String {
    format!("sysctl -w {}={value}", Facts::vs(key))
}

/// Whether a flag is off: by the configuration, or by the kernel where the configuration keeps what is there.
fn is_off(facts: &Facts, key: &str, configured: Option<bool>) -> Fact<bool> {
    match configured {
        Some(on) => Ok(!on),
        None => Ok(facts.setting(&Facts::vs(key))? == Some(0)),
    }
}

fn off(key: &str, configured: Option<bool>, why: &str) -> Trouble {
    let name = Facts::vs(key);
    match configured {
        Some(_) => Trouble::warning(
            format!("{name} is 0, as the configuration says (ipvs: {key}: false)"),
            why,
        ),
        None => Trouble::warning(
            format!("{name} is 0, and the configuration keeps it (ipvs: {key}: keep)"),
            why,
        )
        .mended_by(sysctl(key, 1)),
    }
}

/// Whether a client's old port leads to its old server.
pub(super) fn conn_reuse_mode(facts: &Facts) -> Fact<Vec<Trouble>> {
    let configured = facts.config()?.ipvs.conn_reuse_mode.map(i32::from);
    let mode = match configured {
        Some(mode) => Some(mode),
        None => facts.setting(&Facts::vs("conn_reuse_mode"))?,
    };
    if mode != Some(0) {
        return Ok(Vec::new());
    }
    let kernel = facts.kernel.clone()?;
    let why = if kernel < NODEST_IN_EVERY_MODE {
        format!(
            "Before Linux 5.16 (this is {kernel}) a new connection from the port of an old one then goes to the old server, \
             even if that drains or is down."
        )
    } else {
        "A new connection from the port of an old one goes to the old server, and no scheduler is asked: load balancers and \
         proxies in front, which use ports again, stay where they were."
            .to_owned()
    };
    let trouble = Trouble::warning("net.ipv4.vs.conn_reuse_mode is 0", why);
    Ok(vec![match configured {
        Some(_) => trouble.mended_by(
            "director reload --wait    # after conn_reuse_mode: 1 in the configuration's ipvs",
        ),
        None => trouble.mended_by(sysctl("conn_reuse_mode", 1)),
    }])
}

/// Connections of a removed server hang until they time out.
pub(super) fn expire_nodest_conn(facts: &Facts) -> Fact<Vec<Trouble>> {
    let (key, configured) = (
        "expire_nodest_conn",
        facts.config()?.ipvs.expire_nodest_conn,
    );
    let why = "Clients of a server that was removed hang for up to 15 minutes: the kernel drops their packets in silence.";
    let is_off = is_off(facts, key, configured)?;
    Ok(is_off
        .then(|| off(key, configured, why))
        .into_iter()
        .collect())
}

/// Persistence leads clients to servers of weight 0.
pub(super) fn expire_quiescent_template(facts: &Facts) -> Fact<Vec<Trouble>> {
    let config = facts.config()?;
    let mut services = config.services.values();
    if !services.any(|service| service.settings.persistence.is_some()) {
        return Ok(Vec::new());
    }
    let (key, configured) = (
        "expire_quiescent_template",
        config.ipvs.expire_quiescent_template,
    );
    let why = "Persistence goes on to send its clients to a server of weight 0: a drain never ends, and a dead server keeps \
               its clients.";
    let is_off = is_off(facts, key, configured)?;
    Ok(is_off
        .then(|| off(key, configured, why))
        .into_iter()
        .collect())
}

/// Any packet makes a connection.
pub(super) fn sloppy_tcp(facts: &Facts) -> Fact<Vec<Trouble>> {
    let key = "sloppy_tcp";
    if facts.config()?.keeps_connections() || facts.setting(&Facts::vs(key))? != Some(1) {
        return Ok(Vec::new());
    }
    Ok(vec![
        Trouble::warning(
            "net.ipv4.vs.sloppy_tcp is 1, and no service keeps its connections over a failover",
            "Every forged packet then makes an entry in the table of connections that stays for 15 minutes.",
        )
        .mended_by(sysctl(key, 0)),
    ])
}

/// Errors of routers on the way to the client, of connections that nobody knows yet.
pub(super) fn schedule_icmp(facts: &Facts) -> Fact<Vec<Trouble>> {
    let key = "schedule_icmp";
    let needed = facts.config()?.keeps_connections() && facts.running()?.is_some();
    if !needed || facts.setting(&Facts::vs(key))? != Some(0) {
        return Ok(Vec::new());
    }
    Ok(vec![
        Trouble::warning(
            "net.ipv4.vs.schedule_icmp is 0, and services keep their connections over a failover",
            "After a take-over, messages about too large packets do not reach the server, and downloads hang.",
        )
        .mended_by(sysctl(key, 1)),
    ])
}

/// Without it large packets are cut in pieces.
pub(super) fn pmtu_disc(facts: &Facts) -> Fact<Vec<Trouble>> {
    let key = "pmtu_disc";
    let tunneled = |it: &crate::model::ConfiguredServer| {
        matches!(it.real_server.forwarding, ForwardingMethod::Tunneling(_))
    };
    let needed = servers(facts.config()?).any(|(_, _, it)| tunneled(it));
    if !needed || facts.setting(&Facts::vs(key))? != Some(0) {
        return Ok(Vec::new());
    }
    Ok(vec![
        Trouble::note(
            "net.ipv4.vs.pmtu_disc is 0, and servers are reached through tunnels",
            "This host cuts packets that are too large for the tunnel in pieces, and clients never learn to send smaller ones.",
        )
        .mended_by(sysctl(key, 1)),
    ])
}

/// The kernel throws connections away, or packets.
pub(super) fn defence(facts: &Facts) -> Fact<Vec<Trouble>> {
    let mut troubles = Vec::new();
    for (key, does) in [
        (
            "drop_entry",
            "throws away connections that are half open, at random",
        ),
        (
            "drop_packet",
            "drops one of some packets before it looks at them",
        ),
        (
            "secure_tcp",
            "forgets connections much sooner, idle ones after seconds",
        ),
    ] {
        if facts.setting(&Facts::vs(key))? == Some(3) {
            let trouble = Trouble::warning(
                format!("{} is 3: always on", Facts::vs(key)),
                format!(
                    "The kernel {does}, also when there is memory enough; 1 does that only when memory is short."
                ),
            );
            troubles.push(trouble.mended_by(sysctl(key, 1)));
        }
    }
    Ok(troubles)
}

/// A director that is a real server of the other one.
pub(super) fn backup_only(facts: &Facts) -> Fact<Vec<Trouble>> {
    let key = "backup_only";
    if facts.config()?.connection_sync.is_none() || facts.setting(&Facts::vs(key))? != Some(0) {
        return Ok(Vec::new());
    }
    let own = own_servers(facts)?;
    let direct = own
        .into_iter()
        .find(|(_, _, it)| it.forwarding.keeps_port());
    Ok(direct.map(|(service, server, _)| {
        let trouble = Trouble::warning(
            format!("net.ipv4.vs.backup_only is 0, and this host is the real server {server} of {service}"),
            "While it is backup, this host sends packets that the other director has sent here on to other servers, and some go \
             round for ever.",
        );
        trouble.mended_by(sysctl(key, 1))
    })
    .into_iter()
    .collect())
}

/// Long chains in a table that does not grow.
pub(super) fn connection_table(facts: &Facts) -> Fact<Vec<Trouble>> {
    let Some(bits) = facts.table_bits.clone()? else {
        return Ok(Vec::new());
    };
    let (connections, kernel) = (facts.connections.clone()?, facts.kernel.clone()?);
    let buckets = 1_u64 << bits.min(32);
    if kernel >= GROWING_TABLE || connections <= buckets * LONG_CHAIN {
        return Ok(Vec::new());
    }
    let enough = (bits..20)
        .find(|bits| connections <= 1 << bits)
        .unwrap_or(20);
    Ok(vec![
        Trouble::warning(
            format!("{connections} connections are in a table of {buckets} buckets (ip_vs.conn_tab_bits={bits})"),
            "The kernel looks through all connections of a bucket for each packet. The table gets its size when ip_vs is loaded: \
             after the next boot.",
        )
        .mended_by(format!(
            "echo options ip_vs conn_tab_bits={enough} > /etc/modprobe.d/ip_vs.conf"
        )),
    ])
}
