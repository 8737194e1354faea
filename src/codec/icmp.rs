// SPDX-License-Identifier: MIT OR Apache-2.0
//! ICMP echo, of both families: a request, and its reply, which is hostile until read.
//!
//! Source: RFC 792 (echo), RFC 1071 (checksum), RFC 4443, section 4.

use super::handshake::checksum;
use crate::model::AddressFamily;

/// The head of a message: type, code, checksum, identifier, sequence number.
const HEAD: usize = 8;
/// How many bytes a probe has for itself.
pub const PAYLOAD: usize = 16;

/// The type of a request.
const fn request_type(family: AddressFamily) -> u8 {
    match family {
        AddressFamily::Ipv4 => 8,
        AddressFamily::Ipv6 => 128,
    }
}

/// The type of a reply.
#[must_use]
pub const fn reply_type(family: AddressFamily) -> u8 {
    match family {
        AddressFamily::Ipv4 => 0,
        AddressFamily::Ipv6 => 129,
    }
}

/// What a request has, and its reply has, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Echo {
    /// Whose it is.
    pub id: u16,
    /// Which one of them.
    pub sequence: u16,
    /// What nobody can foretell.
    pub payload: [u8; PAYLOAD],
}

impl Echo {
    /// The message that asks. The checksum of `ICMPv6` has addresses in it: the kernel makes it.
    #[must_use]
    pub fn request(&self, family: AddressFamily) -> Vec<u8> {
        let mut message = vec![request_type(family), 0, 0, 0];
        message.extend(self.id.to_be_bytes());
        message.extend(self.sequence.to_be_bytes());
        message.extend(self.payload);
        if family == AddressFamily::Ipv4 {
            let sum = checksum(&message).to_be_bytes();
            message.splice(2..4, sum);
        }
        message
    }

    /// Whether this message answers it. The kernel has looked at the checksum.
    #[must_use]
    pub fn is_answered_by(&self, message: &[u8], family: AddressFamily) -> bool {
        let Some((head, payload)) = message.split_first_chunk::<HEAD>() else {
            return false;
        };
        let [kind, code, _, _, id @ .., high, low] = *head;
        kind == reply_type(family)
            && code == 0
            && u16::from_be_bytes(id) == self.id
            && u16::from_be_bytes([high, low]) == self.sequence
            && payload == self.payload
    }
}

/// What a raw socket of IPv4 receives, without the IP header; `None` when it ends in that.
#[must_use]
pub fn without_ip_header(packet: &[u8]) -> Option<&[u8]> {
    // The length of the header, in words of 32 bits, is in the lower half of its first byte (RFC 791, section 3.1).
    let length = usize::from(packet.first()? & 0x0f) * 4;
    packet.get(length..)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ECHO: Echo = Echo {
        id: 0x1234,
        sequence: 0x0001,
        payload: *b"abcdefghijklmnop",
    };

    #[test]
    fn a_request_has_the_bytes_of_the_standard() {
        let request = ECHO.request(AddressFamily::Ipv4);
        // A sum over all of it, checksum included, has only ones.
        assert_eq!(checksum(&request), 0);
        assert_eq!(request[..2], [8, 0]);
        assert_eq!(request[4..], *b"\x12\x34\0\x01abcdefghijklmnop");
        let request = ECHO.request(AddressFamily::Ipv6);
        assert_eq!(request, *b"\x80\0\0\0\x12\x34\0\x01abcdefghijklmnop");
        // The example of RFC 1071, section 3.
        let example = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(checksum(&example), !0xddf2);
        assert_eq!(checksum(&[0xff; 9]), 0x00ff);
    }

    #[test]
    fn only_the_reply_with_all_of_it_answers() {
        for family in [AddressFamily::Ipv4, AddressFamily::Ipv6] {
            let request = ECHO.request(family);
            let mut reply = request.clone();
            reply[0] = reply_type(family);
            assert!(ECHO.is_answered_by(&reply, family));
            assert!(!ECHO.is_answered_by(&request, family));
            for length in 0..reply.len() {
                assert!(!ECHO.is_answered_by(&reply[..length], family));
            }
            for at in (0..2).chain(4..reply.len()) {
                let mut other = reply.clone();
                other[at] ^= 1;
                assert!(!ECHO.is_answered_by(&other, family), "{at}");
            }
            reply.push(0);
            assert!(!ECHO.is_answered_by(&reply, family));
        }
    }

    #[test]
    fn an_ip_header_may_have_options_and_may_lie() {
        let packet: Vec<u8> = [0x45].into_iter().chain(1..40).collect();
        assert_eq!(without_ip_header(&packet), Some(&packet[20..]));
        let options: Vec<u8> = [0x46].into_iter().chain(1..40).collect();
        assert_eq!(without_ip_header(&options), Some(&options[24..]));
        assert_eq!(without_ip_header(&[0x4f; 40]), None);
        assert_eq!(without_ip_header(&[]), None);
    }
}
