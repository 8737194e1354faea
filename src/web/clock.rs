// SPDX-License-Identifier: MIT OR Apache-2.0
//! The clock of the pages.

use std::time::Instant;

#[expect(
    clippy::disallowed_methods,
    reason = "how old a page is, only the rim can say"
)]
pub(super) fn now() -> Instant {
    Instant::now()
}
