// SPDX-License-Identifier: MIT OR Apache-2.0
//! `virtual_routers`: the addresses that two directors share, and how.

mod authentication;
mod group;
mod track;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::config::address;
use crate::config::check::interface;
use crate::config::section::VIRTUAL_ROUTER;
use crate::config::tree::{Node, Text, Value};
use crate::config::value::{
    boolean, choice, decimal, duration, integer, kind, list, map, text, text_that,
};
use crate::diagnostic::{Finding, Findings, Shown, Span, Wrong};
use crate::model::{
    AddressFamily, Centiseconds, ConfiguredRouter, ConfiguredService, Preempt, Priority,
    RouterAuthentication, ServiceKey, Tracked, TrackedObject, VirtualAddress, VirtualRouter, Vrid,
    VrrpVersion,
};

/// An advertisement has no room for more. Source: RFC 9568, section 5.2.5.
const MOST_ADDRESSES: usize = 255;
/// The longest name, in characters.
const LONGEST_NAME: usize = 64;

/// The virtual routers of a file, by their names.
pub(in crate::config) type Routers = BTreeMap<Box<str>, ConfiguredRouter>;

/// The virtual routers of a file, and where they name virtual services.
#[derive(Default)]
pub(in crate::config) struct Read {
    pub(in crate::config) routers: Routers,
    services: Vec<(ServiceKey, Span)>,
    /// Where one first waits for the connections of the other director.
    after_sync: Option<Span>,
}

impl Read {
    /// Every service that is tracked must be there.
    pub(in crate::config) fn require(&self, services: &Services, out: &mut Findings) {
        for (key, span) in &self.services {
            if !services.contains_key(key) {
                let finding = Finding::new(*span, format!("there is no virtual service {key}"));
                out.push(finding.help("name one of virtual_services"));
            }
        }
    }

    /// Who waits for the connections of the other director must get them.
    pub(in crate::config) fn require_exchange(&self, is_there: bool, out: &mut Findings) {
        if let (Some(span), false) = (self.after_sync, is_there) {
            let finding = Finding::new(span, "preempt: after_sync needs connection_sync and peer");
            out.push(finding.help(
                "connection_sync says where connections are sent, and peer is whom this director asks for them",
            ));
        }
    }
}

/// Whether a virtual router tracks a service that is not there.
pub(in crate::config) fn misses(routers: &Routers, services: &Services) -> bool {
    let mut tracked = routers.values().flat_map(ConfiguredRouter::tracked);
    tracked.any(|it| matches!(it, TrackedObject::Service(key) if !services.contains_key(key)))
}

/// Where each virtual router stands.
type Items = BTreeMap<Box<str>, Span>;

/// The virtual services of a file.
type Services = BTreeMap<ServiceKey, ConfiguredService>;

/// Reads the list. What is wrong is noted, and left out.
pub(in crate::config) fn read(node: &Node<'_>, out: &mut Findings) -> Read {
    const HELP: &str = "write virtual_routers: [] or leave it out if you want none";
    let mut all = All::default();
    for node in list("virtual_routers", node, HELP, out).unwrap_or_default() {
        // The errors of one are noted already; the others are still read.
        let _ = all.take(node, out);
    }
    group::unite(&mut all.routers, &all.names, out);
    Read {
        routers: all.routers,
        services: all.services,
        after_sync: all.after_sync,
    }
}

/// The virtual routers read so far, and what no two of them may share.
#[derive(Default)]
struct All {
    routers: Routers,
    names: Items,
    numbers: BTreeMap<(Box<str>, Vrid, AddressFamily), Span>,
    addresses: BTreeMap<IpAddr, Span>,
    services: Vec<(ServiceKey, Span)>,
    after_sync: Option<Span>,
}

