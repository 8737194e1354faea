// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lines of `/proc/net/ip_vs_conn`. Source: `net/netfilter/ipvs/ip_vs_conn.c`.
//!
//! ```text
//! Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData
//! TCP 0A000001 925A 0A000064 1F90 0A01010B 1F90 ESTABLISHED     891
//! UDP fd00:0000:...:00ff 8619 fd00:0000:...:00ff 0035 0AFF0002 0035 UDP             297
//! ```

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::model::Protocol;

/// A line that is not a connection; the field that is missing or malformed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("connection without a {0}")]
pub struct ConnectionError(pub &'static str);

/// One connection, or one persistence template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection<'a> {
    /// `TCP`, `UDP`, `SCTP`, or `IP` for a template of a service by mark.
    pub protocol: &'a str,
    /// The client; of a template the network of clients, with port 0.
    pub client: SocketAddr,
    /// The service; for a template of a service by mark, the mark in place of an address.
    pub service: SocketAddr,
    /// The real server.
    pub server: SocketAddr,
    /// `ESTABLISHED`, `TIME_WAIT`, ...
    pub state: &'a str,
    /// Seconds until the kernel forgets it if no packet comes.
    pub expires: u32,
    /// The persistence engine, and its data.
    pub engine: Option<(&'a str, &'a str)>,
}

impl<'a> Connection<'a> {
    /// Reads one line.
    pub fn parse(line: &'a str) -> Result<Self, ConnectionError> {
        let mut words = line.split_ascii_whitespace();
        let mut next = |name| words.next().ok_or(ConnectionError(name));
        let protocol = next("Pro")?;
        let client = endpoint(next("FromIP")?, next("FPrt")?)?;
        let service = endpoint(next("ToIP")?, next("TPrt")?)?;
        let server = endpoint(next("DestIP")?, next("DPrt")?)?;
        let state = next("State")?;
        let expires = next("Expires")?;
        let expires = expires.parse().map_err(|_| ConnectionError("Expires"))?;
        let engine = words.next().zip(words.next());
        Ok(Self {
            protocol,
            client,
            service,
            server,
            state,
            expires,
            engine,
        })
    }

    /// Its transport protocol, `None` for a template of a service by mark.
    #[must_use]
    pub fn transport(&self) -> Option<Protocol> {
        match self.protocol {
            "TCP" => Some(Protocol::Tcp),
            "UDP" => Some(Protocol::Udp),
            "SCTP" => Some(Protocol::Sctp),
            _ => None,
        }
    }

    /// Whether data can flow: the handshake is over and nobody has closed, or there is no handshake. A template is no
    /// connection. (`net/netfilter/ipvs/ip_vs_proto_*.c`)
    #[must_use]
    pub fn is_open(&self) -> bool {
        match self.transport() {
            Some(Protocol::Tcp | Protocol::Sctp) => self.state == "ESTABLISHED",
            Some(Protocol::Udp) => self.state == "UDP",
            Some(Protocol::Other(_)) | None => false,
        }
    }

    /// The mark of a template of a service by mark: the kernel writes it in place of an address, in its first four bytes.
    #[must_use]
    pub fn fwmark(&self) -> Option<u32> {
        match (self.transport(), self.service.ip()) {
            (None, IpAddr::V4(mark)) => Some(mark.to_bits()),
            (None, IpAddr::V6(mark)) => u32::try_from(mark.to_bits() >> 96).ok(),
            (Some(_), _) => None,
        }
    }
}

