// SPDX-License-Identifier: MIT OR Apache-2.0
//! The question by which way a packet leaves, and its answer.

use std::net::IpAddr;

use super::route::parse_via;
use super::{attributes, family, put_address};
use crate::codec::DecodeError;
use crate::codec::attribute::{Attribute, AttributeWriter};
use crate::model::{AddressFamily, NextHop, Way};

const ROUTE_HEADER: usize = 12;
const RTA_DST: u16 = 1;
const RTA_SRC: u16 = 2;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const RTA_PREFSRC: u16 = 7;
const RTA_METRICS: u16 = 8;
const RTA_MARK: u16 = 16;
const RTA_VIA: u16 = 18;
/// These two are in `RTA_METRICS`.
const RTAX_MTU: u16 = 2;
const RTAX_ADVMSS: u16 = 8;
/// Where the header has the kind of the route.
const ROUTE_KIND: usize = 7;
const RTN_UNICAST: u8 = 1;

/// A packet that asks for its way.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Question {
    pub(in super::super) to: IpAddr,
    pub(in super::super) from: Option<IpAddr>,
    /// The number of the interface that it is bound to.
    pub(in super::super) by: Option<u32>,
    pub(in super::super) mark: Option<u32>,
}

/// Appends the body of the question.
pub(in super::super) fn emit_question(out: &mut Vec<u8>, question: Question) {
    let length = |address: IpAddr| if address.is_ipv4() { 32 } else { 128 };
    let source_length = question.from.map_or(0, length);
    out.extend_from_slice(&[
        u8::from(family(question.to)),
        length(question.to),
        source_length,
    ]);
    // The type of service, table, protocol, scope, kind, and flags are the kernel's to say.
    out.extend_from_slice(&[0; ROUTE_HEADER - 3]);
    let mut attributes = AttributeWriter::new(out);
    put_address(&mut attributes, RTA_DST, question.to);
    if let Some(from) = question.from {
        put_address(&mut attributes, RTA_SRC, from);
    }
    if let Some(index) = question.by {
        attributes.u32(RTA_OIF, index);
    }
    if let Some(mark) = question.mark {
        attributes.u32(RTA_MARK, mark);
    }
}

/// The answer to a question about a target of this family.
pub(in super::super) fn parse_way(
    payload: &[u8],
    family: AddressFamily,
) -> Result<Way, DecodeError> {
    let hop = parse_hop(payload, family)?;
    Ok(hop.map_or(Way::Unknown, |hop| Way::Out {
        link: hop.link,
        source: hop.source,
    }))
}

/// The same with the next host on the way; `None` when the answer names no interface.
pub(in super::super) fn parse_hop(
    payload: &[u8],
    family: AddressFamily,
) -> Result<Option<NextHop>, DecodeError> {
    let (mut link, mut source, mut router) = (None, None, None);
    let (mut mtu, mut segment) = (None, None);
    for attribute in attributes(payload, ROUTE_HEADER) {
        let attribute = attribute?;
        match attribute.kind {
            RTA_OIF => link = Some(attribute.u32("RTA_OIF")?),
            RTA_PREFSRC => source = Some(attribute.address("RTA_PREFSRC", family)?),
            RTA_GATEWAY => router = Some(attribute.address("RTA_GATEWAY", family)?),
            RTA_VIA => router = parse_via(attribute),
            RTA_METRICS => {
                mtu = parse_metric(attribute.bytes(), RTAX_MTU)?;
                segment = parse_metric(attribute.bytes(), RTAX_ADVMSS)?;
            }
            _ => {}
        }
    }
    let leaves = payload.get(ROUTE_KIND) == Some(&RTN_UNICAST);
    Ok(link.map(|link| NextHop {
        link,
        source,
        router,
        leaves,
        mtu,
        segment,
    }))
}

/// One of the metrics of a route.
fn parse_metric(metrics: &[u8], kind: u16) -> Result<Option<u32>, DecodeError> {
    for metric in Attribute::all(metrics) {
        let metric = metric?;
        if metric.kind == kind {
            return metric.u32("RTA_METRICS").map(Some);
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_answer_panics(bytes in proptest::collection::vec(any::<u8>(), 0..80), v6: bool) {
            let family = if v6 { AddressFamily::Ipv6 } else { AddressFamily::Ipv4 };
            let _ = parse_way(&bytes, family);
        }
    }

    #[test]
    fn golden_bytes_of_a_question() {
        let mut bytes = Vec::new();
        let question = Question {
            to: "192.0.2.1".parse().unwrap(),
            from: Some("192.0.2.9".parse().unwrap()),
            by: Some(2),
            mark: Some(7),
        };
        emit_question(&mut bytes, question);
        let expected: [u8; 44] = [
            2, 32, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, // family, lengths, ..., flags
            8, 0, 1, 0, 192, 0, 2, 1, // RTA_DST
            8, 0, 2, 0, 192, 0, 2, 9, // RTA_SRC
            8, 0, 4, 0, 2, 0, 0, 0, // RTA_OIF
            8, 0, 16, 0, 7, 0, 0, 0, // RTA_MARK
        ];
        #[cfg(target_endian = "little")]
        assert_eq!(bytes, expected);
    }

    #[test]
    fn golden_bytes_of_an_answer() {
        let bytes: [u8; 36] = [
            2, 32, 0, 0, 254, 0, 0, 1, 0, 2, 0, 0, // a copy for one destination
            8, 0, 1, 0, 192, 0, 2, 1, // RTA_DST
            8, 0, 4, 0, 2, 0, 0, 0, // RTA_OIF
            8, 0, 7, 0, 192, 0, 2, 9, // RTA_PREFSRC
        ];
        let way = Way::Out {
            link: 2,
            source: Some("192.0.2.9".parse().unwrap()),
        };
        #[cfg(target_endian = "little")]
        assert_eq!(parse_way(&bytes, AddressFamily::Ipv4), Ok(way));
        let metrics = [
            20, 0, 8, 0, 8, 0, 2, 0, 0x78, 5, 0, 0, 8, 0, 8, 0, 0x14, 5, 0, 0,
        ];
        let routed = [&bytes[..], &[8, 0, 5, 0, 192, 0, 2, 254], &metrics].concat();
        let hop = NextHop {
            link: 2,
            source: Some("192.0.2.9".parse().unwrap()),
            router: Some("192.0.2.254".parse().unwrap()),
            leaves: true,
            mtu: Some(1400),
            segment: Some(1300),
        };
        #[cfg(target_endian = "little")]
        assert_eq!(parse_hop(&routed, AddressFamily::Ipv4), Ok(Some(hop)));
        let cut = parse_way(&bytes[..20], AddressFamily::Ipv4);
        assert_eq!(cut, Ok(Way::Unknown));
    }
}
