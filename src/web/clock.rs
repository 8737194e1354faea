// SPDX-License-Identifier: MIT OR Apache-2.0
//! The clocks of the pages.

use std::time::{Duration, Instant, SystemTime};

#[expect(
    clippy::disallowed_methods,
    reason = "how old a page is, only the rim can say"
)]
pub(super) fn now() -> Instant {
    Instant::now()
}

/// The time since 1970 by the host's clock, which may step.
#[expect(
    clippy::disallowed_methods,
    reason = "the time of day of an event, which a person reads"
)]
pub(super) fn since_1970() -> Duration {
    // A clock that is set to before 1970 shows its beginning.
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
}
