// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reading an advertisement.

use std::net::IpAddr;

use super::advertisement::Advertisement;
use super::form;
use super::hmac::{Keys, Sequence, TRAILER, Trailer};
use super::refused::Refused;
use super::{ADVERTISEMENT, HEAD, HOPS, PASSWORD, length};
use crate::codec::ip::Ipv4Packet;
use crate::model::{
    AddressFamily, Centiseconds, ChecksumForm, Priority, Vrid, VrrpPassword, VrrpVersion,
};

/// What the IP header of a packet says. Both addresses are of one family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery {
    /// Who sent it.
    pub source: IpAddr,
    /// To whom: a group, or this host.
    pub destination: IpAddr,
    /// Its time to live, or hop limit, when it arrived.
    pub hops: u8,
}

impl From<&Ipv4Packet<'_>> for Delivery {
    fn from(packet: &Ipv4Packet<'_>) -> Self {
        Self {
            source: packet.source.into(),
            destination: packet.destination.into(),
            hops: packet.hops,
        }
    }
}

/// What a receiver asks of every advertisement.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// The lowest time to live that is accepted: [`HOPS`], but for a peer behind routers.
    pub least_hops: u8,
    /// The keys that prove who sent it; none where nothing is signed.
    pub keys: &'a Keys,
}

impl<'a> Terms<'a> {
    /// The terms on a LAN.
    #[must_use]
    pub const fn on_the_lan(keys: &'a Keys) -> Self {
        Self {
            least_hops: HOPS,
            keys,
        }
    }
}

/// What a trailer says about the sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// There is no trailer.
    Absent,
    /// There is one, and this receiver has no keys: it proves nothing.
    Unchecked,
    /// The sender has the key. The advertisement may still be a recording: the sequence number tells.
    Signed {
        /// Which key.
        key: u8,
        /// The number of this advertisement.
        sequence: Sequence,
    },
}

/// An advertisement that arrived as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// What it says. Its password has been compared with nothing.
    pub advertisement: Advertisement,
    /// What its checksum is over. We answer a peer in the same form.
    pub form: ChecksumForm,
    /// Whether it is signed.
    pub proof: Proof,
}

/// Reads what an IP packet carries. Bytes behind the message that are no trailer mean nothing: Ethernet fills a short
/// frame up.
pub fn parse(payload: &[u8], delivery: &Delivery, terms: &Terms<'_>) -> Result<Heard, Refused> {
    if delivery.hops < terms.least_hops {
        return Err(Refused::Hops {
            hops: delivery.hops,
            least: terms.least_hops,
        });
    }
    // No IP packet carries more.
    let payload = payload.get(..65_000).unwrap_or(payload);
    let head = payload.first_chunk::<HEAD>().ok_or(Refused::TooShort {
        length: payload.len(),
    })?;
    let family = AddressFamily::of(delivery.source);
    let version = version(head[0], family)?;
    let count = head[3];
    let (message, behind) = payload
        .split_at_checked(length(version, family, count))
        .ok_or(Refused::CutOff {
            count,
            length: payload.len(),
        })?;
    let form = form::found(version, message, payload, delivery).ok_or(Refused::Checksum)?;
    let advertisement = advertisement(version, family, *head, message)?;
    let proof = proof(delivery.source, message, behind, terms.keys)?;
    Ok(Heard {
        advertisement,
        form,
        proof,
    })
}

/// The version, of a message that is an advertisement.
fn version(first: u8, family: AddressFamily) -> Result<VrrpVersion, Refused> {
    let version = match (first >> 4, family) {
        (2, AddressFamily::Ipv4) => VrrpVersion::V2,
        (2, AddressFamily::Ipv6) => return Err(Refused::Version2OverIpv6),
        (3, _) => VrrpVersion::V3,
        (other, _) => return Err(Refused::Version(other)),
    };
    match first & 0x0f {
        ADVERTISEMENT => Ok(version),
        other => Err(Refused::Kind(other)),
    }
}

/// What a message says that is complete and has a right checksum.
fn advertisement(
    version: VrrpVersion,
    family: AddressFamily,
    head: [u8; HEAD],
    message: &[u8],
) -> Result<Advertisement, Refused> {
    let [_, vrid, priority, count, fifth, sixth, _, _] = head;
    let vrid = Vrid::new(vrid).ok_or(Refused::VridZero)?;
    if count == 0 {
        return Err(Refused::NoAddress);
    }
    let interval = match version {
        VrrpVersion::V2 => u16::from(sixth) * 100,
        // The upper four bits are reserved, and ignored (RFC 9568, section 5.2.6).
        VrrpVersion::V3 => u16::from_be_bytes([fifth & 0x0f, sixth]),
    };
    if interval == 0 {
        return Err(Refused::IntervalZero);
    }
    Ok(Advertisement {
        version,
        vrid,
        priority: Priority(priority),
        interval: Centiseconds(interval),
        addresses: addresses(family, count, message),
        password: match version {
            VrrpVersion::V2 => password(fifth, message)?,
            VrrpVersion::V3 => None,
        },
    })
}

fn addresses(family: AddressFamily, count: u8, message: &[u8]) -> Vec<IpAddr> {
    let bytes = message.get(HEAD..).unwrap_or_default();
    let count = usize::from(count);
    match family {
        AddressFamily::Ipv4 => {
            let (all, _) = bytes.as_chunks::<4>();
            all.iter().take(count).copied().map(IpAddr::from).collect()
        }
        AddressFamily::Ipv6 => {
            let (all, _) = bytes.as_chunks::<16>();
            all.iter().take(count).copied().map(IpAddr::from).collect()
        }
    }
}

/// The password of a message of version 2, which always has a place for one.
fn password(kind: u8, message: &[u8]) -> Result<Option<VrrpPassword>, Refused> {
    match kind {
        0 => Ok(None),
        1 => Ok(message
            .last_chunk::<PASSWORD>()
            .copied()
            .map(VrrpPassword::received)),
        other => Err(Refused::AuthenticationKind(other)),
    }
}

/// A frame is never filled up by as many bytes as a trailer has: the message of one address is long enough for that.
fn proof(source: IpAddr, message: &[u8], behind: &[u8], keys: &Keys) -> Result<Proof, Refused> {
    let Some(trailer) = behind.first_chunk::<TRAILER>() else {
        return Ok(Proof::Absent);
    };
    if keys.is_empty() {
        return Ok(Proof::Unchecked);
    }
    let trailer = Trailer::read(trailer)?;
    trailer.verify(source, message, keys)?;
    Ok(Proof::Signed {
        key: trailer.key,
        sequence: trailer.sequence,
    })
}
