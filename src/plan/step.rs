// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a step changes a table.

use nix::errno::Errno;

use crate::model::{IpvsTable, Step, VirtualService};

impl Step {
    /// Changes a table as the kernel would, and fails with the kernel's error number
    /// (`net/netfilter/ipvs/ip_vs_ctl.c`).
    pub fn apply_to(&self, table: &mut IpvsTable) -> Result<(), Errno> {
        let services = &mut table.services;
        match self {
            Self::AddService(key, settings) => {
                if services.contains_key(key) {
                    return Err(Errno::EEXIST);
                }
                services.insert(*key, VirtualService::new(settings.clone()));
            }
            Self::EditService(key, settings) => {
                services.get_mut(key).ok_or(Errno::ESRCH)?.settings = settings.clone();
            }
            Self::DeleteService(key) => {
                services.remove(key).ok_or(Errno::ESRCH)?;
            }
            Self::AddServer(key, server, real) => {
                let service = services.get_mut(key).ok_or(Errno::ESRCH)?;
                if service.servers.contains_key(server) {
                    return Err(Errno::EEXIST);
                }
                service.servers.insert(*server, *real);
            }
            Self::EditServer(key, server, real) => {
                let service = services.get_mut(key).ok_or(Errno::ESRCH)?;
                *service.servers.get_mut(server).ok_or(Errno::ENOENT)? = *real;
            }
            Self::DeleteServer(key, server) => {
                let service = services.get_mut(key).ok_or(Errno::ESRCH)?;
                service.servers.remove(server).ok_or(Errno::ENOENT)?;
            }
        }
        Ok(())
    }
}
