// SPDX-License-Identifier: MIT OR Apache-2.0
//! `pools`: named lists of real servers that several virtual services share.

use std::collections::{BTreeMap, HashMap};

use super::check::NamedChecks;
use super::server::ServerItem;
use super::tree::{Entry, Node, Value};
use super::value::{kind, list, text};
use crate::diagnostic::{Finding, Findings, Shown, Wrong, nearest};

/// The pools of a file, by name.
#[derive(Debug, Default)]
pub(super) struct Pools(BTreeMap<Box<str>, Vec<ServerItem>>);

impl Pools {
    /// Reads the map of pools; nothing is no pool.
    pub(super) fn read(node: &Node<'_>, named: &NamedChecks, out: &mut Findings) -> Self {
        let mut pools = BTreeMap::new();
        match &node.value {
            Value::Map(entries) => {
                for entry in entries.iter() {
                    pools.insert((*entry.key).into(), servers(entry, named, out));
                }
            }
            Value::Scalar { .. } if node.is_null() => {}
            Value::Scalar { .. } | Value::List(_) => {
                let message = format!("pools must be a map, got {}", kind(node));
                let help = "write names, each with a list of real servers";
                out.push(Finding::new(node.span, message).help(help));
            }
        }
        Self(pools)
    }

    /// The servers of the pool that `pool:` names.
    pub(super) fn get(&self, node: &Node<'_>, out: &mut Findings) -> Result<&[ServerItem], Wrong> {
        let name = text("pool", node, "the name of a pool", out)?;
        if let Some(servers) = self.0.get(name) {
            return Ok(servers);
        }
        let known = || self.0.keys().map(|name| &**name);
        let help = match nearest(name, known().take(1000)) {
            Some(near) => format!("did you mean {}?", Shown(near)),
            None if self.0.is_empty() => "there are no pools in this file".to_owned(),
            None => {
                let names: Vec<_> = known()
                    .take(10)
                    .map(|name| Shown(name).to_string())
                    .collect();
                format!("there are: {}", names.join(", "))
            }
        };
        let message = format!("unknown pool \"{}\"", Shown(name));
        out.push(Finding::new(node.span, message).help(help));
        Err(Wrong)
    }
}

fn servers(entry: &Entry<'_>, named: &NamedChecks, out: &mut Findings) -> Vec<ServerItem> {
    const EMPTY: &str = "write [] for a pool without real servers";
    let name = format!("pool {}", Shown(&entry.key));
    let Ok(nodes) = list(&name, &entry.value, EMPTY, out) else {
        return Vec::new();
    };
    let mut servers: Vec<ServerItem> = Vec::with_capacity(nodes.len());
    let mut firsts = HashMap::with_capacity(nodes.len());
    for node in nodes {
        let Ok(server) = ServerItem::read(node, named, out) else {
            continue;
        };
        let address = (server.address.ip, server.address.port);
        if let Some(first) = firsts.get(&address) {
            let message = format!("duplicate real server in {name}");
            let finding = Finding::new(server.span, message).first(*first);
            out.push(finding.help("a larger share is a larger weight"));
            continue;
        }
        firsts.insert(address, server.span);
        servers.push(server);
    }
    servers
}
