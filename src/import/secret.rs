// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which lines hold what nobody may read, by how people call such. A reader that knows more conceals more.

/// Whether a line may hold a password or a key, also misspelt.
pub(super) fn is_secret(line: &str) -> bool {
    const NAMES: [&str; 9] = [
        "pass",
        "pasw",
        "secr",
        "auth",
        " ath",
        "token",
        "key",
        // What a check says may be a login.
        "tcp-check send",
        "hdr cookie",
    ];
    // These only begin a block.
    let line = line.to_ascii_lowercase().replace("authentication", "");
    let line = line.replace("auth_hmac", "");
    NAMES.iter().any(|name| line.contains(name))
}
