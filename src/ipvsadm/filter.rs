// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which parts a listing shows: `--service`, `--server`, `--state`, `--client`.

use std::net::{IpAddr, SocketAddr};

use super::failure::Failure;
use crate::model::{AddressFamily, Fwmark, Protocol, ServerKey, ServiceKey};

/// What to list; everything when no filter is given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// `--service`.
    pub service: Option<ServicePattern>,
    /// `--server`.
    pub server: Option<ServerPattern>,
    /// `--state`: any of these, in capitals; empty for all.
    pub states: Vec<String>,
    /// `--client`.
    pub client: Option<Network>,
}

impl Filter {
    /// Everything.
    pub const NONE: Self = Self {
        service: None,
        server: None,
        states: Vec::new(),
        client: None,
    };

    /// Whether a service is one of those named.
    #[must_use]
    pub fn has_service(&self, key: &ServiceKey) -> bool {
        self.service.is_none_or(|pattern| pattern.matches(key))
    }

    /// Whether a server is one of those named.
    #[must_use]
    pub fn has_server(&self, key: &ServerKey) -> bool {
        let at = SocketAddr::new(key.address, key.port);
        self.server.is_none_or(|pattern| pattern.matches(at))
    }

    /// Reads `--state`: one or several, separated by commas, in small letters or capitals.
    pub fn read_states(text: &str) -> Result<Vec<String>, Failure> {
        let names: Vec<String> = text.split(',').map(str::to_ascii_uppercase).collect();
        let wrong = names.iter().any(|name| {
            name.is_empty()
                || !name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        });
        if wrong {
            return Err(illegal("state", text));
        }
        Ok(names)
    }
}

/// `--service`: `tcp:192.0.2.10:80`, `192.0.2.10`, `fwm:7`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServicePattern {
    /// By address.
    Address {
        /// `None` for all.
        protocol: Option<Protocol>,
        /// The virtual address.
        address: IpAddr,
        /// `None` for all.
        port: Option<u16>,
    },
    /// By firewall mark.
    Fwmark {
        /// The mark.
        mark: Fwmark,
        /// `None` for both.
        family: Option<AddressFamily>,
    },
}

impl ServicePattern {
    /// Reads `[PROTOCOL:]ADDRESS[:PORT]` or `fwm:MARK[:ipv4|:ipv6]`. A blank may replace the first colon, and the last
    /// one of a mark: so it reads what listings show.
    pub fn read(text: &str) -> Result<Self, Failure> {
        Self::parse(text.trim()).ok_or_else(|| illegal("service", text))
    }

    fn parse(text: &str) -> Option<Self> {
        let (word, rest) = text.split_once([':', ' ']).unwrap_or((text, ""));
        let protocol = match word.to_ascii_lowercase().as_str() {
            "tcp" => Some(Protocol::Tcp),
            "udp" => Some(Protocol::Udp),
            "sctp" => Some(Protocol::Sctp),
            "fwm" => return Self::parse_mark(rest.trim()),
            _ => None,
        };
        let at = if protocol.is_some() {
            rest.trim()
        } else {
            text
        };
        let (address, port) = endpoint(at)?;
        Some(Self::Address {
            protocol,
            address,
            port,
        })
    }

    fn parse_mark(text: &str) -> Option<Self> {
        let (mark, family) = match text.split_once([':', ' ']) {
            None => (text, None),
            Some((mark, family)) => {
                let family = match family.trim().to_ascii_lowercase().as_str() {
                    "ipv4" => AddressFamily::Ipv4,
                    "ipv6" => AddressFamily::Ipv6,
                    _ => return None,
                };
                (mark, Some(family))
            }
        };
        let mark = Fwmark::new(mark.parse().ok()?)?;
        Some(Self::Fwmark { mark, family })
    }

    fn matches(self, key: &ServiceKey) -> bool {
        match (self, *key) {
            (
                Self::Address {
                    protocol: wanted_protocol,
                    address: wanted,
                    port: wanted_port,
                },
                ServiceKey::Address {
                    protocol,
                    address,
                    port,
                },
            ) => {
                wanted_protocol.is_none_or(|wanted| wanted == protocol)
                    && wanted == address
                    && wanted_port.is_none_or(|wanted| wanted == port)
            }
            (
                Self::Fwmark {
                    mark: wanted,
                    family: wanted_family,
                },
                ServiceKey::Fwmark { mark, family },
            ) => wanted == mark && wanted_family.is_none_or(|wanted| wanted == family),
            (Self::Address { .. }, ServiceKey::Fwmark { .. })
            | (Self::Fwmark { .. }, ServiceKey::Address { .. }) => false,
        }
    }
}

/// `--server`: `10.0.0.5:80`, or all ports of `10.0.0.5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerPattern {
    address: IpAddr,
    port: Option<u16>,
}

impl ServerPattern {
    /// Reads `ADDRESS[:PORT]`.
    pub fn read(text: &str) -> Result<Self, Failure> {
        endpoint(text)
            .map(|(address, port)| Self { address, port })
            .ok_or_else(|| illegal("server", text))
    }

    /// Whether this is one of those named.
    #[must_use]
    pub fn matches(self, at: SocketAddr) -> bool {
        self.address == at.ip() && self.port.is_none_or(|port| port == at.port())
    }
}

/// `--client`: the addresses that begin with the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    /// 0 to 32 or 128.
    prefix: u32,
}

impl Network {
    /// Reads `ADDRESS[/PREFIX]`.
    pub fn read(text: &str) -> Result<Self, Failure> {
        Self::parse(text).ok_or_else(|| illegal("client", text))
    }

    fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let (address, None) = endpoint(address)? else {
            return None;
        };
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(prefix) => prefix.parse().ok().filter(|prefix| *prefix <= longest)?,
            None => longest,
        };
        Some(Self { address, prefix })
    }

    /// Whether an address is one of them.
    #[must_use]
    pub fn contains(self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let differ = network.to_bits() ^ address.to_bits();
                differ.checked_shr(32 - self.prefix).unwrap_or(0) == 0
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let differ = network.to_bits() ^ address.to_bits();
                differ.checked_shr(128 - self.prefix).unwrap_or(0) == 0
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

/// By number, an IPv6 address with a port in brackets.
fn endpoint(text: &str) -> Option<(IpAddr, Option<u16>)> {
    if let Ok(at) = text.parse::<SocketAddr>() {
        return Some((at.ip(), Some(at.port())));
    }
    let inside = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    match inside {
        Some(inside) => Some((IpAddr::V6(inside.parse().ok()?), None)),
        None => Some((text.parse().ok()?, None)),
    }
}

fn illegal(option: &str, text: &str) -> Failure {
    Failure::usage(format!("invalid {option} `{text}' specified"))
}

#[cfg(test)]
#[path = "filter_tests.rs"]
mod tests;
