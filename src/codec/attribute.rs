// SPDX-License-Identifier: MIT OR Apache-2.0
//! Netlink attributes: a borrowed reader, and a writer that appends to one buffer without allocating.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use netlink_packet_core::{NLA_ALIGNTO, NLA_F_NESTED, NLA_HEADER_SIZE, NlasIterator};

use super::DecodeError;
use crate::model::AddressFamily;

/// Appends attributes to a message that is being built.
#[derive(Debug)]
pub struct AttributeWriter<'a>(&'a mut Vec<u8>);

impl<'a> AttributeWriter<'a> {
    /// A writer at the end of `buffer`, which must be 4-byte aligned there.
    pub const fn new(buffer: &'a mut Vec<u8>) -> Self {
        Self(buffer)
    }

    /// One attribute, padded to the next multiple of four bytes. We make the payloads, and they are short: an IPVS
    /// message stays below 300 bytes, so the 16-bit length cannot overflow.
    pub fn bytes(&mut self, kind: u16, payload: &[u8]) {
        let length = u16::try_from(NLA_HEADER_SIZE + payload.len()).unwrap_or(u16::MAX);
        self.0.extend_from_slice(&length.to_ne_bytes());
        self.0.extend_from_slice(&kind.to_ne_bytes());
        self.0.extend_from_slice(payload);
        self.0.resize(self.0.len().next_multiple_of(NLA_ALIGNTO), 0);
    }

    /// One byte.
    pub fn u8(&mut self, kind: u16, value: u8) {
        self.bytes(kind, &[value]);
    }

    /// Two bytes in the machine's order.
    pub fn u16(&mut self, kind: u16, value: u16) {
        self.bytes(kind, &value.to_ne_bytes());
    }

    /// Two bytes in network order, as ports are.
    pub fn u16_be(&mut self, kind: u16, value: u16) {
        self.bytes(kind, &value.to_be_bytes());
    }

    /// Four bytes in the machine's order.
    pub fn u32(&mut self, kind: u16, value: u32) {
        self.bytes(kind, &value.to_ne_bytes());
    }

    /// A string with its terminating NUL. Names are at most 16 characters long.
    pub fn string(&mut self, kind: u16, value: &str) {
        let mut terminated = [0; 32];
        let length = value.len().min(terminated.len() - 1);
        for (to, from) in terminated.iter_mut().zip(value.bytes().take(length)) {
            *to = from;
        }
        self.bytes(kind, terminated.get(..=length).unwrap_or_default());
    }

