// SPDX-License-Identifier: MIT OR Apache-2.0
//! `director failover --dry-run`: the open connections that another director would break.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;

use serde::Serialize;

use super::args::Failure;
use super::ask::{Whom, to_json};
use super::oneshot::open;
use super::say::{printable, say};
use crate::codec::connection::Connection;
use crate::codec::ipvs::ServerEntry;
use crate::control::{Item, Request, RouterStatus, ServerStatus, Status, TakeOverStatus};
use crate::engine::count;
use crate::kernel::{CONNECTIONS, ConnectionLines, Ipvs, connections};
use crate::model::{ServerKey, ServiceKey, Weight};
use crate::plan::{Forecast, Loss, PresentServer, PresentService};
use crate::system::Reader;

/// So many connections are listed for people.
const MOST_LISTED: usize = 20;
/// The status counts the connections of a table with so many at most: an older kernel takes long for more.
const MOST_COUNTED: u64 = 20_000;
/// JSON is written in pieces of about so many bytes.
const PIECE: usize = 64 * 1024;

/// The command. It reads the kernel's tables of this host; from the director it has the routers and the full weights.
pub(super) fn forecast(whom: Whom, router: Option<&str>, json: bool) -> Result<ExitCode, Failure> {
    let status = status(whom)?;
    let moving = Moving::of(&status.routers, router)?;
    let mut ipvs = open()?;
    let (services, _) = present(&mut ipvs, &status, &moving)?;
    let forecast = Forecast::new(services);
    let mut report = Report::new(&forecast, &moving);
    if json {
        report.write_json()?;
    } else {
        report.read(|_| Ok(Reader::There))?;
        say(&report.text())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Fills in what a take-over would do to the services that keep their connections.
pub(super) fn count_at_risk(status: &mut Status) {
    if !status.services.iter().any(|it| it.keeps_connections) {
        return;
    }
    let counted = counts(status).map_err(|failure| failure.message);
    for service in status.services.iter_mut().filter(|it| it.keeps_connections) {
        service.take_over = Some(match &counted {
            // A service that moves to nobody has no entry.
            Ok(counts) => {
                let counts = counts.get(&service.service);
                TakeOverStatus::Counted {
                    open: counts.map_or(0, |it| it.open),
                    would_break: counts.map_or(0, Counts::broken),
                }
            }
            Err(why) => TakeOverStatus::NotCounted(why.clone()),
        });
    }
}

/// For each service that moves. A table that is read for long is not read.
fn counts(status: &Status) -> Result<BTreeMap<ServiceKey, Counts>, Failure> {
    let moving = Moving::of(&status.routers, None)?;
    let mut ipvs = open()?;
    let (services, entries) = present(&mut ipvs, status, &moving)?;
    if entries > MOST_COUNTED {
        return Err(Failure::failed(format!(
            "the table has more than {MOST_COUNTED} connections; ask with director failover --dry-run"
        )));
    }
    let forecast = Forecast::new(services);
    let mut report = Report::new(&forecast, &moving);
    report.read(|_| Ok(Reader::There))?;
    Ok(report.services)
}

fn status(whom: Whom) -> Result<Status, Failure> {
    let mut client = whom.connect()?;
    let (services, watch) = (Vec::new(), false);
    for item in client.ask(Request::Status { services, watch })? {
        if let Item::Status(status) = item? {
            return Ok(*status);
        }
    }
    Err(Failure::failed("the director did not say its status"))
}

/// The addresses that another director would have.
enum Moving {
    /// All of this host: it has no virtual router, another program moves them.
    All,
    These(Vec<IpAddr>),
}

impl Moving {
    fn of(routers: &[RouterStatus], name: Option<&str>) -> Result<Self, Failure> {
        let meant = |router: &&RouterStatus| name.is_none_or(|name| name == router.name);
        let mut meant = routers.iter().filter(meant).peekable();
        match (name, meant.peek()) {
            (Some(name), None) => Err(Failure::failed(format!(
                "no virtual router {name}; director status lists them"
            ))),
            (None, None) => Ok(Self::All),
            (_, Some(_)) => {
                let addresses = meant.flat_map(|router| &router.addresses);
                Ok(Self::These(
                    addresses.filter_map(|it| address(it)).collect(),
                ))
            }
        }
    }

    fn has(&self, address: IpAddr) -> bool {
        match self {
            Self::All => true,
            Self::These(these) => these.contains(&address),
        }
    }
}

/// The address in `192.0.2.10/24`.
fn address(text: &str) -> Option<IpAddr> {
    text.split('/').next()?.parse().ok()
}

/// The kernel's services that move, and how many connections the kernel has of all.
fn present(
    ipvs: &mut Ipvs,
    status: &Status,
    moving: &Moving,
) -> Result<(Vec<(ServiceKey, PresentService)>, u64), Failure> {
    let known = status.services.iter();
    let known: BTreeMap<(ServiceKey, ServerKey), &ServerStatus> = known
        .flat_map(|service| {
            let servers = service.servers.iter();
            servers.map(|server| ((service.service, server.server), server))
        })
        .collect();
    let kept = status.services.iter().filter(|it| it.keeps_connections);
    let kept: BTreeSet<ServiceKey> = kept.map(|it| it.service).collect();
    let (mut services, mut connections) = (Vec::new(), 0);
    for entry in ipvs.services().map_err(Failure::failed)? {
        let key = entry.key;
        let listed = ipvs.servers(&key).map_err(Failure::failed)?;
        let each = listed.iter().map(|it| it.connections);
        connections += each
            .map(|it| u64::from(it.active) + u64::from(it.inactive))
            .sum::<u64>();
        if !key.address().is_some_and(|address| moving.has(address)) {
            continue;
        }
        let servers = listed.iter();
        let servers = servers.map(|it| present_server(it, known.get(&(key, it.key)).copied()));
        let present = PresentService {
            settings: entry.settings,
            keeps_connections: kept.contains(&key),
            servers: servers.collect(),
        };
        services.push((key, present));
    }
    Ok((services, connections))
}

fn present_server(entry: &ServerEntry, known: Option<&ServerStatus>) -> PresentServer {
    let now = entry.server.weight;
    // A weight that an operator has ordered is as good as a configured one.
    let is_less = now.is_zero() || known.is_some_and(|it| it.slow_start.is_some());
    let configured = known.and_then(|it| Weight::new(it.configured_weight));
    PresentServer {
        key: entry.key,
        real: entry.server,
        full_weight: configured.filter(|_| is_less).unwrap_or(now),
    }
}

/// A connection that would break.
#[derive(Debug, Clone, Copy, Serialize)]
struct Broken {
    service: ServiceKey,
    client: SocketAddr,
    server: ServerKey,
    reason: Loss,
}

/// What is known of the connections of a service.
#[derive(Debug, Default)]
struct Counts {
    open: u64,
    broken: BTreeMap<Loss, u64>,
}

impl Counts {
    fn broken(&self) -> u64 {
        self.broken.values().sum()
    }
}

struct Report<'a> {
    forecast: &'a Forecast,
    moving: &'a Moving,
    services: BTreeMap<ServiceKey, Counts>,
    /// Open connections to addresses that move, and to none of their services.
    unknown: u64,
    /// The first ones.
    listed: Vec<Broken>,
}

impl<'a> Report<'a> {
    fn new(forecast: &'a Forecast, moving: &'a Moving) -> Self {
        let services = forecast.services().map(|key| (*key, Counts::default()));
        Self {
            forecast,
            moving,
            services: services.collect(),
            unknown: 0,
            listed: Vec::new(),
        }
    }

    /// Reads the kernel's connections, and gives out each one that would break until nobody wants more.
    fn read(
        &mut self,
        mut tell: impl FnMut(&Broken) -> Result<Reader, Failure>,
    ) -> Result<(), Failure> {
        let unread =
            |error: std::io::Error| Failure::failed(format!("read {CONNECTIONS}: {error}"));
        let input = connections().map_err(unread)?;
        let mut lines = ConnectionLines::behind_title(input).map_err(unread)?;
        let mut line = String::new();
        while lines.next(&mut line).map_err(unread)? {
            let connection = Connection::parse(&line);
            let connection = connection
                .map_err(|error| Failure::failed(format!("read {CONNECTIONS}: {error}")))?;
            let Some(broken) = self.judge(&connection) else {
                continue;
            };
            if tell(&broken)? == Reader::Gone {
                break;
            }
        }
        Ok(())
    }

    /// Counts a connection. Returns it if it would break.
    fn judge(&mut self, connection: &Connection<'_>) -> Option<Broken> {
        let at = connection.service;
        if !connection.is_open() || !self.moving.has(at.ip()) {
            return None;
        }
        let Some(service) = self.forecast.service_of(connection.transport()?, at) else {
            self.unknown += 1;
            return None;
        };
        let counts = self.services.entry(*service).or_default();
        counts.open += 1;
        let (client, server) = (connection.client, connection.server.into());
        let reason = self.forecast.loss(service, client, server)?;
        *counts.broken.entry(reason).or_default() += 1;
        let broken = Broken {
            service: *service,
            client,
            server,
            reason,
        };
        if self.listed.len() < MOST_LISTED {
            self.listed.push(broken);
        }
        Some(broken)
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for (service, counts) in &self.services {
            // Writing to a String cannot fail, here and below.
            let _ = writeln!(
                text,
                "{service}: {} of {} would break",
                counts.broken(),
                count_open(counts.open)
            );
            for (reason, number) in &counts.broken {
                let _ = writeln!(text, "  {number}: {reason}");
            }
        }
        if self.unknown > 0 {
            let _ = writeln!(
                text,
                "{} of services by mark, or of none: not foretold",
                count_open(self.unknown)
            );
        }
        let all: u64 = self.services.values().map(Counts::broken).sum();
        let shown = u64::try_from(self.listed.len()).unwrap_or(u64::MAX);
        if shown < all {
            let _ = writeln!(
                text,
                "the first {shown} that would break (--json prints all):"
            );
        } else if shown > 0 {
            text.push_str("these would break:\n");
        }
        for it in &self.listed {
            let _ = writeln!(
                text,
                "  {} {} -> {}: {}",
                it.service, it.client, it.server, it.reason
            );
        }
        printable(&text)
    }

    /// The connections as they come, then the numbers.
    fn write_json(&mut self) -> Result<(), Failure> {
        let mut piece = "{\"connections\": [".to_owned();
        let mut separator = "\n  ";
        self.read(|broken| {
            piece.push_str(separator);
            separator = ",\n  ";
            piece.push_str(&serde_json::to_string(broken).map_err(Failure::failed)?);
            if piece.len() < PIECE {
                return Ok(Reader::There);
            }
            let reader = say(&piece);
            piece.clear();
            reader
        })?;
        piece.push_str("\n],\n\"services\": ");
        let services = self.services.iter();
        let services = services.map(|(service, counts)| CountsJson {
            service: *service,
            open: counts.open,
            broken: counts.broken(),
            reasons: &counts.broken,
        });
        let services: Vec<CountsJson<'_>> = services.collect();
        piece.push_str(to_json(serde_json::to_string(&services))?.trim_end());
        let _ = writeln!(piece, ",\n\"not_foretold\": {}}}", self.unknown);
        say(&piece)?;
        Ok(())
    }
}

#[derive(Serialize)]
struct CountsJson<'a> {
    service: ServiceKey,
    open: u64,
    broken: u64,
    reasons: &'a BTreeMap<Loss, u64>,
}

