// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who is on the lab's network, and at which addresses.
//!
//! | host | addresses on the LAN |
//! |---|---|
//! | `client` | 192.168.0.100, and more from .101 on |
//! | `rs1`, `rs2`, ... | 192.168.0.2, .3, ... |
//! | `director1`, `director2` | 192.168.0.11, .12 |
//!
//! In IPv6 all have `fd00:c0a8::` and the same last number. No host has 192.168.0.10 and 192.168.0.123: they are for
//! virtual IPs.

use std::net::Ipv4Addr;

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

/// How large the lab is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Directors: 0 to 2.
    pub directors: u8,
    /// Real-server hosts: 0 to 8.
    pub servers: u8,
    /// More addresses of the client: 0 to 149.
    pub client_addresses: u8,
    /// Memory of each director in MiB.
    pub memory: u32,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            directors: 1,
            servers: 3,
            client_addresses: 60,
            memory: 512,
        }
    }
}

/// What runs a host.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A kernel of its own.
    Director,
    /// A network namespace of this machine.
    Namespace,
}

/// One host, as planned.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Host {
    /// Its name in commands, and its own host name.
    pub name: String,
    /// What runs it.
    pub kind: Kind,
    /// The addresses of its `eth0`, with prefix lengths.
    pub addresses: Vec<String>,
    /// The last number of its first address.
    pub number: u8,
}

impl Host {
    fn new(name: String, kind: Kind, numbers: &[u8]) -> Self {
        let addresses = numbers
            .iter()
            .flat_map(|number| {
                [
                    format!("192.168.0.{number}/24"),
                    format!("fd00:c0a8::{number}/64"),
                ]
            })
            .collect();
        Self {
            name,
            kind,
            addresses,
            number: numbers.first().copied().unwrap_or_default(),
        }
    }

    /// Where a director's agent listens.
    #[must_use]
    pub fn management(&self) -> Ipv4Addr {
        Ipv4Addr::new(169, 254, 77, self.number)
    }

    /// The name of the LAN's end of its cable, in the lab's own namespace.
    #[must_use]
    pub fn port(&self) -> String {
        format!("p-{}", self.name)
    }

    /// The name of the management network's end of a director's second cable.
    #[must_use]
    pub fn management_port(&self) -> String {
        format!("m-{}", self.name)
    }
}

/// The address of the lab itself on the management network.
pub(super) const MANAGEMENT: &str = "169.254.77.1/24";
/// Addresses among the client's that are left free for virtual IPs.
const FREE: [u8; 1] = [123];

impl Shape {
    /// Everyone on the network.
    pub fn hosts(&self) -> Result<Vec<Host>> {
        ensure!(self.directors <= 2, "at most 2 directors");
        ensure!(self.servers <= 8, "at most 8 real-server hosts");
        ensure!(
            self.client_addresses <= 149,
            "at most 149 more addresses of the client"
        );
        let more = (101..=250)
            .filter(|number| !FREE.contains(number))
            .take(self.client_addresses.into());
        let client: Vec<u8> = std::iter::once(100).chain(more).collect();
        let mut hosts = vec![Host::new("client".to_owned(), Kind::Namespace, &client)];
        hosts.extend(
            (1..=self.servers).map(|n| Host::new(format!("rs{n}"), Kind::Namespace, &[n + 1])),
        );
        hosts.extend(
            (1..=self.directors)
                .map(|n| Host::new(format!("director{n}"), Kind::Director, &[n + 10])),
        );
        Ok(hosts)
    }
}

#[cfg(test)]
mod tests {
    use super::Shape;
    use std::collections::BTreeSet;

    #[test]
    fn every_address_is_one_host_s() {
        let shape = Shape {
            directors: 2,
            servers: 8,
            client_addresses: 149,
            ..Shape::default()
        };
        let hosts = shape.hosts().unwrap();
        let all: Vec<&String> = hosts.iter().flat_map(|host| &host.addresses).collect();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
        assert_eq!(hosts.len(), 11);
        assert!(!all.contains(&&"192.168.0.10/24".to_owned()));
        assert!(!all.contains(&&"192.168.0.123/24".to_owned()));
        assert!(all.contains(&&"192.168.0.250/24".to_owned()));
    }

    #[test]
    fn addresses_are_the_documented_ones() {
        let hosts = Shape {
            directors: 2,
            ..Shape::default()
        }
        .hosts()
        .unwrap();
        let find = |name: &str| hosts.iter().find(|host| host.name == name).unwrap();
        assert_eq!(find("rs1").addresses, ["192.168.0.2/24", "fd00:c0a8::2/64"]);
        assert_eq!(
            find("director2").addresses,
            ["192.168.0.12/24", "fd00:c0a8::12/64"]
        );
        assert_eq!(find("director1").management().to_string(), "169.254.77.11");
        assert_eq!(find("client").addresses.len(), 2 * 61);
        assert!(find("director1").management_port().len() < 16);
    }

    #[test]
    fn too_much_is_refused() {
        assert!(
            Shape {
                directors: 3,
                ..Shape::default()
            }
            .hosts()
            .is_err()
        );
        assert!(
            Shape {
                servers: 9,
                ..Shape::default()
            }
            .hosts()
            .is_err()
        );
        assert!(
            Shape {
                client_addresses: 150,
                ..Shape::default()
            }
            .hosts()
            .is_err()
        );
    }
}
