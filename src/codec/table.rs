// SPDX-License-Identifier: MIT OR Apache-2.0
//! The servers in `/proc/net/ip_vs`. Source: `ip_vs_info_seq_show` in `net/netfilter/ipvs/ip_vs_ctl.c`.
//!
//! ```text
//! TCP  0A000064:0050 wrr
//!   -> 0A01020C:1F90      Route   1      1          1
//! TCP  [fd00:0000:...:0100]:0050 dh
//!   -> [fd01:0000:...:0011]:0050      Tunnel  1      0          0
//! FWM  00000008 rr persistent 9000 40000000
//! ```
//!
//! One reading has the servers of all services, where netlink needs a question a service. It says less, and what it
//! says twofold is not taken from it: marks (the family is not said) and servers under `Masq` (which also stands for
//! methods that have no word there). The services' own lines are not read beyond their names: a persistence timeout
//! is in jiffies there, and flags are missing.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;

use crate::model::{Protocol, ServerKey, ServiceKey};

/// The servers of all services of which it says everything, line by line.
#[derive(Debug, Default)]
pub struct ServerTable {
    services: HashMap<ServiceKey, Range<usize>>,
    /// The service whose servers are being read, if it is one to keep.
    current: Option<ServiceKey>,
    servers: Vec<ServerLine>,
}

/// What a line says of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerLine {
    /// Its identity within its service.
    pub key: ServerKey,
    /// The forwarding method's word.
    pub method: &'static str,
    /// Its weight.
    pub weight: u32,
    /// Connections that are established.
    pub active: u32,
    /// All others.
    pub inactive: u32,
}

impl ServerTable {
    /// An empty one with room for so many servers.
    #[must_use]
    pub fn with_capacity(servers: usize) -> Self {
        Self {
            servers: Vec::with_capacity(servers),
            ..Self::default()
        }
    }

    /// Takes in the next line. One that makes no sense costs the service it belongs to, no other.
    pub fn read_line(&mut self, line: &str) {
        let Some(server) = line.strip_prefix("  -> ") else {
            self.current = service(line);
            if let Some(key) = self.current {
                let next = self.servers.len();
                self.services.insert(key, next..next);
            }
            return;
        };
        let Some(key) = self.current else { return };
        if let (Some(server), Some(range)) =
            (ServerLine::parse(server), self.services.get_mut(&key))
        {
            self.servers.push(server);
            range.end = self.servers.len();
        } else {
            self.services.remove(&key);
            self.current = None;
        }
    }

    /// The servers of a service in the kernel's order; `None` when it has to be asked for by other means.
    pub fn servers(&mut self, key: &ServiceKey) -> Option<&mut [ServerLine]> {
        let range = self.services.get(key)?.clone();
        self.servers.get_mut(range)
    }
}

impl ServerLine {
    /// What stands behind the arrow.
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ').filter(|word| !word.is_empty());
        let (address, port) = endpoint(words.next()?)?;
        let method = match words.next()? {
            "Local" => "Local",
            "Tunnel" => "Tunnel",
            "Route" => "Route",
            _ => return None,
        };
        let mut number = || words.next()?.trim_end().parse().ok();
        Some(Self {
            key: ServerKey::new(address, port),
            method,
            weight: number()?,
            active: number()?,
            inactive: number()?,
        })
    }
}

/// The name at the beginning of a service's line; `None` for marks, titles and protocols without a word.
fn service(line: &str) -> Option<ServiceKey> {
    let (protocol, rest) = line.split_once(' ')?;
    let protocol = match protocol {
        "TCP" => Protocol::Tcp,
        "UDP" => Protocol::Udp,
        "SCTP" => Protocol::Sctp,
        _ => return None,
    };
    let (address, port) = endpoint(rest.trim_start().split(' ').next()?)?;
    Some(ServiceKey::Address {
        protocol,
        address,
        port,
    })
}

