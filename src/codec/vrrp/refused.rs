// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why an advertisement was thrown away.

/// Why an advertisement was thrown away. None of these moves a state: each is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refused {
    /// Not even the head is there.
    #[error("it has {length} bytes, and an advertisement has 12 at least")]
    TooShort {
        /// How many there are.
        length: usize,
    },
    /// It ends before its last address, or before the authentication data of version 2.
    #[error("it ends after {length} bytes, and says that it has {count} addresses")]
    CutOff {
        /// How many addresses it says that it has.
        count: u8,
        /// How many bytes there are.
        length: usize,
    },
    /// Neither version 2 nor version 3.
    #[error("it is of VRRP version {0}, and 2 and 3 are known")]
    Version(u8),
    /// Version 2 knows no IPv6.
    #[error("it is of VRRP version 2, which does not exist over IPv6")]
    Version2OverIpv6,
    /// There is no other type than that of an advertisement.
    #[error("its type is {0}, and only type 1, an advertisement, exists")]
    Kind(u8),
    /// A router has passed it on, or it did not start with 255.
    #[error("its TTL or hop limit is {hops}, below {least}: it may come from another network")]
    Hops {
        /// What it had.
        hops: u8,
        /// What it must have at least.
        least: u8,
    },
    /// The checksum is right in no form that we know.
    #[error("its checksum is wrong")]
    Checksum,
    /// There is no virtual router 0.
    #[error("its virtual router is 0, which no router has")]
    VridZero,
    /// Source: RFC 9568, erratum 8299.
    #[error("it has no address")]
    NoAddress,
    /// Backups would take over at once, and again and again. Source: RFC 9568, erratum 8301.
    #[error("its interval is 0")]
    IntervalZero,
    /// Version 2 with something else than no authentication or a password. keepalived's `AH` is such a one.
    #[error("its authentication type is {0}, and only 0 (none) and 1 (a password) are known")]
    AuthenticationKind(u8),
    /// A trailer of a kind that we do not know, or with something in its reserved bytes.
    #[error("its HMAC trailer is of kind {0}, or not as the draft says; kind 1 is known")]
    Trailer(u8),
    /// It is signed with a key that this router does not have.
    #[error("it is signed with key {0}, which is not configured here")]
    KeyUnknown(u8),
    /// It is signed, and wrong: another key with the same number, or a packet that somebody changed.
    #[error("its HMAC is wrong: the keys differ, or somebody changed the packet")]
    Signature,
    /// It was made too long ago, or in the future.
    #[error("{}: it is a recording, or the clocks differ", moment(*seconds))]
    Stale {
        /// How long before this host's clock, in seconds; below 0 when it is ahead.
        seconds: i64,
    },
    /// Its number is not after the last one of this sender: a recording.
    #[error("it was sent before, or its sender counts from the start again")]
    Replayed,
    /// It is not signed, and nothing else counts here.
    #[error("it is not signed, and this router accepts what is signed only")]
    Unsigned,
    /// It has another password than this router.
    #[error("its password is another one than here")]
    Password,
    /// It has none, and this router has one.
    #[error("it has no password, and this router has one")]
    PasswordMissing,
    /// It has one, and this router has none.
    #[error("it has a password, and this router has none")]
    PasswordUnexpected,
}

/// When something was made, by this host's clock.
fn moment(seconds: i64) -> String {
    let far = seconds.unsigned_abs();
    if seconds < 0 {
        format!("by its sender's clock it was made {far} s in the future")
    } else {
        format!("by its sender's clock it was made {far} s ago")
    }
}

impl Refused {
    /// A name for counters.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::TooShort { .. } => "too_short",
            Self::CutOff { .. } => "cut_off",
            Self::Version(_) => "version_unknown",
            Self::Version2OverIpv6 => "version_2_over_ipv6",
            Self::Kind(_) => "type_unknown",
            Self::Hops { .. } => "ttl",
            Self::Checksum => "checksum",
            Self::VridZero => "vrid_zero",
            Self::NoAddress => "no_address",
            Self::IntervalZero => "interval_zero",
            Self::AuthenticationKind(_) => "authentication_type_unknown",
            Self::Trailer(_) => "hmac_trailer",
            Self::KeyUnknown(_) => "hmac_key_unknown",
            Self::Signature => "hmac",
            Self::Stale { .. } => "hmac_stale",
            Self::Replayed => "hmac_replayed",
            Self::Unsigned => "hmac_missing",
            Self::Password => "password",
            Self::PasswordMissing => "password_missing",
            Self::PasswordUnexpected => "password_unexpected",
        }
    }

    /// Whether it does not prove that its sender may speak: the secrets of two hosts differ, or it is an attack.
    #[must_use]
    pub const fn is_distrust(&self) -> bool {
        match self {
            Self::AuthenticationKind(_)
            | Self::Trailer(_)
            | Self::KeyUnknown(_)
            | Self::Signature
            | Self::Stale { .. }
            | Self::Replayed
            | Self::Unsigned
            | Self::Password
            | Self::PasswordMissing
            | Self::PasswordUnexpected => true,
            Self::TooShort { .. }
            | Self::CutOff { .. }
            | Self::Version(_)
            | Self::Version2OverIpv6
            | Self::Kind(_)
            | Self::Hops { .. }
            | Self::Checksum
            | Self::VridZero
            | Self::NoAddress
            | Self::IntervalZero => false,
        }
    }
}
