// SPDX-License-Identifier: MIT OR Apache-2.0
//! What identifies a virtual service, and how it treats connections.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{AddressFamily, Fwmark, Protocol, Scheduler, SchedulerFlags, Seconds};

/// The identity of a virtual service, for the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ServiceKey {
    /// Protocol, address and port. Port 0 is every port, and needs persistence.
    Address {
        /// TCP, UDP or SCTP.
        protocol: Protocol,
        /// The virtual address.
        address: IpAddr,
        /// The port, 0 for all.
        port: u16,
    },
    /// The packets with this firewall mark.
    Fwmark {
        /// The mark.
        mark: Fwmark,
        /// Which packets: the same mark may name one service of each family.
        family: AddressFamily,
    },
}

impl ServiceKey {
    /// A TCP service.
    #[must_use]
    pub const fn tcp(at: SocketAddr) -> Self {
        Self::Address {
            protocol: Protocol::Tcp,
            address: at.ip(),
            port: at.port(),
        }
    }

    /// A UDP service.
    #[must_use]
    pub const fn udp(at: SocketAddr) -> Self {
        Self::Address {
            protocol: Protocol::Udp,
            address: at.ip(),
            port: at.port(),
        }
    }

    /// IPv4 or IPv6.
    #[must_use]
    pub const fn family(&self) -> AddressFamily {
        match self {
            Self::Address { address, .. } => AddressFamily::of(*address),
            Self::Fwmark { family, .. } => *family,
        }
    }

    /// The protocol, where there is one.
    #[must_use]
    pub const fn protocol(&self) -> Option<Protocol> {
        match self {
            Self::Address { protocol, .. } => Some(*protocol),
            Self::Fwmark { .. } => None,
        }
    }

    /// The port, where there is one.
    #[must_use]
    pub const fn port(&self) -> Option<u16> {
        match self {
            Self::Address { port, .. } => Some(*port),
            Self::Fwmark { .. } => None,
        }
    }

    /// The virtual address, where there is one.
    #[must_use]
    pub const fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Address { address, .. } => Some(*address),
            Self::Fwmark { .. } => None,
        }
    }

    /// ipvsadm's order: address services before marks, IPv4 before IPv6, then protocol, address, port.
    fn order(&self) -> (u32, AddressFamily, u16, Option<IpAddr>, u16) {
        match *self {
            Self::Address {
                protocol,
                address,
                port,
            } => (
                0,
                AddressFamily::of(address),
                protocol.number(),
                Some(address),
                port,
            ),
            Self::Fwmark { mark, family } => (mark.get(), family, 0, None, 0),
        }
    }
}

impl Ord for ServiceKey {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.order().cmp(&other.order())
    }
}

impl PartialOrd for ServiceKey {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for ServiceKey {
    /// As ipvsadm lists it: `TCP 192.0.2.10:80`, `UDP [2001:db8::1]:53`, `FWM 7`, `FWM 8 IPv6`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Address {
                protocol,
                address,
                port,
            } => {
                write!(f, "{protocol} {}", SocketAddr::new(address, port))
            }
            Self::Fwmark {
                mark,
                family: AddressFamily::Ipv4,
            } => write!(f, "FWM {mark}"),
            Self::Fwmark {
                mark,
                family: AddressFamily::Ipv6,
            } => write!(f, "FWM {mark} IPv6"),
        }
    }
}

/// Text that names no virtual service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a virtual service as ipvsadm lists them: {0:?}")]
pub struct ServiceKeyError(String);

impl FromStr for ServiceKey {
    type Err = ServiceKeyError;