/// An address, eight hexadecimal digits of IPv4 or all 32 of IPv6 in groups, and a port of four.
fn endpoint(address: &str, port: &str) -> Result<SocketAddr, ConnectionError> {
    let ip = if address.contains(':') {
        address.parse::<IpAddr>().ok()
    } else {
        let bits = u32::from_str_radix(address, 16).ok();
        bits.map(|bits| Ipv4Addr::from_bits(bits).into())
    };
    let ip = ip.ok_or(ConnectionError("address"))?;
    let port = u16::from_str_radix(port, 16).map_err(|_| ConnectionError("port"))?;
    Ok(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_of_both_families_are_read() {
        let line = "TCP 0A000001 925A 0A000064 1F90 0A01010B 1F90 ESTABLISHED     891\n";
        let connection = Connection::parse(line).unwrap();
        assert_eq!(connection.transport(), Some(Protocol::Tcp));
        assert_eq!(connection.client, "10.0.0.1:37466".parse().unwrap());
        assert_eq!(connection.service, "10.0.0.100:8080".parse().unwrap());
        assert_eq!(connection.server, "10.1.1.11:8080".parse().unwrap());
        assert_eq!((connection.state, connection.expires), ("ESTABLISHED", 891));
        assert_eq!(connection.engine, None);
        let line = "UDP fd00:0000:0000:0000:0000:0000:0000:00ff 8619 \
                    fd00:0000:0000:0000:0000:0000:0000:00ff 0035 0AFF0002 0035 UDP             297";
        let connection = Connection::parse(line).unwrap();
        assert_eq!(connection.client, "[fd00::ff]:34329".parse().unwrap());
        assert_eq!(connection.server, "10.255.0.2:53".parse().unwrap());
    }

    #[test]
    fn templates_of_marks_and_engines_are_read() {
        let line = "IP  0AFF0000 0000 00000009 0000 0AFF0002 0000 NONE             97";
        let connection = Connection::parse(line).unwrap();
        assert_eq!(connection.transport(), None);
        assert_eq!(connection.service, "0.0.0.9:0".parse().unwrap());
        assert_eq!(connection.fwmark(), Some(9));
        let line = "IP  fd00:0000:0000:0000:0000:0000:0000:0000 0000 0000:0009:0000:0000:0000:0000:0000:0000 0000 \
                    fd00:0000:0000:0000:0000:0000:0000:0002 0000 NONE             97";
        assert_eq!(Connection::parse(line).unwrap().fwmark(), Some(9));
        let line =
            "UDP 0A000001 0000 0A000064 13C4 0A01010B 13C4 NONE            111 sip abc123@host";
        let connection = Connection::parse(line).unwrap();
        assert_eq!(connection.engine, Some(("sip", "abc123@host")));
    }

    #[test]
    fn open_are_those_over_which_data_can_flow() {
        let is_open = |protocol: &str, state: &str| {
            let line = format!("{protocol} 0A000001 925A 0A000064 1F90 0A01010B 1F90 {state} 9");
            Connection::parse(&line).unwrap().is_open()
        };
        for (protocol, state) in [
            ("TCP", "ESTABLISHED"),
            ("SCTP", "ESTABLISHED"),
            ("UDP", "UDP"),
        ] {
            assert!(is_open(protocol, state), "{protocol} {state}");
        }
        for (protocol, state) in [
            ("TCP", "SYN_RECV"),
            ("TCP", "FIN_WAIT"),
            ("TCP", "ASSURED"),
            ("UDP", "NONE"),
            ("IP", "NONE"),
        ] {
            assert!(!is_open(protocol, state), "{protocol} {state}");
        }
    }

    #[test]
    fn what_is_no_connection_is_an_error() {
        for line in [
            "",
            "TCP",
            "TCP 0A000001 925A 0A000064 1F90 0A01010B 1F90 ESTABLISHED",
            "TCP 0A000001 925A 0A000064 1F90 0A01010B 1F90 ESTABLISHED x",
            "TCP 0A00000G 925A 0A000064 1F90 0A01010B 1F90 ESTABLISHED 891",
            "TCP 0A000001 1925A 0A000064 1F90 0A01010B 1F90 ESTABLISHED 891",
        ] {
            assert!(Connection::parse(line).is_err(), "{line}");
        }
    }
}
