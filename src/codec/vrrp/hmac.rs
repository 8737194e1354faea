// SPDX-License-Identifier: MIT OR Apache-2.0
//! The trailer that proves who sent an advertisement: an HMAC-SHA256, cut to 128 bits, and a number that grows.
//!
//! Source: draft-cassen-vrrp-auth-hmac-00; the bytes are those of keepalived 2.4.2 and later. Versions before it sign
//! something else.

use std::fmt;
use std::hint::black_box;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use ring::hmac;

use super::CHECKSUM_AT;
use super::refused::Refused;

/// The length of a trailer in bytes.
pub const TRAILER: usize = PREFIX + TAG;
/// Its kind, the key, two reserved bytes, the sequence number.
const PREFIX: usize = 12;
/// The signature.
const TAG: usize = 16;
/// HMAC-SHA256, cut to 128 bits: the only kind there is.
const KIND: u8 = 1;

/// A key that the routers of a virtual router share.
#[derive(Debug, Clone)]
pub struct Key {
    id: u8,
    // Prints the name of the algorithm, and not the key.
    secret: hmac::Key,
}

impl Key {
    /// How many bytes a key has.
    pub const BYTES: RangeInclusive<usize> = 32..=64;

    /// A key with its number; `None` when it is too short or too long.
    #[must_use]
    pub fn new(id: u8, secret: &[u8]) -> Option<Self> {
        Self::BYTES.contains(&secret.len()).then(|| Self {
            id,
            secret: hmac::Key::new(hmac::HMAC_SHA256, secret),
        })
    }

    /// Its number.
    #[must_use]
    pub const fn id(&self) -> u8 {
        self.id
    }

    /// The trailer of this message of this sender. The checksum of the message does not count.
    pub(super) fn trailer(
        &self,
        sequence: Sequence,
        source: IpAddr,
        message: &[u8],
    ) -> [u8; TRAILER] {
        let mut prefix = [0; PREFIX];
        prefix[..2].copy_from_slice(&[KIND, self.id]);
        prefix[4..].copy_from_slice(&sequence.0.to_be_bytes());
        let mut trailer = [0; TRAILER];
        trailer[..PREFIX].copy_from_slice(&prefix);
        trailer[PREFIX..].copy_from_slice(&self.tag(source, message, &prefix));
        trailer
    }

    fn tag(&self, source: IpAddr, message: &[u8], prefix: &[u8; PREFIX]) -> [u8; TAG] {
        let (head, behind) = message.split_at_checked(CHECKSUM_AT).unwrap_or_default();
        let mut context = hmac::Context::with_key(&self.secret);
        context.update(&pseudo_header(source, message));
        context.update(head);
        // The kernel writes the checksum of IPv6 after this: it counts as 0.
        context.update(&[0; 2]);
        context.update(behind.get(2..).unwrap_or_default());
        context.update(prefix);
        context.update(&[0; TAG]);
        let whole = context.sign();
        // SHA-256 has 32 bytes.
        let cut = whole.as_ref().first_chunk::<TAG>();
        cut.copied().unwrap_or_default()
    }
}

/// What is signed before the message: the family, the version and the virtual router, and who sent it.
fn pseudo_header(source: IpAddr, message: &[u8]) -> [u8; 20] {
    let mut header = [0; 20];
    let [first, vrid] = message.first_chunk::<2>().copied().unwrap_or_default();
    header[1] = first >> 4;
    header[2] = vrid;
    match source {
        IpAddr::V4(v4) => {
            header[0] = 4;
            header[4..8].copy_from_slice(&v4.octets());
        }
        IpAddr::V6(v6) => {
            header[0] = 6;
            header[4..].copy_from_slice(&v6.octets());
        }
    }
    header
}

/// The keys that a receiver accepts; by default none, where nothing is signed. A new key is given to all receivers before a sender uses it.
#[derive(Debug, Clone, Default)]
pub struct Keys(Vec<Key>);

