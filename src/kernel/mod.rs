// SPDX-License-Identifier: MIT OR Apache-2.0
//! Linux, by netlink and `/proc`: each file one kind of I/O, no policy.
//!
//! Other programs start with [`Ipvs`]: typed requests to the kernel's IPVS, in the units that their types name.
//!
//! ```no_run
//! use lvs_director::kernel::Ipvs;
//! use lvs_director::model::{
//!     ForwardingMethod, RealServer, Scheduler, ServerKey, ServiceKey, ServiceSettings, Weight,
//! };
//! use lvs_director::plan::{Step, Target as _};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut ipvs = Ipvs::open()?;
//! let service = ServiceKey::tcp("192.0.2.10:5672".parse()?);
//! let server = ServerKey::new("10.0.0.5".parse()?, 5672);
//! let weight = Weight::new(1).ok_or("a weight is less than 2^31")?;
//! let refused = ipvs.apply(&[
//!     Step::AddService(service, ServiceSettings::new(Scheduler::WLC)),
//!     Step::AddServer(service, server, RealServer::new(ForwardingMethod::Masquerading, weight)),
//! ])?;
//! // A change that the kernel refuses does not stop the others, and is no error of the exchange.
//! for refusal in refused {
//!     println!("{}: {}", refusal.step, refusal.errno);
//! }
//! for entry in ipvs.servers(&service)? {
//!     println!("{}: {} active connections", entry.key, entry.connections.active);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! There are two kinds of errors. [`OpenError`]: there is no IPVS to talk to. [`IpvsError`]: an exchange failed; it has
//! the operation and the kernel's error number. `AsyncIpvs` (feature `daemon`) is the same for programs on tokio.
//! Programs to begin with are in `examples/`: `list_services`, `watch_rates`, `drain_server`, `watch_host`.
//!
//! The host around IPVS (links, addresses, routes, settings) is a value, [`model::Host`](crate::model::Host):
//! [`LocalHost`] reads it and carries out the steps of its plan, [`Monitor`] reports what happens to it.

#[cfg(feature = "daemon")]
mod async_ipvs;
#[cfg(feature = "daemon")]
mod async_monitor;
mod connection_lines;
mod connections;
mod every_service;
mod failure;
mod firewall;
mod host;
mod ipvs;
mod lookout;
mod module;
mod monitor;
mod netlink;
mod route;
mod sockopt;
mod spared;
mod sysctl;

#[cfg(feature = "daemon")]
pub use async_ipvs::AsyncIpvs;
#[cfg(feature = "daemon")]
pub use async_monitor::AsyncMonitor;
pub use connection_lines::ConnectionLines;
pub use connections::{CONNECTIONS, connections};
pub use failure::{IpvsError, OpenError};
pub use host::{HostError, LocalHost};
pub use ipvs::Ipvs;
pub use lookout::{Lookout, neighbours};
pub use module::{Modules, load_module};
pub use monitor::{Monitor, parse_host_events};
pub use netlink::{Netlink, NetlinkError};
pub use route::{Macvlan, Route, RouteError};
pub use sockopt::SocketOptions;
pub use sysctl::{SysctlCause, SysctlError, read_sysctl, set_sysctl};
