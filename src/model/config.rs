// SPDX-License-Identifier: MIT OR Apache-2.0
//! The checked configuration as one value. Only `config` makes one from text, and only when the text has no error.

use std::collections::BTreeMap;
use std::num::NonZeroU8;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    Adoption, Checks, ConfiguredRouter, ConnectionSync, DrainTerms, Failover, Peer, PoolRules,
    Rank, RealServer, Seconds, ServerKey, ServiceKey, ServiceSettings, WebListener,
};

/// Everything a configuration file says, with every default filled in.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Config {
    /// The virtual services and their real servers.
    pub services: BTreeMap<ServiceKey, ConfiguredService>,
    /// Settings of the kernel's IPVS as a whole.
    pub ipvs: IpvsSettings,
    /// Settings of the director itself.
    pub director: DirectorSettings,
    /// The virtual routers, by their names. The recordings of the first directors have none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub routers: BTreeMap<Box<str>, ConfiguredRouter>,
    /// The kernel's connection synchronisation; `None` leaves it to others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_sync: Option<ConnectionSync>,
    /// The other director of a pair; `None` when this one is alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<Peer>,
    /// Where the director shows its state to browsers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub web: Vec<WebListener>,
}

/// One virtual service as configured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfiguredService {
    /// How it spreads connections.
    pub settings: ServiceSettings,
    /// To whom. Two configurations may share a list that is the same in both.
    pub servers: Arc<BTreeMap<ServerKey, ConfiguredServer>>,
    /// How they stand in for each other. The recordings of the first directors do not have it.
    #[serde(default = "PoolRules::none")]
    pub pool: PoolRules,
    /// What a take-over does to its connections.
    #[serde(default, skip_serializing_if = "Failover::is_usual")]
    pub failover: Failover,
}

impl Config {
    /// Whether a service keeps its connections over a take-over.
    #[must_use]
    pub fn keeps_connections(&self) -> bool {
        let mut services = self.services.values();
        services.any(|service| service.failover.keeps_connections())
    }
}

impl ConfiguredService {
    /// The same service. What is the same in `other` is in the memory once.
    #[must_use]
    pub fn sharing(mut self, other: &Self) -> Self {
        if self.servers == other.servers {
            self.servers = Arc::clone(&other.servers);
            return self;
        }
        for (server, new) in Arc::make_mut(&mut self.servers) {
            if let Some(old) = other.servers.get(server)
                && old.checks == new.checks
            {
                new.checks = old.checks.clone();
            }
        }
        self
    }
}

/// One real server of one service as configured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfiguredServer {
    /// Its rule in the kernel while it is up.
    pub real_server: RealServer,
    /// How it is checked.
    pub checks: Checks,
    /// When down: weight 0 instead of removal.
    pub inhibit_on_failure: bool,
    /// What it is in its service. The recordings of the first directors know only primaries.
    #[serde(default)]
    pub rank: Rank,
    /// How it drains when it leaves the configuration; `None` removes it at once.
    #[serde(default)]
    pub drain: Option<DrainTerms>,
    /// For so long its weight grows to the full one after it has come back; `None` gives it the full weight at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slow_start: Option<Duration>,
}

/// Settings of the kernel's IPVS as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct IpvsSettings {
    /// `ipvsadm --set`; `None` leaves a timeout as the kernel has it.
    pub tcp_timeout: Option<Seconds>,
    /// After a FIN.
    pub tcp_fin_timeout: Option<Seconds>,
    /// Of UDP flows.
    pub udp_timeout: Option<Seconds>,
    /// `net.ipv4.vs.expire_nodest_conn`: connections of a removed server end at their next packet instead of
    /// hanging. `None` leaves it as it is.
    pub expire_nodest_conn: Option<bool>,
    /// `net.ipv4.vs.expire_quiescent_template`: a client bound by persistence to a server of weight 0 gets another
    /// server with its next connection. `None` leaves it as it is.
    pub expire_quiescent_template: Option<bool>,
    /// `net.ipv4.vs.conn_reuse_mode`, 0 to 2: whether a new connection from the port of an old one is scheduled anew.
    /// `None` leaves it as it is.
    #[serde(default)]
    pub conn_reuse_mode: Option<u8>,
    /// `net.ipv4.vs.conn_lfactor` of Linux 7.1 and later, -8 to 8: at how many connections for each bucket the kernel's
    /// table of them grows, as a power of two. `None` leaves it as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conn_lfactor: Option<i8>,
    /// When the kernel takes on connections in the middle, if a service keeps its connections over a take-over.
    #[serde(default, skip_serializing_if = "Adoption::is_usual")]
    pub adopt_connections: Adoption,
}

