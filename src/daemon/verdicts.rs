// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a running director holds of the real servers, for a plan that is made beside it.

use std::collections::BTreeMap;
use std::path::Path;

use crate::control::{self, Reply, Request, Status};
use crate::health::desired_service;
use crate::model::{Config, IpvsTable, ServerKey, ServiceKey, Standing};

/// The verdicts of the director on one control socket.
#[derive(Debug, Default)]
pub(super) struct Verdicts(BTreeMap<(String, String), Standing>);

impl Verdicts {
    /// Asks the director on this socket. Where none runs, or none that we may ask, every server is taken for up.
    pub(super) fn ask(socket: &Path) -> Self {
        match control::ask(socket, Request::Status) {
            Ok(Reply::Status(status)) => Self::of(&status),
            Ok(Reply::Error(_)) | Err(_) => Self::default(),
        }
    }

    fn of(status: &Status) -> Self {
        let all = status.services.iter().flat_map(|service| {
            service.servers.iter().filter_map(|server| {
                let verdict = match server.health.as_str() {
                    "down" => Standing::Down,
                    "unknown" => Standing::Unknown,
                    _ => return None,
                };
                Some(((service.service.clone(), server.server.clone()), verdict))
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

    fn of_server(&self, service: &ServiceKey, server: &ServerKey) -> Standing {
        let held = self.0.get(&(service.to_string(), server.to_string()));
        held.copied().unwrap_or(Standing::UP)
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
            server: "10.0.0.1:80".to_owned(),
            health: "down".to_owned(),
            since_seconds: 1,
            weight: None,
            configured_weight: 1,
            reason: None,
        };
        let status = Status {
            services: vec![ServiceStatus {
                service: "TCP 192.0.2.10:80".to_owned(),
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
