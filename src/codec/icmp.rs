// SPDX-License-Identifier: MIT OR Apache-2.0
//! ICMP echo, of both families: a request, and its reply, which is hostile until read.
//!
//! Source: RFC 792 (echo), RFC 4443, section 4.

use super::ip::checksum;
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
}
