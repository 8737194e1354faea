// SPDX-License-Identifier: MIT OR Apache-2.0
//! rtnetlink messages: bodies out, objects in. Only this folder knows `netlink-packet-route`, because its types change
//! with each release.
//!
//! We read only the attributes that we need: an unusual one must not hide an object.

mod address;
mod event;
mod link;
mod neighbour;
mod route;
mod way;

use std::net::IpAddr;

use netlink_packet_core::Emitable;
use netlink_packet_route::AddressFamily;

use crate::codec::DecodeError;
use crate::codec::attribute::{Attribute, AttributeWriter};
use crate::model;

pub(super) use address::{emit_address, emit_all_addresses, parse_address};
pub(in crate::kernel) use event::parse_event;
pub use link::Macvlan;
pub(super) use link::{
    emit_all_links, emit_link, emit_link_state, emit_macvlan, emit_tunnel, parse_link,
    parse_seen_link,
};
pub(super) use neighbour::{emit_all_neighbours, emit_neighbour_question, parse_neighbour};
pub(super) use route::{emit_all_routes, emit_host_route, parse_route};
pub(super) use way::{Question, emit_question, parse_hop, parse_way};

pub(super) const RTM_NEWLINK: u16 = 16;
pub(super) const RTM_DELLINK: u16 = 17;
pub(super) const RTM_GETLINK: u16 = 18;
pub(super) const RTM_NEWADDR: u16 = 20;
pub(super) const RTM_DELADDR: u16 = 21;
pub(super) const RTM_GETADDR: u16 = 22;
const RTM_NEWROUTE: u16 = 24;
pub(super) const RTM_DELROUTE: u16 = 25;
pub(super) const RTM_GETROUTE: u16 = 26;
const RTM_NEWNEIGH: u16 = 28;
const RTM_DELNEIGH: u16 = 29;
pub(super) const RTM_GETNEIGH: u16 = 30;

const fn family(address: IpAddr) -> AddressFamily {
    match address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    }
}

/// IPv4 or IPv6; `None` for everything else in these messages, such as a bridge's own tables.
const fn ip_family(family: AddressFamily) -> Option<model::AddressFamily> {
    match family {
        AddressFamily::Inet => Some(model::AddressFamily::Ipv4),
        AddressFamily::Inet6 => Some(model::AddressFamily::Ipv6),
        _ => None,
    }
}

/// The attributes of a body after a header of this length.
fn attributes(
    payload: &[u8],
    header: usize,
) -> impl Iterator<Item = Result<Attribute<'_>, DecodeError>> {
    Attribute::all(payload.get(header..).unwrap_or_default())
}

/// An attribute of an address: 4 or 16 bytes.
fn put_address(attributes: &mut AttributeWriter<'_>, kind: u16, address: IpAddr) {
    match address {
        IpAddr::V4(v4) => attributes.bytes(kind, &v4.octets()),
        IpAddr::V6(v6) => attributes.bytes(kind, &v6.octets()),
    }
}

fn append(out: &mut Vec<u8>, message: &impl Emitable) {
    let start = out.len();
    out.resize(start + message.buffer_len(), 0);
    if let Some(body) = out.get_mut(start..) {
        message.emit(body);
    }
}
