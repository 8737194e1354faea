// SPDX-License-Identifier: MIT OR Apache-2.0
//! How long a backup waits. Source: RFC 9568, section 6.1; RFC 3768, section 6.1.

use std::time::Duration;

use crate::model::{Centiseconds, Priority, VrrpVersion};

/// `Skew_Time`: the higher the priority, the shorter. Version 2 takes it from a second, version 3 from the master's
/// interval:
///
/// ```text
/// version 2:  (256 - priority) / 256 seconds
/// version 3:  (256 - priority) * Master_Adver_Interval / 256
/// ```
///
/// It is rounded up to a microsecond. One step of priority is at least 39 us, so two priorities never have one time.
#[must_use]
pub fn skew_time(version: VrrpVersion, interval: Centiseconds, priority: Priority) -> Duration {
    let interval = match version {
        VrrpVersion::V2 => Centiseconds::SECOND,
        VrrpVersion::V3 => interval,
    };
    let parts = 256 - u64::from(priority.0);
    let micros = u64::from(interval.0) * 10_000;
    Duration::from_micros((parts * micros).div_ceil(256))
}

/// How long every peer waits at least for the next advertisement, also one of the highest priority, which has hardly any
/// skew time. A master that was silent for a shorter time may go on as if nothing had been.
#[must_use]
pub fn shortest_wait(interval: Centiseconds) -> Duration {
    interval.duration() * 3
}

/// `Master_Down_Interval`: three of the master's intervals and the skew time.
#[must_use]
pub fn master_down_interval(
    version: VrrpVersion,
    interval: Centiseconds,
    priority: Priority,
) -> Duration {
    interval.duration() * 3 + skew_time(version, interval, priority)
}
