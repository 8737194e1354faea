// SPDX-License-Identifier: MIT OR Apache-2.0
//! IPVS's older interface, socket options: structures of fixed size. Source: `include/uapi/linux/ip_vs.h` and
//! `do_ip_vs_get_ctl` in `net/netfilter/ipvs/ip_vs_ctl.c`.
//!
//! One answer has all real servers of a service, in a third of netlink's bytes; netlink needs a call for every few
//! dozen servers. This interface only knows IPv4: it shows no IPv6 services, and not the tunneled servers of an IPv4
//! service that have IPv6 addresses. Another answer has the number of all servers of a service. No answer says how many
//! structures it has: those that the kernel does not fill keep the zeros of the request.

use std::collections::HashMap;
use std::mem::offset_of;
use std::net::{IpAddr, Ipv4Addr};

use super::ipvs::{ServerEntry, method_word};
use crate::model::{AddressFamily, Fwmark, Protocol, ServerKey, ServiceKey};

/// `struct ip_vs_stats_user`; we skip it.
#[repr(C)]
struct Stats([u32; 3], [u64; 2], [u32; 5]);

/// `struct ip_vs_get_dests`, without the servers after it.
#[repr(C)]
struct Servers {
    protocol: u16,
    address: u32,
    port: u16,
    mark: u32,
    count: u32,
    all: [Server; 0],
}

/// `struct ip_vs_dest_entry`.
#[repr(C)]
struct Server {
    address: u32,
    port: u16,
    flags: u32,
    weight: u32,
    thresholds: [u32; 2],
    active: u32,
    inactive: u32,
    persistent: u32,
    stats: Stats,
}

/// `struct ip_vs_get_services`, without the services after it.
#[repr(C)]
struct Services {
    count: u32,
    all: [Service; 0],
}

/// `struct ip_vs_service_entry`.
#[repr(C)]
struct Service {
    protocol: u16,
    address: u32,
    port: u16,
    mark: u32,
    scheduler: [u8; 16],
    flags: u32,
    timeout: u32,
    netmask: u32,
    servers: u32,
    stats: Stats,
}

/// A real server in the default columns of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerSummary {
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

impl From<&ServerEntry> for ServerSummary {
    fn from(entry: &ServerEntry) -> Self {
        Self {
            key: entry.key,
            method: entry.server.forwarding.word(),
            weight: entry.server.weight.get(),
            active: entry.connections.active,
            inactive: entry.connections.inactive,
        }
    }
}

/// Writes the request for the servers of a service, with room for this many after it; `false` for an IPv6 service.
pub fn ask_servers(service: &ServiceKey, room: u32, out: &mut Vec<u8>) -> bool {
    let mut header = [0; size_of::<Servers>()];
    match *service {
        ServiceKey::Address {
            protocol,
            address: IpAddr::V4(address),
            port,
        } => {
            put(
                &mut header,
                offset_of!(Servers, protocol),
                protocol.number().to_ne_bytes(),
            );
            put(&mut header, offset_of!(Servers, address), address.octets());
            put(&mut header, offset_of!(Servers, port), port.to_be_bytes());
        }
        ServiceKey::Fwmark {
            mark,
            family: AddressFamily::Ipv4,
        } => put(
            &mut header,
            offset_of!(Servers, mark),
            mark.get().to_ne_bytes(),
        ),
        ServiceKey::Address { .. } | ServiceKey::Fwmark { .. } => return false,
    }
    put(&mut header, offset_of!(Servers, count), room.to_ne_bytes());
    fill(out, &header, room, size_of::<Server>());
    true
}

/// Reads the servers of an answer into `out`, and replaces its content; `None` when the answer is too short for the
/// request.
pub fn read_servers(answer: &[u8], out: &mut Vec<ServerSummary>) -> Option<()> {
    out.clear();
    let room = number(answer, offset_of!(Servers, count))?;
    let all = answer.get(size_of::<Servers>()..)?;
    let mut all = all.chunks_exact(size_of::<Server>());
    for _ in 0..room {
        let server = all.next()?;
        let address = octets(server, offset_of!(Server, address))?;
        if address == [0; 4] {
            break;
        }
        out.push(ServerSummary {
            key: ServerKey::new(
                Ipv4Addr::from_octets(address).into(),
                port(server, offset_of!(Server, port))?,
            ),
            method: method_word(number(server, offset_of!(Server, flags))?),
            weight: number(server, offset_of!(Server, weight))?,
            active: number(server, offset_of!(Server, active))?,
            inactive: number(server, offset_of!(Server, inactive))?,
        });
    }
    Some(())
}

/// Writes the request for all IPv4 services, with room for this many after it.
pub fn ask_services(room: u32, out: &mut Vec<u8>) {
    let mut header = [0; size_of::<Services>()];
    put(&mut header, offset_of!(Services, count), room.to_ne_bytes());
    fill(out, &header, room, size_of::<Service>());
}

/// Reads how many servers each service of an answer has, including those that [`read_servers`] does not get; `None`
/// when the answer is too short for the request.
#[must_use]
pub fn read_server_counts(answer: &[u8]) -> Option<HashMap<ServiceKey, u32>> {
    let room = number(answer, offset_of!(Services, count))?;
    let all = answer.get(size_of::<Services>()..)?;
    let mut all = all.chunks_exact(size_of::<Service>());
    let mut counts = HashMap::new();
    for _ in 0..room {
        let service = all.next()?;
        let scheduler: [u8; 1] = octets(service, offset_of!(Service, scheduler))?;
        if scheduler == [0] {
            break;
        }
        let servers = number(service, offset_of!(Service, servers))?;
        counts.insert(service_key(service)?, servers);
    }
    Some(counts)
}

