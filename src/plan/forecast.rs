// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which open connections would break if another director took over, without connection sync.
//!
//! The other director has made the same services in the canonical order: each server in the order of [`ServerKey`] with
//! its full weight, then those without weight set to 0. It gives the next packet of a connection that it has never seen
//! to the server that its scheduler chooses. The connection goes on if that is the server that has it.

use std::cell::OnceCell;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;

use serde::Serialize;

use super::maglev::{Destination, Maglev};
use super::services::service_of;
use crate::model::{
    AddressFamily, ForwardingMethod, Protocol, RealServer, Scheduler, ServerKey, ServiceKey,
    ServiceSettings, Thresholds, Weight,
};

/// A virtual service of this host's kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresentService {
    /// How it is.
    pub settings: ServiceSettings,
    /// Whether the other director takes on TCP connections that it does not know (`failover: keep_connections`).
    pub keeps_connections: bool,
    /// Its real servers, in the order in which the kernel lists them.
    pub servers: Vec<PresentServer>,
}

/// A real server of this host's kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PresentServer {
    /// Which one.
    pub key: ServerKey,
    /// How it is.
    pub real: RealServer,
    /// The weight that the other director adds it with.
    pub full_weight: Weight,
}

/// Why a connection would break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// Connections of this protocol are not taken over in their middle.
    Protocol,
    /// The scheduler's choice is not a function of the client.
    Scheduler,
    /// The other director takes on no TCP connections that it does not know.
    NotKept,
    /// The choice depends on what the client did before.
    Persistence,
    /// The choice depends on how many connections there are.
    Thresholds,
    /// The kernel makes no table for so many servers.
    TooManyServers,
    /// The kernel has the server no more.
    ServerGone,
    /// The director translates addresses: the connection breaks if the server speaks first after the take-over.
    Masquerading,
    /// The server has weight 0: its connections would go to others.
    Quiesced,
    /// This host's table would choose its server, and a new table with the same servers another.
    OtherOrder,
    /// It was opened while the service had other servers or weights.
    OpenedBefore,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Protocol => "only TCP and UDP connections are taken over without connection sync",
            Self::Scheduler => "the scheduler is not mh: the other director would choose anew",
            Self::NotKept => "the service does not have failover: keep_connections",
            Self::Persistence => "persistence: the other director does not know who is bound where",
            Self::Thresholds => {
                "thresholds: the choice depends on how many connections a server has"
            }
            Self::TooManyServers => "mh has no table for so many real servers",
            Self::ServerGone => "the real server has left the table",
            Self::Masquerading => "nat: it breaks if the server speaks first after the take-over",
            Self::Quiesced => "the real server drains or has weight 0",
            Self::OtherOrder => "the kernel has the real servers in another order than a new table",
            Self::OpenedBefore => "opened while the service had other real servers or weights",
        })
    }
}

/// What would happen to the connections of this host.
#[derive(Debug)]
pub struct Forecast {
    services: BTreeMap<ServiceKey, Fate>,
}

/// What would happen to the connections of a service.
#[derive(Debug)]
enum Fate {
    /// All would break.
    Lost(Loss),
    Chosen(Box<Choice>),
}

#[derive(Debug)]
struct Choice {
    family: AddressFamily,
    present: PresentService,
    servers: BTreeMap<ServerKey, RealServer>,
    theirs: Maglev,
    /// Made when a connection breaks: only then it says something.
    ours: OnceCell<Option<Maglev>>,
}

impl Forecast {
    /// For these services.
    pub fn new(services: impl IntoIterator<Item = (ServiceKey, PresentService)>) -> Self {
        let fates = services
            .into_iter()
            .map(|(key, present)| (key, Fate::of(&key, present)));
        Self {
            services: fates.collect(),
        }
    }

    /// The services, in their order.
    pub fn services(&self) -> impl Iterator<Item = &ServiceKey> {
        self.services.keys()
    }

    /// The service of connections to this address, if it is one of these services. Those of a service by mark cannot be
    /// told from others.
    #[must_use]
    pub fn service_of(&self, protocol: Protocol, at: SocketAddr) -> Option<&ServiceKey> {
        service_of(&self.services, protocol, at).map(|(key, _)| key)
    }

