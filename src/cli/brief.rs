// SPDX-License-Identifier: MIT OR Apache-2.0
//! What `-Ln` alone lists, which is what scripts ask for all the time: read in a fraction of a
//! [`super::listing::Listing`]'s time, because the servers of most services come in one piece.

use std::collections::HashMap;
use std::fmt;

use crate::codec::ipvs::{Info, ServerEntry, ServiceEntry};
use crate::codec::table::{ServerLine, ServerTable};
use crate::kernel::{Ipvs, IpvsError, server_table};
use crate::model::ServiceKey;

/// All services, with what the default columns say of their servers.
#[derive(Debug)]
pub(super) struct Brief {
    pub(super) info: Info,
    pub(super) services: Vec<ServiceEntry>,
    pub(super) table: ServerTable,
    /// The servers of services that the table does not have, or not without doubt.
    pub(super) others: HashMap<ServiceKey, Vec<ServerEntry>>,
    /// Whether servers are to be sorted.
    pub(super) sorted: bool,
}

/// The servers of one service.
pub(super) enum Servers<'a> {
    /// Out of the kernel's text.
    Lines(&'a [ServerLine]),
    /// By netlink.
    Entries(&'a [ServerEntry]),
}

impl Brief {
    /// Reads all services.
    pub(super) fn read(ipvs: &mut Ipvs, sorted: bool) -> Result<Self, IpvsError> {
        let info = ipvs.info()?;
        let mut services = ipvs.services()?;
        if sorted {
            services.sort_unstable_by_key(|service| service.key);
        }
        // Whatever keeps the text from being read, netlink has it too.
        let mut table = server_table().unwrap_or_default();
        let mut others = HashMap::new();
        for ServiceEntry { key, .. } in &services {
            if table.servers(key).is_none() {
                others.insert(*key, ipvs.servers(key)?);
            }
        }
        Ok(Self {
            info,
            services,
            table,
            others,
            sorted,
        })
    }

    /// Hands out the services one after the other.
    pub(super) fn each(
        mut self,
        mut take: impl FnMut(&ServiceEntry, Servers<'_>) -> fmt::Result,
    ) -> fmt::Result {
        for service in &self.services {
            let key = &service.key;
            let servers = match (self.table.servers(key), self.others.get_mut(key)) {
                (Some(lines), _) => {
                    if self.sorted {
                        lines.sort_unstable_by_key(|line| line.key);
                    }
                    Servers::Lines(lines)
                }
                (None, Some(entries)) => {
                    if self.sorted {
                        entries.sort_by_key(|entry| entry.key);
                    }
                    Servers::Entries(entries)
                }
                (None, None) => Servers::Entries(&[]),
            };
            take(service, servers)?;
        }
        Ok(())
    }
}
