// SPDX-License-Identifier: MIT OR Apache-2.0
//! A virtual service as an item of our file, from what the kernel would hold of it.

use std::net::SocketAddr;

use super::document::{Entry, Item, Value};
use crate::model::{
    AddressFamily, ForwardingMethod, Granularity, Protocol, RealServer, ServerKey, ServiceKey,
    ServiceSettings, Thresholds, Tunnel, TunnelChecksum, TunnelKind, Weight,
};

/// A virtual service.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) key: ServiceKey,
    pub(super) settings: ServiceSettings,
    /// What else it has: its check.
    pub(super) rules: Vec<Entry>,
    pub(super) servers: Vec<Server>,
    /// Who serves when nobody else is left.
    pub(super) sorry: Option<Server>,
    /// Comments above it.
    pub(super) before: Vec<String>,
    /// A comment behind it.
    pub(super) remark: Option<String>,
}

/// One of its real servers.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) key: ServerKey,
    pub(super) real: RealServer,
    /// What else it has: a check of its own.
    pub(super) rules: Vec<Entry>,
    /// Comments above it.
    pub(super) before: Vec<String>,
    /// A comment behind it.
    pub(super) remark: Option<String>,
}

impl Service {
    /// Without servers, rules and comments.
    pub(super) const fn new(key: ServiceKey, settings: ServiceSettings) -> Self {
        Self {
            key,
            settings,
            rules: Vec::new(),
            servers: Vec::new(),
            sorry: None,
            before: Vec::new(),
            remark: None,
        }
    }

    /// As it is written: what all servers have stands at the service.
    pub(super) fn item(self) -> Item {
        let usual = Usual::of(&self.servers);
        let mut entries = identity(&self.key);
        entries.extend(scheduling(&self.settings));
        entries.extend(usual.entries());
        entries.extend(self.rules);
        // What stands at the service counts for it, too.
        let sorry = self.sorry.map(|server| server.item(&self.key, &usual));
        entries.extend(sorry.map(|item| Entry {
            before: item.before,
            key: "sorry_server".to_owned(),
            value: item.value,
            remark: item.remark,
        }));
        let servers = self.servers.into_iter();
        let servers = servers.map(|server| server.item(&self.key, &usual));
        entries.push(Entry::new("servers", Value::List(servers.collect())));
        Item {
            before: self.before,
            value: Value::Map(entries),
            remark: self.remark,
        }
    }
}

impl Server {
    /// Without rules and comments.
    pub(super) const fn new(key: ServerKey, real: RealServer) -> Self {
        Self {
            key,
            real,
            rules: Vec::new(),
            before: Vec::new(),
            remark: None,
        }
    }

    fn item(self, service: &ServiceKey, usual: &Usual) -> Item {
        Item {
            before: self.before,
            value: server(self.key, self.real, self.rules, service, usual),
            remark: self.remark,
        }
    }
}

fn server(
    key: ServerKey,
    real: RealServer,
    rules: Vec<Entry>,
    service: &ServiceKey,
    usual: &Usual,
) -> Value {
    let own_port = key.port != 0 && service.port() != Some(key.port);
    let address = if own_port {
        Value::text(SocketAddr::new(key.address, key.port))
    } else {
        Value::text(key.address)
    };
    let mut entries = vec![Entry::new("address", address.clone())];
    entries.extend(usual.differing(&real));
    entries.extend(rules);
    if entries.len() == 1 {
        return address;
    }
    Value::Map(entries)
}

/// What all servers of a service have, as far as it is written at the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Usual(RealServer);

impl Usual {
    /// Our defaults.
    const DEFAULT: Self = Self(RealServer::new(
        ForwardingMethod::DirectRouting,
        Weight::ONE,
    ));

    fn of(servers: &[Server]) -> Self {
        let Self(mut usual) = Self::DEFAULT;
        let Some(first) = servers.first().map(|server| server.real) else {
            return Self(usual);
        };
        let all = |same: fn(&RealServer, &RealServer) -> bool| {
            servers.iter().all(|server| same(&server.real, &first))
        };
        if all(|one, other| one.forwarding == other.forwarding) {
            usual.forwarding = first.forwarding;
        }
        let are_several = servers.len() > 1;
        if are_several && all(|one, other| one.weight == other.weight) {
            usual.weight = first.weight;
        }
        if are_several && all(|one, other| one.thresholds == other.thresholds) {
            usual.thresholds = first.thresholds;
        }
        Self(usual)
    }

    /// What is not our default.
    fn entries(&self) -> Vec<Entry> {
        Self::DEFAULT.differing(&self.0)
    }

