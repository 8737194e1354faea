// SPDX-License-Identifier: MIT OR Apache-2.0
//! Linux, by netlink and `/proc`: each file one kind of I/O, no policy.

mod failure;
mod ipvs;
mod module;
mod names;
mod netlink;

pub use failure::{IpvsError, OpenError};
pub use ipvs::Ipvs;
pub use module::load_module;
pub use names::{Names, host_address, port_name, port_number};
pub use netlink::{Netlink, NetlinkError};
