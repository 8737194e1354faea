// SPDX-License-Identifier: MIT OR Apache-2.0
//! The listing as values. This file reads it from the kernel, `render` writes it as text and `json` as JSON.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::compat;
use crate::codec::ipvs::{Info, ServerEntry, ServiceEntry};
use crate::ipvsadm::filter::Filter;
use crate::ipvsadm::list::Format;
use crate::kernel::{Ipvs, IpvsError};
use crate::model::{Granularity, Protocol, ServiceKey, Thresholds};

/// Services with their servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// What the kernel says about IPVS itself.
    pub info: Info,
    /// Whether these are all services, and not only the requested one.
    pub whole: bool,
    /// The services.
    pub services: Vec<ListedService>,
}

/// One service with its servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedService {
    /// The service.
    pub service: ServiceEntry,
    /// Its servers.
    pub servers: Vec<ServerEntry>,
}

impl Listing {
    /// Reads all services, or one, that match `filter`. With a filter for servers, a service shows only those servers,
    /// and a service without one is left out.
    pub fn read(
        ipvs: &mut Ipvs,
        one: Option<&ServiceKey>,
        filter: &Filter,
        format: Format,
    ) -> Result<Self, IpvsError> {
        let info = ipvs.info()?;
        let services = match one {
            Some(key) => vec![ipvs.service(key)?],
            None => ipvs.services()?,
        };
        let wanted = services
            .into_iter()
            .filter(|service| filter.has_service(&service.key));
        let services = wanted.map(|service| {
            let mut servers = ipvs.servers(&service.key)?;
            servers.retain(|server| filter.has_server(&server.key));
            Ok(ListedService { service, servers })
        });
        let mut listing = Self {
            info,
            whole: one.is_none(),
            services: services.collect::<Result<_, _>>()?,
        };
        if filter.server.is_some() {
            listing.services.retain(|listed| !listed.servers.is_empty());
        }
        match format {
            Format {
                compat: true,
                sorted,
                ..
            } => compat::distort(&mut listing, sorted),
            Format { sorted: true, .. } => listing.sort(),
            Format { sorted: false, .. } => {}
        }
        Ok(listing)
    }

    /// Sorts services and servers in ipvsadm's order.
    pub(super) fn sort(&mut self) {
        self.services.sort_by_key(|listed| listed.service.key);
        for listed in &mut self.services {
            listed.servers.sort_by_key(|server| server.key);
        }
    }

    /// Removes what ipvsadm does not save: thresholds, and the granularity of a service without persistence.
    pub(super) fn keep_what_ipvsadm_saves(&mut self) {
        for ListedService { service, servers } in &mut self.services {
            let settings = &mut service.settings;
            if settings.persistence.is_none() {
                settings.granularity = Granularity::Single;
            }
            for server in servers {
                server.server.thresholds = Thresholds::NONE;
            }
        }
    }

    /// Everything that may have a name: every address, and every port of a known protocol.
    #[must_use]
    pub fn nameable(&self) -> (BTreeSet<IpAddr>, BTreeSet<(Protocol, u16)>) {
        let (mut addresses, mut ports) = (BTreeSet::new(), BTreeSet::new());
        for ListedService { service, servers } in &self.services {
            let servers = servers
                .iter()
                .map(|server| (server.key.address, server.key.port));
            addresses.extend(service.key.address());
            addresses.extend(servers.clone().map(|(address, _)| address));
            if let ServiceKey::Address { protocol, port, .. } = service.key {
                ports.insert((protocol, port));
                ports.extend(servers.map(|(_, port)| (protocol, port)));
            }
        }
        (addresses, ports)
    }
}
