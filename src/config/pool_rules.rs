// SPDX-License-Identifier: MIT OR Apache-2.0
//! How the servers of a virtual service stand in for each other.

use std::collections::BTreeMap;

use super::check::NamedChecks;
use super::section::QUORUM;
use super::server::ServerItem;
use super::setting::{Setting, Subject, innermost, innermost_or};
use super::tree::{Entry, Node, Value};
use super::value::{decimal, integer, map, text};
use crate::diagnostic::{Finding, Findings, Shown, Wrong};
use crate::model::{
    ConfiguredServer, MinHealthy, PoolRules, Quorum, QuorumUnit, Rank, ServerKey, Weight,
};

/// The most servers that a rule can ask for.
const MOST: u32 = 200_000;

/// The rules of one layer.
#[derive(Debug, Clone, Default)]
pub(super) struct PoolLayer {
    min_healthy: Setting<MinHealthy>,
    quorum: Setting<Quorum>,
    sorry_server: Setting<Box<ServerItem>>,
}

impl PoolLayer {
    /// Reads a key if it is one of these settings, and returns whether it is.
    pub(super) fn take(
        &mut self,
        entry: &Entry<'_>,
        named: &NamedChecks,
        out: &mut Findings,
    ) -> bool {
        let (name, node) = (&*entry.key, &entry.value);
        match name {
            "min_healthy" => self.min_healthy = Setting::read(node, min_healthy(name, node, out)),
            "quorum" => self.quorum = Setting::read(node, quorum(node, out)),
            "sorry_server" => {
                self.sorry_server = Setting::read(node, sorry_server(node, named, out));
            }
            _ => return false,
        }
        true
    }

    /// The sorry server of a service, from all layers, the service's own first.
    pub(super) fn sorry_server<'l>(
        layers: &[&'l Self; 2],
    ) -> Result<Option<&'l ServerItem>, Wrong> {
        let found = innermost(layers, |layer| &layer.sorry_server)?;
        Ok(found.map(|found| &**found.value))
    }

    /// The rules of a service with these servers, from all layers, the service's own first.
    pub(super) fn resolve(
        layers: &[&Self; 2],
        servers: &BTreeMap<ServerKey, ConfiguredServer>,
        subject: &Subject,
        out: &mut Findings,
    ) -> Result<PoolRules, Wrong> {
        let default = PoolRules::default();
        let min_healthy = innermost_or(layers, |layer| &layer.min_healthy, default.min_healthy);
        let found = innermost(layers, |layer| &layer.quorum)?;
        let primaries = servers.values().filter(|it| it.rank == Rank::Primary);
        if let Some(found) = found
            && primaries.clone().next().is_some()
        {
            let (all, of) = match found.value.unit {
                QuorumUnit::Servers => (primaries.count() as u64, "the number of primaries is"),
                QuorumUnit::Weight => {
                    let weights = primaries.map(|it| u64::from(it.real_server.weight.get()));
                    (weights.sum(), "the weight of all primaries is")
                }
            };
            if u64::from(found.value.needed) > all {
                let message = format!("quorum {} is never met: {of} {all}", found.value.needed);
                let help = "backup servers and the sorry server do not count";
                out.push(subject.finding(found.span, message).help(help));
                return Err(Wrong);
            }
        }
        Ok(PoolRules {
            min_healthy: min_healthy?,
            quorum: found.map_or(default.quorum, |found| *found.value),
        })
    }
}

/// Whether a service has servers, but no primary.
pub(super) fn has_only_reserves(servers: &BTreeMap<ServerKey, ConfiguredServer>) -> bool {
    let has = |rank| servers.values().any(|it| it.rank == rank);
    has(Rank::Backup) && !has(Rank::Primary)
}

/// A number of servers, or a map.
fn quorum(node: &Node<'_>, out: &mut Findings) -> Result<Quorum, Wrong> {
    let Value::Map(_) = node.value else {
        return Ok(Quorum {
            needed: integer("quorum", node, 1..=MOST, None, out)?,
            ..Quorum::ONE
        });
    };
    let entries = map(&QUORUM, node, out)?;
    let (mut needed, mut hysteresis) = (None, Ok(0));
    for entry in entries {
        let (name, value) = (&*entry.key, &entry.value);
        let (unit, most) = match name {
            "servers" => (QuorumUnit::Servers, MOST),
            "weight" => (QuorumUnit::Weight, Weight::MAX.get()),
            "hysteresis" => {
                hysteresis = integer(name, value, 0..=Weight::MAX.get(), None, out);
                continue;
            }
            _ => {
                QUORUM.unknown_key(entry, entries, out);
                continue;
            }
        };
        if needed.is_some() {
            let finding = Finding::new(entry.span, "quorum has servers or weight");
            out.push(finding.help("remove one of them"));
        }
        needed = Some(integer(name, value, 1..=most, None, out).map(|needed| (unit, needed)));
    }
    let Some(needed) = needed else {
        let finding = Finding::new(node.span, "quorum needs servers or weight");
        out.push(finding.help("write {servers: 2}, or {weight: 20}"));
        return Err(Wrong);
    };
    let ((unit, needed), hysteresis) = (needed?, hysteresis?);
    if hysteresis >= needed {
        let message = format!("hysteresis {hysteresis} is not below the quorum {needed}");
        let help = "the quorum is lost below the difference of both";
        out.push(Finding::new(node.span, message).help(help));
        return Err(Wrong);
    }
    Ok(Quorum {
        unit,
        needed,
        hysteresis,
    })
}

/// An address, or a map with one.
fn sorry_server(
    node: &Node<'_>,
    named: &NamedChecks,
    out: &mut Findings,
) -> Result<Box<ServerItem>, Wrong> {
    let mut item = ServerItem::read(node, named, out)?;
    if item.rank == Rank::Backup {
        let finding = Finding::new(node.span, "a sorry server is no backup server");
        out.push(finding.help("remove backup, or list it under servers"));
        return Err(Wrong);
    }
    item.rank = Rank::Sorry;
    Ok(Box::new(item))
}

/// A number of servers, or a share of them.
fn min_healthy(name: &str, node: &Node<'_>, out: &mut Findings) -> Result<MinHealthy, Wrong> {
    let wanted = format!("0 to {MOST} servers, or 0% to 100%");
    let text = text(name, node, &wanted, out)?;
    let found = match text.strip_suffix('%') {
        Some(share) => decimal(share)
            .and_then(|share| u8::try_from(share).ok())
            .filter(|share| *share <= 100)
            .map(MinHealthy::Percent),
        None => decimal(text)
            .filter(|number| *number <= MOST)
            .map(MinHealthy::Servers),
    };
    found.ok_or_else(|| {
        let message = format!("{name} must be {wanted}, got {}", Shown(text));
        out.push(Finding::new(node.span, message).help("0 lets all servers go"));
        Wrong
    })
}
