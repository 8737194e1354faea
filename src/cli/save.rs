// SPDX-License-Identifier: MIT OR Apache-2.0
//! `-S`: the table as the command lines that make it, for `-R` and for ipvsadm.

use std::fmt::{self, Write};

use super::endpoint::endpoint;
use super::listing::{ListedService, Listing};
use crate::kernel::Names;
use crate::model::{Protocol, ServerRule, ServiceArgument, ServiceKey, ServiceRule};

/// Writes a line for each service and each server. What has a name in `names` is written by it.
pub fn render(out: &mut impl Write, listing: &Listing, names: &Names) -> fmt::Result {
    for ListedService { service, servers } in &listing.services {
        let key = &service.key;
        let name = service_argument(key, names);
        let rule = ServiceRule(key, &service.settings).to_string();
        // A rule begins with its service by number.
        let number = ServiceArgument(key).to_string();
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

/// `-t localhost:http`, `-f 7`.
fn service_argument(key: &ServiceKey, names: &Names) -> String {
    let number = ServiceArgument(key).to_string();
    match (*key, number.split_once(' ')) {
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
