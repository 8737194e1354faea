// SPDX-License-Identifier: MIT OR Apache-2.0
//! `peer`: the other director of a pair.

use std::net::SocketAddr;

use super::address;
use super::director::file;
use super::section::PEER;
use super::tree::{Entry, Node};
use super::value::map;
use crate::diagnostic::{Finding, Findings, Wrong};
use crate::model::{AddressFamily, Peer};

const NEEDS: &str =
    "write address: the other director's, and key_file: a file with the same key on both";

/// Reads the section.
pub(super) fn read(entry: &Entry<'_>, out: &mut Findings) -> Result<Peer, Wrong> {
    let entries = map(&PEER, &entry.value, out)?;
    let (mut at, mut bind, mut key_file) = (None, None, None);
    let mut wrong = false;
    for entry in entries {
        let (name, node) = (&*entry.key, &entry.value);
        let read = match name {
            "address" => address::read(name, node, out).map(|it| at = Some(it)),
            "bind" => address::read(name, node, out).map(|it| bind = Some((it, node))),
            "key_file" => file(name, node, out)
                .map(|(path, _)| key_file = Some(path))
                .ok_or(Wrong),
            _ => {
                PEER.unknown_key(entry, entries, out);
                Err(Wrong)
            }
        };
        wrong |= read.is_err();
    }
    if wrong {
        return Err(Wrong);
    }
    let (Some(at), Some(key_file)) = (at, key_file) else {
        let finding = Finding::new(entry.value.span, "peer needs an address and a key_file");
        out.push(finding.help(NEEDS));
        return Err(Wrong);
    };
    let port = at.port.unwrap_or(Peer::PORT);
    let bind = bind.map(|(bind, node)| (SocketAddr::new(bind.ip, bind.port.unwrap_or(port)), node));
    let peer = Peer {
        address: SocketAddr::new(at.ip, port),
        bind: bind.map(|(at, _)| at),
        key_file: key_file.into(),
    };
    let at = bind.map_or(&entry.value, |(_, node)| node);
    sensible(&peer, at, out).map(|()| peer)
}

/// Whether two directors can meet so.
fn sensible(peer: &Peer, node: &Node<'_>, out: &mut Findings) -> Result<(), Wrong> {
    let own = peer.listens_at();
    let message = if own.port() == 0 || peer.address.port() == 0 {
        "the port of peer must be 1 to 65535, got 0".to_owned()
    } else if AddressFamily::of(own.ip()) != AddressFamily::of(peer.address.ip()) {
        format!(
            "bind {} and address {} of peer are of two families",
            own.ip(),
            peer.address.ip()
        )
    } else if own == peer.address {
        format!("bind and address of peer are both {own}")
    } else {
        return Ok(());
    };
    let finding = Finding::new(node.span, message);
    out.push(finding.help("address is the other director's, bind is this director's own"));
    Err(Wrong)
}
