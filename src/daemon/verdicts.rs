// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a running director holds of the real servers, for a plan that is made beside it.

use std::collections::BTreeMap;
use std::path::Path;

use crate::control::{Client, ClientError, Item, Request, Status};
use crate::health::{Verdict, desired_service};
use crate::model::{Config, IpvsTable, ServerKey, ServiceKey};

/// The verdicts of the director on one control socket.
#[derive(Debug, Default)]
pub(super) struct Verdicts(BTreeMap<(ServiceKey, ServerKey), Verdict>);

impl Verdicts {
    /// Asks the director on this socket. Where none runs, or none that we may ask, every server is taken for up.
    pub(super) fn ask(socket: &Path) -> Self {
        Self::ask_for_status(socket).unwrap_or_default()
    }

    fn ask_for_status(socket: &Path) -> Result<Self, ClientError> {
        let mut held = Self::default();
        let request = Request::Status {
            services: Vec::new(),
            watch: false,
        };
        for item in Client::connect(socket)?.ask(request)? {
            if let Item::Status(status) = item? {
                held = Self::of(&status);
            }
        }
        Ok(held)
    }

    fn of(status: &Status) -> Self {
        let all = status.services.iter().flat_map(|service| {
            service.servers.iter().filter_map(|server| {
                let verdict = match &*server.health {
                    "down" => Verdict::Down,
                    "unknown" => Verdict::Unknown,
                    _ => return None,
                };
                Some(((service.service, server.server), verdict))
            })
        });
        Self(all.collect())
    }

    /// The table the configuration asks for, given what is held of its servers.
    pub(super) fn table(&self, config: &Config, observed: &IpvsTable) -> IpvsTable {
        let services = config.services.iter().map(|(key, service)| {
            let present = observed.services.get(key);
            (
                *key,
                desired_service(service, present, |server| self.of_server(key, server)),
            )
        });
        IpvsTable {
            services: services.collect(),
        }
    }

    fn of_server(&self, service: &ServiceKey, server: &ServerKey) -> Verdict {
        let held = self.0.get(&(*service, *server));
        held.copied().unwrap_or(Verdict::Up)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::control::{ServerStatus, ServiceStatus};

    #[test]
    fn a_server_that_the_running_director_holds_for_down_is_not_planned_for() {
        let text = "virtual_services: [{address: '192.0.2.10:80', servers: [10.0.0.1, 10.0.0.2]}]";
        let config = config::parse("test.yaml", text.as_bytes()).unwrap();
        let down = ServerStatus {
            server: "10.0.0.1:80".parse().unwrap(),
            health: "down".into(),
            since_seconds: 1,
            weight: None,
            configured_weight: 1,
            reason: None,
            checks: Vec::new(),
        };
        let status = Status {
            services: vec![ServiceStatus {
                service: "TCP 192.0.2.10:80".parse().unwrap(),
                scheduler: "wlc".to_owned(),
                error: None,
                servers: vec![down],
            }],
            ..Status::default()
        };
        let table = Verdicts::of(&status).table(&config, &IpvsTable::new());
        let servers: Vec<String> = table
            .services
            .values()
            .flat_map(|it| it.servers.keys())
            .map(ToString::to_string)
            .collect();
        assert_eq!(servers, ["10.0.0.2:80"]);
    }
}
