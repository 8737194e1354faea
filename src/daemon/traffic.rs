// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reads the kernel's counters for the pages, while somebody asks: on a thread and a socket of its own, which the
//! engine does not share.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tracing::warn;

use super::kernel::TableError;
use super::published::Published;
use crate::kernel::{AsyncIpvs, Ipvs, IpvsError};
use crate::model::Config;
use crate::web::{Reading, ServerTraffic, ServiceTraffic, Traffic};

/// The time between two readings. The kernel brings its counters up to date every 2 s.
const EVERY: Duration = Duration::from_secs(5);

/// Reads them for ever.
pub(super) async fn follow(traffic: &Traffic, published: &Published) {
    let mut kernel = Kernel::default();
    loop {
        traffic.wanted().await;
        if let Some(snapshot) = published.latest() {
            traffic.take(kernel.read(&snapshot.config).await);
        }
        sleep(EVERY).await;
    }
}

/// The connection to the kernel.
#[derive(Default)]
struct Kernel {
    ipvs: Option<AsyncIpvs>,
    /// Why nothing could be read, as it was told.
    told: Option<String>,
}

impl Kernel {
    /// The counters of these services; `None` when they cannot be read.
    async fn read(&mut self, config: &Arc<Config>) -> Option<Reading> {
        // A director that only has virtual routers needs no IPVS, and must not have it loaded.
        if config.services.is_empty() {
            return None;
        }
        match self.try_read(config).await {
            Ok(reading) => {
                self.told = None;
                Some(reading)
            }
            Err(error) => {
                self.ipvs = None;
                self.tell(error.to_string());
                None
            }
        }
    }

    async fn try_read(&mut self, config: &Arc<Config>) -> Result<Reading, TableError> {
        let ipvs = match self.ipvs.take() {
            Some(ipvs) => ipvs,
            None => AsyncIpvs::open().await?,
        };
        let config = Arc::clone(config);
        let reading = ipvs.with(move |ipvs| read(ipvs, &config)).await?;
        self.ipvs = Some(ipvs);
        Ok(reading)
    }

    /// Once for each reason.
    fn tell(&mut self, why: String) {
        if self.told.as_ref() != Some(&why) {
            warn!(
                "the kernel's counters are not shown: {why}; the page and /metrics are without them, all else goes on"
            );
            self.told = Some(why);
        }
    }
}

/// The configured services that the kernel has.
fn read(ipvs: &mut Ipvs, config: &Config) -> Result<Reading, IpvsError> {
    let mut reading = Reading::default();
    for service in ipvs.services()? {
        if !config.services.contains_key(&service.key) {
            continue;
        }
        let servers = ipvs.servers(&service.key)?.into_iter();
        let servers = servers.map(|it| {
            let traffic = ServerTraffic {
                counters: it.counters,
                connections: it.connections,
            };
            (it.key, traffic)
        });
        let traffic = ServiceTraffic {
            counters: service.counters,
            servers: servers.collect(),
        };
        reading.services.insert(service.key, traffic);
    }
    Ok(reading)
}
