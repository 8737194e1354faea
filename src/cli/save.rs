// SPDX-License-Identifier: MIT OR Apache-2.0
//! `-S`: the table as the command lines that make it, for `-R` and for ipvsadm.

use std::fmt::{self, Write};

use super::compat;
use super::endpoint::endpoint;
use super::listing::{ListedService, Listing};
use crate::ipvsadm::{ServerRule, ServiceArgument, ServiceRule};
use crate::model::{Protocol, SchedulerFlags, ServiceKey, ServiceSettings};
use crate::system::Names;

/// Writes a line for each service and each server; with `compat` exactly as ipvsadm does. It writes a name when `names`
/// has one.
pub fn render(out: &mut impl Write, listing: &Listing, compat: bool, names: &Names) -> fmt::Result {
    for ListedService { service, servers } in &listing.services {
        let key = &service.key;
        let name = service_argument(key, compat, names);
        // A rule begins with its service by number.
        let number = ServiceArgument(key).to_string();
        let rule = if compat {
            compatible_rule(key, &service.settings)
        } else {
            ServiceRule(key, &service.settings).to_string()
        };
        let settings = rule.strip_prefix(&number).unwrap_or_default();
        writeln!(out, "-A {name}{settings}")?;
        let protocol = protocol(key);
        for server in servers {
            let rule = ServerRule(key, &server.key, Some(&server.server)).to_string();
            let number = format!("{number} -r {}", server.key);
            let settings = rule.strip_prefix(&number).unwrap_or_default();
            let at = endpoint(names, server.key.address, server.key.port, protocol);
            writeln!(out, "-a {name} -r {at}{settings}")?;
        }
    }
    Ok(())
}

/// The rule with the flags that ipvsadm knows, even if none of the set ones is among them.
fn compatible_rule(key: &ServiceKey, settings: &ServiceSettings) -> String {
    let without = ServiceSettings {
        scheduler_flags: SchedulerFlags::NONE,
        ..settings.clone()
    };
    let rule = ServiceRule(key, &without).to_string();
    if settings.scheduler_flags.is_empty() {
        return rule;
    }
    format!("{rule} -b {}", compat::flag_names(settings))
}

/// `-t localhost:http`, `-f 7`.
fn service_argument(key: &ServiceKey, compat: bool, names: &Names) -> String {
    let number = ServiceArgument(key).to_string();
    match (*key, number.split_once(' ')) {
        (ServiceKey::Fwmark { mark, .. }, _) if compat => {
            number.replacen(&mark.to_string(), &compat::mark(mark).to_string(), 1)
        }
        (ServiceKey::Address { address, port, .. }, Some((option, _))) => {
            format!("{option} {}", endpoint(names, address, port, protocol(key)))
        }
        _ => number,
    }
}

const fn protocol(key: &ServiceKey) -> Option<Protocol> {
    match *key {
        ServiceKey::Address { protocol, .. } => Some(protocol),
        ServiceKey::Fwmark { .. } => None,
    }
}
