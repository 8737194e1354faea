// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the kernel tells of links and neighbours. It brings the next probe of a check with a tripwire forward, and decides
//! nothing: the silence of a neighbour may be the network's failure, and a link of this host that is shut is ours.

use super::event::{CheckId, HealthAction};
use super::links::Side;
use super::monitor::Health;
use super::wire::WireEvent;
use crate::model::{HostEvent, NeighbourState, Standing, Timestamp};

impl Health {
    /// Something happened to a link, an address or a neighbour of this host.
    pub(super) fn happened(
        &mut self,
        now: Timestamp,
        event: &HostEvent,
        out: &mut Vec<HealthAction>,
    ) {
        self.links.happened(now, event);
        self.sources.happened(event);
        self.signal_shut_links(now, out);
        match event {
            // A neighbour on a link that is shut is lost with it.
            HostEvent::NeighbourChanged(it)
                if it.state == NeighbourState::Failed && self.links.passes(it.index) =>
            {
                for check in self.wires.at(it.address).to_vec() {
                    self.signal(now, check, out);
                }
            }
            HostEvent::NeighbourChanged(_)
            | HostEvent::NeighbourGone(_)
            | HostEvent::LinkChanged(_)
            | HostEvent::LinkGone(_)
            | HostEvent::AddressAdded(_)
            | HostEvent::AddressRemoved(_)
            | HostEvent::RouteChanged(_)
            | HostEvent::RouteGone(_)
            | HostEvent::Lost => {}
        }
    }

    /// The servers on links that were shut are probed at once: then it is told soon that nobody can check them.
    pub(super) fn signal_shut_links(&mut self, now: Timestamp, out: &mut Vec<HealthAction>) {
        for link in self.links.take_newly_shut() {
            let concerned = self.wires.targets();
            let concerned = concerned.filter(|(at, _)| self.links.is_on(Side::On(link), **at));
            let checks: Vec<CheckId> = concerned.flat_map(|(_, it)| it).copied().collect();
            for check in checks {
                self.signal(now, check, out);
            }
        }
    }

    /// At most once in the interval of the check: a flood of events costs no more.
    fn signal(&mut self, now: Timestamp, check: CheckId, out: &mut Vec<HealthAction>) {
        if let Some(checker) = self.roster.checker(check)
            && checker.standing() != Standing::Down
        {
            let interval = checker.check().schedule.interval;
            self.wire(now, check, WireEvent::Signal(interval), out);
        }
    }
}