    /// Why the connection of this client with this server would break; `None` when it would go on.
    #[must_use]
    pub fn loss(
        &self,
        service: &ServiceKey,
        client: SocketAddr,
        server: ServerKey,
    ) -> Option<Loss> {
        match self.services.get(service)? {
            Fate::Lost(loss) => Some(*loss),
            Fate::Chosen(choice) => choice.loss(client, server),
        }
    }
}

impl Fate {
    fn of(key: &ServiceKey, present: PresentService) -> Self {
        match key.protocol() {
            None | Some(Protocol::Tcp | Protocol::Udp) => {}
            Some(Protocol::Sctp | Protocol::Other(_)) => return Self::Lost(Loss::Protocol),
        }
        let limited = |server: &PresentServer| server.real.thresholds != Thresholds::NONE;
        if present.settings.scheduler != Scheduler::MH {
            return Self::Lost(Loss::Scheduler);
        }
        if key.protocol() == Some(Protocol::Tcp) && !present.keeps_connections {
            return Self::Lost(Loss::NotKept);
        }
        if present.settings.persistence.is_some() {
            return Self::Lost(Loss::Persistence);
        }
        if present.servers.iter().any(limited) {
            return Self::Lost(Loss::Thresholds);
        }
        let family = key.family();
        match Maglev::build(family, &present.settings, &canonical(&present.servers)) {
            None => Self::Lost(Loss::TooManyServers),
            Some(theirs) => Self::Chosen(Box::new(Choice {
                family,
                servers: present.servers.iter().map(|it| (it.key, it.real)).collect(),
                theirs,
                ours: OnceCell::new(),
                present,
            })),
        }
    }
}

impl Choice {
    fn loss(&self, client: SocketAddr, server: ServerKey) -> Option<Loss> {
        let Some(real) = self.servers.get(&server) else {
            return Some(Loss::ServerGone);
        };
        match real.forwarding {
            ForwardingMethod::DirectRouting
            | ForwardingMethod::Tunneling(_)
            | ForwardingMethod::Local
            | ForwardingMethod::Bypass
            | ForwardingMethod::Other(_) => {}
            ForwardingMethod::Masquerading => return Some(Loss::Masquerading),
        }
        if self.theirs.choose(client) == Some(server) {
            return None;
        }
        if real.weight.is_zero() {
            return Some(Loss::Quiesced);
        }
        let ours = self.ours();
        if ours.and_then(|ours| ours.choose(client)) == Some(server) {
            Some(Loss::OtherOrder)
        } else {
            Some(Loss::OpenedBefore)
        }
    }

    /// The table of this host, if the servers that have weight 0 had their full weight before.
    fn ours(&self) -> Option<&Maglev> {
        let build = || {
            let listed: Vec<Destination> = self.present.servers.iter().map(present).collect();
            Maglev::build(self.family, &self.present.settings, &listed)
        };
        self.ours.get_or_init(build).as_ref()
    }
}

fn present(server: &PresentServer) -> Destination {
    let weight = server.real.weight;
    Destination {
        server: server.key,
        last_weight: if weight.is_zero() {
            server.full_weight
        } else {
            weight
        },
        is_available: !weight.is_zero(),
    }
}

