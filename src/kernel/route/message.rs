// SPDX-License-Identifier: MIT OR Apache-2.0
//! rtnetlink messages: bodies out, objects in. The only file that knows `netlink-packet-route`, whose types change
//! with each of its releases.

use std::net::IpAddr;

use netlink_packet_core::{Emitable, Parseable};
use netlink_packet_route::AddressFamily;
use netlink_packet_route::address::{
    AddressAttribute, AddressFlags, AddressHeader, AddressMessage, AddressScope,
};
use netlink_packet_route::link::{
    InfoKind, LinkAttribute, LinkFlags, LinkHeader, LinkInfo, LinkMessage,
};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteScope,
};

use super::{InterfaceAddress, Link, TunnelDevice};
use crate::codec::DecodeError;
use crate::codec::attribute::Attribute;

pub(super) const RTM_NEWLINK: u16 = 16;
pub(super) const RTM_GETLINK: u16 = 18;
pub(super) const RTM_NEWADDR: u16 = 20;
pub(super) const RTM_DELADDR: u16 = 21;
pub(super) const RTM_GETADDR: u16 = 22;
pub(super) const RTM_DELROUTE: u16 = 25;

const LINK_HEADER: usize = 16;
const IFLA_IFNAME: u16 = 3;

/// Appends the body of a listing of links.
pub(super) fn emit_all_links(out: &mut Vec<u8>) {
    append(out, &LinkMessage::default());
}

/// Appends the body of a listing of addresses.
pub(super) fn emit_all_addresses(out: &mut Vec<u8>) {
    append(out, &AddressMessage::default());
}

/// Appends the body of "set this link up" or down.
pub(super) fn emit_link_state(out: &mut Vec<u8>, index: u32, up: bool) {
    let mut message = LinkMessage::default();
    message.header.index = index;
    message.header.change_mask = LinkFlags::Up;
    message.header.flags = if up {
        LinkFlags::Up
    } else {
        LinkFlags::empty()
    };
    append(out, &message);
}

/// Appends the body of "make this tunnel device". Its kind is what the kernel loads the module by.
pub(super) fn emit_tunnel(out: &mut Vec<u8>, device: TunnelDevice) {
    let kind = match device {
        TunnelDevice::Tunl0 => InfoKind::IpIp,
        TunnelDevice::Ip6tnl0 => InfoKind::Ip6Tnl,
    };
    let mut message = LinkMessage::default();
    message.attributes = vec![
        LinkAttribute::IfName(device.name().to_owned()),
        LinkAttribute::LinkInfo(vec![LinkInfo::Kind(kind)]),
    ];
    append(out, &message);
}

/// Appends the body that adds or removes an address.
pub(super) fn emit_address(out: &mut Vec<u8>, address: &InterfaceAddress) {
    let mut message = AddressMessage::default();
    message.header.family = family(address.address);
    message.header.prefix_len = address.prefix;
    message.header.scope = AddressScope::Universe;
    message.header.index = address.index;
    message.attributes = vec![
        AddressAttribute::Local(address.address),
        AddressAttribute::Address(address.address),
    ];
    if let Some(label) = &address.label {
        message
            .attributes
            .push(AddressAttribute::Label(label.clone()));
    }
    if address.nodad {
        let flags = AddressFlags::Nodad;
        message.attributes.push(AddressAttribute::Flags(flags));
    }
    append(out, &message);
}

