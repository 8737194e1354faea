// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which lines hold what nobody may read, by how people call such. A reader that knows more conceals more.

/// Whether a line may hold a password or a key, also misspelt.
pub(super) fn is_secret(line: &str) -> bool {
    const NAMES: [&str; 7] = ["pass", "pasw", "secr", "auth", " ath", "token", "key"];
    // These only begin a block.
    let line = line.to_ascii_lowercase().replace("authentication", "");
    let line = line.replace("auth_hmac", "");
    NAMES.iter().any(|name| line.contains(name))
}
