// SPDX-License-Identifier: MIT OR Apache-2.0
//! A virtual server as services of ours: what all servers share stands on the service.

use std::net::IpAddr;

use super::checker::{self, UsualPort};
use super::group::{Endpoint, Placed};
use super::method::Method;
use super::server::{Own, Real};
use super::service::Virtual;
use crate::diagnostic::{Finding, Findings};
use crate::import::document::{Entry, Item, Value};
use crate::import::keepalived::draft::Draft;
use crate::import::service::identity;
use crate::import::statement::Remarks;
use crate::model::{AddressFamily, ServiceKey};

/// Writes a service for each of its addresses.
pub(super) fn services(service: &Virtual, draft: &mut Draft<'_>) {
    tell_of_ports(service, draft.out);
    for placed in &service.endpoints {
        let mut item = one(service, placed.endpoint);
        if placed.span != service.span {
            item.before.clear();
        }
        let key = key(service, placed.endpoint);
        draft.origins.add_service(key, placed.span);
        draft.document.list("virtual_services").push(item);
        draft.names.push(service.group.clone());
    }
}

/// What servers need to know of their service.
#[derive(Debug, Clone, Copy)]
struct At {
    /// `None` when it has no port, or every port.
    port: Option<u16>,
    /// No check knows the port of a service by mark.
    is_mark: bool,
}

impl At {
    const fn of(endpoint: Endpoint) -> Self {
        match endpoint {
            Endpoint::Address(_, port) => Self {
                port: if port == 0 { None } else { Some(port) },
                is_mark: false,
            },
            Endpoint::Mark(..) => Self {
                port: None,
                is_mark: true,
            },
        }
    }
}

/// A service of ours.
fn one(service: &Virtual, endpoint: Endpoint) -> Item {
    let at = At::of(endpoint);
    let port = at.port;
    let mut entries = identity(&key(service, endpoint));
    let mut put = |key: &str, value: Value| entries.push(Entry::new(key, value));
    put("scheduler", Value::word(service.scheduler));
    if !service.flags.is_empty() {
        let flags = service.flags.iter().map(Value::word);
        put("scheduler_flags", Value::list(flags));
    }
    if service.one_packet {
        put("one_packet", Value::word(true));
    }
    if let Some(persistence) = service.persistence.value() {
        put("persistence", persistence);
    }
    let shared = Shared::of(service, at);
    shared.entries(&mut entries);
    entries.push(Entry::new("min_healthy", Value::word(0)));
    entries.extend(quorum(service).map(|quorum| Entry::new("quorum", quorum)));
    if let Some(sorry) = &service.sorry {
        let own = service.sorry_method.unwrap_or(service.method);
        let value = sorry.value(port, shared.method, own);
        entries.push(Entry::new("sorry_server", value));
    }
    let servers = service
        .servers
        .iter()
        .map(|real| shared.item(service, real, at));
    let servers = Value::List(servers.collect());
    entries.extend(shared.check.map(|check| Entry::new("check", check)));
    entries.push(Entry::new("servers", servers));
    let mut item = Item::new(Value::Map(entries));
    attach(&mut item, &service.remarks);
    item
}

/// Which service it is.
pub(super) fn key(service: &Virtual, endpoint: Endpoint) -> ServiceKey {
    match endpoint {
        Endpoint::Address(address, port) => ServiceKey::Address {
            protocol: service.protocol,
            address,
            port,
        },
        Endpoint::Mark(mark, _) => ServiceKey::Fwmark {
            mark,
            family: mark_family(service, endpoint).unwrap_or(AddressFamily::Ipv4),
        },
    }
}

/// The family of a service by mark: as written, or that of its servers.
pub(super) fn mark_family(service: &Virtual, endpoint: Endpoint) -> Option<AddressFamily> {
    match endpoint {
        Endpoint::Address(address, _) => Some(AddressFamily::of(address)),
        Endpoint::Mark(_, family) => family.or(service.family).or_else(|| {
            service
                .servers
                .first()
                .map(|real| AddressFamily::of(real.address))
        }),
    }
}

