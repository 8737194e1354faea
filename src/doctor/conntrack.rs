// SPDX-License-Identifier: MIT OR Apache-2.0
//! The firewall's own table of connections.

use super::facts::{Facts, KernelVersion};
use super::finding::{Fact, Trouble};
use crate::model::SysctlName;

/// Since then a new connection may follow an old one of the firewall's table at once (f719e3754ee2).
const REUSE_WITHOUT_DELAY: KernelVersion = KernelVersion(5, 9);

fn setting(key: &str) -> SysctlName {
    SysctlName::net(&["netfilter", key])
}

/// A second of delay for each port that is used again.
pub(super) fn with_reuse(facts: &Facts) -> Fact<Vec<Trouble>> {
    let conntrack = Facts::vs("conntrack");
    if facts.setting(&conntrack)? != Some(1) {
        return Ok(Vec::new());
    }
    let configured = facts.config()?.ipvs.conn_reuse_mode.map(i32::from);
    let mode = match configured {
        Some(mode) => Some(mode),
        None => facts.setting(&Facts::vs("conn_reuse_mode"))?,
    };
    let kernel = facts.kernel.clone()?;
    if kernel >= REUSE_WITHOUT_DELAY || mode == Some(0) {
        return Ok(Vec::new());
    }
    Ok(vec![
        Trouble::warning(
            format!("{conntrack} is 1 with conn_reuse_mode {} on {kernel}", mode.unwrap_or(1)),
            "Before Linux 5.9 the first packet of a connection from a port that is used again is dropped: it takes a second \
             more.",
        )
        .mended_by(format!("sysctl -w {conntrack}=0")),
    ])
}

/// The firewall drops new connections when it has no room.
pub(super) fn full(facts: &Facts) -> Fact<Vec<Trouble>> {
    let most = setting("nf_conntrack_max");
    let (Some(count), Some(max)) = (
        facts.setting(&setting("nf_conntrack_count"))?,
        facts.setting(&most)?,
    ) else {
        return Ok(Vec::new());
    };
    if max <= 0 || i64::from(count) * 10 < i64::from(max) * 9 {
        return Ok(Vec::new());
    }
    let (what, why) = (
        format!("nf_conntrack has {count} of at most {max} connections"),
        "When its table is full, the firewall drops the packets of new connections (\"nf_conntrack: table full\").",
    );
    let trouble = if count >= max {
        Trouble::error(what, why)
    } else {
        Trouble::warning(what, why)
    };
    Ok(vec![trouble.mended_by(format!(
        "sysctl -w {most}={}",
        i64::from(max).saturating_mul(4).min(i64::from(i32::MAX))
    ))])
}

/// The firewall does not let connections pass that it has not seen begin.
pub(super) fn tcp_loose(facts: &Facts) -> Fact<Vec<Trouble>> {
    let loose = setting("nf_conntrack_tcp_loose");
    if !facts.config()?.keeps_connections() || facts.setting(&loose)? != Some(0) {
        return Ok(Vec::new());
    }
    Ok(vec![
        Trouble::warning(
            format!("{loose} is 0, and services keep their connections over a failover"),
            "To the firewall a connection that was taken over is invalid; rules that drop those (ct state invalid drop) break it.",
        )
        .mended_by(format!("sysctl -w {loose}=1")),
    ])
}
