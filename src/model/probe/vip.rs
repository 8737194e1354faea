// SPDX-License-Identifier: MIT OR Apache-2.0
//! A TCP handshake with a virtual address, by the way that clients' packets take to one server.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::model::{Tunnel, TunnelKind};

/// A handshake through the path of clients: the packets are addressed to the virtual address, and go to this server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct VipProbe {
    /// The virtual address, of the server's own address family. The port is that of the probe's target.
    pub address: IpAddr,
    /// How the packets are wrapped; `None` under direct routing.
    pub tunnel: Option<Tunnel>,
}

impl VipProbe {
    /// As [`super::Probe`] is printed: `vip 192.0.2.10:5672 through 10.0.0.5 by ipip`.
    pub(super) fn fmt_asked(&self, at: SocketAddr, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let vip = SocketAddr::new(self.address, at.port());
        write!(f, "vip {vip} through {}", at.ip())?;
        match self.tunnel.map(|tunnel| tunnel.kind) {
            None => Ok(()),
            Some(TunnelKind::Ipip) => f.write_str(" by ipip"),
            Some(TunnelKind::Gue { port }) => write!(f, " by gue to port {port}"),
            Some(TunnelKind::Gre) => f.write_str(" by gre"),
            Some(TunnelKind::Other(number)) => write!(f, " by tunnel {number}"),
        }
    }
}
