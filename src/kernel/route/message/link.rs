// SPDX-License-Identifier: MIT OR Apache-2.0
//! Messages about links.

use netlink_packet_route::AddressFamily;
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoMacVlan, LinkAttribute, LinkFlags, LinkHeader, LinkInfo, LinkMessage,
    MacVlanMode,
};

use super::{append, attributes};
use crate::codec::DecodeError;
use crate::codec::ethernet::HardwareAddress;
use crate::model::{Link, LinkLayerAddress, SeenLink, TunnelDevice};

const LINK_HEADER: usize = 16;
const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_CARRIER: u16 = 33;
const IFLA_CARRIER_CHANGES: u16 = 35;

/// Appends the body of a listing of links.
pub(in super::super) fn emit_all_links(out: &mut Vec<u8>) {
    append(out, &LinkMessage::default());
}

/// Appends the body of "set this link up" or down.
pub(in super::super) fn emit_link_state(out: &mut Vec<u8>, index: u32, up: bool) {
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

/// Appends the body of "make this tunnel device". The kernel loads the module by the device's kind.
pub(in super::super) fn emit_tunnel(out: &mut Vec<u8>, device: TunnelDevice) {
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

/// An interface with a hardware address of its own, on top of another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Macvlan<'a> {
    /// Its name: 1 to 15 bytes.
    pub name: &'a str,
    /// The number of the interface below.
    pub parent: u32,
    /// Its hardware address.
    pub hardware: HardwareAddress,
}

/// Appends the body of "make this macvlan". In the mode of a bridge the interface below hears what comes from the same
/// hardware address elsewhere, too (`macvlan_handle_frame` of `drivers/net/macvlan.c`).
pub(in super::super) fn emit_macvlan(out: &mut Vec<u8>, macvlan: &Macvlan<'_>) {
    let mode = InfoData::MacVlan(vec![InfoMacVlan::Mode(MacVlanMode::Bridge)]);
    let mut message = LinkMessage::default();
    message.attributes = vec![
        LinkAttribute::IfName(macvlan.name.to_owned()),
        LinkAttribute::Link(macvlan.parent),
        LinkAttribute::Address(macvlan.hardware.to_vec()),
        LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::MacVlan),
            LinkInfo::Data(mode),
        ]),
    ];
    append(out, &message);
}

/// Appends the body of "remove this link".
pub(in super::super) fn emit_link(out: &mut Vec<u8>, index: u32) {
    let mut message = LinkMessage::default();
    message.header.index = index;
    append(out, &message);
}

/// A link; `None` for a message of another family. A bridge sends such a message when a link leaves it, although the
/// link still exists.
pub(in super::super) fn parse_link(payload: &[u8]) -> Result<Option<Link>, DecodeError> {
    Ok(parse_seen_link(payload)?.map(|seen| seen.link))
}

/// The same, with how often its carrier changed.
///
/// The kernel clears `IFF_RUNNING` up to a second after the carrier has gone; `IFLA_CARRIER` says it at once.
pub(in super::super) fn parse_seen_link(payload: &[u8]) -> Result<Option<SeenLink>, DecodeError> {
    let header = LinkHeader::parse(payload)?;
    if header.interface_family != AddressFamily::Unspec {
        return Ok(None);
    }
    let mut link = Link {
        up: header.flags.contains(LinkFlags::Up),
        running: header.flags.contains(LinkFlags::Running),
        ..Link::new(header.index, "")
    };
    let mut carrier_changes = 0;
    for attribute in attributes(payload, LINK_HEADER) {
        let attribute = attribute?;
        match attribute.kind {
            IFLA_IFNAME => link.name = attribute.string(),
            IFLA_MTU => link.mtu = attribute.u32("IFLA_MTU")?,
            IFLA_ADDRESS => link.address = LinkLayerAddress::new(attribute.bytes()),
            IFLA_CARRIER => link.running &= attribute.u8("IFLA_CARRIER")? != 0,
            IFLA_CARRIER_CHANGES => carrier_changes = attribute.u32("IFLA_CARRIER_CHANGES")?,
            _ => {}
        }
    }
    if link.name.is_empty() {
        return Err(DecodeError::Missing("IFLA_IFNAME"));
    }
    Ok(Some(SeenLink {
        link,
        carrier_changes,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_needs_a_name_and_nothing_else() {
        let mut bytes = vec![0, 0, 1, 0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(parse_link(&bytes), Err(DecodeError::Missing("IFLA_IFNAME")));
        bytes.extend([5, 0, 99, 0, 1, 0, 0, 0]);
        bytes.extend([7, 0, 3, 0, b'l', b'o', 0, 0]);
        let lo = Link {
            up: true,
            ..Link::new(7, "lo")
        };
        #[cfg(target_endian = "little")]
        assert_eq!(parse_link(&bytes), Ok(Some(lo)));
        assert!(parse_link(&[1, 2, 3]).is_err());
    }

    #[test]
    fn golden_bytes_of_an_ethernet_link() {
        let bytes: [u8; 44] = [
            0, 0, 1, 0, 2, 0, 0, 0, 0x43, 0, 1, 0, 0, 0, 0, 0, // up, running, with a carrier
            9, 0, 3, 0, b'e', b't', b'h', b'0', 0, 0, 0, 0, // IFLA_IFNAME
            8, 0, 4, 0, 0xdc, 5, 0, 0, // IFLA_MTU
            8, 0, 1, 0, 2, 0, 0, 1, // IFLA_ADDRESS, shortened
        ];
        let eth0 = Link {
            up: true,
            running: true,
            mtu: 1500,
            address: LinkLayerAddress::new(&[2, 0, 0, 1]),
            ..Link::new(2, "eth0")
        };
        #[cfg(target_endian = "little")]
        assert_eq!(parse_link(&bytes), Ok(Some(eth0)));
    }

    #[test]
    fn a_link_without_a_carrier_is_not_running_whatever_its_flags_say() {
        let mut bytes = vec![0, 0, 1, 0, 2, 0, 0, 0, 0x43, 0, 1, 0, 0, 0, 0, 0];
        bytes.extend([7, 0, 3, 0, b'l', b'o', 0, 0]);
        bytes.extend([5, 0, 33, 0, 0, 0, 0, 0]); // IFLA_CARRIER
        bytes.extend([8, 0, 35, 0, 3, 0, 0, 0]); // IFLA_CARRIER_CHANGES
        let seen = SeenLink {
            link: Link {
                up: true,
                ..Link::new(2, "lo")
            },
            carrier_changes: 3,
        };
        #[cfg(target_endian = "little")]
        assert_eq!(parse_seen_link(&bytes), Ok(Some(seen)));
    }

    #[test]
    fn what_a_bridge_says_of_its_port_is_none_of_the_links_own() {
        let bridge = [7, 0, 1, 0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(parse_link(&bridge), Ok(None));
    }
}
