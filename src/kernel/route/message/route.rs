// SPDX-License-Identifier: MIT OR Apache-2.0
//! Messages about routes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use netlink_packet_route::AddressFamily as Family;
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteScope, RouteType,
};

use super::{append, attributes, family, ip_family};
use crate::codec::DecodeError;
use crate::codec::attribute::Attribute;
use crate::model::{AddressFamily, RouteEntry, RouteKind};

const ROUTE_HEADER: usize = 12;
const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const RTA_PRIORITY: u16 = 6;
const RTA_TABLE: u16 = 15;
const RTA_VIA: u16 = 18;

/// Appends the body of a listing of routes.
pub(in super::super) fn emit_all_routes(out: &mut Vec<u8>) {
    append(out, &RouteMessage::default());
}

/// Appends the body of "remove the route to this one address through this link from the main table", even if somebody
/// else made it.
pub(in super::super) fn emit_host_route(out: &mut Vec<u8>, index: u32, address: IpAddr) {
    let (length, destination) = match address {
        IpAddr::V4(v4) => (32, RouteAddress::Inet(v4)),
        IpAddr::V6(v6) => (128, RouteAddress::Inet6(v6)),
    };
    let mut message = RouteMessage::default();
    message.header = RouteHeader {
        address_family: family(address),
        destination_prefix_length: length,
        table: RouteHeader::RT_TABLE_MAIN,
        scope: RouteScope::NoWhere,
        ..RouteHeader::default()
    };
    message.attributes = vec![
        RouteAttribute::Destination(destination),
        RouteAttribute::Oif(index),
    ];
    append(out, &message);
}

/// A route; `None` for one that is neither IPv4 nor IPv6, and for a copy that the kernel made for one destination.
pub(in super::super) fn parse_route(payload: &[u8]) -> Result<Option<RouteEntry>, DecodeError> {
    let header = RouteHeader::parse(payload)?;
    let Some(family) = ip_family(header.address_family) else {
        return Ok(None);
    };
    if header.flags.contains(RouteFlags::Cloned) {
        return Ok(None);
    }
    let mut route = RouteEntry {
        table: header.table.into(),
        destination: match family {
            AddressFamily::Ipv4 => Ipv4Addr::UNSPECIFIED.into(),
            AddressFamily::Ipv6 => Ipv6Addr::UNSPECIFIED.into(),
        },
        prefix: header.destination_prefix_length,
        kind: kind(header.kind),
        gateway: None,
        index: None,
        metric: 0,
    };
    for attribute in attributes(payload, ROUTE_HEADER) {
        let attribute = attribute?;
        match attribute.kind {
            RTA_DST => route.destination = attribute.address("RTA_DST", family)?,
            RTA_GATEWAY => route.gateway = Some(attribute.address("RTA_GATEWAY", family)?),
            RTA_VIA => route.gateway = parse_via(attribute),
            RTA_OIF => route.index = Some(attribute.u32("RTA_OIF")?),
            RTA_PRIORITY => route.metric = attribute.u32("RTA_PRIORITY")?,
            RTA_TABLE => route.table = attribute.u32("RTA_TABLE")?,
            _ => {}
        }
    }
    Ok(Some(route))
}

/// A router whose family differs from the route's: two bytes for the family, then the address.
pub(super) fn parse_via(attribute: Attribute<'_>) -> Option<IpAddr> {
    let (number, address) = attribute.bytes().split_first_chunk()?;
    let number = u8::try_from(u16::from_ne_bytes(*number)).ok()?;
    match ip_family(Family::from(number))? {
        AddressFamily::Ipv4 => address.first_chunk::<4>().map(|octets| (*octets).into()),
        AddressFamily::Ipv6 => address.first_chunk::<16>().map(|octets| (*octets).into()),
    }
}

fn kind(kind: RouteType) -> RouteKind {
    match kind {
        RouteType::Unicast => RouteKind::Unicast,
        RouteType::Local => RouteKind::Local,
        RouteType::Broadcast => RouteKind::Broadcast,
        RouteType::Anycast => RouteKind::Anycast,
        RouteType::Multicast => RouteKind::Multicast,
        RouteType::BlackHole => RouteKind::Blackhole,
        RouteType::Unreachable => RouteKind::Unreachable,
        RouteType::Prohibit => RouteKind::Prohibit,
        RouteType::Throw => RouteKind::Throw,
        other => RouteKind::Other(other.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_bytes_of_a_default_route() {
        let bytes: [u8; 44] = [
            2, 0, 0, 0, 254, 3, 0, 1, 0, 0, 0,
            0, // family, ..., table, protocol, scope, kind, flags
            8, 0, 15, 0, 254, 0, 0, 0, // RTA_TABLE
            8, 0, 6, 0, 100, 0, 0, 0, // RTA_PRIORITY
            8, 0, 5, 0, 192, 0, 2, 1, // RTA_GATEWAY
            8, 0, 4, 0, 2, 0, 0, 0, // RTA_OIF
        ];
        let route = RouteEntry {
            table: 254,
            destination: Ipv4Addr::UNSPECIFIED.into(),
            prefix: 0,
            kind: RouteKind::Unicast,
            gateway: Some("192.0.2.1".parse().unwrap()),
            index: Some(2),
            metric: 100,
        };
        #[cfg(target_endian = "little")]
        assert_eq!(parse_route(&bytes), Ok(Some(route)));
    }

    #[test]
    fn an_ipv4_route_may_have_an_ipv6_router() {
        let mut bytes = vec![2, 24, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0];
        bytes.extend([22, 0, 18, 0, 10, 0]);
        bytes.extend([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0]);
        #[cfg(target_endian = "little")]
        assert_eq!(
            parse_route(&bytes).unwrap().unwrap().gateway,
            Some("fe80::1".parse().unwrap())
        );
    }

    #[test]
    fn a_copy_for_one_destination_is_no_route_and_a_cut_one_an_error() {
        let copy = [10, 128, 0, 0, 254, 3, 0, 1, 0, 2, 0, 0];
        #[cfg(target_endian = "little")]
        assert_eq!(parse_route(&copy), Ok(None));
        assert!(parse_route(&copy[..11]).is_err());
    }
}
