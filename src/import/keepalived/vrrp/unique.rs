// SPDX-License-Identifier: MIT OR Apache-2.0
//! What no two virtual routers may have in common.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::instance::{Instance, called};
use super::routers::Part;
use crate::diagnostic::{Finding, Findings, Shown, Span};
use crate::import::statement::Statement;
use crate::model::AddressFamily;

/// Two instances of one name.
pub(super) fn names(instances: &[Instance<'_>], out: &mut Findings) {
    let mut names: BTreeMap<&str, Span> = BTreeMap::new();
    for instance in instances {
        let place = instance.at.span();
        if let Some(first) = names.insert(&instance.name, place) {
            let message = format!("two vrrp_instances are called {}", Shown(&instance.name));
            let finding = Finding::new(place, message).first(first);
            out.push(
                finding.help("keepalived takes the first one only; give this one another name"),
            );
        }
    }
}

/// Two groups of one name.
pub(super) fn groups<'s>(groups: impl Iterator<Item = &'s Statement>, out: &mut Findings) {
    let mut names: BTreeMap<String, Span> = BTreeMap::new();
    for group in groups {
        let Some(name) = group.words.first() else {
            continue;
        };
        if let Some(first) = names.insert(called(&name.text), group.span()) {
            let message = format!("two vrrp_sync_groups are called {}", Shown(&name.text));
            let finding = Finding::new(group.span(), message).first(first);
            out.push(finding.help("keepalived takes the first one only: name all members in it"));
        }
    }
}

/// Two virtual routers of one number on one interface, and an address that two have.
pub(super) fn parts(parts: &[Part<'_, '_>], out: &mut Findings) {
    let mut numbers: BTreeMap<(&str, u32, AddressFamily), Span> = BTreeMap::new();
    let mut addresses: BTreeMap<IpAddr, Span> = BTreeMap::new();
    for part in parts {
        let number = (&*part.interface, part.vrid(), part.family);
        if let Some(first) = numbers.insert(number, part.place()) {
            let (on, vrid) = (&part.interface, part.vrid());
            let message = format!("virtual_router_id {vrid} stands twice on {on}");
            let finding = Finding::new(part.place(), message).first(first);
            out.push(finding.help("their advertisements would be taken for each other's: write another number, on all hosts"));
        }
        for address in &part.addresses {
            let place = address.by.keyword.span;
            if let Some(first) = addresses.insert(address.ip, place) {
                let message = format!("two virtual routers have {}", address.ip);
                out.push(Finding::new(place, message).first(first));
            }
        }
    }
}