fn service_key(service: &[u8]) -> Option<ServiceKey> {
    if let Some(mark) = Fwmark::new(number(service, offset_of!(Service, mark))?) {
        let family = AddressFamily::Ipv4;
        return Some(ServiceKey::Fwmark { mark, family });
    }
    let protocol = octets(service, offset_of!(Service, protocol))?;
    let address = octets(service, offset_of!(Service, address))?;
    Some(ServiceKey::Address {
        protocol: Protocol::from_number(u16::from_ne_bytes(protocol)),
        address: Ipv4Addr::from_octets(address).into(),
        port: port(service, offset_of!(Service, port))?,
    })
}

fn fill(out: &mut Vec<u8>, header: &[u8], room: u32, entry: usize) {
    let room = usize::try_from(room).unwrap_or(usize::MAX);
    out.clear();
    out.extend_from_slice(header);
    out.resize(header.len().saturating_add(room.saturating_mul(entry)), 0);
}

fn put<const COUNT: usize>(header: &mut [u8], offset: usize, bytes: [u8; COUNT]) {
    if let Some(place) = header.get_mut(offset..offset + COUNT) {
        place.copy_from_slice(&bytes);
    }
}

fn octets<const COUNT: usize>(bytes: &[u8], offset: usize) -> Option<[u8; COUNT]> {
    bytes.get(offset..)?.first_chunk().copied()
}

fn number(bytes: &[u8], offset: usize) -> Option<u32> {
    octets(bytes, offset).map(u32::from_ne_bytes)
}

fn port(bytes: &[u8], offset: usize) -> Option<u16> {
    octets(bytes, offset).map(u16::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(at: &str) -> ServiceKey {
        ServiceKey::tcp(at.parse().unwrap())
    }

    fn mark(mark: u32, family: AddressFamily) -> ServiceKey {
        ServiceKey::Fwmark {
            mark: Fwmark::new(mark).unwrap(),
            family,
        }
    }

    #[cfg(all(target_pointer_width = "64", target_endian = "little"))]
    #[test]
    fn questions_are_the_bytes_written_by_hand() {
        let mut question = Vec::new();
        assert!(ask_servers(&tcp("10.0.0.100:80"), 2, &mut question));
        let header = [
            6, 0, 0, 0, 10, 0, 0, 100, 0, 80, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0,
        ];
        assert_eq!(question.split_at(24).0, header);
        assert_eq!(question.len(), 24 + 2 * 96);
        assert!(ask_servers(&mark(7, AddressFamily::Ipv4), 0, &mut question));
        assert_eq!(question[12..20], [7, 0, 0, 0, 0, 0, 0, 0]);
        ask_services(3, &mut question);
        assert_eq!(question[..8], [3, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(question.len(), 8 + 3 * 104);
    }

    #[test]
    fn services_of_ipv6_cannot_be_asked_for() {
        let mut question = Vec::new();
        for key in [tcp("[fd00::1]:80"), mark(7, AddressFamily::Ipv6)] {
            assert!(!ask_servers(&key, 1, &mut question), "{key}");
        }
    }

    #[cfg(all(target_pointer_width = "64", target_endian = "little"))]
    #[test]
    fn an_answer_is_read_as_the_kernel_writes_it() {
        let mut answer = vec![0; 24 + 3 * 96];
        answer[16] = 3;
        answer[24..24 + 2 * 96].copy_from_slice(
            &[
                // 10.1.2.12:8080, direct routing among other flags, weight 3, 5 active and 7 inactive connections.
                &[10, 1, 2, 12, 0x1f, 0x90, 0, 0, 0x43, 0, 0, 0, 3, 0, 0, 0][..],
                &[0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 7, 0, 0, 0],
                &[0; 64],
                // 10.1.1.11:80, masquerading, the largest weight.
                &[
                    10, 1, 1, 11, 0, 80, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0x7f,
                ],
                &[0; 80],
            ]
            .concat(),
        );
        let mut servers = Vec::new();
        read_servers(&answer, &mut servers).unwrap();
        let expected = [
            ServerSummary {
                key: "10.1.2.12:8080"
                    .parse::<std::net::SocketAddr>()
                    .unwrap()
                    .into(),
                method: "Route",
                weight: 3,
                active: 5,
                inactive: 7,
            },
            ServerSummary {
                key: "10.1.1.11:80"
                    .parse::<std::net::SocketAddr>()
                    .unwrap()
                    .into(),
                method: "Masq",
                weight: 0x7fff_ffff,
                active: 0,
                inactive: 0,
            },
        ];
        assert_eq!(servers, expected);
        assert_eq!(servers.len(), 2, "the third is none");
        for length in 0..answer.len() {
            assert_eq!(read_servers(&answer[..length], &mut servers), None);
        }
    }

    #[cfg(all(target_pointer_width = "64", target_endian = "little"))]
    #[test]
    fn servers_are_counted_by_service() {
        let mut answer = vec![0; 8 + 3 * 104];
        answer[0] = 3;
        let (first, second) = answer[8..].split_at_mut(104);
        first[..12].copy_from_slice(&[17, 0, 0, 0, 10, 0, 0, 1, 0, 53, 0, 0]);
        first[16..18].copy_from_slice(b"rr");
        first[44] = 9;
        second[12] = 7;
        second[16..18].copy_from_slice(b"sh");
        let counts = read_server_counts(&answer).unwrap();
        let udp = ServiceKey::udp("10.0.0.1:53".parse().unwrap());
        assert_eq!(counts.get(&udp), Some(&9));
        assert_eq!(counts.get(&mark(7, AddressFamily::Ipv4)), Some(&0));
        assert_eq!(counts.len(), 2, "the third is none");
        for length in 0..answer.len() {
            assert_eq!(read_server_counts(&answer[..length]), None);
        }
    }
}
