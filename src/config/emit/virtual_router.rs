// SPDX-License-Identifier: MIT OR Apache-2.0
//! `virtual_routers`, every default spelled out.

use std::collections::BTreeMap;
use std::fmt;

use super::Quoted;
use crate::config::duration;
use crate::model::{ConfiguredRouter, Preempt};

/// Writes the list, if there is one.
pub(super) fn write_routers(
    routers: &BTreeMap<Box<str>, ConfiguredRouter>,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    if routers.is_empty() {
        return Ok(());
    }
    f.write_str("virtual_routers:\n")?;
    routers
        .iter()
        .try_for_each(|(name, router)| write_router(name, router, f))
}

fn write_router(name: &str, router: &ConfiguredRouter, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let ConfiguredRouter {
        interface,
        vrid,
        version,
        priority,
        interval,
        preempt,
        hold,
        refresh,
        source,
        peers,
        addresses,
    } = router;
    writeln!(f, "  - name: {}", Quoted(name))?;
    writeln!(f, "    interface: {}", Quoted(interface))?;
    writeln!(f, "    vrid: {vrid}")?;
    let each = addresses.iter().map(|it| format!("\"{it}\""));
    writeln!(
        f,
        "    addresses: [{}]",
        each.collect::<Vec<_>>().join(", ")
    )?;
    writeln!(f, "    version: {version}")?;
    writeln!(f, "    priority: {priority}")?;
    writeln!(f, "    interval: {}", duration::write(interval.duration()))?;
    let preempt = match preempt {
        Preempt::Never => "never".to_owned(),
        Preempt::Always => "always".to_owned(),
        Preempt::After(time) => duration::write(*time),
    };
    writeln!(f, "    preempt: {preempt}")?;
    writeln!(f, "    hold: {}", duration::write(*hold))?;
    let refresh = refresh.map_or_else(|| "none".to_owned(), duration::write);
    writeln!(f, "    refresh: {refresh}")?;
    if let Some(source) = source {
        writeln!(f, "    source: \"{source}\"")?;
    }
    if !peers.is_empty() {
        let each = peers.iter().map(|it| format!("\"{it}\""));
        writeln!(f, "    peers: [{}]", each.collect::<Vec<_>>().join(", "))?;
    }
    Ok(())
}
