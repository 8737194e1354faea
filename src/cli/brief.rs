// SPDX-License-Identifier: MIT OR Apache-2.0
//! The listing of plain `-Ln`, which scripts use all the time. It reads one service after the other, and nothing that
//! is not shown. So it takes a fraction of the time of a [`super::listing::Listing`].

use std::fmt;

use crate::codec::ipvs::{Info, ServiceEntry};
use crate::codec::sockopt::ServerSummary;
use crate::kernel::{Ipvs, IpvsError, SocketOptions};
use crate::model::ServiceKey;

/// All services, before their servers are read.
#[derive(Debug)]
pub(super) struct Brief {
    pub(super) info: Info,
    pub(super) services: Vec<ServiceEntry>,
    /// Whether to sort the servers.
    pub(super) sorted: bool,
}

/// A source of the servers.
pub(super) trait Source {
    /// Reads the servers of a service into `out`, in the kernel's order, and replaces its content.
    fn servers(
        &mut self,
        service: &ServiceKey,
        out: &mut Vec<ServerSummary>,
    ) -> Result<(), IpvsError>;
}

/// Why not all was listed.
#[derive(Debug)]
pub(super) enum BriefError {
    /// The servers of a service could not be read.
    Read(IpvsError),
    /// The text could not be written.
    Write,
}

impl From<fmt::Error> for BriefError {
    fn from(_: fmt::Error) -> Self {
        Self::Write
    }
}

impl Brief {
    /// Reads the services.
    pub(super) fn read(ipvs: &mut Ipvs, sorted: bool) -> Result<Self, IpvsError> {
        let info = ipvs.info()?;
        let mut services = ipvs.services()?;
        if sorted {
            services.sort_unstable_by_key(|service| service.key);
        }
        Ok(Self {
            info,
            services,
            sorted,
        })
    }

    /// Hands out the services, each with its servers.
    pub(super) fn each(
        &self,
        source: &mut impl Source,
        mut take: impl FnMut(&ServiceEntry, &[ServerSummary]) -> fmt::Result,
    ) -> Result<(), BriefError> {
        let mut servers = Vec::new();
        for service in &self.services {
            source
                .servers(&service.key, &mut servers)
                .map_err(BriefError::Read)?;
            if self.sorted {
                servers.sort_unstable_by_key(|server| server.key);
            }
            take(service, &servers)?;
        }
        Ok(())
    }
}

/// The kernel: by its older interface when that knows all servers of a service, otherwise by netlink.
pub(super) struct Kernel<'a> {
    ipvs: &'a mut Ipvs,
    options: Option<SocketOptions>,
}

impl<'a> Kernel<'a> {
    /// Asks for the servers of this many services.
    pub(super) fn new(ipvs: &'a mut Ipvs, services: usize) -> Self {
        let options = SocketOptions::open(services);
        Self { ipvs, options }
    }
}

impl Source for Kernel<'_> {
    fn servers(
        &mut self,
        service: &ServiceKey,
        out: &mut Vec<ServerSummary>,
    ) -> Result<(), IpvsError> {
        let options = self.options.as_mut();
        if options.is_some_and(|options| options.servers(service, out).is_some()) {
            return Ok(());
        }
        let servers = self.ipvs.servers(service)?;
        out.clear();
        out.extend(servers.iter().map(ServerSummary::from));
        Ok(())
    }
}
