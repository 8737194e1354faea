// SPDX-License-Identifier: MIT OR Apache-2.0
//! Linux, by netlink and `/proc`: each file one kind of I/O, no policy.

mod connections;
mod errno;
mod failure;
mod file;
mod ipvs;
mod memory;
mod module;
mod names;
mod netlink;
mod route;
mod sysctl;
mod table;

pub use connections::{CONNECTIONS, connections};
pub use errno::errno_name;
pub use failure::{IpvsError, OpenError};
pub use file::{FileCause, FileError, read_limited, write_atomically};
pub use ipvs::Ipvs;
pub use memory::share_one_arena;
pub use module::load_module;
pub use names::{Names, Resolver, host_address, port_name, port_number};
pub use netlink::{Netlink, NetlinkError};
pub use route::{InterfaceAddress, Link, Route, RouteError, TunnelDevice};
pub use sysctl::{Sysctl, SysctlCause, SysctlError};
pub use table::server_table;