/// keepalived counts weights.
fn quorum(service: &Virtual) -> Option<Value> {
    let quorum = service.quorum.unwrap_or(1);
    if quorum <= 1 {
        return None;
    }
    let mut map = vec![Entry::new("weight", Value::word(quorum))];
    if service.hysteresis > 0 {
        map.push(Entry::new("hysteresis", Value::word(service.hysteresis)));
    }
    Some(Value::Map(map))
}

/// What stands on the service, because all servers have it.
struct Shared {
    method: Method,
    weight: u32,
    inhibit: bool,
    check: Option<Value>,
}

impl Shared {
    fn of(service: &Virtual, at: At) -> Self {
        let servers = &service.servers;
        Self {
            method: same(servers.iter().map(|it| method(service, it))).unwrap_or(service.method),
            weight: same(servers.iter().map(|it| weight(service, it)))
                .unwrap_or_else(|| service.weight.unwrap_or(1)),
            inhibit: same(
                servers
                    .iter()
                    .map(|it| it.inhibit.unwrap_or(service.inhibit)),
            )
            .unwrap_or(service.inhibit),
            check: same(servers.iter().map(|it| check(service, it, at)))
                .or_else(|| same_keys(service, at)),
        }
    }

    fn entries(&self, entries: &mut Vec<Entry>) {
        entries.extend(self.method.entries());
        if self.weight != 1 {
            entries.push(Entry::new("weight", Value::word(self.weight)));
        }
        if self.inhibit {
            entries.push(Entry::new("inhibit_on_failure", Value::word(true)));
        }
    }

    /// A server, with what it does not share.
    fn item(&self, service: &Virtual, real: &Real, at: At) -> Item {
        let (method, weight) = (method(service, real), weight(service, real));
        let inhibit = real.inhibit.unwrap_or(service.inhibit);
        let own_port = real.own_port(method, at.port);
        let check = check(service, real, at);
        let own = Own {
            weight: (weight != self.weight).then_some(weight),
            method: (method != self.method).then_some(method),
            inhibit: (inhibit != self.inhibit).then_some(inhibit),
            check: own_check(check, self.check.as_ref()),
        };
        real.item(own_port, &own)
    }
}

/// The value of all of them, if they have the same one.
fn same<T: PartialEq>(mut values: impl Iterator<Item = T>) -> Option<T> {
    let first = values.next()?;
    values.all(|value| value == first).then_some(first)
}

/// Where its packets go, for each of the service's own ports.
pub(super) fn targets(service: &Virtual, real: &Real) -> Vec<(Option<u16>, IpAddr, u16)> {
    let method = method(service, real);
    let target = |placed: &Placed| {
        let at = At::of(placed.endpoint);
        let own = real.own_port(method, at.port);
        let port = at.port.unwrap_or(0);
        (Some(port), real.address, own.unwrap_or(port))
    };
    let mut targets: Vec<_> = service.endpoints.iter().map(target).collect();
    targets.dedup();
    targets
}

fn method(service: &Virtual, real: &Real) -> Method {
    real.method.unwrap_or(service.method)
}

fn weight(service: &Virtual, real: &Real) -> u32 {
    real.weight.or(service.weight).unwrap_or(1)
}

fn check(service: &Virtual, real: &Real, at: At) -> Value {
    let own = real.own_port(method(service, real), at.port);
    let usual = UsualPort {
        protocol: service.protocol,
        port: own.or(at.port).filter(|_| !at.is_mark),
    };
    checker::value(&real.checks, usual)
}

/// The keys that all servers have beside the type of their check, if each has just one.
fn same_keys(service: &Virtual, at: At) -> Option<Value> {
    let checks = service.servers.iter().map(|real| check(service, real, at));
    let maps: Option<Vec<_>> = checks.map(single).collect();
    let maps = maps?;
    let first = maps.first()?.get(1..)?;
    let is_common = |entry: &&Entry| maps.iter().all(|map| map.contains(entry));
    let common: Vec<_> = first.iter().filter(is_common).cloned().collect();
    (!common.is_empty() && service.servers.len() > 1).then_some(Value::Map(common))
}

