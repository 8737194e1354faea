// SPDX-License-Identifier: MIT OR Apache-2.0
//! One `vrrp_instance` as one virtual router of ours, or as several: ours has its addresses on one interface, and all of one
//! family.

use super::addresses::Address;
use super::authentication::Router;
use super::defaults::Defaults;
use super::instance::Instance;
use super::preempt;
use super::value::{comments, remarked};
use super::{timing, unicast};
use crate::diagnostic::{Finding, Findings, SourceMap, Span};
use crate::import::statement::Statement;
use crate::import::{Entry, Item, Value};
use crate::model::AddressFamily;

/// The most addresses of one virtual router.
const MOST: usize = 255;
/// One instance becomes at most so many.
const MOST_PARTS: usize = 32;
/// The priority of one that says none.
const USUAL_PRIORITY: u32 = 100;

/// A virtual router of ours.
#[derive(Debug)]
pub(super) struct Part<'i, 't> {
    instance: &'i Instance<'t>,
    pub(super) interface: String,
    pub(super) family: AddressFamily,
    pub(super) addresses: Vec<&'i Address<'t>>,
    /// Whether it speaks where keepalived does.
    is_first: bool,
    /// Whether it is the first of its instance.
    is_head: bool,
    name: String,
    group: Option<String>,
}

/// What is known of the whole file.
#[derive(Clone, Copy)]
pub(super) struct File<'f, 't> {
    pub(super) defaults: &'f Defaults<'t>,
    pub(super) sources: &'f SourceMap,
}

/// The virtual routers of an instance; none when something is missing, which is said.
pub(super) fn parts<'i, 't>(instance: &'i Instance<'t>, out: &mut Findings) -> Vec<Part<'i, 't>> {
    let place = instance.at.span();
    let Some(interface) = instance.interface.as_ref().map(|it| &it.value) else {
        let finding = Finding::new(place, "vrrp_instance needs an interface");
        out.push(finding.help("keepalived ends here; write interface eth0"));
        return Vec::new();
    };
    if instance.vrid.is_none() {
        let finding = Finding::new(place, "vrrp_instance needs a virtual_router_id");
        out.push(finding.help("write virtual_router_id 51: the same on all hosts"));
        return Vec::new();
    }
    let Some(family) = family(instance) else {
        let finding = Finding::warning(place, "left out: this has no virtual address");
        out.push(finding.help("a virtual router without one moves nothing"));
        return Vec::new();
    };
    let mut parts: Vec<Part<'i, 't>> = Vec::new();
    for address in &instance.addresses {
        if !address.is_excluded && address.family() != family {
            other_family(address, out);
            continue;
        }
        let own = address.interface.as_ref().unwrap_or(interface);
        let fits = |it: &Part<'i, 't>| it.interface == *own && it.family == address.family();
        let place = parts.iter().position(fits);
        if let Some(part) = place.and_then(|at| parts.get_mut(at)) {
            part.add(address, out);
            continue;
        }
        if parts.len() == MOST_PARTS {
            let message = format!("addresses on more than {MOST_PARTS} interfaces");
            out.error(address.by.span(), message);
            break;
        }
        parts.push(Part::new(instance, own, address, (interface, family)));
    }
    divide(instance, &mut parts, out);
    parts
}

/// The family that the advertisements have.
fn family(instance: &Instance<'_>) -> Option<AddressFamily> {
    let listed = instance.addresses.iter().find(|it| !it.is_excluded);
    let first = listed.or_else(|| instance.addresses.first());
    first.map(Address::family)
}

fn other_family(address: &Address<'_>, out: &mut Findings) {
    let message = format!("{} is of another family than the first address", address.ip);
    let finding = Finding::new(address.by.keyword.span, message);
    out.push(finding.help("keepalived leaves it out; put it into virtual_ipaddress_excluded"));
}

/// Says that one virtual router becomes several, which move together.
fn divide(instance: &Instance<'_>, parts: &mut [Part<'_, '_>], out: &mut Findings) {
    let is_several = parts.len() > 1;
    for (place, part) in parts.iter_mut().enumerate() {
        part.is_head = place == 0;
        part.group.clone_from(&instance.group);
        if is_several && part.group.is_none() {
            part.group = Some(instance.name.clone());
        }
        let Some(first) = part.addresses.first().filter(|_| !part.is_first) else {
            continue;
        };
        let message = format!(
            "{} is not where the virtual router is: here a virtual router of its own, {}, has it",
            first.ip, part.name
        );
        let finding = Finding::warning(first.by.span(), message);
        if instance.peers.is_some() {
            let message = "with unicast_peer an address of another interface or family needs a vrrp_instance of its own";
            out.error(first.by.span(), message);
            continue;
        }
        let help = "the director speaks VRRP where the addresses are, and in their family; a keepalived beside does not answer there";
        out.push(finding.help(help));
    }
}

