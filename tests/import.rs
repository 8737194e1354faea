// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files of keepalived, and what becomes of them. `UPDATE_GOLDEN=1 cargo test --test import` rewrites the files.

#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "import/golden.rs"]
mod golden;

use lvs_director::import::Kind;

#[test]
fn files_of_keepalived_become_ours() {
    golden::check(Kind::Keepalived, "keepalived", &["conf"]);
}