impl Keys {
    /// These keys; `None` when two of them have one number.
    #[must_use]
    pub fn new(keys: Vec<Key>) -> Option<Self> {
        let mut numbers: Vec<u8> = keys.iter().map(Key::id).collect();
        numbers.sort_unstable();
        numbers.dedup();
        (numbers.len() == keys.len()).then_some(Self(keys))
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The key with this number.
    #[must_use]
    pub fn get(&self, id: u8) -> Option<&Key> {
        self.0.iter().find(|key| key.id == id)
    }
}

/// The number of a signed advertisement. It is made of the sender's clock: 32 bits of seconds since 1970, 16 bits of the
/// second's fraction, 16 bits for what has the same time. It may overflow: [`Sequence::is_after`] knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sequence(pub u64);

impl Sequence {
    /// The number of a moment, given as the time since 1970.
    #[must_use]
    pub fn at(since_1970: Duration) -> Self {
        let fraction = (u64::from(since_1970.subsec_nanos()) << 16) / 1_000_000_000;
        Self(since_1970.as_secs() << 32 | fraction << 16)
    }

    /// The next one of the same moment.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }

    /// Whether it is later than the other: the shorter way round counts (RFC 1982).
    #[must_use]
    pub const fn is_after(self, other: Self) -> bool {
        self.minus(other) > 0
    }

    /// How far it is behind the other, in seconds; below 0 when it is before the other.
    #[must_use]
    pub const fn seconds_behind(self, other: Self) -> i64 {
        other.minus(self) >> 32
    }

    /// How far apart they are.
    #[must_use]
    pub fn distance(self, other: Self) -> Duration {
        let units = self.minus(other).unsigned_abs();
        // A unit is the 2^32th part of a second.
        let nanos = ((units & u64::from(u32::MAX)) * 1_000_000_000) >> 32;
        Duration::from_secs(units >> 32) + Duration::from_nanos(nanos)
    }

    const fn minus(self, other: Self) -> i64 {
        self.0.wrapping_sub(other.0).cast_signed()
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#018x}", self.0)
    }
}

/// A trailer, which proves nothing until [`Trailer::verify`] says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Trailer {
    /// The number of the key.
    pub(super) key: u8,
    /// The number of the advertisement.
    pub(super) sequence: Sequence,
    prefix: [u8; PREFIX],
    tag: [u8; TAG],
}

impl Trailer {
    /// Reads a trailer.
    pub(super) fn read(bytes: &[u8; TRAILER]) -> Result<Self, Refused> {
        let prefix = *prefix(bytes);
        let [kind, key, high, low, sequence @ ..] = prefix;
        if kind != KIND || [high, low] != [0; 2] {
            return Err(Refused::Trailer(kind));
        }
        Ok(Self {
            key,
            sequence: Sequence(u64::from_be_bytes(sequence)),
            prefix,
            tag: bytes.last_chunk::<TAG>().copied().unwrap_or_default(),
        })
    }

    /// Whether a sender with one of these keys sent this message. How long it takes does not depend on how much of the
    /// signature is right.
    pub(super) fn verify(
        &self,
        source: IpAddr,
        message: &[u8],
        keys: &Keys,
    ) -> Result<(), Refused> {
        let key = keys.get(self.key).ok_or(Refused::KeyUnknown(self.key))?;
        let right = key.tag(source, message, &self.prefix);
        if is_same(&right, &self.tag) {
            Ok(())
        } else {
            Err(Refused::Signature)
        }
    }
}

/// The part before the signature.
const fn prefix(bytes: &[u8; TRAILER]) -> &[u8; PREFIX] {
    // A trailer is longer than that.
    match bytes.first_chunk::<PREFIX>() {
        Some(prefix) => prefix,
        None => &[0; PREFIX],
    }
}

/// Compares all bytes, whatever the first ones say.
fn is_same(one: &[u8; TAG], other: &[u8; TAG]) -> bool {
    let different = one.iter().zip(other).fold(0, |different, (a, b)| {
        // The compiler must not learn that the rest counts no more.
        black_box(different | (a ^ b))
    });
    different == 0
}
