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
use super::render::Left;
use super::say::{complain, say};
use super::why::{Whose, named};
use crate::codec::ipvs::ServerEntry;
use crate::control::{Client, Item, Request};
use crate::engine::{closing, count, living};
use crate::kernel::Ipvs;
use crate::model::{DrainTerms, Flow, Order, ServerKey, ServiceKey, Timestamp};

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
    match kernel {
        Some((ipvs, patience)) => wait(ipvs, &servers, wish.asked.terms.templates, patience),
        None => Ok(ExitCode::SUCCESS),
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
            | Item::Standings(_) => {}
        }
    }
    Ok(())
}

/// Waits until these servers have left the table. The kernel is read, not the director: it may start again meanwhile.
#[expect(
    clippy::disallowed_methods,
    reason = "the kernel tells nobody that a connection has ended"
)]
fn wait(
    mut ipvs: Ipvs,
    servers: &[(ServiceKey, ServerKey)],
    templates: bool,
    patience: Duration,
) -> Result<ExitCode, Failure> {
    let clock = Clock::start();
    let end = clock.now() + patience;
    let mut flows = BTreeMap::new();
    let mut told = None;
    loop {
        let now = clock.now();
        let found = draining(&mut ipvs, servers)?;
        if found.is_empty() {
            say("drained\n")?;
            return Ok(ExitCode::SUCCESS);
        }
        let left = left(now, &found, &mut flows, templates);
        // The ended ones go one by one, by the hundred: they make no news.
        let flows = left.active == 0 && left.packets_flow;
        let news = (left.active, left.closing > 0, flows, left.templates);
        if told != Some(news) {
            say(&format!("{left}\n"))?;
            told = Some(news);
        }
        if now >= end {
            let seconds = patience.as_secs();
            return Err(Failure::failed(format!(
                "not drained after {seconds} s: {left}; the order stays"
            )));
        }
        thread::sleep(COUNT_EVERY);
    }
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

/// Those of these servers that are in the table. One that gets new connections again is an error.
fn draining(
    ipvs: &mut Ipvs,
    servers: &[(ServiceKey, ServerKey)],
) -> Result<Vec<(ServiceKey, ServerEntry)>, Failure> {
    let mut all = Vec::new();
    for (service, server) in servers {
        ipvs.service(service).map_err(Failure::failed)?;
        let entries = ipvs.servers(service).map_err(Failure::failed)?;
        let Some(entry) = entries.into_iter().find(|entry| entry.key == *server) else {
            continue;
        };
        let weight = entry.server.weight;
        if !weight.is_zero() {
            return Err(Failure::failed(format!(
                "real server {server} of {service} has weight {weight}: it does not drain any more"
            )));
        }
        all.push((*service, entry));
    }
    Ok(all)
}