/// Appends the body of "remove the route to this one address through this link from the main table", whoever made it.
pub(super) fn emit_host_route(out: &mut Vec<u8>, index: u32, address: IpAddr) {
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

/// A link. Of its many attributes only the name is read, so that a driver's unusual one hides no link.
pub(super) fn parse_link(payload: &[u8]) -> Result<Link, DecodeError> {
    let header = LinkHeader::parse(payload)?;
    let attributes = payload.get(LINK_HEADER..).unwrap_or_default();
    for attribute in Attribute::all(attributes) {
        let attribute = attribute?;
        if attribute.kind == IFLA_IFNAME {
            return Ok(Link {
                index: header.index,
                name: attribute.string(),
                up: header.flags.contains(LinkFlags::Up),
            });
        }
    }
    Err(DecodeError::Missing("IFLA_IFNAME"))
}

/// An address; `None` for one that is neither IPv4 nor IPv6.
pub(super) fn parse_address(payload: &[u8]) -> Result<Option<InterfaceAddress>, DecodeError> {
    let message = AddressMessage::parse(payload)?;
    let AddressHeader {
        prefix_len, index, ..
    } = message.header;
    let mut flags = AddressFlags::from_bits_retain(u32::from(message.header.flags.bits()));
    let (mut local, mut peer, mut label) = (None, None, None);
    for attribute in message.attributes {
        match attribute {
            AddressAttribute::Local(address) => local = Some(address),
            // The other end of a point-to-point link, else the same; IPv6 has only this one.
            AddressAttribute::Address(address) => peer = Some(address),
            AddressAttribute::Label(text) => label = Some(text),
            AddressAttribute::Flags(all) => flags = all,
            _ => {}
        }
    }
    Ok(local.or(peer).map(|address| InterfaceAddress {
        index,
        address,
        prefix: prefix_len,
        label,
        nodad: flags.contains(AddressFlags::Nodad),
        tentative: flags.contains(AddressFlags::Tentative),
        duplicate: flags.contains(AddressFlags::Dadfailed),
    }))
}

const fn family(address: IpAddr) -> AddressFamily {
    match address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    }
}

fn append(out: &mut Vec<u8>, message: &impl Emitable) {
    let start = out.len();
    out.resize(start + message.buffer_len(), 0);
    if let Some(body) = out.get_mut(start..) {
        message.emit(body);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str, label: Option<&str>, nodad: bool) -> InterfaceAddress {
        let address: IpAddr = text.parse().unwrap();
        InterfaceAddress {
            index: 1,
            address,
            prefix: if address.is_ipv4() { 32 } else { 128 },
            label: label.map(str::to_owned),
            nodad,
            tentative: false,
            duplicate: false,
        }
    }

    #[test]
    fn an_address_that_is_added_reads_as_it_was_given() {
        for sent in [
            address("192.0.2.10", Some("lo:0"), false),
            address("2001:db8::10", None, true),
        ] {
            let mut bytes = Vec::new();
            emit_address(&mut bytes, &sent);
            assert_eq!(parse_address(&bytes), Ok(Some(sent)));
        }
    }

    #[test]
    fn golden_bytes_of_an_ipv4_address() {
        let mut bytes = Vec::new();
        emit_address(&mut bytes, &address("192.0.2.10", Some("lo:0"), false));
        let expected: [u8; 36] = [
            2, 32, 0, 0, 1, 0, 0, 0, // family, prefix, flags, scope, index
            8, 0, 2, 0, 192, 0, 2, 10, // IFA_LOCAL
            8, 0, 1, 0, 192, 0, 2, 10, // IFA_ADDRESS
            9, 0, 3, 0, b'l', b'o', b':', b'0', 0, 0, 0, 0, // IFA_LABEL
        ];
        #[cfg(target_endian = "little")]
        assert_eq!(bytes, expected);
    }

    #[test]
    fn a_link_needs_a_name_and_nothing_else() {
        let mut bytes = vec![0, 0, 1, 0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(parse_link(&bytes), Err(DecodeError::Missing("IFLA_IFNAME")));
        bytes.extend([5, 0, 99, 0, 1, 0, 0, 0]);
        bytes.extend([7, 0, 3, 0, b'l', b'o', 0, 0]);
        let lo = Link {
            index: 7,
            name: "lo".to_owned(),
            up: true,
        };
        #[cfg(target_endian = "little")]
        assert_eq!(parse_link(&bytes), Ok(lo));
        assert!(parse_link(&[1, 2, 3]).is_err());
        assert!(parse_address(&[1, 2, 3]).is_err());
    }
}
