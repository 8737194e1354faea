// SPDX-License-Identifier: MIT OR Apache-2.0
//! The filter from a word's options, and the connections that match a filter.

use super::own::Asked;
use crate::codec::connection::Connection;
use crate::ipvsadm::failure::Failure;
use crate::ipvsadm::filter::{Filter, Network, ServerPattern, ServicePattern};
use crate::model::AddressFamily;

impl Filter {
    /// The filter from the options of a word, as far as it has them.
    pub fn asked(asked: &Asked<'_>) -> Result<Self, Failure> {
        let states = asked.value("state").map(Self::read_states).transpose()?;
        Ok(Self {
            service: asked
                .value("service")
                .map(ServicePattern::read)
                .transpose()?,
            server: asked.value("server").map(ServerPattern::read).transpose()?,
            states: states.unwrap_or_default(),
            client: asked.value("client").map(Network::read).transpose()?,
        })
    }

    /// Whether a connection matches the filter.
    #[must_use]
    pub fn has_connection(&self, connection: &Connection<'_>) -> bool {
        self.service
            .is_none_or(|pattern| serves(pattern, connection))
            && self
                .server
                .is_none_or(|pattern| pattern.matches(connection.server))
            && (self.states.is_empty() || self.states.iter().any(|state| state == connection.state))
            && self
                .client
                .is_none_or(|network| network.contains(connection.client.ip()))
    }
}

/// A service of port 0 takes connections to every port. Only templates of persistence tell a mark.
fn serves(pattern: ServicePattern, connection: &Connection<'_>) -> bool {
    match (pattern, connection.transport()) {
        (
            ServicePattern::Address {
                protocol: wanted_protocol,
                address,
                port,
            },
            Some(protocol),
        ) => {
            wanted_protocol.is_none_or(|wanted| wanted == protocol)
                && address == connection.service.ip()
                && port.is_none_or(|port| port == 0 || port == connection.service.port())
        }
        (ServicePattern::Fwmark { mark, family }, None) => {
            let client = AddressFamily::of(connection.client.ip());
            connection.fwmark() == Some(mark.get()) && family.is_none_or(|wanted| wanted == client)
        }
        (ServicePattern::Address { .. }, None) | (ServicePattern::Fwmark { .. }, Some(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(text: &str) -> Filter {
        Filter {
            service: Some(ServicePattern::read(text).unwrap()),
            ..Filter::NONE
        }
    }

    const LINES: [&str; 5] = [
        "TCP 0A000001 925A 0A000064 1F90 0A01010B 1F90 ESTABLISHED     892",
        "TCP 0A000002 925A 0A000064 0050 0A01010C 1F90 SYN_RECV        292",
        "UDP 0A000001 8619 0A000064 1F90 0A01010B 0035 UDP             297",
        "IP  0AFF0000 0000 00000009 0000 0AFF0002 0000 NONE             97",
        "IP  fd00:0000:0000:0000:0000:0000:0000:0000 0000 0000:0009:0000:0000:0000:0000:0000:0000 0000 \
         fd01:0000:0000:0000:0000:0000:0000:0001 0000 NONE             97",
    ];

    #[test]
    fn connections_must_meet_every_part_of_a_filter() {
        let server = |text| Filter {
            server: Some(ServerPattern::read(text).unwrap()),
            ..Filter::NONE
        };
        let states = |text| Filter {
            states: Filter::read_states(text).unwrap(),
            ..Filter::NONE
        };
        let client = |text| Filter {
            client: Some(Network::read(text).unwrap()),
            ..Filter::NONE
        };
        for (filter, expected) in [
            (Filter::NONE, &[0, 1, 2, 3, 4][..]),
            (service("tcp:10.0.0.100:8080"), &[0]),
            (service("10.0.0.100:8080"), &[0, 2]),
            (service("tcp:10.0.0.100:0"), &[0, 1]),
            (service("fwm:9"), &[3, 4]),
            (service("fwm:9:ipv6"), &[4]),
            (service("0.0.0.9"), &[]),
            (server("10.1.1.11"), &[0, 2]),
            (server("10.1.1.11:53"), &[2]),
            (states("established,UDP"), &[0, 2]),
            (client("10.0.0.0/30"), &[0, 1, 2]),
            (client("10.0.0.2"), &[1]),
            (
                Filter {
                    states: vec!["UDP".to_owned()],
                    ..client("10.0.0.1")
                },
                &[2],
            ),
        ] {
            let matching: Vec<usize> = (0..)
                .zip(LINES)
                .filter(|(_, line)| filter.has_connection(&Connection::parse(line).unwrap()))
                .map(|(index, _)| index)
                .collect();
            assert_eq!(matching, expected, "{filter:?}");
        }
    }
}
