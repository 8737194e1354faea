// SPDX-License-Identifier: MIT OR Apache-2.0
//! What another language cannot say, gathered so that few lines tell it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::model::{Config, ServerKey, ServiceKey};

/// What an omission is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Object {
    /// A section of the file: `ipvs`, `peer`.
    Section(&'static str),
    /// A virtual router, by its name.
    Router(Box<str>),
    /// Every virtual service.
    AllServices,
    /// A virtual service.
    Service(ServiceKey),
    /// Every real server of every service.
    AllServers,
    /// Every real server of a service.
    AllServersOf(ServiceKey),
    /// A real server of a service.
    Server(ServiceKey, ServerKey),
}

impl fmt::Display for Object {
    /// Services and servers as ipvsadm lists them: `real server 10.0.0.2:80 of TCP 192.0.2.10:80`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Section(name) => f.write_str(name),
            Self::Router(name) => write!(f, "virtual router {name}"),
            Self::AllServices => f.write_str("all virtual services"),
            Self::Service(service) => write!(f, "service {service}"),
            Self::AllServers => f.write_str("all real servers"),
            Self::AllServersOf(service) => write!(f, "all real servers of {service}"),
            Self::Server(service, server) => write!(f, "real server {server} of {service}"),
        }
    }
}

/// What a text does not say of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Omission {
    /// Which object.
    pub object: Object,
    /// Each key that has no equal, and why.
    pub what: Vec<Cow<'static, str>>,
}

impl fmt::Display for Omission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.object, self.what.join("; "))
    }
}

/// What was omitted until now.
#[derive(Debug, Default)]
pub(super) struct Omissions {
    servers: BTreeMap<Cow<'static, str>, BTreeSet<(ServiceKey, ServerKey)>>,
    services: BTreeMap<Cow<'static, str>, BTreeSet<ServiceKey>>,
    others: Vec<(Object, Cow<'static, str>)>,
}

/// Notes what is omitted of one real server.
pub(super) struct OfServer<'a> {
    pub(super) omissions: &'a mut Omissions,
    pub(super) service: ServiceKey,
    pub(super) server: ServerKey,
}

impl OfServer<'_> {
    pub(super) fn note(&mut self, what: impl Into<Cow<'static, str>>) {
        let servers = self.omissions.servers.entry(what.into()).or_default();
        servers.insert((self.service, self.server));
    }
}

impl Omissions {
    pub(super) fn note_service(
        &mut self,
        service: &ServiceKey,
        what: impl Into<Cow<'static, str>>,
    ) {
        let services = self.services.entry(what.into()).or_default();
        services.insert(*service);
    }

    pub(super) fn note_router(&mut self, name: &str, what: impl Into<Cow<'static, str>>) {
        self.others.push((Object::Router(name.into()), what.into()));
    }

    pub(super) fn note_section(&mut self, name: &'static str, what: impl Into<Cow<'static, str>>) {
        self.others.push((Object::Section(name), what.into()));
    }

    /// One omission an object. What is so for all of several servers or services is told once.
    pub(super) fn told(self, config: &Config) -> Vec<Omission> {
        let mut told: BTreeMap<Object, Vec<Cow<'static, str>>> = BTreeMap::new();
        let mut tell = |object, what: &Cow<'static, str>| {
            told.entry(object).or_default().push(what.clone());
        };
        for (object, what) in self.others {
            tell(object, &what);
        }
        for (what, services) in self.services {
            if services.len() > 1 && services.len() == config.services.len() {
                tell(Object::AllServices, &what);
                continue;
            }
            for service in services {
                tell(Object::Service(service), &what);
            }
        }
        for (what, servers) in self.servers {
            for object in objects(&servers, config) {
                tell(object, &what);
            }
        }
        let told = told.into_iter();
        told.map(|(object, what)| Omission { object, what })
            .collect()
    }
}

/// These servers, in as few words as possible.
fn objects(servers: &BTreeSet<(ServiceKey, ServerKey)>, config: &Config) -> Vec<Object> {
    let all: usize = config.services.values().map(|it| it.servers.len()).sum();
    if servers.len() == all && config.services.len() > 1 {
        return vec![Object::AllServers];
    }
    let mut by_service: BTreeMap<ServiceKey, Vec<ServerKey>> = BTreeMap::new();
    for (service, server) in servers {
        by_service.entry(*service).or_default().push(*server);
    }
    let objects = by_service.into_iter().flat_map(|(service, servers)| {
        let configured = config.services.get(&service);
        let all = configured.is_some_and(|it| it.servers.len() == servers.len());
        if all && servers.len() > 1 {
            return vec![Object::AllServersOf(service)];
        }
        let each = servers.into_iter();
        each.map(|server| Object::Server(service, server)).collect()
    });
    objects.collect()
}
