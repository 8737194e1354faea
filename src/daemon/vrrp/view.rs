// SPDX-License-Identifier: MIT OR Apache-2.0
//! The virtual routers as others see them. The thread publishes; readers never make it wait.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::control::{MasterStatus, RouterStatus, TrackedStatus};
use crate::model::{Priority, Timestamp, VirtualAddress, Vrid};
use crate::vrrp::{Counts, Reason, State};

/// The reason of packets that nobody has read.
const UNREAD: &str = "kernel";

/// One virtual router at one moment.
#[derive(Debug, Clone)]
pub(in crate::daemon) struct RouterView {
    pub(super) name: Box<str>,
    pub(super) interface: Box<str>,
    pub(super) vrid: Vrid,
    pub(super) state: State,
    pub(super) since: Timestamp,
    /// Why it is in its state.
    pub(super) why: Option<Reason>,
    pub(super) priority: Priority,
    pub(super) master: Option<(IpAddr, Priority)>,
    pub(super) addresses: Vec<VirtualAddress>,
    pub(super) counts: Counts,
    /// Advertisements that were no good, by reason.
    pub(super) malformed: BTreeMap<&'static str, u64>,
    /// Packets that the kernel dropped before they could be read.
    pub(super) unread: u64,
    /// How often an address was put back.
    pub(super) put_back: u64,
    /// How often another host said that an address of ours is there.
    pub(super) disputes: u64,
    /// The sync group that it moves with.
    pub(super) group: Option<Box<str>>,
    /// What is tracked.
    pub(super) tracked: Vec<TrackedStatus>,
    /// Why it cannot take part, if it is not said by its state.
    pub(super) problem: Option<String>,
}

/// All of them, the last that was published.
#[derive(Debug, Clone, Default)]
pub(in crate::daemon) struct RouterViews(Arc<ArcSwap<Vec<RouterView>>>);

impl RouterViews {
    pub(super) fn publish(&self, views: Vec<RouterView>) {
        self.0.store(Arc::new(views));
    }

    /// Those that are master here, or the one that is asked for with those of its group. An error says why there is none.
    pub(in crate::daemon) fn masters(&self, only: Option<&str>) -> Result<Vec<String>, String> {
        let views = self.0.load();
        let masters = views.iter().filter(|it| it.state == State::Master);
        let Some(name) = only else {
            let names: Vec<String> = masters.map(|it| it.name.to_string()).collect();
            let none = "this host is master of no virtual router: ask on the host that is";
            return if names.is_empty() {
                Err(none.to_owned())
            } else {
                Ok(names)
            };
        };
        match views.iter().find(|it| *it.name == *name) {
            None => Err(format!(
                "there is no virtual router {name}; director status lists them"
            )),
            Some(view) if view.state == State::Master => {
                let moves = |it: &&RouterView| {
                    it.name == view.name || (it.group.is_some() && it.group == view.group)
                };
                let together = masters.filter(moves).map(|it| it.name.to_string());
                Ok(together.collect())
            }
            Some(view) => Err(match view.master {
                Some((master, _)) => format!(
                    "virtual router {name} is {} here: ask on {master}",
                    view.state
                ),
                None => format!(
                    "virtual router {name} is {} here, and no master is known",
                    view.state
                ),
            }),
        }
    }

    /// What each is here: its name and its state.
    pub(in crate::daemon) fn states(&self) -> Vec<(Box<str>, State)> {
        let views = self.0.load();
        views.iter().map(|it| (it.name.clone(), it.state)).collect()
    }

    /// Whether this host takes part, and is master of nothing.
    pub(in crate::daemon) fn follows(&self) -> bool {
        let views = self.0.load();
        let mut states = views.iter().map(|it| it.state);
        let masters = states.clone().any(|it| it == State::Master);
        !masters && states.any(|it| it == State::Backup)
    }

    /// The virtual addresses of which this host is not master.
    pub(in crate::daemon) fn elsewhere(&self) -> BTreeSet<IpAddr> {
        let views = self.0.load();
        let others = views.iter().filter(|it| it.state != State::Master);
        let addresses = others.flat_map(|it| &it.addresses);
        addresses.map(|it| it.address).collect()
    }

    /// As clients get them.
    pub(in crate::daemon) fn status(&self, now: Timestamp) -> Vec<RouterStatus> {
        let views = self.0.load();
        views.iter().map(|view| view.status(now)).collect()
    }
}

impl RouterView {
    fn status(&self, now: Timestamp) -> RouterStatus {
        let refused = self.counts.refused.iter();
        let refused = refused.map(|(reason, count)| (reason.name(), *count));
        let malformed = self.malformed.iter();
        let malformed = malformed.map(|(reason, count)| (*reason, *count));
        let unread = (self.unread > 0).then_some((UNREAD, self.unread));
        let dropped = refused.chain(malformed).chain(unread);
        RouterStatus {
            name: self.name.to_string(),
            interface: self.interface.to_string(),
            vrid: self.vrid.get(),
            state: self.state.to_string(),
            since_seconds: now.since(self.since).as_secs(),
            reason: self.why.as_ref().map(ToString::to_string),
            priority: self.priority.0,
            master: self.master.map(|(address, priority)| MasterStatus {
                address,
                priority: priority.0,
            }),
            addresses: self.addresses.iter().map(ToString::to_string).collect(),
            sent: self.counts.sent,
            heard: self.counts.heard,
            dropped: dropped.map(|(it, count)| (it.to_owned(), count)).collect(),
            transitions: self.counts.transitions,
            late_at_most_microseconds: u64::try_from(self.counts.late_at_most.as_micros())
                .unwrap_or(u64::MAX),
            put_back: self.put_back,
            disputes: self.disputes,
            group: self.group.as_deref().map(str::to_owned),
            tracked: self.tracked.clone(),
            problem: self.problem.clone(),
        }
    }
}