    /// An address as `union nf_inet_addr`: always 16 bytes, an IPv4 address in the first four.
    pub fn address(&mut self, kind: u16, address: IpAddr) {
        match address {
            IpAddr::V4(v4) => {
                let [a, b, c, d] = v4.octets();
                self.bytes(kind, &[a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            }
            IpAddr::V6(v6) => self.bytes(kind, &v6.octets()),
        }
    }

    /// A nest: the output of `content` becomes the payload of one attribute.
    pub fn nest(&mut self, kind: u16, content: impl FnOnce(&mut AttributeWriter<'_>)) {
        let start = self.0.len();
        self.0.extend_from_slice(&[0, 0]);
        self.0
            .extend_from_slice(&(kind | NLA_F_NESTED).to_ne_bytes());
        content(&mut AttributeWriter(self.0));
        let length = u16::try_from(self.0.len() - start).unwrap_or(u16::MAX);
        if let Some(field) = self.0.get_mut(start..start + 2) {
            field.copy_from_slice(&length.to_ne_bytes());
        }
    }
}

/// One attribute of a message. Its kind has no flag bits any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// The attribute's number within its nest.
    pub kind: u16,
    payload: &'a [u8],
}

impl<'a> Attribute<'a> {
    /// The attributes of a nest or message, in their order.
    pub fn all(bytes: &'a [u8]) -> impl Iterator<Item = Result<Self, DecodeError>> {
        NlasIterator::new(bytes).map(|item| {
            let item = item?;
            let (kind, length) = (item.kind(), usize::from(item.length()));
            let payload = item
                .into_inner()
                .get(NLA_HEADER_SIZE..length)
                .unwrap_or_default();
            Ok(Attribute { kind, payload })
        })
    }

    /// The payload.
    #[must_use]
    pub const fn bytes(self) -> &'a [u8] {
        self.payload
    }

    /// One byte. A longer payload is cut, as the kernel does.
    pub fn u8(self, name: &'static str) -> Result<u8, DecodeError> {
        self.array::<1>(name).map(|[byte]| byte)
    }

    /// Two bytes in the machine's order.
    pub fn u16(self, name: &'static str) -> Result<u16, DecodeError> {
        self.array(name).map(u16::from_ne_bytes)
    }

    /// Two bytes in network order.
    pub fn u16_be(self, name: &'static str) -> Result<u16, DecodeError> {
        self.array(name).map(u16::from_be_bytes)
    }

    /// Four bytes in the machine's order.
    pub fn u32(self, name: &'static str) -> Result<u32, DecodeError> {
        self.array(name).map(u32::from_ne_bytes)
    }

    /// Eight bytes in the machine's order.
    pub fn u64(self, name: &'static str) -> Result<u64, DecodeError> {
        self.array(name).map(u64::from_ne_bytes)
    }

    /// A string up to its NUL. Bytes that are not UTF-8 are replaced: we only show or compare the string.
    #[must_use]
    pub fn string(self) -> String {
        let text = self
            .payload
            .split(|byte| *byte == 0)
            .next()
            .unwrap_or_default();
        String::from_utf8_lossy(text).into_owned()
    }

    /// An address of this family. The kernel sends 16 bytes; we extend a shorter one with zeros, as the kernel does.
    pub fn address(self, name: &'static str, family: AddressFamily) -> Result<IpAddr, DecodeError> {
        if self.payload.len() > 16 || self.payload.len() < 4 {
            return Err(DecodeError::WrongLength {
                name,
                length: self.payload.len(),
            });
        }
        let mut octets = [0; 16];
        for (to, from) in octets.iter_mut().zip(self.payload) {
            *to = *from;
        }
        let [a, b, c, d, ..] = octets;
        Ok(match family {
            AddressFamily::Ipv4 => Ipv4Addr::new(a, b, c, d).into(),
            AddressFamily::Ipv6 => Ipv6Addr::from(octets).into(),
        })
    }

    fn array<const N: usize>(self, name: &'static str) -> Result<[u8; N], DecodeError> {
        self.payload
            .first_chunk()
            .copied()
            .ok_or(DecodeError::WrongLength {
                name,
                length: self.payload.len(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nest_knows_its_length_and_pads_what_is_in_it() {
        let mut bytes = Vec::new();
        AttributeWriter::new(&mut bytes).nest(2, |inner| {
            inner.u16_be(4, 0x1234);
            inner.string(6, "wrr");
        });
        let expected: [u8; 20] = [
            20, 0, 2, 0x80, // nest of 20 bytes
            6, 0, 4, 0, 0x12, 0x34, 0, 0, // port, padded
            8, 0, 6, 0, b'w', b'r', b'r', 0, // name with its NUL
        ];
        #[cfg(target_endian = "little")]
        assert_eq!(bytes, expected);
    }

    #[test]
    fn a_cut_off_attribute_is_an_error_and_ends_the_walk() {
        let bytes = [8_u8, 0, 1, 0, 9];
        let all: Vec<_> = Attribute::all(&bytes).collect();
        assert_eq!(all.len(), 1);
        assert!(all[0].is_err());
    }

    #[test]
    fn an_attribute_shorter_than_its_own_header_is_an_error() {
        let bytes = [2_u8, 0, 1, 0, 0, 0, 0, 0];
        assert!(Attribute::all(&bytes).next().unwrap().is_err());
    }

    #[test]
    fn a_number_with_too_few_bytes_is_an_error_and_one_with_too_many_is_cut() {
        let short = Attribute {
            kind: 1,
            payload: &[1, 2],
        };
        assert_eq!(
            short.u32("WEIGHT"),
            Err(DecodeError::WrongLength {
                name: "WEIGHT",
                length: 2
            })
        );
        let long = Attribute {
            kind: 1,
            payload: &[0, 80, 9, 9],
        };
        assert_eq!(long.u16_be("PORT"), Ok(80));
    }

    #[test]
    fn an_address_of_four_bytes_is_an_ipv4_address() {
        let four = Attribute {
            kind: 3,
            payload: &[10, 0, 0, 1],
        };
        assert_eq!(
            four.address("ADDR", AddressFamily::Ipv4),
            Ok("10.0.0.1".parse().unwrap())
        );
        let long = Attribute {
            kind: 3,
            payload: &[0; 17],
        };
        assert!(long.address("ADDR", AddressFamily::Ipv6).is_err());
    }
}
