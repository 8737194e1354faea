// SPDX-License-Identifier: MIT OR Apache-2.0
//! Making snapshots: only what has changed is made again.

use std::mem;
use std::sync::Arc;

use super::machine::Engine;
use super::snapshot::{CheckView, ServerView, ServiceView, Snapshot};
use crate::health::ServerHealth;
use crate::model::{Beliefs, Config, ConfiguredServer, Few, ServerKey, ServiceKey, Timestamp};

impl Engine {
    /// The configuration in force.
    #[must_use]
    pub const fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// Whether something is different from the last snapshot, beside what was told.
    #[must_use]
    pub fn has_news(&self) -> bool {
        !self.stale.is_empty() || self.pair.news
    }

    /// Everything at this moment.
    pub fn snapshot(&mut self, now: Timestamp) -> Snapshot {
        let stale = mem::take(&mut self.stale);
        if mem::take(&mut self.pair.news) {
            self.pair_view = self.pair_view().map(Arc::new);
        }
        if !stale.is_empty() {
            let mut views = mem::take(&mut self.views);
            let table = Arc::make_mut(&mut views);
            for key in stale {
                match self.service_view(&key) {
                    Some(view) => table.insert(key, Arc::new(view)),
                    None => table.remove(&key),
                };
            }
            self.views = views;
        }
        let mut figures = self.figures.clone();
        figures.probes = Arc::clone(self.health.figures());
        Snapshot {
            at: now,
            started: self.started,
            config: Arc::clone(&self.config),
            services: Arc::clone(&self.views),
            owned: Arc::clone(&self.owned),
            counters: self.counters,
            figures,
            reloads: self.reloads.clone(),
            orders: Arc::clone(&self.orders),
            drains: Arc::clone(&self.drains),
            answers: Arc::clone(&self.answers),
            history: Arc::clone(&self.history),
            ledger: Arc::clone(&self.pair.ledger),
            pair: self.pair_view.clone(),
        }
    }

    /// The standings of all servers by their checks, for a later director.
    #[must_use]
    pub fn remembered(&self, now: Timestamp) -> Beliefs {
        self.health.remembered(now)
    }

    fn service_view(&self, key: &ServiceKey) -> Option<ServiceView> {
        let configured = self.config.services.get(key)?;
        let servers = configured.servers.iter();
        Some(ServiceView {
            error: self.errors.get(key).cloned(),
            pool: self.pools.get(key).cloned().unwrap_or_default(),
            servers: servers
                .map(|(server, it)| self.server_view(key, server, it))
                .collect(),
        })
    }

    fn server_view(
        &self,
        service: &ServiceKey,
        server: &ServerKey,
        configured: &ConfiguredServer,
    ) -> ServerView {
        let weight = self.weight(service, server);
        let slow_start = self.slow_starts.get(service, server).map(Box::new);
        let checked = !configured.checks.each.is_empty();
        let health = checked.then(|| self.health.server(service, server));
        let Some(health) = health.flatten() else {
            return ServerView {
                key: *server,
                standing: None,
                since: self.started,
                assumed: false,
                overruled: None,
                weight,
                slow_start,
                checks: Few::NONE,
            };
        };
        ServerView {
            key: *server,
            standing: Some(health.standing),
            since: health.since,
            assumed: health.assumed,
            overruled: self.overruled.get(service, server).copied(),
            weight,
            slow_start,
            checks: checks(&health),
        }
    }
}

fn checks(health: &ServerHealth<'_>) -> Few<CheckView> {
    let views = health.checks().map(|check| CheckView {
        check: Arc::clone(check.check),
        standing: check.standing,
        since: check.since,
        assumed: check.assumed,
        memory: check.memory.copied().map(Box::new),
        last_failure: check.last_failure.cloned(),
        warning: check.warning.cloned(),
        last_started: check.last_started,
        last_latency: check.last_latency,
        last_succeeded: check.last_succeeded,
        counts: check.counts,
        progress: check.progress,
        held: check.held.map(Box::new),
        next: check.next,
        could_not_run: check.could_not_run,
        no_result: check.no_result,
        not_checked_since: check.not_checked_since,
        hastened: check.hastened,
        wire: check.wire.map(Box::new),
    });
    views.collect()
}