    /// Reads what `Display` prints.
    fn from_str(text: &str) -> Result<Self, ServiceKeyError> {
        let words: Vec<&str> = text.split(' ').collect();
        let at = |at: &str| at.parse::<SocketAddr>().ok();
        let address = |protocol, place: &str| {
            at(place).map(|at| Self::Address {
                protocol,
                address: at.ip(),
                port: at.port(),
            })
        };
        let mark = |mark: &str, family| {
            let mark = mark.parse().ok().and_then(Fwmark::new)?;
            Some(Self::Fwmark { mark, family })
        };
        let key = match words.as_slice() {
            ["TCP", place] => address(Protocol::Tcp, place),
            ["UDP", place] => address(Protocol::Udp, place),
            ["SCTP", place] => address(Protocol::Sctp, place),
            ["FWM", number] => mark(number, AddressFamily::Ipv4),
            ["FWM", number, "IPv6"] => mark(number, AddressFamily::Ipv6),
            _ => None,
        };
        key.ok_or_else(|| ServiceKeyError(text.to_owned()))
    }
}

impl TryFrom<String> for ServiceKey {
    type Error = ServiceKeyError;

    fn try_from(text: String) -> Result<Self, ServiceKeyError> {
        text.parse()
    }
}

impl From<ServiceKey> for String {
    fn from(key: ServiceKey) -> Self {
        key.to_string()
    }
}

/// How a virtual service spreads connections: everything the kernel stores of it, except its identity and its servers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceSettings {
    /// The scheduler.
    pub scheduler: Scheduler,
    /// Its flags.
    pub scheduler_flags: SchedulerFlags,
    /// One-packet scheduling: the kernel chooses a server for each single UDP datagram (`-o`).
    pub one_packet: bool,
    /// Persistence (`-p`): how long a client stays with its server after its last connection. `None` for no
    /// persistence.
    pub persistence: Option<Seconds>,
    /// Which clients persistence takes for one (`-M`). The kernel keeps it without persistence too.
    pub granularity: Granularity,
    /// What binds clients in place of their address (`--pe`). The kernel keeps it without persistence too.
    pub engine: Option<PersistenceEngine>,
}

impl ServiceSettings {
    /// A service of this scheduler with nothing else set.
    #[must_use]
    pub const fn new(scheduler: Scheduler) -> Self {
        Self {
            scheduler,
            scheduler_flags: SchedulerFlags::NONE,
            one_packet: false,
            persistence: None,
            granularity: Granularity::Single,
            engine: None,
        }
    }

    /// Whether the scheduler chooses a server by a hash of the client's address: a server that leaves moves clients of
    /// the others, too.
    #[must_use]
    pub fn hashes_clients(&self) -> bool {
        matches!(self.scheduler.name(), "mh" | "sh")
    }

    /// Whether such a scheduler hashes the client's port with its address (`mh-port`, `sh-port`).
    #[must_use]
    pub fn hashes_ports(&self) -> bool {
        self.hashes_clients() && self.scheduler_flags.bits() & 0b10 != 0
    }

    /// Whether a server with a smaller weight gets fewer new connections. `rr`, `lc` and `dh` only ask whether a weight is 0,
    /// `fo` gives everything to the largest one, and under `mh` and `sh` another weight moves clients
    /// (`net/netfilter/ipvs/ip_vs_*.c`). A scheduler that is not known may.
    #[must_use]
    pub fn shares_by_weight(&self) -> bool {
        !matches!(
            self.scheduler.name(),
            "rr" | "lc" | "dh" | "fo" | "mh" | "sh"
        )
    }

    /// Whether such a scheduler gives the clients of a server with weight 0 to the others (`mh-fallback`,
    /// `sh-fallback`). Without this flag it refuses them.
    #[must_use]
    pub fn falls_back(&self) -> bool {
        self.hashes_clients() && self.scheduler_flags.bits() & 1 != 0
    }
}

/// Which clients persistence takes for one: `-M`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Granularity {
    /// Each address is a client of its own: the default, which ipvsadm does not print.
    Single,
    /// An IPv4 mask, by [`Granularity::mask`]. It may have holes: the kernel accepts them.
    Mask(Ipv4Addr),
    /// An IPv6 prefix length from 1 to 127, by [`Granularity::prefix`].
    Prefix(u8),
}

