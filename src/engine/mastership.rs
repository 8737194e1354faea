// SPDX-License-Identifier: MIT OR Apache-2.0
//! Of which virtual routers this host is master, and whether the kernel takes on connections that it does not know.

use std::collections::BTreeSet;

use super::event::Action;
use super::machine::Engine;
use crate::model::{Adoption, Config, SyncRole, Timestamp};
use crate::plan::{DesiredHost, desired_host};

/// What the engine knows of the virtual routers.
#[derive(Debug, Default)]
pub(super) struct Mastership {
    /// Of these this host is master.
    masters: BTreeSet<Box<str>>,
    /// When it became master of another one, or the director started.
    taken_over: Timestamp,
    /// Whether a configuration of this director had a service that keeps its connections.
    adopts: bool,
    /// Whether one of them synchronised connections.
    synchronises: bool,
}

impl Mastership {
    /// Whether this host is master of a virtual router.
    pub(super) fn is_master(&self) -> bool {
        !self.masters.is_empty()
    }

    /// Until it is said otherwise, this host is master of these.
    pub(super) fn starts(&mut self, now: Timestamp, masters: BTreeSet<Box<str>>) {
        self.taken_over = now;
        self.masters = masters;
    }

    /// Whether the kernel should take on unknown connections; `None` leaves its setting to others.
    ///
    /// A host without a virtual address is prepared: when an address comes, it may be too late for a setting.
    fn adopts(&mut self, config: &Config, now: Timestamp) -> Option<bool> {
        if !config.keeps_connections() {
            return self.adopts.then_some(false);
        }
        self.adopts = true;
        Some(match config.ipvs.adopt_connections {
            Adoption::Always => true,
            Adoption::For(time) => {
                let waits = !config.routers.is_empty() && self.masters.is_empty();
                waits || now.since(self.taken_over) < time
            }
        })
    }

    fn synchronise(&mut self, config: &Config, wish: &mut DesiredHost) {
        self.synchronises |= config.connection_sync.is_some();
        if !self.synchronises {
            return;
        }
        let is_master = !self.masters.is_empty();
        for role in [SyncRole::Master, SyncRole::Backup] {
            match &config.connection_sync {
                Some(sync) if sync.runs(role, is_master) => wish.sync_daemon(sync.daemon(role)),
                Some(_) | None => wish.no_sync_daemon(role),
            }
        }
    }
}

impl Engine {
    /// The virtual routers of which this host is master now.
    pub(super) fn is_master_of(
        &mut self,
        now: Timestamp,
        masters: BTreeSet<Box<str>>,
        out: &mut Vec<Action>,
    ) {
        if !masters.is_subset(&self.mastership.masters) {
            self.mastership.taken_over = now;
        }
        let was_master = self.mastership.is_master();
        self.mastership.masters = masters;
        let is_master = self.mastership.is_master();
        if is_master && !was_master {
            self.count_drains_anew();
        }
        self.settle(now, out);
        self.lead(now, is_master, out);
    }

    /// What the host should have.
    pub(super) fn host_wish(&mut self, now: Timestamp) -> DesiredHost {
        let mut wish = desired_host(&self.config.ipvs);
        if let Some(on) = self.mastership.adopts(&self.config, now) {
            wish.adopt_connections(on);
        }
        self.mastership.synchronise(&self.config, &mut wish);
        wish
    }
}
