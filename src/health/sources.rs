// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which probes need a source address of our choice. On most hosts none does, and the kernel is not even asked.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use super::source::{Source, choose, risky};
use crate::model::{Check, Config, HostEvent, Probe, ProbePath, ServiceKey, Sighting};

/// The sources of the probes of one configuration.
#[derive(Debug, Clone, Default)]
pub(super) struct Sources {
    /// The addresses of the virtual services.
    vips: BTreeSet<IpAddr>,
    /// Those of them that the kernel may choose as a source; `None` when the addresses of this host must be looked at.
    risky: Option<BTreeSet<IpAddr>>,
    /// Whether the ways of all probes must be looked at.
    wants_ways: bool,
    /// The probes that the kernel would send from a virtual address.
    chosen: BTreeMap<Probe, Source>,
}

impl Sources {
    /// The sources for this configuration; the addresses of this host are not known yet.
    pub(super) fn of(config: &Config) -> Self {
        let vips = config.services.keys().filter_map(ServiceKey::address);
        Self {
            vips: vips.collect(),
            ..Self::default()
        }
    }

    /// Whether the addresses, or the ways of all probes, must be looked at.
    pub(super) fn wants_look(&self) -> bool {
        !self.vips.is_empty() && (self.risky.is_none() || self.wants_ways)
    }

    /// Whether the ways of all probes must be looked at.
    pub(super) const fn wants_ways(&self) -> bool {
        self.wants_ways
    }

    /// Something happened to this host.
    pub(super) fn happened(&mut self, event: &HostEvent) {
        let matters = match event {
            HostEvent::AddressAdded(it) | HostEvent::AddressRemoved(it) => {
                self.vips.contains(&it.address)
                    || self.risky.as_ref().is_none_or(|risky| !risky.is_empty())
            }
            HostEvent::Lost => true,
            HostEvent::LinkChanged(_)
            | HostEvent::LinkGone(_)
            | HostEvent::NeighbourChanged(_)
            | HostEvent::NeighbourGone(_)
            | HostEvent::RouteChanged(_)
            | HostEvent::RouteGone(_) => false,
        };
        if matters {
            self.risky = None;
        }
    }

    /// Chooses. Returns the probes that left from a virtual address until now, with that address.
    pub(super) fn seen(&mut self, sighting: &Sighting) -> BTreeMap<Probe, IpAddr> {
        for event in &sighting.happened {
            self.happened(event);
        }
        if self.risky.is_none() {
            let risky = risky(&self.vips, &sighting.addresses);
            self.wants_ways = !risky.is_empty();
            if risky.is_empty() {
                self.chosen.clear();
            }
            self.risky = Some(risky);
        } else {
            self.wants_ways = false;
        }
        let mut moved = BTreeMap::new();
        for (probe, way) in &sighting.ways {
            if probe.source().is_some() {
                continue;
            }
            let before = self.chosen.remove(probe);
            let target = probe.target.ip();
            if let Some(source) = choose(target, *way, &self.vips, &sighting.addresses) {
                if before.is_none()
                    && let Some(vip) = way.source()
                {
                    moved.insert(probe.clone(), vip);
                }
                self.chosen.insert(probe.clone(), source);
            }
        }
        moved
    }

    /// The addresses and ways could not be looked at: the kernel chooses, until something happens.
    pub(super) fn not_seen(&mut self) {
        self.risky.get_or_insert_default();
        self.wants_ways = false;
    }

    /// The check as its probe is to be made, or why it cannot be made.
    pub(super) fn check(&self, check: &Arc<Check>) -> Result<Arc<Check>, Box<str>> {
        match self.chosen.get(&check.probe) {
            None => Ok(Arc::clone(check)),
            Some(Source::From(source)) => {
                let mut from = Check::clone(check);
                let path = from.probe.path.take().map_or_else(ProbePath::default, |it| *it);
                let source = Some(*source);
                from.probe.path = ProbePath { source, ..path }.chosen();
                Ok(Arc::new(from))
            }
            Some(Source::Missing(vip)) => Err(format!(
                "the probe would leave from the virtual address {vip}, which the real servers have, too; give its \
                 interface another address, or write check: {{source: ADDRESS}}"
            )
            .into()),
        }
    }
}
