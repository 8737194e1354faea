// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel's `IPVS` generic netlink family: requests out, objects in.
//!
//! Source: `include/uapi/linux/ip_vs.h` and `net/netfilter/ipvs/ip_vs_ctl.c`. Three things to know first. Ports are in
//! network order, except the sync daemon's. A netmask is a mask in network order for IPv4, and a prefix length in the
//! machine's order for IPv6. A service by mark has no protocol, no address and no port.

mod daemon;
mod reply;
mod request;
mod server;
mod service;
mod stats;

pub use reply::{Info, parse_info, parse_server, parse_service, parse_sync_daemon, parse_timeouts};
pub use request::{Request, RequestedObjects};
pub use server::ServerEntry;
pub(super) use server::{method_number, method_word};
pub use service::ServiceEntry;

/// The family's name; a request for its number uses it.
pub const FAMILY_NAME: &str = "IPVS";

/// `IPVS_CMD_ATTR_*`: the attributes of a message.
mod top {
    pub(super) const SERVICE: u16 = 1;
    pub(super) const DEST: u16 = 2;
    pub(super) const DAEMON: u16 = 3;
    pub(super) const TIMEOUT_TCP: u16 = 4;
    pub(super) const TIMEOUT_TCP_FIN: u16 = 5;
    pub(super) const TIMEOUT_UDP: u16 = 6;
}
