// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel's news of links and neighbours, for the engine: of the servers that have a tripwire, and no more.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use tokio::time::sleep;
use tracing::warn;

use super::published::Published;
use crate::engine::Event;
use crate::kernel::{AsyncMonitor, RouteError, neighbours};
use crate::model::{Config, HostEvent, Neighbour, NeighbourState};

/// The most events that are looked at together, and the rest after that: a scan of a large network makes thousands, and
/// the probes run on the same thread.
const MOST_TOGETHER: usize = 256;
const REST: Duration = Duration::from_millis(10);
/// After events were lost all neighbours are read, at most this often.
const BETWEEN_READINGS: Duration = Duration::from_secs(1);
/// The wait before the next attempt when nobody can listen.
const AGAIN: Duration = Duration::from_secs(10);

/// Listens, and tells the engine, for ever.
pub(super) async fn listen(published: &Published, events: &Sender<Event>) {
    let mut wanted = Wanted::default();
    let mut told = false;
    loop {
        let Err(error) = listen_once(&mut wanted, published, events).await;
        if !told {
            warn!("{error}; a dead neighbour is found by its probes only, until that works again");
            told = true;
        }
        sleep(AGAIN).await;
    }
}

/// Listens until that fails.
async fn listen_once(
    wanted: &mut Wanted,
    published: &Published,
    events: &Sender<Event>,
) -> Result<std::convert::Infallible, RouteError> {
    let mut monitor = AsyncMonitor::open_for_links_and_neighbours()?;
    loop {
        let mut news = News::default();
        news.take(monitor.wait().await?);
        for _ in 1..MOST_TOGETHER {
            match monitor.next_if_any()? {
                Some(event) => news.take(event),
                None => break,
            }
        }
        let lost = news.lost;
        if lost {
            // What was lost may have been about a server. Its neighbour stays in the kernel's list for a while.
            for neighbour in neighbours()? {
                news.take(HostEvent::NeighbourChanged(neighbour));
            }
        }
        if let Some(event) = news.event(wanted.addresses(published)) {
            // The engine may have ended by itself.
            let _ = events.send(event);
        }
        sleep(if lost { BETWEEN_READINGS } else { REST }).await;
    }
}

/// The addresses of the servers that have a tripwire.
#[derive(Default)]
struct Wanted {
    /// By this configuration.
    of: Option<Arc<Config>>,
    addresses: BTreeSet<IpAddr>,
}

impl Wanted {
    fn addresses(&mut self, published: &Published) -> &BTreeSet<IpAddr> {
        let config = published
            .latest()
            .map(|snapshot| Arc::clone(&snapshot.config));
        let same = match (&self.of, &config) {
            (Some(before), Some(now)) => Arc::ptr_eq(before, now),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        if !same {
            self.addresses = config.as_deref().map(addresses).unwrap_or_default();
            self.of = config;
        }
        &self.addresses
    }
}

fn addresses(config: &Config) -> BTreeSet<IpAddr> {
    let servers = config.services.values().flat_map(|it| it.servers.values());
    let checks = servers.flat_map(|server| server.checks.each.iter());
    let held = checks.filter(|check| check.schedule.tripwire.is_some());
    held.map(|check| check.probe.target.ip()).collect()
}

/// What was read together.
#[derive(Default)]
struct News {
    /// The neighbours that do not answer.
    failed: BTreeMap<(u32, IpAddr), Neighbour>,
    /// Whether a link does not pass packets: the engine looks for itself.
    shut: bool,
    lost: bool,
}

impl News {
    fn take(&mut self, event: HostEvent) {
        match event {
            HostEvent::NeighbourChanged(it) if it.state == NeighbourState::Failed => {
                self.failed.insert((it.index, it.address), it);
            }
            // It answers after all.
            HostEvent::NeighbourChanged(it) => drop(self.failed.remove(&(it.index, it.address))),
            HostEvent::LinkChanged(link) => self.shut |= !(link.up && link.running),
            HostEvent::LinkGone(_) => self.shut = true,
            HostEvent::Lost => self.lost = true,
            HostEvent::NeighbourGone(_)
            | HostEvent::AddressAdded(_)
            | HostEvent::AddressRemoved(_)
            | HostEvent::RouteChanged(_)
            | HostEvent::RouteGone(_) => {}
        }
    }

    /// What the engine is to know. An event without content wakes it: it reads the links itself.
    fn event(self, wanted: &BTreeSet<IpAddr>) -> Option<Event> {
        if wanted.is_empty() {
            return None;
        }
        let failed = self.failed.into_values();
        let failed = failed.filter(|it| wanted.contains(&it.address));
        let failed: Vec<HostEvent> = failed.map(HostEvent::NeighbourChanged).collect();
        let wakes = self.shut || self.lost || !failed.is_empty();
        wakes.then_some(Event::Happened(failed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Link;

    fn neighbour(address: &str, state: NeighbourState) -> HostEvent {
        HostEvent::NeighbourChanged(Neighbour {
            index: 2,
            address: address.parse().unwrap(),
            state,
            link_layer: None,
        })
    }

    fn told(events: Vec<HostEvent>, wanted: &[&str]) -> Option<Event> {
        let mut news = News::default();
        for event in events {
            news.take(event);
        }
        let wanted = wanted.iter().map(|it| it.parse().unwrap());
        news.event(&wanted.collect())
    }

    #[test]
    fn of_a_flood_of_neighbours_the_engine_hears_of_its_servers_once() {
        use NeighbourState::{Failed, Reachable};
        let flood = (0..=255).map(|last| neighbour(&format!("10.0.0.{last}"), Failed));
        let mut flood: Vec<HostEvent> = flood.collect();
        flood.extend(flood.clone());
        flood.push(neighbour("10.0.0.9", Reachable));
        let once = Event::Happened(vec![neighbour("10.0.0.7", Failed)]);
        let wanted = ["10.0.0.7", "10.0.0.9", "192.0.2.1"];
        assert_eq!(told(flood.clone(), &wanted), Some(once));
        assert_eq!(told(flood, &["192.0.2.1"]), None);
    }

    #[test]
    fn a_link_that_is_shut_and_lost_events_wake_the_engine_where_a_server_has_a_tripwire() {
        let mut link = Link::new(2, "eth0");
        let wakes = Some(Event::Happened(Vec::new()));
        assert_eq!(
            told(vec![HostEvent::LinkChanged(link.clone())], &["10.0.0.7"]),
            wakes
        );
        (link.up, link.running) = (true, true);
        assert_eq!(
            told(vec![HostEvent::LinkChanged(link.clone())], &["10.0.0.7"]),
            None
        );
        assert_eq!(
            told(vec![HostEvent::LinkGone(link.clone())], &["10.0.0.7"]),
            wakes
        );
        assert_eq!(told(vec![HostEvent::Lost], &["10.0.0.7"]), wakes);
        assert_eq!(
            told(vec![HostEvent::Lost, HostEvent::LinkGone(link)], &[]),
            None
        );
    }
}
