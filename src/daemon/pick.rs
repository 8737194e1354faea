// SPDX-License-Identifier: MIT OR Apache-2.0
//! What of a status a person wants to see: some services, some servers, or only what is not up.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::why::Whose;
use crate::control::{RouterStatus, ServerStatus, ServiceStatus, Status};
use crate::model::ServiceKey;

/// A word of `director status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meant {
    /// A virtual service.
    Service(ServiceKey),
    /// The address of a service or of a real server.
    Address(Whose),
    /// A configuration file: the place where older versions of the command have it.
    File(PathBuf),
}

impl FromStr for Meant {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(service) = text.parse() {
            return Ok(Self::Service(service));
        }
        if let Ok(address) = text.parse() {
            return Ok(Self::Address(address));
        }
        if text.contains('/') || Path::new(text).exists() {
            return Ok(Self::File(PathBuf::from(text)));
        }
        Err(
            "write a virtual service as ipvsadm lists it, \"TCP 192.0.2.10:80\"; or an address, 10.0.0.5, or one with a \
             port, 10.0.0.5:5672; --config names a configuration file",
        )
    }
}

/// What is shown of a status.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Pick {
    /// Only these services,
    pub(super) services: Vec<ServiceKey>,
    /// and the services and servers with these addresses; all when both lists are empty.
    pub(super) addresses: Vec<Whose>,
    /// Only what is not up.
    down: bool,
}

impl Pick {
    /// These services, or all when there is none.
    pub(super) fn new(services: Vec<ServiceKey>, down: bool) -> Self {
        Self {
            services,
            addresses: Vec::new(),
            down,
        }
    }

    /// The services that the director is asked for; none when it is asked for all.
    pub(super) fn asked(&self) -> Vec<ServiceKey> {
        if self.addresses.is_empty() {
            self.services.clone()
        } else {
            Vec::new()
        }
    }

    /// Whether only what is not up is shown.
    pub(super) const fn is_only_down(&self) -> bool {
        self.down
    }

    /// What was named and is not there.
    pub(super) fn missing(&self, status: &Status) -> Option<String> {
        if self.addresses.is_empty() {
            // The director itself refuses a service that it does not have.
            return None;
        }
        let all = &status.services;
        let service = |key: &&ServiceKey| !all.iter().any(|it| it.service == **key);
        let address = |whose: &&Whose| {
            let has = |it: &ServiceStatus| {
                is_at(&it.service, **whose) || it.servers.iter().any(|it| whose.is(&it.server))
            };
            !all.iter().any(has)
        };
        let service = self.services.iter().find(service);
        let address = self.addresses.iter().find(address);
        let service = service.map(ToString::to_string);
        service.or_else(|| address.map(ToString::to_string))
    }

    /// Leaves the services and servers that are wanted.
    pub(super) fn keep_services(&self, status: &mut Status) {
        if !self.is_everything() {
            for service in &mut status.services {
                let key = service.service;
                let whole = self.services.contains(&key)
                    || self.addresses.iter().any(|it| is_at(&key, *it));
                let named = |it: &ServerStatus| self.addresses.iter().any(|one| one.is(&it.server));
                service.servers.retain(|it| whole || named(it));
            }
            let named = |it: &ServiceStatus| {
                self.services.contains(&it.service)
                    || self.addresses.iter().any(|one| is_at(&it.service, *one))
            };
            status
                .services
                .retain(|it| named(it) || !it.servers.is_empty());
        }
        if self.down {
            for service in &mut status.services {
                service.servers.retain(|it| !is_up(it));
            }
            let bad = |it: &ServiceStatus| it.error.is_some() || it.alarm.is_some();
            status
                .services
                .retain(|it| bad(it) || !it.servers.is_empty());
        }
    }

    /// Leaves what is about the whole director only where it is wanted.
    pub(super) fn keep_rest(&self, status: &mut Status) {
        if !self.is_everything() {
            status.routers.clear();
            (status.peer, status.connection_sync) = (None, None);
        }
        if self.down {
            let bad = |it: &RouterStatus| it.state == "fault" || it.problem.is_some();
            status.routers.retain(bad);
        }
    }

    const fn is_everything(&self) -> bool {
        self.services.is_empty() && self.addresses.is_empty()
    }
}

/// Whether a service is at this address.
fn is_at(service: &ServiceKey, whose: Whose) -> bool {
    let (address, port) = (service.address(), service.port());
    address.is_some_and(|address| whose.is_at(address, port.unwrap_or_default()))
}

