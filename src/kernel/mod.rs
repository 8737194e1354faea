// SPDX-License-Identifier: MIT OR Apache-2.0
//! Linux, by netlink and `/proc`: each file one kind of I/O, no policy.
//!
//! [`Ipvs`] is what other programs want first: typed requests to the kernel's IPVS, in the units their types name.
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
//! Errors are of two kinds: [`OpenError`], there is no IPVS to talk to, and [`IpvsError`], an exchange failed, with what
//! was tried and the kernel's error number. `AsyncIpvs` (feature `daemon`) is the same for programs on tokio. Programs
//! to begin with are in `examples/`: `list_services`, `watch_rates`, `drain_server`.

#[cfg(feature = "daemon")]
mod async_ipvs;
mod connections;
mod errno;
mod failure;
mod file;
mod ipvs;
mod lock;
mod memory;
mod module;
mod names;
mod netlink;
mod route;
mod sockopt;
mod sysctl;
mod terminal;

#[cfg(feature = "daemon")]
pub use async_ipvs::AsyncIpvs;
pub use connections::{CONNECTIONS, connections};
pub use errno::errno_name;
pub use failure::{IpvsError, OpenError};
pub use file::{
    FileCause, FileError, make_directory, read_limited, remove_unfinished, write_atomically,
};
pub use ipvs::Ipvs;
pub use lock::{FileLock, LockError};
pub use memory::share_one_arena;
pub use module::load_module;
pub use names::{Names, Resolver, host_address, port_name, port_number};
pub use netlink::{Netlink, NetlinkError};
pub use route::{InterfaceAddress, Link, Route, RouteError, TunnelDevice};
pub use sockopt::SocketOptions;
pub use sysctl::{Sysctl, SysctlCause, SysctlError};
pub use terminal::{terminal_size, time_of_day};
