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
use crate::model::{Order, ServerKey, ServiceKey};

/// How often the connections of a draining server are counted.
const COUNT_EVERY: Duration = Duration::from_millis(500);

/// What is ordered, and for whom.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) servers: Vec<Whose>,
    pub(super) services: Vec<ServiceKey>,
    /// `None` takes an order back.
    pub(super) order: Option<Order>,
    pub(super) force: bool,
    /// For a drain: how long to wait for the connections to end.
    pub(super) wait: Option<Duration>,
}

/// The commands.
pub(super) fn order(whom: Whom, wish: &Wish) -> Result<ExitCode, Failure> {
    let mut client = whom.connect()?;
    let servers = find(&mut client, wish)?;
    let request = Request::Order {
        servers: servers.clone(),
        order: wish.order,
        force: wish.force,
    };
    for item in client.ask(request)? {
        let Item::Ordered(changed) = item? else {
            continue;
        };
        let changed = usize::try_from(changed).unwrap_or(usize::MAX);
        let what = match wish.order {
            Some(order) => order.to_string(),
            None => "no order".to_owned(),
        };
        let all = servers.len();
        say(&format!(
            "{what}: {changed} of {} changed\n",
            count(all, "server")
        ))?;
    }
    match wish.wait {
        Some(patience) => wait(&servers, patience),
        None => Ok(ExitCode::SUCCESS),
    }
}

/// The servers that are meant, in each of the services that are meant.
fn find(client: &mut Client, wish: &Wish) -> Result<Vec<(ServiceKey, ServerKey)>, Failure> {
    let mut servers = Vec::new();
    for whose in &wish.servers {
        let found = named(client, *whose, wish.services.clone())?;
        servers.extend(found.iter().map(|why| (why.service, why.server.server)));
    }
    Ok(servers)
}

/// Counts the connections of these servers until there are none.
#[expect(
    clippy::disallowed_methods,
    reason = "the kernel tells nobody that a connection has ended"
)]
fn wait(servers: &[(ServiceKey, ServerKey)], patience: Duration) -> Result<ExitCode, Failure> {
    let (mut ipvs, clock) = (open()?, Clock::start());
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

/// How many connections are established to these servers. A server that is not in the table has none.
fn connections(ipvs: &mut Ipvs, servers: &[(ServiceKey, ServerKey)]) -> Result<usize, Failure> {
    let mut all = 0;
    for (service, server) in servers {
        let entries = ipvs.servers(service).map_err(Failure::failed)?;
        let mine = entries.iter().filter(|entry| entry.key == *server);
        let active: u32 = mine.map(|entry| entry.connections.active).sum();
        all += usize::try_from(active).unwrap_or(usize::MAX);
    }
    Ok(all)
}
