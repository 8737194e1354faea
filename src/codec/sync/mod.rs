// SPDX-License-Identifier: MIT OR Apache-2.0
//! Messages of the kernel's connection synchronisation, version 1. Source: `net/netfilter/ipvs/ip_vs_sync.c`.
//!
//! A message is one UDP datagram: a header of eight bytes, then connections, each on a multiple of four bytes.
//!
//! ```text
//! 0 | sync id | size of the message || number of connections | 1 | 0 0
//! type | protocol | size of the connection || flags || state | client's port || service's port | server's port
//! mark || timeout || addresses of client, service and server || options, each with a type and a length
//! ```

mod message;
mod read;
mod state;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::BitOr;

pub use message::SyncMessage;
pub use read::{SyncConnections, SyncError, SyncHeader, parse};
pub use state::{is_active, state_number};

use super::ipvs::method_number;
use crate::model::{AddressFamily, ForwardingMethod};

/// `SYNC_PROTO_VER`.
const VERSION: u8 = 1;
const HEADER: usize = 8;
/// The bytes of a connection before its addresses.
const FIXED: usize = 24;
/// Bit 0 of a connection's type.
const TYPE_IPV6: u8 = 1;
/// `IPVS_OPT_SEQ_DATA`, `IPVS_OPT_PE_DATA` and `IPVS_OPT_PE_NAME`.
const OPTION_SEQUENCES: u8 = 1;
const OPTION_ENGINE_DATA: u8 = 2;
const OPTION_ENGINE_NAME: u8 = 3;
/// `IPVS_OPT_F_PARAM`: a reader that does not know this option may pass over it.
const OPTION_OPTIONAL: u8 = 0x40;
/// Six numbers of four bytes.
const SEQUENCES: usize = 24;
/// `IP_VS_PENAME_MAXLEN`.
const LONGEST_ENGINE_NAME: usize = 16;
/// `IP_VS_PEDATA_MAXLEN`.
const LONGEST_ENGINE_DATA: usize = 255;

/// The group of messages when none is configured: `IP_VS_SYNC_GROUP`.
pub const GROUP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(224, 0, 0, 81));
/// The UDP port of messages when none is configured: `IP_VS_SYNC_PORT`.
pub const PORT: u16 = 8848;

/// The longest message when none is configured: it fits into a packet of 1500 bytes, whatever the interface's MTU is.
/// Every receiver takes it. (`start_sync_thread`)
#[must_use]
pub const fn longest_message(family: AddressFamily) -> u16 {
    match family {
        AddressFamily::Ipv4 => 1500 - 20 - 8,
        AddressFamily::Ipv6 => 1500 - 40 - 8,
    }
}

/// Flags of a connection: `IP_VS_CONN_F_*` of `linux/ip_vs.h`. A receiver takes those of `IP_VS_CONN_F_BACKUP_MASK`.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct SyncFlags(pub u32);

impl SyncFlags {
    /// `IP_VS_CONN_F_FWD_MASK`: these bits are the forwarding method.
    pub const FORWARDING: Self = Self(0x7);
    /// `IP_VS_CONN_F_NOOUTPUT`: the server's packets do not come by this host.
    pub const NO_OUTPUT: Self = Self(0x80);
    /// `IP_VS_CONN_F_INACTIVE`: it counts as an inactive connection.
    pub const INACTIVE: Self = Self(0x100);
    /// `IP_VS_CONN_F_SEQ_MASK`: an application has changed the length of what was said, and sequence numbers with it.
    pub const SEQUENCES: Self = Self(0x600);
    /// `IP_VS_CONN_F_NO_CPORT`: the client's port is not known yet.
    pub const NO_CLIENT_PORT: Self = Self(0x800);
    /// `IP_VS_CONN_F_TEMPLATE`: no connection, but which server persistence has chosen for a client.
    pub const TEMPLATE: Self = Self(0x1000);

    /// The bits of a forwarding method.
    #[must_use]
    pub const fn forwarding(method: ForwardingMethod) -> Self {
        Self(method_number(method) & Self::FORWARDING.0)
    }

    /// Whether one of these is set.
    #[must_use]
    pub const fn has(self, some: Self) -> bool {
        self.0 & some.0 != 0
    }
}

impl BitOr for SyncFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Debug for SyncFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// The name of a persistence engine, and its data: at most 16 and 255 bytes.
pub type SyncEngine<'a> = (&'a [u8], &'a [u8]);

/// One connection, or one persistence template, in a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncConnection<'a> {
    /// The IP protocol; 0 for a template of a service by mark.
    pub protocol: u8,
    /// Its flags.
    pub flags: SyncFlags,
    /// The number of its state in its protocol, see [`state_number`].
    pub state: u16,
    /// The client. All three ends have the family of this one.
    pub client: SocketAddr,
    /// The service; for a template of a service by mark, the mark in the first four bytes.
    pub service: SocketAddr,
    /// The real server.
    pub server: SocketAddr,
    /// The firewall mark of its packets; 0 for none.
    pub mark: u32,
    /// After so many seconds without a packet the receiver forgets it. With 0 it takes its own time for the state, and
    /// three minutes for a template.
    pub timeout: u32,
    /// How far the sequence numbers are off: first number, offset and offset before that, from the client and to it.
    pub sequences: Option<[u32; 6]>,
    /// Its persistence engine.
    pub engine: Option<SyncEngine<'a>>,
}

impl SyncConnection<'_> {
    /// IPv4 or IPv6.
    #[must_use]
    pub const fn family(&self) -> AddressFamily {
        AddressFamily::of(self.client.ip())
    }
}

#[cfg(test)]
mod tests;
