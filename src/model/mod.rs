// SPDX-License-Identifier: MIT OR Apache-2.0
//! The nouns of IPVS and of the director, and nothing that does anything.
//!
//! [`IpvsTable`] is the centre: what the configuration wants, what the kernel holds and what a test's
//! fake kernel holds are all values of this one type, so that a plan is a difference between two of them.

mod config;
mod counters;
mod protocol;
mod scheduler;
mod server;
mod service;
mod step;
mod sync;
mod table;
mod units;

pub use config::{
    Check, CheckKind, CheckSchedule, Config, ConfiguredServer, ConfiguredService, DirectorSettings,
    IpvsSettings,
};
pub use counters::{ConnectionCounts, Counters};
pub use protocol::{AddressFamily, Protocol};
pub use scheduler::{Scheduler, SchedulerFlags, SchedulerNameError};
pub use server::{
    ForwardingMethod, RealServer, ServerKey, Thresholds, Tunnel, TunnelChecksum, TunnelKind,
};
pub use service::{Granularity, PersistenceEngine, ServiceKey, ServiceKeyError, ServiceSettings};
pub use step::Step;
pub use sync::{SyncDaemon, SyncRole};
pub use table::{IpvsTable, VirtualService};
pub use units::{Fwmark, Seconds, Timeouts, Timestamp, Weight};
