// SPDX-License-Identifier: MIT OR Apache-2.0
//! A frame that may be a neighbour advertisement, also with a right checksum: what nobody asked for says the same when
//! we write it again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lvs_director::codec::ndisc::NeighbourAdvertisement;

/// Where the ICMPv6 message begins, and its checksum in it.
const MESSAGE: usize = 14 + 40;
const CHECKSUM: std::ops::Range<usize> = MESSAGE + 2..MESSAGE + 4;

/// The frame with the checksum that it should have, which the fuzzer does not find by itself.
fn summed(frame: &[u8]) -> Option<Vec<u8>> {
    let mut frame = frame.to_vec();
    let length = usize::from(u16::from_be_bytes([*frame.get(18)?, *frame.get(19)?]));
    let end = frame.len().min(MESSAGE + length);
    frame.get_mut(CHECKSUM)?.fill(0);
    let addresses = frame.get(22..MESSAGE)?;
    let message = frame.get(MESSAGE..end)?;
    let length = u32::try_from(message.len()).ok()?.to_be_bytes();
    let whole = [addresses, &length, &[0, 0, 0, 58], message].concat();
    let words = whole.chunks(2).map(|pair| match *pair {
        [high, low] => u64::from(u16::from_be_bytes([high, low])),
        [high] => u64::from(high) << 8,
        _ => 0,
    });
    let mut sum: u64 = words.sum();
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    frame
        .get_mut(CHECKSUM)?
        .copy_from_slice(&(!(sum as u16)).to_be_bytes());
    Some(frame)
}

fn read(frame: &[u8]) {
    let Some(advertisement) = NeighbourAdvertisement::read(frame) else {
        return;
    };
    let again = NeighbourAdvertisement::read(&advertisement.to_all_nodes([2, 0, 0, 0, 0, 1]));
    assert_eq!(again, Some(advertisement).filter(|it| !it.solicited));
    if let Some(hardware) = advertisement.hardware {
        assert!(!advertisement.disputes(advertisement.target, hardware));
    }
}

fuzz_target!(|frame: &[u8]| {
    read(frame);
    if let Some(frame) = summed(frame) {
        read(&frame);
    }
});
