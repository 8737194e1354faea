// SPDX-License-Identifier: MIT OR Apache-2.0
//! How everything is, for whoever asks.

use super::engine::Engine;
use super::kernel::Kernel;
use crate::control::{ServerStatus, ServiceStatus, Status};
use crate::model::{ConfiguredServer, ConfiguredService, ServerKey, ServiceKey, Timestamp};

impl<K: Kernel> Engine<K>
where
    K::Error: std::fmt::Display,
{
    /// Everything at this moment.
    pub(super) fn status(&self, now: Timestamp) -> Status {
        let services = self.config.services.iter();
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            uptime_seconds: now.since_start().as_secs(),
            drift_repairs: self.drift_repairs,
            probes_not_run: self.probes_not_run,
            reload_error: self.reload_error.clone(),
            verdict_delay: self.verdict_delay,
            services: services
                .map(|(key, service)| self.service_status(now, key, service))
                .collect(),
        }
    }

    fn service_status(
        &self,
        now: Timestamp,
        key: &ServiceKey,
        service: &ConfiguredService,
    ) -> ServiceStatus {
        let servers = service.servers.iter();
        ServiceStatus {
            service: key.to_string(),
            scheduler: service.settings.scheduler.to_string(),
            error: self.errors.get(key).cloned(),
            servers: servers
                .map(|(server, it)| self.server_status(now, key, server, it))
                .collect(),
        }
    }

    fn server_status(
        &self,
        now: Timestamp,
        service: &ServiceKey,
        server: &ServerKey,
        configured: &ConfiguredServer,
    ) -> ServerStatus {
        let health = self.health.server(service, server);
        let present = self.observed.services.get(service);
        let weight = present
            .and_then(|it| it.servers.get(server))
            .map(|it| it.weight.get());
        ServerStatus {
            server: server.to_string(),
            health: health.map_or_else(|| "unchecked".to_owned(), |it| it.standing.to_string()),
            since_seconds: now
                .since(health.map_or(Timestamp::ZERO, |it| it.since))
                .as_secs(),
            weight,
            configured_weight: configured.real_server.weight.get(),
            reason: health.and_then(|it| {
                let failure = it.checks().find_map(|check| check.last_failure);
                failure.map(ToString::to_string)
            }),
        }
    }
}
