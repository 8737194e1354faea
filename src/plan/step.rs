// SPDX-License-Identifier: MIT OR Apache-2.0
//! One change to the kernel's table.

use std::fmt;

use nix::errno::Errno;
use serde::{Deserialize, Serialize};

use crate::model::{
    IpvsTable, RealServer, ServerKey, ServerRule, ServiceArgument, ServiceKey, ServiceRule,
    ServiceSettings, VirtualService,
};

/// One change to the kernel's table: one netlink message, one ipvsadm line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Make a virtual service, without servers.
    AddService(ServiceKey, ServiceSettings),
    /// Replace a virtual service's settings.
    EditService(ServiceKey, ServiceSettings),
    /// Remove a virtual service with all its servers.
    DeleteService(ServiceKey),
    /// Add a real server.
    AddServer(ServiceKey, ServerKey, RealServer),
    /// Replace what is said of a real server.
    EditServer(ServiceKey, ServerKey, RealServer),
    /// Remove a real server.
    DeleteServer(ServiceKey, ServerKey),
}

impl Step {
    /// The virtual service it belongs to.
    #[must_use]
    pub const fn service(&self) -> &ServiceKey {
        match self {
            Self::AddService(key, _)
            | Self::EditService(key, _)
            | Self::DeleteService(key)
            | Self::AddServer(key, ..)
            | Self::EditServer(key, ..)
            | Self::DeleteServer(key, _) => key,
        }
    }

    /// Makes the change to a table as the kernel would, with the error number it would give
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

impl fmt::Display for Step {
    /// The line that `ipvsadm -R` would take for the same change.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddService(key, settings) => write!(f, "-A {}", ServiceRule(key, settings)),
            Self::EditService(key, settings) => write!(f, "-E {}", ServiceRule(key, settings)),
            Self::DeleteService(key) => write!(f, "-D {}", ServiceArgument(key)),
            Self::AddServer(key, server, real) => {
                write!(f, "-a {}", ServerRule(key, server, Some(real)))
            }
            Self::EditServer(key, server, real) => {
                write!(f, "-e {}", ServerRule(key, server, Some(real)))
            }
            Self::DeleteServer(key, server) => write!(f, "-d {}", ServerRule(key, server, None)),
        }
    }
}
