// SPDX-License-Identifier: MIT OR Apache-2.0
//! Messages about neighbours.

use std::net::IpAddr;

use netlink_packet_route::neighbour::{NeighbourHeader, NeighbourMessage, NeighbourState as State};

use super::{append, attributes, family, ip_family, put_address};
use crate::codec::DecodeError;
use crate::codec::attribute::AttributeWriter;
use crate::model::{LinkLayerAddress, Neighbour, NeighbourState};

const NEIGHBOUR_HEADER: usize = 12;
const NDA_DST: u16 = 1;
const NDA_LLADDR: u16 = 2;

/// Appends the body of a listing of neighbours.
pub(in super::super) fn emit_all_neighbours(out: &mut Vec<u8>) {
    append(out, &NeighbourMessage::default());
}

/// Appends the body of the question for one neighbour.
pub(in super::super) fn emit_neighbour_question(out: &mut Vec<u8>, index: u32, address: IpAddr) {
    out.extend_from_slice(&[u8::from(family(address)), 0, 0, 0]);
    out.extend_from_slice(&index.to_ne_bytes());
    // The state, the flags and the kind are the kernel's to say.
    out.extend_from_slice(&[0; 4]);
    put_address(&mut AttributeWriter::new(out), NDA_DST, address);
}

/// A neighbour; `None` for one without an IP address, such as an entry of a bridge.
pub(in super::super) fn parse_neighbour(payload: &[u8]) -> Result<Option<Neighbour>, DecodeError> {
    let header = NeighbourHeader::parse(payload)?;
    let Some(family) = ip_family(header.family) else {
        return Ok(None);
    };
    let (mut address, mut link_layer) = (None, None);
    for attribute in attributes(payload, NEIGHBOUR_HEADER) {
        let attribute = attribute?;
        match attribute.kind {
            NDA_DST => address = Some(attribute.address("NDA_DST", family)?),
            NDA_LLADDR => link_layer = LinkLayerAddress::new(attribute.bytes()),
            _ => {}
        }
    }
    Ok(address.map(|address| Neighbour {
        index: header.ifindex,
        address,
        state: state(header.state),
        link_layer,
    }))
}

fn state(state: State) -> NeighbourState {
    match state {
        State::None => NeighbourState::None,
        State::Incomplete => NeighbourState::Incomplete,
        State::Reachable => NeighbourState::Reachable,
        State::Stale => NeighbourState::Stale,
        State::Delay => NeighbourState::Delay,
        State::Probe => NeighbourState::Probe,
        State::Failed => NeighbourState::Failed,
        State::Noarp => NeighbourState::NoArp,
        State::Permanent => NeighbourState::Permanent,
        other => NeighbourState::Other(other.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_bytes_of_a_neighbour() {
        let bytes: [u8; 32] = [
            2, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 1, // family, index, state, flags, kind
            8, 0, 1, 0, 192, 0, 2, 6, // NDA_DST
            10, 0, 2, 0, 2, 0, 0, 0, 0, 6, 0, 0, // NDA_LLADDR
        ];
        let neighbour = Neighbour {
            index: 3,
            address: "192.0.2.6".parse().unwrap(),
            state: NeighbourState::Reachable,
            link_layer: LinkLayerAddress::new(&[2, 0, 0, 0, 0, 6]),
        };
        #[cfg(target_endian = "little")]
        assert_eq!(parse_neighbour(&bytes), Ok(Some(neighbour)));
    }

    #[test]
    fn golden_bytes_of_a_question_for_one_neighbour() {
        let mut bytes = Vec::new();
        emit_neighbour_question(&mut bytes, 3, "192.0.2.6".parse().unwrap());
        let expected: [u8; 20] = [
            2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, // family, index, state, flags, kind
            8, 0, 1, 0, 192, 0, 2, 6, // NDA_DST
        ];
        #[cfg(target_endian = "little")]
        assert_eq!(bytes, expected);
    }

    #[test]
    fn an_entry_of_a_bridge_is_no_neighbour_and_a_cut_one_an_error() {
        let bridge = [7, 0, 0, 0, 3, 0, 0, 0, 0x80, 0, 0, 0];
        assert_eq!(parse_neighbour(&bridge), Ok(None));
        assert!(parse_neighbour(&bridge[..11]).is_err());
    }
}