/// Whether nothing is the matter with a server: it is up, or nobody checks it, and nobody has ordered it out.
pub(super) fn is_up(server: &ServerStatus) -> bool {
    let fine = matches!(&*server.health, "up" | "unchecked");
    let checked = server.checks.iter().all(|it| it.could_not_run == 0);
    let ordered = server.order.as_deref();
    let out = ordered.is_some_and(|order| matches!(order, "drain" | "disable"));
    fine && checked && !out && server.drain.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::render::tests::server;

    fn service(key: &str, servers: Vec<ServerStatus>) -> ServiceStatus {
        ServiceStatus {
            service: key.parse().unwrap(),
            scheduler: "rr".to_owned(),
            keeps_connections: false,
            take_over: None,
            error: None,
            alarm: None,
            servers,
        }
    }

    fn status() -> Status {
        let down = |mut it: ServerStatus| {
            it.health = "down".into();
            it
        };
        Status {
            services: vec![
                service(
                    "TCP 192.0.2.10:80",
                    vec![server("10.0.0.1:80"), down(server("10.0.0.2:80"))],
                ),
                service("TCP 192.0.2.10:443", vec![server("10.0.0.1:443")]),
                service("UDP 192.0.2.11:53", vec![server("10.0.0.3:53")]),
                service("FWM 7", vec![server("10.0.0.1:80")]),
            ],
            ..Status::default()
        }
    }

    /// What is left: services and servers.
    fn left(words: &[&str], down: bool) -> Vec<String> {
        let mut pick = Pick::new(Vec::new(), down);
        for word in words {
            match word.parse().unwrap() {
                Meant::Service(key) => pick.services.push(key),
                Meant::Address(address) => pick.addresses.push(address),
                Meant::File(path) => panic!("a file: {path:?}"),
            }
        }
        let mut status = status();
        assert_eq!(pick.missing(&status), None);
        pick.keep_services(&mut status);
        let lines = status.services.iter().map(|it| {
            let servers = it.servers.iter().map(|it| it.server.to_string());
            let servers: Vec<String> = servers.collect();
            format!("{}: {}", it.service, servers.join(" "))
        });
        lines.collect()
    }

    #[test]
    fn a_service_is_shown_whole_and_a_server_in_each_of_its_services() {
        let all = "TCP 192.0.2.10:80: 10.0.0.1:80 10.0.0.2:80";
        assert_eq!(left(&[], false).len(), 4);
        assert_eq!(left(&["TCP 192.0.2.10:80"], false), [all]);
        assert_eq!(left(&["192.0.2.10:80"], false), [all]);
        assert_eq!(
            left(&["192.0.2.10"], false),
            [all, "TCP 192.0.2.10:443: 10.0.0.1:443"]
        );
        assert_eq!(
            left(&["10.0.0.1"], false),
            [
                "TCP 192.0.2.10:80: 10.0.0.1:80",
                "TCP 192.0.2.10:443: 10.0.0.1:443",
                "FWM 7: 10.0.0.1:80"
            ]
        );
        assert_eq!(
            left(&["10.0.0.2:80", "FWM 7"], false),
            ["TCP 192.0.2.10:80: 10.0.0.2:80", "FWM 7: 10.0.0.1:80"]
        );
    }

    #[test]
    fn what_is_up_is_left_out_when_only_the_rest_is_wanted() {
        assert_eq!(left(&[], true), ["TCP 192.0.2.10:80: 10.0.0.2:80"]);
        assert_eq!(left(&["10.0.0.1"], true), [""; 0]);
        let mut status = status();
        status.services[1].alarm = Some("quorum lost".to_owned());
        status.services[2].servers[0].order = Some("disable".to_owned());
        status.services[3].servers[0].order = Some("weight 3".to_owned());
        Pick::new(Vec::new(), true).keep_services(&mut status);
        let keys = status.services.iter().map(|it| it.service.to_string());
        assert_eq!(
            keys.collect::<Vec<_>>(),
            [
                "TCP 192.0.2.10:80",
                "TCP 192.0.2.10:443",
                "UDP 192.0.2.11:53"
            ]
        );
    }

    #[test]
    fn a_word_that_names_nothing_is_told() {
        let mut pick = Pick::default();
        pick.addresses.push("10.0.0.9".parse().unwrap());
        assert_eq!(pick.missing(&status()).as_deref(), Some("10.0.0.9"));
    }

    #[test]
    fn a_path_is_a_file_and_a_host_name_is_nothing() {
        let file = |text: &str| matches!(text.parse(), Ok(Meant::File(_)));
        assert!(file("/etc/lvs-director/director.yaml") && file("./director.yaml"));
        assert!(file("Cargo.toml"), "it exists");
        "rabbit1".parse::<Meant>().unwrap_err();
        "TCP".parse::<Meant>().unwrap_err();
    }
}
