// SPDX-License-Identifier: MIT OR Apache-2.0
//! `director drain`, `disable`, `enable` and `weight`: orders for single servers of a running director.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use super::args::Failure;
use super::ask::Whom;
use super::clock::Clock;
use super::oneshot::open;
use super::pick::is_up;
use super::say::{complain, say};
use super::why::{Whose, named};
use crate::codec::ipvs::ServerEntry;
use crate::control::{Client, Item, Left, Request, ServerStatus};
use crate::engine::{STILL, closing, count, living};
use crate::kernel::Ipvs;
use crate::model::{DrainTerms, Flow, Order, ServerKey, ServiceKey, Timestamp};

/// So many servers fit into a line of the control socket.
const MOST_AT_A_TIME: usize = 400;
/// How often the connections of a draining server are counted.
const COUNT_EVERY: Duration = Duration::from_millis(500);

/// What is ordered, and for whom.
#[derive(Debug)]
pub(super) struct Wish {
    /// All of the services, when none is named.
    pub(super) servers: Option<Vec<Whose>>,
    pub(super) services: Vec<ServiceKey>,
    pub(super) asked: Asked,
}

/// What is ordered.
#[derive(Debug)]
pub(super) struct Asked {
    /// `None` takes an order back.
    pub(super) order: Option<Order>,
    /// What ends a drain.
    pub(super) terms: DrainTerms,
    pub(super) force: bool,
    /// What to wait for afterwards.
    pub(super) wait: Option<Wait>,
}

/// What is waited for, and how long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wait {
    pub(super) until: Until,
    pub(super) patience: Duration,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// They have left the table.
    Removed,
    /// No packet has come for a while.
    Idle,
    /// So many active connections are left on all of them together, or fewer.
    Connections(u32),
    /// They are up, and in the table.
    Serving,
}

impl Asked {
    /// An order that is not a drain.
    pub(super) fn of(order: Option<Order>, force: bool, wait: Option<Wait>) -> Self {
        Self {
            order,
            terms: DrainTerms::default(),
            force,
            wait,
        }
    }
}

/// The commands.
pub(super) fn order(whom: Whom, wish: &Wish) -> Result<ExitCode, Failure> {
    let mut client = whom.connect()?;
    // Before anything is ordered: whoever may not look cannot wait.
    let kernel = match (wish.asked.wait, wish.asked.order) {
        (Some(_), Some(_)) => Some(open()?),
        (Some(_), None) | (None, _) => None,
    };
    // By service, and each once: nearly every service is in one request.
    let found = named(&mut client, wish.servers.as_deref(), wish.services.clone())?;
    let servers: Vec<(ServiceKey, ServerKey)> = found
        .iter()
        // One that the configuration has no more drains, and takes no orders.
        .filter(|why| wish.servers.is_some() || why.server.health != "leaving")
        .map(|why| (why.service, why.server.server))
        .collect();
    let mut sum = Answered::default();
    for some in servers.chunks(MOST_AT_A_TIME) {
        ask(&mut client, some, &wish.asked, &mut sum)?;
    }
    let what = match wish.asked.order {
        Some(order) => order.to_string(),
        None => "enable".to_owned(),
    };
    let (changed, all) = (sum.changed, count(servers.len(), "server"));
    say(&format!("{what}: {changed} of {all} changed\n"))?;
    if let Some(why) = sum.not_written {
        complain(&format!(
            "warning: this holds only until the director ends, because it could not be written down: {why}; the \
             director tries again every few seconds"
        ));
    }
    match (kernel, wish.asked.wait) {
        (Some(ipvs), Some(wait)) => Waiting {
            ipvs,
            servers: &servers,
            templates: wish.asked.terms.templates,
            drains: wish.asked.order == Some(Order::Drain),
            wait,
        }
        .wait(),
        (None, Some(wait)) => wait_until_serving(&mut client, wish, &servers, wait.patience),
        (_, None) => Ok(ExitCode::SUCCESS),
    }
}

/// The answers to some requests, together.
#[derive(Debug, Default)]
struct Answered {
    /// For how many servers something is different now.
    changed: u64,
    /// Why a later director will not know it.
    not_written: Option<String>,
}

fn ask(
    client: &mut Client,
    servers: &[(ServiceKey, ServerKey)],
    asked: &Asked,
    sum: &mut Answered,
) -> Result<(), Failure> {
    // What the last request wrote is all that is in force.
    sum.not_written = None;
    let request = Request::Order {
        servers: servers.to_vec(),
        order: asked.order,
        deadline_seconds: asked.terms.deadline.map(|deadline| deadline.as_secs()),
        templates: asked.terms.templates,
        force: asked.force,
    };
    for item in client.ask(request)? {
        match item? {
            Item::Ordered(changed) => sum.changed += changed,
            Item::NotWritten(why) => sum.not_written = Some(why),
            Item::Status(_)
            | Item::Event(_)
            | Item::Skipped { .. }
            | Item::Reload(_)
            | Item::HandedOver(_)
            | Item::Sent(_)
            | Item::LogLevel(_)
            | Item::Standings(_) => {}
        }
    }
    Ok(())
}

/// Who waits for servers that leave.
struct Waiting<'a> {
    ipvs: Ipvs,
    servers: &'a [(ServiceKey, ServerKey)],
    templates: bool,
    /// Whether they drain: one that gets new connections again is an error.
    drains: bool,
    wait: Wait,
}