impl All {
    fn take(&mut self, node: &Node<'_>, out: &mut Findings) -> Result<(), Wrong> {
        let item = Item::read(node, out)?;
        let (name, router) = item.resolve(node, out)?;
        let before = self.names.insert(name.clone(), node.span);
        once(before, node.span, || format!("virtual router {name}"), out)?;
        let number = (router.interface.clone(), router.vrid, router.family());
        let before = self.numbers.insert(number, node.span);
        let number = || format!("vrid {} on {}", router.vrid, router.interface);
        once(before, node.span, number, out)?;
        for (address, span) in router.addresses.iter().zip(&item.address_places) {
            let before = self.addresses.insert(address.address, *span);
            once(
                before,
                *span,
                || format!("virtual address {}", address.address),
                out,
            )?;
        }
        for (tracked, span) in &item.track {
            if let TrackedObject::Service(key) = tracked.object {
                self.services.push((key, *span));
            }
        }
        if let Some((Preempt::AfterSync, span)) = item.preempt {
            self.after_sync.get_or_insert(span);
        }
        self.routers.insert(name, router);
        Ok(())
    }
}

/// Nothing of this kind may be there twice.
fn once(
    before: Option<Span>,
    span: Span,
    what: impl Fn() -> String,
    out: &mut Findings,
) -> Result<(), Wrong> {
    let Some(first) = before else {
        return Ok(());
    };
    out.push(Finding::new(span, format!("duplicate {}", what())).first(first));
    Err(Wrong)
}

/// One item of the list: what it says, not yet what follows.
#[derive(Default)]
struct Item {
    name: Option<Box<str>>,
    interface: Option<Box<str>>,
    vrid: Option<Vrid>,
    version: Option<(VrrpVersion, Span)>,
    priority: Option<Priority>,
    interval: Option<(Duration, Span)>,
    preempt: Option<(Preempt, Span)>,
    hold: Option<Duration>,
    refresh: Option<Duration>,
    source: Option<(IpAddr, Span)>,
    peers: Vec<(IpAddr, Span)>,
    addresses: Vec<VirtualAddress>,
    address_places: Vec<Span>,
    authentication: Option<(RouterAuthentication, Span)>,
    track: Vec<track::Place>,
    group: Option<Box<str>>,
    virtual_mac: bool,
}

impl Item {
    fn read(node: &Node<'_>, out: &mut Findings) -> Result<Self, Wrong> {
        let entries = map(&VIRTUAL_ROUTER, node, out)?;
        let mut item = Self {
            refresh: Some(VirtualRouter::REFRESH),
            ..Self::default()
        };
        let mut wrong = false;
        for entry in entries {
            let (key, node) = (&*entry.key, &entry.value);
            let read = item.take(key, node, out);
            if read.is_none() {
                VIRTUAL_ROUTER.unknown_key(entry, entries, out);
            }
            wrong |= read != Some(Ok(()));
        }
        if wrong { Err(Wrong) } else { Ok(item) }
    }

    /// Reads one key; `None` when there is no such key.
    fn take(
        &mut self,
        key: &str,
        node: &Node<'_>,
        out: &mut Findings,
    ) -> Option<Result<(), Wrong>> {
        Some(match key {
            "name" => name(key, node, out).map(|it| self.name = Some(it)),
            "interface" => interface(key, node, out).map(|it| self.interface = Some(it)),
            "vrid" => vrid(key, node, out).map(|it| self.vrid = Some(it)),
            "version" => version(key, node, out).map(|it| self.version = Some((it, node.span))),
            "priority" => priority(key, node, out).map(|it| self.priority = Some(it)),
            "interval" => interval(key, node, out).map(|it| self.interval = Some((it, node.span))),
            "preempt" => preempt(key, node, out).map(|it| self.preempt = Some((it, node.span))),
            "hold" => {
                let range = Duration::ZERO..=Duration::from_mins(10);
                duration(key, node, range, out).map(|it| self.hold = Some(it))
            }
            "refresh" => refresh(key, node, out).map(|it| self.refresh = it),
            "source" => bare(key, node, out).map(|it| self.source = Some((it, node.span))),
            "peers" => self.take_peers(key, node, out),
            "addresses" => self.take_addresses(key, node, out),
            "group" => name(key, node, out).map(|it| self.group = Some(it)),
            "virtual_mac" => boolean(key, node, out).map(|it| self.virtual_mac = it),
            "track" => track::read(node, out).map(|it| self.track = it),
            "authentication" => authentication::read(node, out)
                .map(|it| self.authentication = Some((it, node.span))),
            _ => return None,
        })
    }