impl<'i, 't> Part<'i, 't> {
    fn new(
        instance: &'i Instance<'t>,
        interface: &str,
        address: &'i Address<'t>,
        (main, family): (&str, AddressFamily),
    ) -> Self {
        let own = address.family();
        let mut name = instance.name.clone();
        if interface != main {
            name = format!("{name}/{interface}");
        }
        if own != family {
            name = format!(
                "{name}/{}",
                if own == AddressFamily::Ipv6 {
                    "ipv6"
                } else {
                    "ipv4"
                }
            );
        }
        Self {
            instance,
            interface: interface.to_owned(),
            family: own,
            addresses: vec![address],
            is_first: interface == main && own == family,
            is_head: false,
            name,
            group: None,
        }
    }

    fn add(&mut self, address: &'i Address<'t>, out: &mut Findings) {
        let place = address.by.keyword.span;
        if let Some(first) = self.addresses.iter().find(|it| it.ip == address.ip) {
            let message = format!("{} stands here twice", address.ip);
            out.push(Finding::warning(place, message).first(first.by.span()));
        } else if self.addresses.len() == MOST {
            let message = format!("a virtual router has at most {MOST} addresses");
            out.error(place, message);
        } else {
            self.addresses.push(address);
        }
        if address.is_excluded && self.is_first {
            let message = "this address stands in advertisements as well";
            let finding = Finding::note(place, message);
            out.push(
                finding.help("a keepalived beside logs that the addresses differ, and goes on"),
            );
        }
    }

    /// Where it stands in the text.
    pub(super) fn place(&self) -> Span {
        self.instance.at.span()
    }

    /// Its number.
    pub(super) fn vrid(&self) -> u32 {
        self.instance.vrid.as_ref().map_or(0, |it| it.value)
    }

    /// As an element of our list.
    pub(super) fn item(&self, file: File<'_, 't>, out: &mut Findings) -> Item {
        let instance = self.instance;
        let version = timing::version(instance, self.family, file.defaults, out);
        let priority = instance.priority.map_or(USUAL_PRIORITY, |it| it.value);
        let mut entries = self.identity(version);
        entries.extend(timing::interval(instance, version, out));
        // What an instance says for all of its parts is told once.
        entries.extend(preempt::entry(instance, priority, out));
        entries.push(timing::hold(file.defaults));
        entries.push(timing::refresh(instance, out));
        if self.is_first {
            entries.extend(unicast::entries(instance, self.family, out));
        }
        entries.push(self.addresses_entry());
        let router = Router {
            at: instance.at,
            name: &instance.name,
            version,
            is_strict: instance.strict,
        };
        entries.extend(instance.secrets.entry(router, file.sources, out));
        entries.extend(self.virtual_mac());
        entries.extend(self.track(out));
        let group = self.group.as_ref();
        entries.extend(group.map(|it| Entry::new("group", Value::text(it))));
        Item {
            before: if self.is_head {
                instance.comments()
            } else {
                Vec::new()
            },
            ..Item::new(Value::Map(entries))
        }
    }

    /// Who it is.
    fn identity(&self, version: u32) -> Vec<Entry> {
        let instance = self.instance;
        let said = |key: &str, value: Value, by: Option<&Statement>| {
            let entry = Entry::new(key, value);
            match by {
                Some(by) => remarked(entry, by),
                None => entry,
            }
        };
        let on = instance.interface.as_ref().map(|it| it.by);
        let number = instance.vrid.map(|it| it.by);
        let version_by = instance.version.map(|it| it.by);
        let priority = instance.priority.map_or(USUAL_PRIORITY, |it| it.value);
        let priority_by = instance.priority.map(|it| it.by);
        vec![
            Entry::new("name", Value::text(&self.name)),
            said("interface", Value::text(&self.interface), on),
            said("vrid", Value::word(self.vrid()), number),
            said("version", Value::word(version), version_by),
            said("priority", Value::word(priority), priority_by),
        ]
    }

    fn virtual_mac(&self) -> Option<Entry> {
        let entry = Entry::new("virtual_mac", Value::word(true));
        match self.instance.virtual_mac {
            Some(by) => Some(remarked(entry, by)),
            None if self.addresses.iter().any(|it| it.virtual_mac) => Some(entry),
            None => None,
        }
    }

    /// What one of a group tracks counts for all.
    fn track(&self, out: &mut Findings) -> Option<Entry> {
        let mut items = Vec::new();
        for tracked in self.instance.track.iter().filter(|_| self.is_head) {
            if tracked.is_interface(&self.interface) {
                let message = "left out: a virtual router's own interface is tracked in any case";
                out.push(Finding::note(tracked.by.span(), message));
            } else {
                items.push(tracked.item());
            }
        }
        let mut entry = Entry::new("track", Value::List(items));
        entry.before.clone_from(&self.instance.track_comments);
        matches!(&entry.value, Value::List(items) if !items.is_empty()).then_some(entry)
    }

    fn addresses_entry(&self) -> Entry {
        let items = self.addresses.iter().map(|address| Item {
            before: comments(address.by),
            value: Value::text(address.text()),
            remark: address.by.remarks.behind.as_deref().map(str::to_owned),
        });
        let entry = Entry::new("addresses", Value::List(items.collect()));
        match self.instance.listed {
            Some(by) => remarked(entry, by),
            None => entry,
        }
    }
}
