// SPDX-License-Identifier: MIT OR Apache-2.0
//! Real servers: where packets go, and how they get there.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{AddressFamily, Weight};

/// The identity of a real server in its service, for the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServerKey {
    /// The server's own address.
    pub address: IpAddr,
    /// The port. Direct routing and tunneling cannot change it, so it equals the service's.
    pub port: u16,
}

impl ServerKey {
    /// The first one in order.
    pub const FIRST: Self = Self::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

    /// A server by address and port.
    #[must_use]
    pub const fn new(address: IpAddr, port: u16) -> Self {
        Self { address, port }
    }

    /// The family of its address; under tunneling it may differ from the service's.
    #[must_use]
    pub const fn family(&self) -> AddressFamily {
        AddressFamily::of(self.address)
    }
}

impl From<SocketAddr> for ServerKey {
    fn from(at: SocketAddr) -> Self {
        Self::new(at.ip(), at.port())
    }
}

/// Text that names no real server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a real server as ipvsadm lists them: {0:?}")]
pub struct ServerKeyError(String);

impl FromStr for ServerKey {
    type Err = ServerKeyError;

    /// Reads what [`ServerKey`] prints.
    fn from_str(text: &str) -> Result<Self, ServerKeyError> {
        let at: Result<SocketAddr, _> = text.parse();
        at.map(Self::from)
            .map_err(|_| ServerKeyError(text.to_owned()))
    }
}

impl TryFrom<String> for ServerKey {
    type Error = ServerKeyError;

    fn try_from(text: String) -> Result<Self, ServerKeyError> {
        text.parse()
    }
}

impl From<ServerKey> for String {
    fn from(key: ServerKey) -> Self {
        key.to_string()
    }
}

impl fmt::Display for ServerKey {
    /// As ipvsadm lists it: `10.0.0.5:5672`, `[fd00::5]:5672`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SocketAddr::new(self.address, self.port).fmt(f)
    }
}

/// A real server in the kernel, without its identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RealServer {
    /// How packets reach it.
    pub forwarding: ForwardingMethod,
    /// Its share.
    pub weight: Weight,
    /// When the kernel considers it overloaded.
    pub thresholds: Thresholds,
}

impl RealServer {
    /// A server without thresholds.
    #[must_use]
    pub const fn new(forwarding: ForwardingMethod, weight: Weight) -> Self {
        Self {
            forwarding,
            weight,
            thresholds: Thresholds::NONE,
        }
    }

    /// The same server when it takes no new connections: with weight 0.
    #[must_use]
    pub const fn at_rest(self) -> Self {
        Self {
            weight: Weight::ZERO,
            ..self
        }
    }
}

/// How packets reach a real server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForwardingMethod {
    /// Masquerading (NAT), `-m`: replies come back through the director.
    Masquerading,
    /// The director itself. Kept for reading: current kernels never set it.
    Local,
    /// Tunneling, `-i`: packets arrive wrapped, replies leave directly.
    Tunneling(Tunnel),
    /// Direct routing, `-g`: packets arrive with the server's MAC address, replies leave directly.
    DirectRouting,
    /// Cache bypass. Kept for reading.
    Bypass,
    /// A number without a meaning (5 to 7) that the kernel still stores.
    Other(u8),
}

impl ForwardingMethod {
    /// Whether the replies of a server come through the director.
    #[must_use]
    pub const fn shows_replies(self) -> bool {
        match self {
            Self::Masquerading => true,
            Self::Local
            | Self::Tunneling(_)
            | Self::DirectRouting
            | Self::Bypass
            | Self::Other(_) => false,
        }
    }

    /// As ipvsadm lists it: `Masq`, `Route`, `Tunnel`, ...
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Masquerading => "Masq",
            Self::Local => "Local",
            Self::Tunneling(_) => "Tunnel",
            Self::DirectRouting => "Route",
            Self::Bypass => "Bypass",
            Self::Other(_) => "Unknown",
        }
    }

    /// Whether the server sees the packet's own destination port, which must then be the service's.
    #[must_use]
    pub const fn keeps_port(self) -> bool {
        matches!(self, Self::Tunneling(_) | Self::DirectRouting)
    }
}

impl fmt::Display for ForwardingMethod {
    /// As ipvsadm lists it: `Masq`, `Route`, `Tunnel`, ...
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// How a tunneled packet is wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Tunnel {
    /// The encapsulation.
    pub kind: TunnelKind,
    /// The outer checksum.
    pub checksum: TunnelChecksum,
}

impl Tunnel {
    /// Plain IP in IP, the default.
    pub const IPIP: Self = Self {
        kind: TunnelKind::Ipip,
        checksum: TunnelChecksum::None,
    };
}

/// An encapsulation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TunnelKind {
    /// IP in IP (and IPv6 in IPv6, IPv6 in IPv4, ...).
    Ipip,
    /// Generic UDP encapsulation, to this port.
    Gue {
        /// Destination port of the outer datagram, never 0.
        port: u16,
    },
    /// GRE.
    Gre,
    /// A number the kernel stored without knowing it.
    Other(u8),
}

/// The checksum of the outer header (`--tun-nocsum`, `--tun-csum`, `--tun-remcsum`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TunnelChecksum {
    /// None.
    None,
    /// A checksum over the outer datagram.
    Full,
    /// Remote checksum offload, GUE only.
    Remote,
    /// Flags the kernel stored without knowing them.
    Other(u16),
}

/// The connection counts at which the kernel considers a server overloaded: from `upper` on it gets no new ones until
/// it is below `lower`. 0 means none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thresholds {
    /// `-x`.
    pub upper: u32,
    /// `-y`. 0 with an upper threshold means three quarters of it.
    pub lower: u32,
}

impl Thresholds {
    /// No thresholds.
    pub const NONE: Self = Self { upper: 0, lower: 0 };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_print_as_ipvsadm_lists_them() {
        assert_eq!(
            ServerKey::from("10.0.0.5:5672".parse::<SocketAddr>().unwrap()).to_string(),
            "10.0.0.5:5672"
        );
        assert_eq!(
            ServerKey::from("[fd00::5]:0".parse::<SocketAddr>().unwrap()).to_string(),
            "[fd00::5]:0"
        );
        assert_eq!(
            ForwardingMethod::Tunneling(Tunnel::IPIP).to_string(),
            "Tunnel"
        );
    }
}
