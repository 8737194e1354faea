// SPDX-License-Identifier: MIT OR Apache-2.0
//! A look at the links of this host, at its addresses, and at the ways of probes.

use std::collections::BTreeSet;

use super::firewall::Firewall;
use super::monitor::Monitor;
use super::route::{Route, RouteError};
use crate::model::{HostEvent, Neighbour, Probe, Sighting};

/// The links, addresses and ways of one network namespace: that of the thread that uses it. It opens its sockets at the
/// first use, and again after an error.
#[derive(Debug, Default)]
pub struct Lookout {
    route: Option<Route>,
    monitor: Option<Monitor>,
    /// Whether the last listening failed: nobody needs to know twice that events are lost.
    deaf: bool,
}

/// All neighbours of the calling thread's network namespace.
pub fn neighbours() -> Result<Vec<Neighbour>, RouteError> {
    Route::open()?.neighbours()
}

impl Lookout {
    /// A lookout that has opened nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What happened to links and addresses since the last call, without waiting. An error counts as lost events.
    pub fn happened(&mut self) -> Vec<HostEvent> {
        let taken = self.take();
        let was_deaf = std::mem::replace(&mut self.deaf, taken.is_err());
        taken.unwrap_or_else(|_| {
            self.monitor = None;
            if was_deaf {
                Vec::new()
            } else {
                vec![HostEvent::Lost]
            }
        })
    }

    /// What happened, how the links and addresses are, and by which way each of these probes would leave now. Of the
    /// `suspects` among them it asks this host's own firewall, too: each costs a SYN.
    pub fn look(&mut self, probes: &[Probe], suspects: &[Probe]) -> Result<Sighting, RouteError> {
        // First what happened: the events are older than the state.
        let happened = self.happened();
        self.read(probes, suspects, happened)
            .inspect_err(|_| self.route = None)
    }

    fn read(
        &mut self,
        probes: &[Probe],
        suspects: &[Probe],
        happened: Vec<HostEvent>,
    ) -> Result<Sighting, RouteError> {
        let route = match &mut self.route {
            Some(route) => route,
            unopened => unopened.insert(Route::open()?),
        };
        let links = route.seen_links()?;
        let mut ways = Vec::with_capacity(probes.len());
        for probe in probes {
            ways.push((probe.clone(), route.way(probe, &links)?));
        }
        let suspects: BTreeSet<&Probe> = suspects.iter().collect();
        let asked = ways.iter().filter(|(probe, _)| suspects.contains(probe));
        let mut firewall = Firewall::default();
        let denied = asked.filter(|(probe, way)| firewall.denies(probe, *way));
        Ok(Sighting {
            denied: denied.map(|(probe, _)| probe.clone()).collect(),
            happened,
            addresses: route.addresses()?,
            links,
            ways,
        })
    }

    fn take(&mut self) -> Result<Vec<HostEvent>, RouteError> {
        let monitor = match &mut self.monitor {
            Some(monitor) => monitor,
            unopened => unopened.insert(Monitor::open_for_links_and_addresses()?),
        };
        let mut events = Vec::new();
        while let Some(event) = monitor.next_if_any()? {
            events.push(event);
        }
        Ok(events)
    }
}