/// The keys of one check, its type first.
fn single(check: Value) -> Option<Vec<Entry>> {
    match check {
        Value::Map(keys) if keys.first().is_some_and(|first| first.key != "each") => Some(keys),
        Value::Map(_) | Value::Word(_) | Value::Text(_) | Value::List(_) => None,
    }
}

/// What a server must say itself, with what the service says.
fn own_check(check: Value, shared: Option<&Value>) -> Option<Value> {
    let Some(shared) = shared else {
        return Some(check);
    };
    if check == *shared {
        return None;
    }
    match (check, shared) {
        (Value::Map(keys), Value::Map(shared)) => {
            let keys = keys.into_iter().filter(|key| !shared.contains(key));
            Some(Value::Map(keys.collect()))
        }
        (check, _) => Some(check),
    }
}

/// Puts comments where they belong.
fn attach(item: &mut Item, remarks: &[(&'static str, Remarks)]) {
    let Value::Map(entries) = &mut item.value else {
        return;
    };
    for (key, remarks) in remarks {
        // No comment can stand above the first key.
        let entry = entries.iter_mut().skip(1).find(|entry| entry.key == *key);
        let before = remarks.before.iter().map(ToString::to_string);
        let behind = remarks.behind.as_deref().map(str::to_owned);
        match entry {
            Some(entry) => {
                entry.before.extend(before);
                match (&entry.remark, behind) {
                    (None, behind) => entry.remark = behind,
                    (Some(_), behind) => entry.before.extend(behind),
                }
            }
            None => item.before.extend(before.chain(behind)),
        }
    }
}

/// Says so when a server has an address that this service cannot reach.
pub(super) fn tell_of_addresses(service: &Virtual, out: &mut Findings) {
    for real in &service.servers {
        let method = method(service, real);
        for placed in &service.endpoints {
            let family = mark_family(service, placed.endpoint);
            let same = family == Some(AddressFamily::of(real.address));
            let finding = match placed.endpoint {
                _ if !same && !method.tunnels() => Finding::new(
                    real.span,
                    "a server of another address family than its service",
                )
                .help("only TUN reaches it; keepalived leaves it out"),
                Endpoint::Address(address, port)
                    if address == real.address && (real.port == 0 || real.port == port) =>
                {
                    Finding::new(real.span, "a server with the address of its own service")
                        .help("a check of it would ask the service; write an address of its host")
                }
                Endpoint::Address(..) | Endpoint::Mark(..) => continue,
            };
            out.push(finding.label(placed.span, "the service"));
        }
    }
}

/// What becomes of ports that packets cannot get.
fn tell_of_ports(service: &Virtual, out: &mut Findings) {
    let sorry_method = service.sorry_method.unwrap_or(service.method);
    let ports: Vec<u16> = service
        .endpoints
        .iter()
        .map(|placed| match placed.endpoint {
            Endpoint::Address(_, port) => port,
            Endpoint::Mark(..) => 0,
        })
        .collect();
    let is_other = |own: u16| own != 0 && ports.iter().any(|port| *port != own);
    if let Some(sorry) = service
        .sorry
        .as_ref()
        .filter(|it| is_other(it.port) && sorry_method.keeps_ports())
    {
        let what = format!(
            "port {} of the sorry server is not the service's, and DR and TUN change no port",
            sorry.port
        );
        let finding = Finding::warning(service.span, what);
        out.push(finding.help("keepalived takes the service's port, too"));
    }
    for real in &service.servers {
        let method = method(service, real);
        if !method.keeps_ports() {
            continue;
        }
        if real.address.is_loopback() {
            let finding = Finding::warning(
                real.span,
                "packets to this host keep their address and port",
            );
            out.push(finding.help("its program must listen on the service's own address and port"));
        }
        if is_other(real.port) {
            let what = format!(
                "port {} is not the service's, and DR and TUN change no port",
                real.port
            );
            let finding = Finding::warning(real.span, what);
            out.push(
                finding
                    .help("keepalived takes the service's port, too; only the check asks this one"),
            );
        }
    }
}