/// Settings of the director itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DirectorSettings {
    /// Where it writes down which services are its own.
    pub state_file: PathBuf,
    /// The file for the standings of the servers, and since when.
    pub remembered_file: PathBuf,
    /// Its control socket, which also prevents a second director.
    pub socket: PathBuf,
    /// How often the kernel is read back and repaired.
    pub repair_interval: Duration,
    /// How old a remembered standing may be that a start uses; `None` uses none.
    #[serde(default = "DirectorSettings::usual_memory")]
    pub remember: Option<Duration>,
    /// The real-time priority of the thread of the virtual routers; `None` leaves it with the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub real_time: Option<RealTimePriority>,
    /// Whether its memory stays in memory, and is never swapped out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lock_memory: bool,
    /// The group whose members may ask everything on the control socket, beside root and the director's own user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub socket_group: Option<Box<str>>,
    /// The group whose members may ask there what changes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub socket_readers: Option<Box<str>>,
}

/// A priority among real-time threads (sched(7)): 1 to 99, the higher one runs first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RealTimePriority(NonZeroU8);

impl RealTimePriority {
    /// What the scheduler takes.
    pub const RANGE: RangeInclusive<u8> = 1..=99;

    /// A priority, or `None` for a number that is not one.
    #[must_use]
    pub fn new(number: u8) -> Option<Self> {
        let number = NonZeroU8::new(number)?;
        Self::RANGE.contains(&number.get()).then_some(Self(number))
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0.get()
    }
}

impl DirectorSettings {
    /// The keys that a running director cannot follow when they become these: its files, and what its threads begin with.
    #[must_use]
    pub fn lasting_until_restart(&self, new: &Self) -> Vec<&'static str> {
        let Self {
            state_file,
            remembered_file,
            real_time,
            lock_memory,
            socket: _,
            socket_group: _,
            socket_readers: _,
            repair_interval: _,
            remember: _,
        } = new;
        let changed = [
            ("state_file", *state_file != self.state_file),
            ("remembered_file", *remembered_file != self.remembered_file),
            ("real_time", *real_time != self.real_time),
            ("lock_memory", *lock_memory != self.lock_memory),
        ];
        let changed = changed.into_iter().filter(|(_, changed)| *changed);
        changed.map(|(key, _)| key).collect()
    }

    /// An hour: longer than a restart, an upgrade or a boot takes, and shorter than a repair.
    #[must_use]
    pub const fn usual_memory() -> Option<Duration> {
        Some(Duration::from_hours(1))
    }

    /// The default remembered file: `remembered.json` beside `state.json`, and `NAME.remembered.json` beside
    /// `NAME.json`. So two directors can have their files in one directory.
    #[must_use]
    pub fn remembered_beside(state_file: &Path) -> PathBuf {
        if state_file.file_name().is_some_and(|it| it == "state.json") {
            return state_file.with_file_name("remembered.json");
        }
        let mut beside = state_file.file_stem().unwrap_or_default().to_owned();
        beside.push(".remembered.json");
        state_file.with_file_name(beside)
    }

    /// The lock file that names the director that uses this file: `FILE.lock`.
    #[must_use]
    pub fn lock_beside(file: &Path) -> PathBuf {
        ending_with(file, ".lock")
    }

    /// Where a director that ends for the next one says of what it was master: `STATE_FILE.mastership`.
    #[must_use]
    pub fn mastership_beside(state_file: &Path) -> PathBuf {
        ending_with(state_file, ".mastership")
    }
}

fn ending_with(file: &Path, end: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}
