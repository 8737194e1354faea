// SPDX-License-Identifier: MIT OR Apache-2.0
//! Of which service a connection is.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::model::{Protocol, ServiceKey};

/// The service of connections to this address, if it is one of these. A service by mark is never found: the kernel's list
/// of connections does not say the marks of packets.
pub(super) fn service_of<T>(
    services: &BTreeMap<ServiceKey, T>,
    protocol: Protocol,
    at: SocketAddr,
) -> Option<(&ServiceKey, &T)> {
    let with = |port| ServiceKey::Address {
        protocol,
        address: at.ip(),
        port,
    };
    let found = services.get_key_value(&with(at.port()));
    // A service of all ports has port 0.
    found.or_else(|| services.get_key_value(&with(0)))
}
