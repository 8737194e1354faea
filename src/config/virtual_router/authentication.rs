// SPDX-License-Identifier: MIT OR Apache-2.0
//! `authentication`: how a virtual router proves who it is.

use crate::config::check::file;
use crate::config::section::{AUTHENTICATION, AUTHENTICATION_HMAC, AUTHENTICATION_KEY};
use crate::config::tree::Node;
use crate::config::value::{choice, integer, list, map};
use crate::diagnostic::{Finding, Findings, Span, Wrong};
use crate::model::{
    HmacMode, ReplayCheck, RouterAuthentication, RouterHmac, RouterKey, VrrpVersion,
};

/// The most keys. Two are enough for a change of keys.
const MOST_KEYS: usize = 8;
const ONE: &str =
    "write authentication: {hmac: {keys: [{id: 1, key_file: /etc/lvs-director/vrrp.key}]}}";
const KEYS: &str = "write keys: [{id: 1, key_file: /etc/lvs-director/vrrp.key}]";

/// Reads the map.
pub(super) fn read(node: &Node<'_>, out: &mut Findings) -> Result<RouterAuthentication, Wrong> {
    let entries = map(&AUTHENTICATION, node, out)?;
    let (mut found, mut wrong) = (Vec::new(), false);
    for entry in entries {
        let (key, node) = (&*entry.key, &entry.value);
        let read = match key {
            "password_file" => file(key, node, out).map(RouterAuthentication::Password),
            "hmac" => hmac(node, out).map(RouterAuthentication::Hmac),
            _ => {
                AUTHENTICATION.unknown_key(entry, entries, out);
                Err(Wrong)
            }
        };
        match read {
            Ok(read) => found.push(read),
            Err(Wrong) => wrong = true,
        }
    }
    match (wrong, found.len(), found.pop()) {
        (true, ..) => Err(Wrong),
        (false, 1, Some(one)) => Ok(one),
        (false, ..) => {
            let message = "authentication must have either hmac or password_file";
            out.push(Finding::new(node.span, message).help(ONE));
            Err(Wrong)
        }
    }
}

/// A password is of version 2.
pub(super) fn fits(
    authentication: &RouterAuthentication,
    span: Span,
    version: VrrpVersion,
    out: &mut Findings,
) -> Result<(), Wrong> {
    match (authentication, version) {
        (RouterAuthentication::Password(_), VrrpVersion::V3) => {
            let finding = Finding::new(span, "version 3 has no password");
            out.push(finding.help("write hmac, or version: 2"));
            Err(Wrong)
        }
        (RouterAuthentication::Password(_), VrrpVersion::V2)
        | (RouterAuthentication::Hmac(_), VrrpVersion::V2 | VrrpVersion::V3) => Ok(()),
    }
}

fn hmac(node: &Node<'_>, out: &mut Findings) -> Result<RouterHmac, Wrong> {
    let entries = map(&AUTHENTICATION_HMAC, node, out)?;
    let mut hmac = RouterHmac {
        keys: Vec::new(),
        mode: HmacMode::default(),
        anti_replay: ReplayCheck::default(),
    };
    let mut wrong = false;
    for entry in entries {
        let (key, node) = (&*entry.key, &entry.value);
        let read = match key {
            "keys" => keys(key, node, out).map(|it| hmac.keys = it),
            "mode" => mode(key, node, out).map(|it| hmac.mode = it),
            "anti_replay" => anti_replay(key, node, out).map(|it| hmac.anti_replay = it),
            _ => {
                AUTHENTICATION_HMAC.unknown_key(entry, entries, out);
                Err(Wrong)
            }
        };
        wrong |= read.is_err();
    }
    if hmac.keys.is_empty() && !wrong {
        out.push(Finding::new(node.span, "hmac needs keys").help(KEYS));
        wrong = true;
    }
    if wrong { Err(Wrong) } else { Ok(hmac) }
}

/// The first one signs, and all are accepted.
fn keys(key: &str, node: &Node<'_>, out: &mut Findings) -> Result<Vec<RouterKey>, Wrong> {
    let nodes = list(key, node, KEYS, out)?;
    if !(1..=MOST_KEYS).contains(&nodes.len()) {
        let message = format!("{key} must be 1 to {MOST_KEYS}, got {}", nodes.len());
        out.push(Finding::new(node.span, message).help(KEYS));
        return Err(Wrong);
    }
    let mut keys: Vec<RouterKey> = Vec::new();
    for node in nodes {
        let key = one_key(node, out)?;
        if keys.iter().any(|it| it.id == key.id) {
            out.error(node.span, format!("two keys have the id {}", key.id));
            return Err(Wrong);
        }
        keys.push(key);
    }
    Ok(keys)
}

fn one_key(node: &Node<'_>, out: &mut Findings) -> Result<RouterKey, Wrong> {
    let entries = map(&AUTHENTICATION_KEY, node, out)?;
    let (mut id, mut path) = (None, None);
    for entry in entries {
        let (key, node) = (&*entry.key, &entry.value);
        match key {
            "id" => id = Some(integer(key, node, 0..=255, None, out)?),
            "key_file" => path = Some(file(key, node, out)?),
            _ => {
                AUTHENTICATION_KEY.unknown_key(entry, entries, out);
                return Err(Wrong);
            }
        }
    }
    let id = id.and_then(|id| u8::try_from(id).ok());
    if let (Some(id), Some(file)) = (id, path) {
        return Ok(RouterKey { id, file });
    }
    out.push(Finding::new(node.span, "a key needs an id and a key_file").help(KEYS));
    Err(Wrong)
}

fn mode(key: &str, node: &Node<'_>, out: &mut Findings) -> Result<HmacMode, Wrong> {
    let words = [
        ("enforce", HmacMode::Enforce),
        ("permissive", HmacMode::Permissive),
        ("receive_only", HmacMode::ReceiveOnly),
    ];
    choice(key, node, &words, &[("receive-only", "receive_only")], out)
}

fn anti_replay(key: &str, node: &Node<'_>, out: &mut Findings) -> Result<ReplayCheck, Wrong> {
    let words = [
        ("time", ReplayCheck::Time),
        ("monotonic", ReplayCheck::Monotonic),
    ];
    choice(key, node, &words, &[], out)
}