/// As another director's kernel lists them: newest first, so in the reverse of the order in which it adds them.
fn canonical(servers: &[PresentServer]) -> Vec<Destination> {
    let as_added = |it: &PresentServer| Destination {
        server: it.key,
        last_weight: it.full_weight,
        is_available: !it.real.weight.is_zero(),
    };
    let mut listed: Vec<Destination> = servers.iter().map(as_added).collect();
    listed.sort_by_key(|it| Reverse(it.server));
    listed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{SchedulerFlags, Seconds};

    const VIP: &str = "192.0.2.1:5672";

    fn service() -> ServiceKey {
        ServiceKey::tcp(VIP.parse().unwrap())
    }

    fn key(number: u8) -> ServerKey {
        let address = std::net::Ipv4Addr::new(10, 0, 0, number);
        ServerKey::new(address.into(), 5672)
    }

    fn server(number: u8, weight: u32) -> PresentServer {
        let weight = Weight::new(weight).unwrap();
        PresentServer {
            key: key(number),
            real: RealServer::new(ForwardingMethod::DirectRouting, weight),
            full_weight: Weight::new(10).unwrap(),
        }
    }

    /// In the order of a host that added them in their order.
    fn three() -> PresentService {
        PresentService {
            settings: ServiceSettings {
                scheduler_flags: SchedulerFlags::from_bits(0b11),
                ..ServiceSettings::new(Scheduler::MH)
            },
            keeps_connections: true,
            servers: vec![server(3, 10), server(2, 10), server(1, 10)],
        }
    }

    fn clients() -> impl Iterator<Item = SocketAddr> {
        (1024..3024).map(|port| SocketAddr::new("192.0.2.77".parse().unwrap(), port))
    }

    /// How a host with this service sends clients to its servers.
    fn opened(host: &PresentService) -> Vec<(SocketAddr, ServerKey)> {
        let listed: Vec<Destination> = host.servers.iter().map(present).collect();
        let table = Maglev::build(AddressFamily::Ipv4, &host.settings, &listed).unwrap();
        let with = |client| Some((client, table.choose(client)?));
        clients().filter_map(with).collect()
    }

    fn losses(present: PresentService, open: &[(SocketAddr, ServerKey)]) -> Vec<Loss> {
        let forecast = Forecast::new([(service(), present)]);
        let loss = |(client, server): &(_, _)| forecast.loss(&service(), *client, *server);
        open.iter().filter_map(loss).collect()
    }

    #[test]
    fn nothing_breaks_when_nothing_ever_changed() {
        let open = opened(&three());
        assert_eq!(open.len(), 2000);
        assert_eq!(losses(three(), &open), []);
    }

    #[test]
    fn connections_of_a_server_without_weight_break_and_no_other() {
        let open = opened(&three());
        let mut now = three();
        now.servers[0] = server(3, 0);
        let its_own = open.iter().filter(|(_, server)| *server == key(3)).count();
        assert!(its_own > 500);
        assert_eq!(losses(now, &open), vec![Loss::Quiesced; its_own]);
    }

    #[test]
    fn connections_opened_while_a_server_was_away_break() {
        let mut before = three();
        before.servers[0] = server(3, 0);
        let open = opened(&before);
        let now = opened(&three());
        let gone_back = now.iter().filter(|(_, server)| *server == key(3)).count();
        assert_eq!(losses(three(), &open), vec![Loss::OpenedBefore; gone_back]);
    }

    #[test]
    fn the_order_in_which_servers_came_is_told() {
        let mut other = three();
        other.servers.reverse();
        let open = opened(&other);
        let lost = losses(other, &open);
        assert!(!lost.is_empty());
        assert!(
            lost.iter().all(|loss| *loss == Loss::OtherOrder),
            "{lost:?}"
        );
    }

    #[test]
    fn connections_of_a_server_that_has_left_break() {
        let open = opened(&three());
        let mut now = three();
        now.servers.remove(0);
        let lost = losses(now, &open);
        assert!(lost.contains(&Loss::ServerGone));
    }

    #[test]
    fn all_break_where_the_other_director_cannot_choose_the_same() {
        let open = opened(&three());
        let lost = |edit: fn(&mut PresentService)| {
            let mut now = three();
            edit(&mut now);
            let lost = losses(now, &open);
            assert_eq!(lost.len(), open.len());
            lost[0]
        };
        let of = lost(|it| it.settings.scheduler = Scheduler::WLC);
        assert_eq!(of, Loss::Scheduler);
        let of = lost(|it| it.keeps_connections = false);
        assert_eq!(of, Loss::NotKept);
        let of = lost(|it| it.settings.persistence = Some(Seconds(60)));
        assert_eq!(of, Loss::Persistence);
        let of = lost(|it| it.servers[1].real.thresholds.upper = 1);
        assert_eq!(of, Loss::Thresholds);
        let of = lost(|it| {
            for server in &mut it.servers {
                server.real.forwarding = ForwardingMethod::Masquerading;
            }
        });
        assert_eq!(of, Loss::Masquerading);
    }

    #[test]
    fn a_service_of_all_ports_has_the_connections_of_no_other() {
        let all = ServiceKey::tcp("192.0.2.1:0".parse().unwrap());
        let forecast = Forecast::new([(service(), three()), (all, three())]);
        let of = |at: &str| forecast.service_of(Protocol::Tcp, at.parse().unwrap());
        assert_eq!(of(VIP), Some(&service()));
        assert_eq!(of("192.0.2.1:80"), Some(&all));
        assert_eq!(of("192.0.2.2:80"), None);
        assert_eq!(
            forecast.service_of(Protocol::Udp, VIP.parse().unwrap()),
            None
        );
    }
}
