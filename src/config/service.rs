// SPDX-License-Identifier: MIT OR Apache-2.0
//! `virtual_services`: which packets, and to which real servers they go.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use super::check::{NamedChecks, Shared};
use super::pool::Pools;
use super::pool_rules::{PoolLayer, has_only_reserves};
use super::scheduling::{SchedulingLayer, kept};
use super::section::{DEFAULTS, SERVICE};
use super::server::{ServerItem, ServerLayer};
use super::setting::Subject;
use super::tree::Node;
use super::value::{choice, fwmark, list, map};
use super::{address, failover};
use crate::diagnostic::{Finding, Findings, Span, Wrong};
use crate::model::{
    AddressFamily, Config, ConfiguredServer, ConfiguredService, Failover, ForwardingMethod,
    Protocol, Scheduler, ServerKey, ServiceKey, ServiceSettings,
};

/// The most real servers that all services of a file have together. A pool counts in each service that uses it. In the
/// lab, each checked server took 1.3 KiB of the director's memory and 0.4 KiB of the kernel's, and a start with so many
/// took 9 s.
pub(super) const MOST_SERVERS: usize = 200_000;

/// What the services of a file refer to.
#[derive(Debug, Clone, Default)]
pub(super) struct Common {
    pub(super) checks: Arc<NamedChecks>,
    pub(super) defaults: Arc<Defaults>,
    pub(super) pools: Arc<Pools>,
}

/// `defaults`: the outermost layer of the file.
#[derive(Debug, Default)]
pub(super) struct Defaults {
    scheduling: SchedulingLayer,
    pool: PoolLayer,
    server: ServerLayer,
}

impl Defaults {
    /// Reads the map.
    pub(super) fn read(node: &Node<'_>, named: &NamedChecks, out: &mut Findings) -> Self {
        let mut defaults = Self::default();
        let entries = map(&DEFAULTS, node, out).unwrap_or_default();
        for entry in entries {
            if !defaults.scheduling.take(entry, out)
                && !defaults.pool.take(entry, named, out)
                && !defaults.server.take(entry, named, out)
            {
                DEFAULTS.unknown_key(entry, entries, out);
            }
        }
        defaults
    }
}

/// The virtual services read so far, and the place of each.
#[derive(Debug)]
pub(super) struct Services<'a> {
    /// The configuration in force, to share with.
    running: Option<&'a Config>,
    /// The services without errors.
    pub(super) all: BTreeMap<ServiceKey, ConfiguredService>,
    places: BTreeMap<ServiceKey, Span>,
    /// How many real servers all services together list, wrong ones included.
    listed: usize,
}

/// One item of `virtual_services`.
struct ServiceItem<'n, 'a> {
    node: &'n Node<'a>,
    address: Option<&'n Node<'a>>,
    protocol: Option<&'n Node<'a>>,
    fwmark: Option<&'n Node<'a>>,
    family: Option<&'n Node<'a>>,
    pool: Option<&'n Node<'a>>,
    servers: Option<&'n Node<'a>>,
    scheduling: SchedulingLayer,
    rules: PoolLayer,
    server: ServerLayer,
}

impl<'a> Services<'a> {
    /// No services yet.
    pub(super) const fn beside(running: Option<&'a Config>) -> Self {
        Self {
            running,
            all: BTreeMap::new(),
            places: BTreeMap::new(),
            listed: 0,
        }
    }

    /// Adds the services of a configuration without errors.
    pub(super) fn keep(&mut self, config: &Config) {
        self.all.clone_from(&config.services);
        self.listed = config.services.values().map(|it| it.servers.len()).sum();
    }

    /// Takes a service away.
    pub(super) fn remove(&mut self, key: &ServiceKey) {
        if let Some(service) = self.all.remove(key) {
            self.listed -= service.servers.len();
        }
    }

