// SPDX-License-Identifier: MIT OR Apache-2.0
//! The other director of a pair: where it is, and how both prove who they are.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use serde::{Deserialize, Serialize};

/// The other director of a pair, as configured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// Where it listens. Its connections come from this address, too.
    pub address: SocketAddr,
    /// Where this director listens, and the address that its connections come from; `None` listens at every address of
    /// this host, at the peer's port.
    pub bind: Option<SocketAddr>,
    /// The file with the key that both have.
    pub key_file: Box<Path>,
}

impl Peer {
    /// The port when none is written: no service has it at IANA, and it is the number of the RFC of VRRP.
    pub const PORT: u16 = 9568;

    /// Where this director listens.
    #[must_use]
    pub const fn listens_at(&self) -> SocketAddr {
        if let Some(bind) = self.bind {
            return bind;
        }
        let every = match self.address {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        SocketAddr::new(every, self.address.port())
    }
}
