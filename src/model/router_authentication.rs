// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a virtual router proves who it is, as a configuration has it. The secrets themselves are in files.

use std::path::Path;

use serde::{Deserialize, Serialize};

/// What a virtual router's advertisements carry, and what it asks of those of others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RouterAuthentication {
    /// The password of version 2, in this file.
    Password(Box<Path>),
    /// A signature behind each advertisement (draft-cassen-vrrp-auth-hmac).
    Hmac(RouterHmac),
}

/// Signed advertisements.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouterHmac {
    /// The keys that are accepted, at least one. The first one signs.
    pub keys: Vec<RouterKey>,
    /// What is done without a signature.
    pub mode: HmacMode,
    /// How a recording is known.
    pub anti_replay: ReplayCheck,
}

/// A key that the hosts share, and its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouterKey {
    /// Its number, which every signature names.
    pub id: u8,
    /// The file with the key.
    pub file: Box<Path>,
}

/// Whether a virtual router signs, and whether it asks others to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HmacMode {
    /// It signs, and drops what is not signed.
    #[default]
    Enforce,
    /// It signs, and accepts what is not signed.
    Permissive,
    /// It does not sign, and accepts what is not signed. A wrong signature is dropped.
    ReceiveOnly,
}

/// How a virtual router knows a recording of a signed advertisement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplayCheck {
    /// By the sender's clock, which agrees with this host's, and by numbers that grow.
    #[default]
    Time,
    /// By numbers that grow alone.
    Monotonic,
}

impl RouterAuthentication {
    /// The files with its secrets.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let (password, keys) = match self {
            Self::Password(file) => (Some(&**file), &[][..]),
            Self::Hmac(hmac) => (None, &*hmac.keys),
        };
        password
            .into_iter()
            .chain(keys.iter().map(|key| &*key.file))
    }
}