/// `0A000064:0050`, `[fd00:0000:0000:0000:0000:0000:0000:0100]:0050`.
fn endpoint(text: &str) -> Option<(IpAddr, u16)> {
    let (address, port) = text.rsplit_once(':')?;
    let address = match address.strip_prefix('[') {
        Some(v6) => IpAddr::V6(v6.strip_suffix(']')?.parse().ok()?),
        None => Ipv4Addr::from_bits(hexadecimal::<8>(address)?).into(),
    };
    Some((address, u16::try_from(hexadecimal::<4>(port)?).ok()?))
}

/// Exactly so many digits.
fn hexadecimal<const DIGITS: usize>(text: &str) -> Option<u32> {
    let digits: &[u8; DIGITS] = text.as_bytes().try_into().ok()?;
    digits.iter().try_fold(0, |number, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(number << 4 | digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KERNEL: &str = "\
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
TCP  0A000064:0050 wrr  
  -> 0A01020C:1F90      Route   1      1          12        
  -> 0A01020B:1F90      Local   100    0          0         
TCP  0A000064:0000 lc  persistent 36000 FFFFFFFF
TCP  [fd00:0000:0000:0000:0000:0000:0000:0100]:0050 dh 
  -> [fd01:0000:0000:0000:0000:0000:0000:0011]:0050      Tunnel  2147483647 0          0         
  -> 0A01020C:0050      Tunnel  0      0          0         
UDP  0A000064:13C4 rr ops  persistent 12000 FFFFFFFF
  -> 0A01020D:13C4      Masq    1      0          0         
FWM  00000008 rr persistent 9000 40000000
  -> 0A01020E:0000      Route   1      0          0         
SCTP 0A000064:0050 wlc 
  -> 0A01020F:0050      Route   1      0          -1        
IP   0A000064:0051 wlc 
  -> 0A01020F:0051      Route   1      0          0         
";

    fn table(text: &str) -> ServerTable {
        let mut table = ServerTable::default();
        for line in text.split_inclusive('\n') {
            table.read_line(line);
        }
        table
    }

    fn tcp(at: &str) -> ServiceKey {
        ServiceKey::tcp(at.parse().unwrap())
    }

    #[test]
    fn servers_are_found_by_their_service_in_the_kernels_order() {
        let mut table = table(KERNEL);
        let server = |at: &str, method, weight, active, inactive| ServerLine {
            key: at.parse::<std::net::SocketAddr>().unwrap().into(),
            method,
            weight,
            active,
            inactive,
        };
        assert_eq!(
            table.servers(&tcp("10.0.0.100:80")).unwrap(),
            [
                server("10.1.2.12:8080", "Route", 1, 1, 12),
                server("10.1.2.11:8080", "Local", 100, 0, 0)
            ]
        );
        assert_eq!(table.servers(&tcp("10.0.0.100:0")).unwrap(), []);
        assert_eq!(
            table.servers(&tcp("[fd00::100]:80")).unwrap(),
            [
                server("[fd01::11]:80", "Tunnel", 2_147_483_647, 0, 0),
                server("10.1.2.12:80", "Tunnel", 0, 0, 0)
            ]
        );
    }

    #[test]
    fn what_is_said_twofold_or_makes_no_sense_is_not_taken() {
        let mut table = table(KERNEL);
        let masquerading = ServiceKey::udp("10.0.0.100:5060".parse().unwrap());
        let negative = ServiceKey::Address {
            protocol: Protocol::Sctp,
            address: "10.0.0.100".parse().unwrap(),
            port: 80,
        };
        assert_eq!(table.servers(&masquerading), None);
        assert_eq!(table.servers(&negative), None);
        assert_eq!(table.servers(&tcp("10.0.0.100:81")), None);
        assert_eq!(table.services.len(), 3);
    }

    #[test]
    fn a_line_that_is_cut_anywhere_costs_only_its_service() {
        for end in 0..KERNEL.len() {
            let mut table = table(&KERNEL[..end]);
            if end > 400 {
                assert_eq!(table.servers(&tcp("10.0.0.100:80")).unwrap().len(), 2);
            }
        }
    }
}
