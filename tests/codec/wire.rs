// SPDX-License-Identifier: MIT OR Apache-2.0
//! Splits and joins attributes without the codec under test.

/// One attribute: its type with flags, and its payload.
pub(crate) type Attribute = (u16, Vec<u8>);

/// The attributes of well-formed bytes.
pub(crate) fn split(mut bytes: &[u8]) -> Vec<Attribute> {
    let mut all = Vec::new();
    while let [a, b, c, d, ..] = *bytes {
        let length = usize::from(u16::from_ne_bytes([a, b]));
        all.push((u16::from_ne_bytes([c, d]), bytes[4..length].to_vec()));
        bytes = &bytes[length.next_multiple_of(4).min(bytes.len())..];
    }
    all
}

/// The attributes one after the other, padded.
pub(crate) fn join(attributes: &[Attribute]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (kind, payload) in attributes {
        let length = u16::try_from(4 + payload.len()).unwrap();
        bytes.extend(length.to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(payload);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
    bytes
}

/// The attributes after the headers of one generic netlink message.
pub(crate) fn attributes(message: &[u8]) -> Vec<Attribute> {
    split(&message[20..])
}