    fn take_peers(&mut self, key: &str, node: &Node<'_>, out: &mut Findings) -> Result<(), Wrong> {
        for node in list(key, node, "leave peers out for multicast", out)? {
            self.peers.push((bare("a peer", node, out)?, node.span));
        }
        Ok(())
    }

    fn take_addresses(
        &mut self,
        key: &str,
        node: &Node<'_>,
        out: &mut Findings,
    ) -> Result<(), Wrong> {
        let nodes = list(key, node, "write addresses: [192.0.2.10/24]", out)?;
        if !(1..=MOST_ADDRESSES).contains(&nodes.len()) {
            let message = format!(
                "addresses must be 1 to {MOST_ADDRESSES}, got {}",
                nodes.len()
            );
            out.error(node.span, message);
            return Err(Wrong);
        }
        for node in nodes {
            self.addresses.push(virtual_address(node, out)?);
            self.address_places.push(node.span);
        }
        Ok(())
    }

    /// The virtual router, with every default filled in, and its name.
    fn resolve(
        &self,
        node: &Node<'_>,
        out: &mut Findings,
    ) -> Result<(Box<str>, ConfiguredRouter), Wrong> {
        let mut missing = |key: &str, example: &str| {
            let finding = Finding::new(node.span, format!("a virtual router needs {key}"));
            out.push(finding.help(format!("write {example}")));
            Wrong
        };
        let interface = self.interface.clone();
        let interface = interface.ok_or_else(|| missing("an interface", "interface: eth0"));
        let vrid = self.vrid.ok_or_else(|| missing("a vrid", "vrid: 51"));
        let first = self.addresses.first();
        let first = first.ok_or_else(|| missing("addresses", "addresses: [192.0.2.10/24]"));
        let (interface, vrid, first) = (interface?, vrid?, first?);
        let family = AddressFamily::of(first.address);
        self.one_family(family, out)?;
        let version = self.version(family, out)?;
        if let Some((authentication, span)) = &self.authentication {
            authentication::fits(authentication, *span, version, out)?;
        }
        let authentication = self.authentication.clone().map(|(it, _)| it);
        let router = ConfiguredRouter {
            vrid,
            version,
            priority: self.priority.unwrap_or(Priority::USUAL),
            interval: self.interval(version, out)?,
            preempt: self.preempt(out),
            hold: self.hold.unwrap_or(VirtualRouter::HOLD),
            refresh: self.refresh,
            source: self.source.map(|(source, _)| source),
            peers: self.peers.iter().map(|(peer, _)| *peer).collect(),
            addresses: self.addresses.clone(),
            authentication,
            track: self.track(&interface, out),
            group: self.group.clone(),
            virtual_mac: self.virtual_mac,
            interface,
        };
        let name = self.name.clone().unwrap_or_else(|| usual_name(&router));
        Ok((name, router))
    }

    /// What is tracked, without what says nothing new.
    fn track(&self, own: &str, out: &mut Findings) -> Vec<Tracked> {
        let is_own =
            |it: &TrackedObject| matches!(it, TrackedObject::Interface(name) if **name == *own);
        for (_, span) in self.track.iter().filter(|(it, _)| is_own(&it.object)) {
            let message = format!(
                "{own} is the interface of the virtual router: while it is down, the virtual router takes no part"
            );
            out.push(Finding::warning(*span, message).help("leave it out"));
        }
        self.track
            .iter()
            .map(|(tracked, _)| tracked.clone())
            .collect()
    }

