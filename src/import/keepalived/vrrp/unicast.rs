// SPDX-License-Identifier: MIT OR Apache-2.0
//! From where a virtual router speaks, and to whom.

use super::instance::Instance;
use super::value::remarked;
use crate::diagnostic::{Finding, Findings};
use crate::import::{Entry, Value};
use crate::model::AddressFamily;

/// `source` and `peers`, as far as they are said.
pub(super) fn entries(
    instance: &Instance<'_>,
    family: AddressFamily,
    out: &mut Findings,
) -> Vec<Entry> {
    let mut entries = Vec::new();
    let source = instance.source.filter(|said| {
        let fits = AddressFamily::of(said.value) == family;
        if !fits {
            let message = format!(
                "left out: {} is of another family than the addresses",
                said.value
            );
            out.push(Finding::warning(said.by.span(), message));
        }
        fits
    });
    entries.extend(source.map(|said| said.entry("source", Value::text(said.value))));
    let Some(said) = &instance.peers else {
        return entries;
    };
    let mut peers = Vec::new();
    for peer in &said.value {
        let why = if AddressFamily::of(*peer) != family {
            "it is of another family than the addresses"
        } else if source.is_some_and(|it| it.value == *peer) {
            "it is this host itself"
        } else {
            peers.push(Value::text(peer));
            continue;
        };
        let message = format!("peer {peer} is left out: {why}");
        out.push(Finding::warning(said.by.span(), message));
    }
    if peers.is_empty() {
        let finding = Finding::new(said.by.span(), "unicast_peer names no other host");
        out.push(finding.help("without peers advertisements go by multicast"));
        return entries;
    }
    let note = "the other hosts must be in the same LAN: an advertisement that a router has passed on is dropped";
    out.push(Finding::note(said.by.span(), note));
    entries.push(remarked(Entry::new("peers", Value::list(peers)), said.by));
    entries
}