impl Granularity {
    /// The addresses that are the same under an IPv4 mask.
    #[must_use]
    pub const fn mask(mask: Ipv4Addr) -> Self {
        match mask.to_bits() {
            u32::MAX => Self::Single,
            _ => Self::Mask(mask),
        }
    }

    /// The IPv6 addresses that begin with the same bits; `None` for none or more than 128 of them.
    #[must_use]
    pub const fn prefix(length: u8) -> Option<Self> {
        match length {
            1..=127 => Some(Self::Prefix(length)),
            128 => Some(Self::Single),
            _ => None,
        }
    }

    /// The value of `-M`; `None` for the default.
    #[must_use]
    pub fn argument(self) -> Option<String> {
        match self {
            Self::Single => None,
            Self::Mask(mask) => Some(mask.to_string()),
            Self::Prefix(length) => Some(length.to_string()),
        }
    }
}

/// The name of a persistence engine: 1 to 16 characters, `sip` in the mainline kernel.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PersistenceEngine(String);

impl PersistenceEngine {
    /// An engine by its name; `None` when the name is too long for the kernel.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        let fits = !name.is_empty() && name.len() <= 16 && !name.contains('\0');
        fits.then(|| Self(name.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for PersistenceEngine {
    type Error = PersistenceEngineNameError;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        Self::new(&name).ok_or(PersistenceEngineNameError)
    }
}

impl From<PersistenceEngine> for String {
    fn from(engine: PersistenceEngine) -> Self {
        engine.0
    }
}

/// A name that cannot be a persistence engine's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a persistence engine's name has 1 to 16 characters and no NUL")]
pub struct PersistenceEngineNameError;

impl fmt::Display for PersistenceEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_print_as_ipvsadm_lists_them() {
        assert_eq!(
            ServiceKey::tcp("192.0.2.10:80".parse().unwrap()).to_string(),
            "TCP 192.0.2.10:80"
        );
        assert_eq!(
            ServiceKey::udp("[2001:db8::1]:53".parse().unwrap()).to_string(),
            "UDP [2001:db8::1]:53"
        );
        let mark = Fwmark::new(8).unwrap();
        assert_eq!(
            ServiceKey::Fwmark {
                mark,
                family: AddressFamily::Ipv4
            }
            .to_string(),
            "FWM 8"
        );
        assert_eq!(
            ServiceKey::Fwmark {
                mark,
                family: AddressFamily::Ipv6
            }
            .to_string(),
            "FWM 8 IPv6"
        );
    }

    #[test]
    fn what_a_service_prints_names_it_again() {
        for text in [
            "TCP 192.0.2.10:80",
            "UDP [2001:db8::1]:53",
            "SCTP 10.0.0.1:9",
            "FWM 7",
            "FWM 8 IPv6",
        ] {
            assert_eq!(text.parse::<ServiceKey>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "TCP",
            "TCP 192.0.2.10",
            "FWM 0",
            "FWM 7 IPv5",
            "tcp 192.0.2.10:80",
        ] {
            assert!(text.parse::<ServiceKey>().is_err(), "{text}");
        }
    }

    #[test]
    fn services_sort_as_ipvsadm_means_to() {
        let mark = |mark, family| ServiceKey::Fwmark {
            mark: Fwmark::new(mark).unwrap(),
            family,
        };
        let sorted = [
            ServiceKey::tcp("10.0.0.1:80".parse().unwrap()),
            ServiceKey::tcp("10.0.0.1:443".parse().unwrap()),
            ServiceKey::tcp("192.0.2.7:80".parse().unwrap()),
            ServiceKey::udp("10.0.0.1:53".parse().unwrap()),
            ServiceKey::tcp("[fd00::1]:80".parse().unwrap()),
            mark(7, AddressFamily::Ipv4),
            mark(7, AddressFamily::Ipv6),
            mark(9, AddressFamily::Ipv4),
        ];
        assert!(sorted.is_sorted());
    }
}