    /// Everything that a virtual router sends is of one family.
    fn one_family(&self, family: AddressFamily, out: &mut Findings) -> Result<(), Wrong> {
        let addresses = self.addresses.iter().map(|it| it.address);
        let addresses = addresses.zip(self.address_places.iter().copied());
        let others = self.peers.iter().chain(&self.source).copied();
        let mut result = Ok(());
        for (address, span) in addresses.chain(others) {
            if AddressFamily::of(address) != family {
                let message =
                    format!("{address} is not of the family of the first address, {family}");
                let finding = Finding::new(span, message);
                out.push(
                    finding.help("write a virtual router for each family; both may have one vrid"),
                );
                result = Err(Wrong);
            }
        }
        if let Some((source, _)) = self.source
            && let Some((_, span)) = self.peers.iter().find(|(peer, _)| *peer == source)
        {
            out.push(Finding::new(
                *span,
                format!("peer {source} is the source: this host itself"),
            ));
            result = Err(Wrong);
        }
        result
    }

    fn version(&self, family: AddressFamily, out: &mut Findings) -> Result<VrrpVersion, Wrong> {
        match (self.version, family) {
            (Some((VrrpVersion::V2, span)), AddressFamily::Ipv6) => {
                let finding = Finding::new(span, "version 2 has no IPv6");
                out.push(finding.help("write version: 3"));
                Err(Wrong)
            }
            (version, _) => Ok(version.map_or(VrrpVersion::V3, |(version, _)| version)),
        }
    }

    fn interval(&self, version: VrrpVersion, out: &mut Findings) -> Result<Centiseconds, Wrong> {
        let Some((interval, span)) = self.interval else {
            return Ok(Centiseconds::SECOND);
        };
        let (step, most, wanted) = match version {
            VrrpVersion::V2 => (1000, 255_000, "whole seconds, 1s to 255s, in version 2"),
            VrrpVersion::V3 => (
                10,
                40_950,
                "10ms to 40s950ms, in steps of 10ms, in version 3",
            ),
        };
        let milliseconds = interval.as_millis();
        if milliseconds % step != 0 || !(step..=most).contains(&milliseconds) {
            out.error(span, format!("interval must be {wanted}"));
            return Err(Wrong);
        }
        // At most 25500.
        Ok(Centiseconds(
            u16::try_from(milliseconds / 10).unwrap_or(u16::MAX),
        ))
    }

    /// An owner of the addresses always takes over.
    fn preempt(&self, out: &mut Findings) -> Preempt {
        let preempt = self.preempt.map(|(preempt, _)| preempt);
        if self.priority == Some(Priority::OWNER)
            && let Some((Preempt::Never | Preempt::After(_) | Preempt::AfterSync, span)) =
                self.preempt
        {
            let message = "a virtual router with priority 255 takes over in any case";
            let finding = Finding::warning(span, message);
            out.push(finding.help("write priority: 254, or preempt: always"));
        }
        preempt.unwrap_or_default()
    }
}

/// The interface and the number, and the family where it is not the usual one.
fn usual_name(router: &ConfiguredRouter) -> Box<str> {
    let ConfiguredRouter {
        interface, vrid, ..
    } = router;
    match router.family() {
        AddressFamily::Ipv4 => format!("{interface}/{vrid}"),
        AddressFamily::Ipv6 => format!("{interface}/{vrid}/ipv6"),
    }
    .into()
}

fn name(key: &str, node: &Node<'_>, out: &mut Findings) -> Result<Box<str>, Wrong> {
    let possible = |text: &str| {
        let fits = |c: char| !c.is_whitespace() && !c.is_control();
        (1..=LONGEST_NAME).contains(&text.chars().count()) && text.chars().all(fits)
    };
    let help = "1 to 64 characters without a space";
    text_that(possible, key, node, "a name", help, out)
}