fn count_open(number: u64) -> String {
    count(
        usize::try_from(number).unwrap_or(usize::MAX),
        "open connection",
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::{ForwardingMethod, RealServer, Scheduler, SchedulerFlags, ServiceSettings};

    fn routers() -> Vec<RouterStatus> {
        let router = |name: &str, address: &str| {
            let value = json!({
                "name": name, "interface": "eth0", "vrid": 51, "state": "master", "since_seconds": 1, "priority": 100,
                "master": null, "addresses": [address], "sent": 0, "heard": 0, "dropped": {}, "transitions": 1,
                "put_back": 0, "problem": null,
            });
            serde_json::from_value(value).unwrap()
        };
        vec![
            router("eth0/51", "192.0.2.10/24"),
            router("eth0/52", "2001:db8::10/64"),
        ]
    }

    fn moves(routers: &[RouterStatus], name: Option<&str>, address: &str) -> bool {
        let moving = Moving::of(routers, name).unwrap_or_else(|it| panic!("{}", it.message));
        moving.has(address.parse().unwrap())
    }

    #[test]
    fn the_addresses_of_the_router_move_or_of_all_or_every_address_where_there_is_none() {
        assert!(moves(&routers(), Some("eth0/51"), "192.0.2.10"));
        assert!(!moves(&routers(), Some("eth0/51"), "2001:db8::10"));
        assert!(moves(&routers(), None, "2001:db8::10"));
        assert!(!moves(&routers(), None, "192.0.2.11"));
        assert!(moves(&[], None, "192.0.2.11"));
        let missing = Moving::of(&routers(), Some("eth1/51")).err().unwrap();
        assert!(missing.message.contains("no virtual router eth1/51"));
    }

    fn service(scheduler: Scheduler) -> PresentService {
        let server = |last: u8, weight: u32| PresentServer {
            key: ServerKey::new([10, 0, 0, last].into(), 80),
            real: RealServer::new(
                ForwardingMethod::DirectRouting,
                Weight::new(weight).unwrap(),
            ),
            full_weight: Weight::ONE,
        };
        PresentService {
            settings: ServiceSettings {
                scheduler_flags: SchedulerFlags::from_bits(0b11),
                ..ServiceSettings::new(scheduler)
            },
            keeps_connections: true,
            servers: vec![server(2, 0), server(1, 1)],
        }
    }

    #[test]
    fn connections_are_counted_by_service_and_reason_and_the_first_are_listed() {
        let key = |port: u16| ServiceKey::tcp(SocketAddr::new([192, 0, 2, 10].into(), port));
        let services = [
            (key(80), service(Scheduler::MH)),
            (key(81), service(Scheduler::WLC)),
        ];
        let forecast = Forecast::new(services);
        let moving = Moving::of(&routers(), Some("eth0/51")).ok().unwrap();
        let mut report = Report::new(&forecast, &moving);
        for (line, breaks) in [
            (
                "TCP C6336401 9C40 C000020A 0050 0A000001 0050 ESTABLISHED 891",
                false,
            ),
            (
                "TCP C6336401 9C41 C000020A 0050 0A000002 0050 ESTABLISHED 891",
                true,
            ),
            (
                "TCP C6336401 9C42 C000020A 0050 0A000002 0050 FIN_WAIT 91",
                false,
            ),
            (
                "TCP C6336401 9C43 C000020A 0051 0A000001 0050 ESTABLISHED 891",
                true,
            ),
            (
                "TCP C6336401 9C44 C000020A 0052 0A000001 0050 ESTABLISHED 891",
                false,
            ),
            (
                "TCP C6336401 9C45 C000020B 0050 0A000001 0050 ESTABLISHED 891",
                false,
            ),
            (
                "TCP C6336401 0000 C000020A 0050 0A000001 0050 ASSURED 91",
                false,
            ),
        ] {
            let connection = Connection::parse(line).unwrap();
            assert_eq!(report.judge(&connection).is_some(), breaks, "{line}");
        }
        assert_eq!(
            report.text(),
            "\
TCP 192.0.2.10:80: 1 of 2 open connections would break
  1: the real server drains or has weight 0
TCP 192.0.2.10:81: 1 of 1 open connection would break
  1: the scheduler is not mh: the other director would choose anew
1 open connection of services by mark, or of none: not foretold
these would break:
  TCP 192.0.2.10:80 198.51.100.1:40001 -> 10.0.0.2:80: the real server drains or has weight 0
  TCP 192.0.2.10:81 198.51.100.1:40003 -> 10.0.0.1:80: the scheduler is not mh: the other director would choose anew
"
        );
    }
}