impl Waiting<'_> {
    /// Waits until it has come. The kernel is read, not the director: it may start again meanwhile.
    #[expect(
        clippy::disallowed_methods,
        reason = "the kernel tells nobody that a connection has ended"
    )]
    fn wait(mut self) -> Result<ExitCode, Failure> {
        let clock = Clock::start();
        let Wait { until, patience } = self.wait;
        let end = clock.now() + patience;
        let mut flows = BTreeMap::new();
        let mut told = None;
        loop {
            let now = clock.now();
            let found = self.found()?;
            if found.is_empty() {
                say(if self.drains {
                    "drained\n"
                } else {
                    "removed\n"
                })?;
                return Ok(ExitCode::SUCCESS);
            }
            let left = left(now, &found, &mut flows, self.templates);
            if has_come(until, &left) {
                say(&format!("enough: {left}\n"))?;
                return Ok(ExitCode::SUCCESS);
            }
            // The ended ones go one by one, by the hundred: they make no news.
            let flows = left.active == 0 && left.packets_flow;
            let news = (left.active, left.closing > 0, flows, left.templates);
            if self.drains && told != Some(news) {
                say(&format!("{left}\n"))?;
                told = Some(news);
            }
            if now >= end {
                return Err(self.given_up(patience, &left));
            }
            thread::sleep(COUNT_EVERY);
        }
    }

    fn given_up(&self, patience: Duration, left: &Left) -> Failure {
        let seconds = patience.as_secs();
        Failure::failed(if self.drains {
            format!("not drained after {seconds} s: {left}; the order stays")
        } else {
            format!("still in the table after {seconds} s: {left}; the order stays")
        })
    }

    /// Those of the servers that are in the table.
    fn found(&mut self) -> Result<Vec<(ServiceKey, ServerEntry)>, Failure> {
        let mut all = Vec::new();
        for (service, server) in self.servers {
            self.ipvs.service(service).map_err(Failure::failed)?;
            let entries = self.ipvs.servers(service).map_err(Failure::failed)?;
            let Some(entry) = entries.into_iter().find(|entry| entry.key == *server) else {
                continue;
            };
            let weight = entry.server.weight;
            if self.drains && !weight.is_zero() {
                return Err(Failure::failed(format!(
                    "real server {server} of {service} has weight {weight}: it does not drain any more"
                )));
            }
            all.push((*service, entry));
        }
        Ok(all)
    }
}

/// Whether enough has ended.
fn has_come(until: Until, left: &Left) -> bool {
    match until {
        Until::Removed | Until::Serving => false,
        Until::Idle => left.still_seconds >= STILL.as_secs(),
        Until::Connections(most) => left.active <= most,
    }
}

/// Waits until these servers are up and in the table, as the director knows it.
#[expect(
    clippy::disallowed_methods,
    reason = "the next look at a status comes a moment later"
)]
fn wait_until_serving(
    client: &mut Client,
    wish: &Wish,
    servers: &[(ServiceKey, ServerKey)],
    patience: Duration,
) -> Result<ExitCode, Failure> {
    let clock = Clock::start();
    let end = clock.now() + patience;
    loop {
        let now = clock.now();
        let found = named(client, wish.servers.as_deref(), wish.services.clone())?;
        let meant = found
            .iter()
            .filter(|it| servers.contains(&(it.service, it.server.server)));
        let Some(first) = meant.clone().find(|it| !serves(&it.server)) else {
            say("up, and in the table\n")?;
            return Ok(ExitCode::SUCCESS);
        };
        if now >= end {
            return Err(Failure::failed(format!(
                "not up and in the table after {} s: real server {} of {} is {}; director why {} tells more",
                patience.as_secs(),
                first.server.server,
                first.service,
                first.server.health,
                first.server.server
            )));
        }
        thread::sleep(COUNT_EVERY);
    }
}

/// Whether it is up, and in the table.
fn serves(server: &ServerStatus) -> bool {
    is_up(server) && server.weight.is_some()
}

/// What the servers are waited for, all together.
fn left(
    now: Timestamp,
    found: &[(ServiceKey, ServerEntry)],
    flows: &mut BTreeMap<(ServiceKey, ServerKey), Flow>,
    templates: bool,
) -> Left {
    let mut all = Left::default();
    let mut still = Duration::MAX;
    for (service, entry) in found {
        let (counts, traffic) = (entry.connections, entry.counters.into());
        let flow = flows.entry((*service, entry.key));
        let flow = flow.or_insert(Flow::new(now, traffic));
        flow.see(now, traffic);
        all.active = all.active.saturating_add(living(service, counts));
        all.closing = all.closing.saturating_add(closing(service, counts));
        all.packets_flow |= flow.is_moving(now);
        still = still.min(flow.still_for(now));
        if templates {
            let before = all.templates.unwrap_or(0);
            all.templates = Some(before.saturating_add(counts.persistent));
        }
    }
    all.still_seconds = still.as_secs();
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::render::tests::server;

    #[test]
    fn a_drain_has_gone_far_enough_by_what_is_waited_for() {
        let left = |active, still_seconds| Left {
            active,
            still_seconds,
            ..Left::default()
        };
        for (until, left, come) in [
            (Until::Removed, left(0, 60), false),
            (Until::Idle, left(5, 9), false),
            (Until::Idle, left(5, 10), true),
            (Until::Connections(5), left(6, 60), false),
            (Until::Connections(5), left(5, 0), true),
            (Until::Connections(0), left(0, 0), true),
        ] {
            assert_eq!(has_come(until, &left), come, "{until:?} {left:?}");
        }
    }

    #[test]
    fn a_server_serves_when_it_is_up_and_in_the_table() {
        let with = |change: &dyn Fn(&mut ServerStatus)| {
            let mut it = server("10.0.0.1:80");
            change(&mut it);
            serves(&it)
        };
        assert!(with(&|_| ()));
        assert!(!with(&|it| it.weight = None));
        assert!(!with(&|it| it.health = "down".into()));
        assert!(!with(&|it| it.order = Some("drain".to_owned())));
    }
}
