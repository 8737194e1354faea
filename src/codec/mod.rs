// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bytes to values and back. Nothing here panics on any bytes, and nothing does I/O.
//!
//! Framing and attribute views come from `netlink-packet-core`; the IPVS family is our own, because no maintained
//! crate has it. Replies are read into typed values; requests are written straight into one reused buffer.

pub mod agent;
pub mod amqp;
pub mod arp;
pub mod attribute;
pub mod certificate;
pub mod connection;
pub mod dns;
pub mod ethernet;
pub mod handshake;
pub mod icmp;
pub mod ip;
pub mod ipvs;
pub mod message;
pub mod ndisc;
pub mod smtp;
pub mod sockopt;
pub mod sync;
#[cfg(feature = "daemon")]
pub mod vrrp;

/// What a stranger wrote, for a person: visible ASCII and blanks, at most so many characters.
#[must_use]
pub fn shown(text: &str, most: usize) -> String {
    let printable = text.chars().filter(|c| c.is_ascii_graphic() || *c == ' ');
    let short: String = printable.take(most).collect();
    short.trim().to_owned()
}

/// The same for bytes, which need be no text.
#[must_use]
pub fn shown_bytes(bytes: &[u8], most: usize) -> String {
    shown(&String::from_utf8_lossy(bytes), most)
}

/// Bytes that are not what they should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The framing itself is broken.
    #[error("malformed netlink data: {0}")]
    Malformed(String),
    /// An attribute is shorter than its type.
    #[error("attribute {name} has {length} bytes")]
    WrongLength {
        /// Which attribute.
        name: &'static str,
        /// How many bytes came.
        length: usize,
    },
    /// An attribute that makes no sense, such as a family that is neither IPv4 nor IPv6.
    #[error("attribute {name} has the impossible value {value}")]
    Impossible {
        /// Which attribute.
        name: &'static str,
        /// The value received.
        value: u64,
    },
    /// An attribute without which the object has no meaning.
    #[error("attribute {0} is missing")]
    Missing(&'static str),
}

impl From<netlink_packet_core::DecodeError> for DecodeError {
    fn from(error: netlink_packet_core::DecodeError) -> Self {
        Self::Malformed(error.to_string())
    }
}