    /// Reads one service, with all its servers.
    pub(super) fn take(
        &mut self,
        node: &Node<'_>,
        common: &Common,
        out: &mut Findings,
    ) -> Result<ServiceKey, Wrong> {
        let Common {
            checks,
            defaults,
            pools,
        } = common;
        let item = ServiceItem::read(node, checks, out)?;
        let key = item.key(out);
        let own = item.own_servers(checks, out);
        let pool = item.pool.map(|node| pools.get(node, out)).transpose();
        if item.pool.is_none() && item.servers.is_none() {
            let finding = Finding::new(node.span, "a virtual service needs a pool or servers");
            out.push(finding.help("write servers: [] when there are none yet"));
        }
        let pool = pool.unwrap_or_default().unwrap_or_default();
        let layers = [&item.rules, &defaults.pool];
        let sorry = PoolLayer::sorry_server(&layers);
        let listed = pool.iter().chain(&own).chain(sorry.unwrap_or_default());
        self.count(listed.clone().count(), &item, out)?;
        let key = key?;
        let span = node.span;
        let place = item.address.or(item.fwmark).map_or(span, |node| node.span);
        if let Some(first) = self.places.insert(key, place) {
            let message = format!("duplicate virtual service {key}");
            let finding = Finding::new(place, message).first(first);
            out.push(
                finding.help("only one service can have this address and protocol, or this mark"),
            );
            self.places.insert(key, first);
        }
        let subject = Subject { key, span };
        let settings = item.settings(&subject, place, defaults, out);
        // What is wrong with the servers is said also when the scheduling is wrong.
        let assumed = ServiceSettings::new(Scheduler::WLC);
        let scheduling = settings.as_ref().unwrap_or(&assumed);
        let servers = item.servers(listed, (&subject, scheduling), defaults, out);
        let (settings, servers, _) = (settings?, servers?, sorry?);
        let kept = kept(&[&item.scheduling, &defaults.scheduling])?;
        if let Some(found) = &kept {
            failover::check_servers(found.span, &servers, &subject, out)?;
        }
        let rules = PoolLayer::resolve(&layers, &servers, &subject, out)?;
        if has_only_reserves(&servers) {
            let message = "every real server of the service is a backup server";
            let finding = Finding::new(place, message);
            out.push(finding.help("remove backup from those that serve every day"));
            return Err(Wrong);
        }
        let service = ConfiguredService {
            settings,
            servers: Arc::new(servers),
            pool: rules,
            failover: kept.map_or(Failover::Usual, |found| *found.value),
        };
        let running = self.running.and_then(|it| it.services.get(&key));
        let service = match running {
            Some(running) => service.sharing(running),
            None => service,
        };
        self.all.insert(key, service);
        Ok(key)
    }

    /// Counts the servers of one more service. Too many are an error before they take any memory.
    fn count(
        &mut self,
        servers: usize,
        item: &ServiceItem<'_, '_>,
        out: &mut Findings,
    ) -> Result<(), Wrong> {
        let before = self.listed;
        self.listed = before.saturating_add(servers);
        if !self.is_full() {
            return Ok(());
        }
        let list = item.pool.or(item.servers).unwrap_or(item.node);
        let message = format!(
            "more than {MOST_SERVERS} real servers in all: {servers} here, {before} in the services before"
        );
        let help = "a pool counts in each service that uses it; for many ports of the same servers write one service: \
                    by fwmark, or with port 0 and persistence";
        out.push(Finding::new(list.span, message).help(help));
        Err(Wrong)
    }

    /// Whether there are too many servers: no further service can be taken.
    pub(super) const fn is_full(&self) -> bool {
        self.listed > MOST_SERVERS
    }
}

impl<'n, 'a> ServiceItem<'n, 'a> {
    fn read(node: &'n Node<'a>, named: &NamedChecks, out: &mut Findings) -> Result<Self, Wrong> {
        let mut item = Self {
            node,
            address: None,
            protocol: None,
            fwmark: None,
            family: None,
            pool: None,
            servers: None,
            scheduling: SchedulingLayer::default(),
            rules: PoolLayer::default(),
            server: ServerLayer::default(),
        };
        let entries = map(&SERVICE, node, out)?;
        for entry in entries {
            let value = Some(&entry.value);
            match &*entry.key {
                "address" => item.address = value,
                "protocol" => item.protocol = value,
                "fwmark" => item.fwmark = value,
                "family" => item.family = value,
                "pool" => item.pool = value,
                "servers" => item.servers = value,
                _ if item.scheduling.take(entry, out)
                    || item.rules.take(entry, named, out)
                    || item.server.take(entry, named, out) => {}
                _ => SERVICE.unknown_key(entry, entries, out),
            }
        }
        Ok(item)
    }

    fn key(&self, out: &mut Findings) -> Result<ServiceKey, Wrong> {
        match (self.address, self.fwmark) {
            (Some(address), None) => self.address_key(address, out),
            (None, Some(fwmark)) => self.fwmark_key(fwmark, out),
            (Some(_), Some(fwmark)) => {
                let finding =
                    Finding::new(fwmark.span, "a virtual service has an address or a fwmark");
                out.push(finding.help("remove one of them, or write two services"));
                Err(Wrong)
            }
            (None, None) => {
                let finding = Finding::new(self.node.span, "a virtual service needs an address");
                out.push(finding.help("write address: 192.0.2.10:5672, or fwmark: 7"));
                Err(Wrong)
            }
        }
    }

