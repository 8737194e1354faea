// SPDX-License-Identifier: MIT OR Apache-2.0
//! Messages that the kernel sends without a request.

use super::{
    RTM_DELADDR, RTM_DELLINK, RTM_DELNEIGH, RTM_DELROUTE, RTM_NEWADDR, RTM_NEWLINK, RTM_NEWNEIGH,
    RTM_NEWROUTE, parse_address, parse_link, parse_neighbour, parse_route,
};
use crate::codec::DecodeError;
use crate::model::HostEvent;

/// The event of a message; `None` for a message about something else.
pub(in crate::kernel) fn parse_event(
    message_type: u16,
    payload: &[u8],
) -> Result<Option<HostEvent>, DecodeError> {
    Ok(match message_type {
        RTM_NEWLINK => parse_link(payload)?.map(HostEvent::LinkChanged),
        RTM_DELLINK => parse_link(payload)?.map(HostEvent::LinkGone),
        RTM_NEWADDR => parse_address(payload)?.map(HostEvent::AddressAdded),
        RTM_DELADDR => parse_address(payload)?.map(HostEvent::AddressRemoved),
        RTM_NEWNEIGH => parse_neighbour(payload)?.map(HostEvent::NeighbourChanged),
        RTM_DELNEIGH => parse_neighbour(payload)?.map(HostEvent::NeighbourGone),
        RTM_NEWROUTE => parse_route(payload)?.map(HostEvent::RouteChanged),
        RTM_DELROUTE => parse_route(payload)?.map(HostEvent::RouteGone),
        _ => None,
    })
}
