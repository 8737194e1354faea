// SPDX-License-Identifier: MIT OR Apache-2.0
//! A configuration in the language of another program, and what of it that language cannot say.
//!
//! Nobody is locked in: [`to_keepalived`] writes a keepalived.conf, [`to_ipvsadm`] the lines that `ipvsadm -R` reads.
//! What has no equal there is named, object by object, with the reason ([`Omission`]). Where the other program can only
//! do less, it is told to do that: a check that it does not know becomes a connection to the same port.
//!
//! No secret is in a text: passwords stay in their files.

#![warn(clippy::wildcard_enum_match_arm)]

mod ipvsadm;
mod keepalived;
mod omission;

pub use self::ipvsadm::to_ipvsadm;
pub use self::keepalived::to_keepalived;
pub use self::omission::{Object, Omission};

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

/// A configuration in another language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// The text, ready for a file.
    pub text: String,
    /// What it does not say; empty when it means the same.
    pub omissions: Vec<Omission>,
}
