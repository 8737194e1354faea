// SPDX-License-Identifier: MIT OR Apache-2.0
//! `director drain`, `disable`, `enable` and `weight`: orders for single servers of a running director.

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use super::args::Failure;
use super::ask::Whom;
use super::clock::Clock;
use super::oneshot::open;
use super::say::say;
use super::why::{Whose, named};
use crate::control::{Client, Item, Request};
use crate::engine::count;
use crate::kernel::Ipvs;
use crate::model::{DrainTerms, Order, ServerKey, ServiceKey};

/// So many servers fit into a line of the control socket.
const MOST_AT_A_TIME: usize = 400;
/// How often the connections of a draining server are counted.
const COUNT_EVERY: Duration = Duration::from_millis(500);

/// What is ordered, and for whom.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) servers: Vec<Whose>,
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
    /// For a drain: how long to wait for the connections to end.
    pub(super) wait: Option<Duration>,
}

impl Asked {
    /// An order that is not a drain.
    pub(super) fn of(order: Option<Order>, force: bool) -> Self {
        Self {
            order,
            terms: DrainTerms::default(),
            force,
            wait: None,
        }
    }
}

/// The commands.
pub(super) fn order(whom: Whom, wish: &Wish) -> Result<ExitCode, Failure> {
    let mut client = whom.connect()?;
    let kernel = match wish.asked.wait {
        Some(patience) => Some((open()?, patience)),
        None => None,
    };
    // By service, and each once: nearly every service is in one request.
    let found = named(&mut client, &wish.servers, wish.services.clone())?;
    let servers: Vec<(ServiceKey, ServerKey)> = found
        .iter()
        .map(|why| (why.service, why.server.server))
        .collect();
    let mut changed = 0;
    for some in servers.chunks(MOST_AT_A_TIME) {
        changed += ask(&mut client, some, &wish.asked)?;
    }
    let what = match wish.asked.order {
        Some(order) => order.to_string(),
        None => "no order".to_owned(),
    };
    let all = count(servers.len(), "server");
    say(&format!("{what}: {changed} of {all} changed\n"))?;
    match kernel {
        Some((ipvs, patience)) => wait(ipvs, &servers, patience),
        None => Ok(ExitCode::SUCCESS),
    }
}

/// Returns for how many servers it changed something.
fn ask(
    client: &mut Client,
    servers: &[(ServiceKey, ServerKey)],
    asked: &Asked,
) -> Result<usize, Failure> {
    let mut all = 0;
    let request = Request::Order {
        servers: servers.to_vec(),
        order: asked.order,
        deadline_seconds: asked.terms.deadline.map(|deadline| deadline.as_secs()),
        templates: asked.terms.templates,
        force: asked.force,
    };
    for item in client.ask(request)? {
        if let Item::Ordered(changed) = item? {
            all += usize::try_from(changed).unwrap_or(usize::MAX);
        }
    }
    Ok(all)
}

/// Counts the connections of these servers until there are none.
#[expect(
    clippy::disallowed_methods,
    reason = "the kernel tells nobody that a connection has ended"
)]
fn wait(
    mut ipvs: Ipvs,
    servers: &[(ServiceKey, ServerKey)],
    patience: Duration,
) -> Result<ExitCode, Failure> {
    let clock = Clock::start();
    let end = clock.now() + patience;
    let mut told = None;
    loop {
        let left = connections(&mut ipvs, servers)?;
        if told != Some(left) {
            say(&format!("{} left\n", count(left, "active connection")))?;
            told = Some(left);
        }
        if left == 0 {
            return Ok(ExitCode::SUCCESS);
        }
        if clock.now() >= end {
            return Err(Failure::failed(format!(
                "{} left after {} s; the order stays",
                count(left, "active connection"),
                patience.as_secs()
            )));
        }
        thread::sleep(COUNT_EVERY);
    }
}

/// How many connections are established to these servers. A server that is not in the table has none; one that gets new
/// ones again is an error.
fn connections(ipvs: &mut Ipvs, servers: &[(ServiceKey, ServerKey)]) -> Result<usize, Failure> {
    let mut all = 0;
    for (service, server) in servers {
        ipvs.service(service).map_err(Failure::failed)?;
        let entries = ipvs.servers(service).map_err(Failure::failed)?;
        let Some(entry) = entries.iter().find(|entry| entry.key == *server) else {
            continue;
        };
        let weight = entry.server.weight;
        if !weight.is_zero() {
            return Err(Failure::failed(format!(
                "real server {server} of {service} has weight {weight}: it does not drain any more"
            )));
        }
        all += usize::try_from(entry.connections.active).unwrap_or(usize::MAX);
    }
    Ok(all)
}
