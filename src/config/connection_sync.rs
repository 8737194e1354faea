// SPDX-License-Identifier: MIT OR Apache-2.0
//! `connection_sync`: the kernel tells the other director's kernel of its connections.

use std::net::IpAddr;
use std::time::Duration;

use super::check::interface;
use super::section::CONNECTION_SYNC;
use super::tree::{Entry, Node};
use super::value::{choice, duration, integer, map, port, text};
use crate::diagnostic::{Finding, Findings, Shown, Wrong};
use crate::model::{ConnectionSync, SyncRoles};

/// Nobody waits longer than this for a hand-over.
const LONGEST_SEND: Duration = Duration::from_secs(60);

/// Reads the section. `has_routers` says whether the file has virtual routers, whose roles the daemons can follow.
pub(super) fn read(
    entry: &Entry<'_>,
    has_routers: bool,
    out: &mut Findings,
) -> Result<ConnectionSync, Wrong> {
    let entries = map(&CONNECTION_SYNC, &entry.value, out)?;
    let mut sync = ConnectionSync::default();
    let mut wrong = false;
    let mut on = None;
    for entry in entries {
        let (name, node) = (&*entry.key, &entry.value);
        let read = match name {
            "interface" => interface(name, node, out).map(|name| on = Some(name)),
            "id" => number(name, node, 0..=255, out).map(|id| sync.id = id),
            "group" => group(name, node, out).map(|group| sync.group = Some(group)),
            "port" => port(name, node, out).map(|port| sync.port = port),
            "ttl" => number(name, node, 1..=255, out).map(|ttl| sync.ttl = ttl),
            "max_length" => {
                number(name, node, 576..=65507, out).map(|length| sync.max_length = length)
            }
            "roles" => roles(name, node, out).map(|roles| sync.roles = roles),
            "longest_send" => {
                let range = Duration::ZERO..=LONGEST_SEND;
                duration(name, node, range, out).map(|longest| sync.longest_send = longest)
            }
            _ => {
                CONNECTION_SYNC.unknown_key(entry, entries, out);
                Err(Wrong)
            }
        };
        wrong |= read.is_err();
    }
    let has_interface = entries.iter().any(|entry| &*entry.key == "interface");
    if !has_interface {
        let finding = Finding::new(entry.value.span, "connection_sync needs an interface");
        out.push(finding.help("write interface: eth1, a network of the directors alone"));
        return Err(Wrong);
    }
    if sync.roles == SyncRoles::Follow && !has_routers && !wrong {
        let message = "connection_sync follows the virtual routers, and the file has none";
        let help = "write roles: both: then each director sends and receives all the time";
        out.push(Finding::new(entry.value.span, message).help(help));
        return Err(Wrong);
    }
    sync.interface = on.ok_or(Wrong)?;
    if wrong { Err(Wrong) } else { Ok(sync) }
}

fn roles(name: &str, node: &Node<'_>, out: &mut Findings) -> Result<SyncRoles, Wrong> {
    let words = [("follow", SyncRoles::Follow), ("both", SyncRoles::Both)];
    choice(name, node, &words, &[], out)
}

fn number<T: TryFrom<u32>>(
    name: &str,
    node: &Node<'_>,
    range: std::ops::RangeInclusive<u32>,
    out: &mut Findings,
) -> Result<T, Wrong> {
    // The range is part of the type.
    let read = integer(name, node, range, None, out)?;
    T::try_from(read).map_err(|_| Wrong)
}

fn group(name: &str, node: &Node<'_>, out: &mut Findings) -> Result<IpAddr, Wrong> {
    const WANTED: &str = "a multicast address";
    let text = text(name, node, WANTED, out)?;
    let address = text.parse().ok().filter(IpAddr::is_multicast);
    address.ok_or_else(|| {
        let message = format!("{name} must be {WANTED}, got {}", Shown(text));
        let finding = Finding::new(node.span, message);
        out.push(finding.help("224.0.0.81 is the kernel's own"));
        Wrong
    })
}