    /// The settings of a server that are others than these.
    fn differing(&self, real: &RealServer) -> Vec<Entry> {
        let Self(usual) = self;
        let mut entries = Vec::new();
        if real.forwarding != usual.forwarding {
            entries.extend(forwarding(real.forwarding));
        }
        if real.weight != usual.weight {
            entries.push(Entry::new("weight", Value::word(real.weight)));
        }
        if real.thresholds != usual.thresholds {
            let Thresholds { upper, lower } = real.thresholds;
            entries.push(Entry::new("upper_threshold", Value::word(upper)));
            entries.push(Entry::new("lower_threshold", Value::word(lower)));
        }
        entries
    }
}

/// The keys that say which service it is.
pub(super) fn identity(key: &ServiceKey) -> Vec<Entry> {
    match *key {
        ServiceKey::Address {
            protocol,
            address,
            port,
        } => {
            let at = Value::text(SocketAddr::new(address, port));
            let at = Entry::new("address", at);
            match protocol {
                Protocol::Tcp => vec![at],
                Protocol::Udp | Protocol::Sctp | Protocol::Other(_) => {
                    let word = protocol.to_string().to_lowercase();
                    vec![at, Entry::new("protocol", Value::word(word))]
                }
            }
        }
        ServiceKey::Fwmark { mark, family } => {
            let mark = Entry::new("fwmark", Value::word(mark));
            match family {
                AddressFamily::Ipv4 => vec![mark],
                AddressFamily::Ipv6 => vec![mark, Entry::new("family", Value::word("ipv6"))],
            }
        }
    }
}

fn scheduling(settings: &ServiceSettings) -> Vec<Entry> {
    let mut entries = vec![Entry::new(
        "scheduler",
        Value::text(settings.scheduler.name()),
    )];
    if !settings.scheduler_flags.is_empty() {
        let flags = settings.scheduler_flags.display(&settings.scheduler);
        let flags = Value::list(flags.split(',').map(Value::word));
        entries.push(Entry::new("scheduler_flags", flags));
    }
    if settings.one_packet {
        entries.push(Entry::new("one_packet", Value::word(true)));
    }
    if let Some(timeout) = settings.persistence {
        let timeout = Value::word(format!("{timeout}s"));
        let mut inner = vec![Entry::new("timeout", timeout.clone())];
        if let Some(argument) = settings.granularity.argument() {
            inner.push(Entry::new("granularity", granularity(settings, argument)));
        }
        if let Some(engine) = &settings.engine {
            inner.push(Entry::new("engine", Value::text(engine)));
        }
        let value = match inner.len() {
            1 => timeout,
            _ => Value::Map(inner),
        };
        entries.push(Entry::new("persistence", value));
    }
    entries
}

fn granularity(settings: &ServiceSettings, argument: String) -> Value {
    match settings.granularity {
        Granularity::Mask(_) => Value::text(argument),
        Granularity::Single | Granularity::Prefix(_) => Value::word(argument),
    }
}

/// The keys that say how packets get to a server.
pub(super) fn forwarding(method: ForwardingMethod) -> Vec<Entry> {
    let (word, tunnel) = match method {
        ForwardingMethod::Masquerading => ("nat", None),
        ForwardingMethod::Tunneling(tunnel) => ("tun", Some(tunnel)),
        // No line of ipvsadm can say more than "-g" of these.
        ForwardingMethod::DirectRouting
        | ForwardingMethod::Local
        | ForwardingMethod::Bypass
        | ForwardingMethod::Other(_) => ("dr", None),
    };
    let mut entries = vec![Entry::new("forwarding", Value::word(word))];
    entries.extend(
        tunnel
            .filter(|tunnel| *tunnel != Tunnel::IPIP)
            .map(|it| Entry::new("tunnel", encapsulation(it))),
    );
    entries
}

fn encapsulation(tunnel: Tunnel) -> Value {
    let (kind, port) = match tunnel.kind {
        TunnelKind::Ipip => ("ipip".to_owned(), None),
        TunnelKind::Gue { port } => ("gue".to_owned(), Some(port)),
        TunnelKind::Gre => ("gre".to_owned(), None),
        TunnelKind::Other(number) => (number.to_string(), None),
    };
    let mut entries = vec![Entry::new("type", Value::word(kind))];
    entries.extend(port.map(|port| Entry::new("port", Value::word(port))));
    let checksum = match tunnel.checksum {
        TunnelChecksum::None => None,
        TunnelChecksum::Full => Some("full".to_owned()),
        TunnelChecksum::Remote => Some("remote".to_owned()),
        TunnelChecksum::Other(flags) => Some(flags.to_string()),
    };
    entries.extend(checksum.map(|word| Entry::new("checksum", Value::word(word))));
    Value::Map(entries)
}