fn vrid(key: &str, node: &Node<'_>, out: &mut Findings) -> Result<Vrid, Wrong> {
    let number = integer(key, node, 1..=255, None, out)?;
    u8::try_from(number).ok().and_then(Vrid::new).ok_or(Wrong)
}

fn version(key: &str, node: &Node<'_>, out: &mut Findings) -> Result<VrrpVersion, Wrong> {
    let words = [("3", VrrpVersion::V3), ("2", VrrpVersion::V2)];
    choice(key, node, &words, &[], out)
}

fn priority(key: &str, node: &Node<'_>, out: &mut Findings) -> Result<Priority, Wrong> {
    let number = integer(
        key,
        node,
        1..=255,
        Some("0 says that the master leaves"),
        out,
    )?;
    u8::try_from(number).map(Priority).map_err(|_| Wrong)
}

fn interval(key: &str, node: &Node<'_>, out: &mut Findings) -> Result<Duration, Wrong> {
    let range = Duration::from_millis(10)..=Duration::from_secs(255);
    duration(key, node, range, out)
}

/// `never`, `always`, or after how long.
fn preempt(key: &str, node: &Node<'_>, out: &mut Findings) -> Result<Preempt, Wrong> {
    match node.text() {
        Some("never") => Ok(Preempt::Never),
        Some("always") => Ok(Preempt::Always),
        Some("after_sync") => Ok(Preempt::AfterSync),
        Some(text) if text.starts_with(|c: char| c.is_ascii_digit()) => {
            let range = Duration::from_secs(1)..=Duration::from_hours(1);
            duration(key, node, range, out).map(Preempt::After)
        }
        Some(text) => {
            let message = format!(
                "{key} must be never, always, after_sync or a duration, got {}",
                Shown(text)
            );
            out.push(
                Finding::new(node.span, message).help("write never, always, after_sync or 60s"),
            );
            Err(Wrong)
        }
        None => {
            let message = format!(
                "{key} must be never, always, after_sync or a duration, got {}",
                kind(node)
            );
            out.push(
                Finding::new(node.span, message).help("write never, always, after_sync or 60s"),
            );
            Err(Wrong)
        }
    }
}

/// `none`, or how often.
fn refresh(key: &str, node: &Node<'_>, out: &mut Findings) -> Result<Option<Duration>, Wrong> {
    if node.text() == Some("none") {
        return Ok(None);
    }
    let range = Duration::from_secs(1)..=Duration::from_hours(1);
    duration(key, node, range, out).map(Some)
}

/// An address of a host.
fn bare(key: &str, node: &Node<'_>, out: &mut Findings) -> Result<IpAddr, Wrong> {
    let address = address::read_on_link(key, node, out)?;
    if address.port.is_some() {
        out.error(node.span, format!("{key} has no port"));
        return Err(Wrong);
    }
    Ok(address.ip)
}

/// `192.0.2.10/24`; without a length the address is alone in its network.
fn virtual_address(node: &Node<'_>, out: &mut Findings) -> Result<VirtualAddress, Wrong> {
    let written = text("an address", node, "192.0.2.10/24", out)?;
    let (host, length) = match written.split_once('/') {
        Some((host, length)) => (host, Some(length)),
        None => (written, None),
    };
    let address = Node {
        span: node.span,
        value: Value::Scalar {
            text: Text::Own(host.into()),
            plain: true,
        },
    };
    let address = bare("a virtual address", &address, out)?;
    let longest = match AddressFamily::of(address) {
        AddressFamily::Ipv4 => 32,
        AddressFamily::Ipv6 => 128,
    };
    let number = match length {
        None => Some(longest),
        Some(length) => decimal(length).and_then(|it| u8::try_from(it).ok()),
    };
    let prefix_length = number.filter(|it| (1..=longest).contains(it));
    let Some(prefix_length) = prefix_length else {
        let message = format!("the prefix length of {address} must be 1 to {longest}");
        out.error(node.span, message);
        return Err(Wrong);
    };
    Ok(VirtualAddress {
        address,
        prefix_length,
    })
}