    fn address_key(&self, node: &Node<'_>, out: &mut Findings) -> Result<ServiceKey, Wrong> {
        const PROTOCOLS: [(&str, Protocol); 3] = [
            ("tcp", Protocol::Tcp),
            ("udp", Protocol::Udp),
            ("sctp", Protocol::Sctp),
        ];
        let protocol = self.protocol.map_or(Ok(Protocol::Tcp), |node| {
            choice("protocol", node, &PROTOCOLS, &[], out)
        });
        if let Some(family) = self.family {
            let finding = Finding::new(family.span, "family is only for a fwmark");
            out.push(finding.help("remove it: the address tells the family"));
        }
        let address = address::read("address", node, out)?;
        let Some(port) = address.port else {
            let written = SocketAddr::new(address.ip, 5672);
            let message = format!("address {} needs a port", address.ip);
            let help = if address.ip.is_ipv6() {
                format!("write \"{written}\", with the quotes")
            } else {
                format!("write {written}")
            };
            out.push(Finding::new(node.span, message).help(help));
            return Err(Wrong);
        };
        Ok(ServiceKey::Address {
            protocol: protocol?,
            address: address.ip,
            port,
        })
    }

    fn fwmark_key(&self, node: &Node<'_>, out: &mut Findings) -> Result<ServiceKey, Wrong> {
        const FAMILIES: [(&str, AddressFamily); 2] =
            [("ipv4", AddressFamily::Ipv4), ("ipv6", AddressFamily::Ipv6)];
        const OTHERS: [(&str, &str); 4] = [
            ("inet", "ipv4"),
            ("4", "ipv4"),
            ("inet6", "ipv6"),
            ("6", "ipv6"),
        ];
        if let Some(protocol) = self.protocol {
            let finding = Finding::new(protocol.span, "protocol is only for an address");
            out.push(finding.help("remove it: a mark covers all protocols"));
        }
        let family = self.family.map_or(Ok(AddressFamily::Ipv4), |node| {
            choice("family", node, &FAMILIES, &OTHERS, out)
        });
        let mark = fwmark("fwmark", node, out)?;
        Ok(ServiceKey::Fwmark {
            mark,
            family: family?,
        })
    }

    fn own_servers(&self, named: &NamedChecks, out: &mut Findings) -> Vec<ServerItem> {
        const EMPTY: &str = "write [] when there are none yet";
        let Some(node) = self.servers else {
            return Vec::new();
        };
        let nodes = list("servers", node, EMPTY, out).unwrap_or_default();
        let items = nodes
            .iter()
            .filter_map(|node| ServerItem::read(node, named, out).ok());
        items.collect()
    }

    fn settings(
        &self,
        subject: &Subject,
        place: Span,
        defaults: &Defaults,
        out: &mut Findings,
    ) -> Result<ServiceSettings, Wrong> {
        let layers = [&self.scheduling, &defaults.scheduling];
        let settings = SchedulingLayer::resolve(&layers, subject, out)?;
        if subject.key.port() == Some(0) && settings.persistence.is_none() {
            let finding = Finding::new(place, "port 0 means every port and needs persistence");
            out.push(finding.help("write a port, or persistence: 6m"));
            return Err(Wrong);
        }
        Ok(settings)
    }

    fn servers<'s>(
        &self,
        listed: impl Iterator<Item = &'s ServerItem>,
        (subject, settings): (&Subject, &ServiceSettings),
        defaults: &Defaults,
        out: &mut Findings,
    ) -> Result<BTreeMap<ServerKey, ConfiguredServer>, Wrong> {
        let outer = [&self.server, &defaults.server];
        let mut places = BTreeMap::new();
        let mut servers = BTreeMap::new();
        let mut result = Ok(());
        let mut tunneled = false;
        let mut shared = Shared::default();
        for item in listed {
            let key = item.key(&subject.key);
            if let Some(first) = places.get(&key) {
                let finding = subject.finding(item.span, format!("duplicate real server {key}"));
                out.push(
                    finding
                        .first(*first)
                        .help("a larger share is a larger weight"),
                );
                continue;
            }
            places.insert(key, item.span);
            match item.resolve(outer, (subject, settings), &mut shared, out) {
                Ok(server) => {
                    let method = server.real_server.forwarding;
                    tunneled |= matches!(method, ForwardingMethod::Tunneling(_));
                    servers.insert(key, server);
                }
                Err(Wrong) => result = Err(Wrong),
            }
        }
        if let Some(span) = self.server.tunnel.span
            && result.is_ok()
            && !tunneled
            && !servers.is_empty()
        {
            let finding = Finding::new(span, "tunnel given, but no real server here is tunneled");
            out.push(finding.help("set forwarding: tun, or remove it"));
        }
        result.map(|()| servers)
    }
}
