// SPDX-License-Identifier: MIT OR Apache-2.0
//! The statistics nests: `STATS` (most numbers 32 bits wide) and, since Linux 4.1, `STATS64`.

use crate::codec::DecodeError;
use crate::codec::attribute::Attribute;
use crate::model::Counters;

/// Either nest: every number is as wide as its attribute is long.
pub(super) fn parse(nest: &[u8]) -> Result<Counters, DecodeError> {
    let mut counters = Counters::default();
    for attribute in Attribute::all(nest) {
        let attribute = attribute?;
        let field = match attribute.kind {
            1 => &mut counters.connections,
            2 => &mut counters.in_packets,
            3 => &mut counters.out_packets,
            4 => &mut counters.in_bytes,
            5 => &mut counters.out_bytes,
            6 => &mut counters.connection_rate,
            7 => &mut counters.in_packet_rate,
            8 => &mut counters.out_packet_rate,
            9 => &mut counters.in_byte_rate,
            10 => &mut counters.out_byte_rate,
            // 11 is padding on machines that want 64-bit numbers aligned; higher numbers are newer than this code.
            _ => continue,
        };
        *field = if attribute.bytes().len() >= 8 {
            attribute.u64("STATS")?
        } else {
            attribute.u32("STATS")?.into()
        };
    }
    Ok(counters)
}
