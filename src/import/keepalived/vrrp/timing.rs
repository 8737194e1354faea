// SPDX-License-Identifier: MIT OR Apache-2.0
//! The version of the protocol, and the times of a virtual router.

use std::time::Duration;

use super::defaults::Defaults;
use super::instance::Instance;
use super::value::duration;
use crate::diagnostic::{Finding, Findings};
use crate::import::{Entry, Value};
use crate::model::AddressFamily;

/// The longest interval that version 3 can say. Source: RFC 9568, section 5.2.7.
const LONGEST: Duration = Duration::from_millis(40_950);
/// The longest and the shortest time between two announcements of ours.
const REFRESH: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_hours(1);

/// keepalived speaks version 2 where nobody asks for another one, and version 3 over IPv6 in any case.
pub(super) fn version(
    instance: &Instance<'_>,
    family: AddressFamily,
    defaults: &Defaults<'_>,
    out: &mut Findings,
) -> u32 {
    let said = instance.version;
    if family == AddressFamily::Ipv4 {
        return said.map(|it| it.value).or(defaults.version).unwrap_or(2);
    }
    if let Some(said) = said.filter(|it| it.value == 2) {
        let message = "version 2 has no IPv6: this becomes version 3, as keepalived speaks it";
        out.push(Finding::note(said.by.span(), message));
    }
    3
}

/// How often the master says that it lives.
pub(super) fn interval(instance: &Instance<'_>, version: u32, out: &mut Findings) -> Option<Entry> {
    let said = instance.interval.as_ref()?;
    let (interval, why) = match version {
        2 => (
            whole_seconds(said.value),
            "version 2 counts in whole seconds",
        ),
        _ => (
            centiseconds(said.value),
            "version 3 counts in hundredths, up to 40.95 s",
        ),
    };
    if interval != said.value {
        let message = format!(
            "advert_int becomes {} s, as with keepalived",
            interval.as_secs_f64()
        );
        out.push(Finding::warning(said.by.span(), message).help(why));
    }
    Some(said.entry("interval", duration(interval)))
}

fn whole_seconds(interval: Duration) -> Duration {
    Duration::from_secs((interval + Duration::from_millis(500)).as_secs().max(1))
}

fn centiseconds(interval: Duration) -> Duration {
    let whole = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX) / 10 * 10;
    Duration::from_millis(whole.max(10)).min(LONGEST)
}

/// How long it is no master after a start: keepalived waits for three intervals only.
pub(super) fn hold(defaults: &Defaults<'_>) -> Entry {
    match &defaults.wait {
        Some(said) => said.entry("hold", duration(said.value)),
        None => Entry::new("hold", Value::word("0s")),
    }
}

/// How often a master announces its addresses again: with keepalived never, unless it is asked to.
pub(super) fn refresh(instance: &Instance<'_>, out: &mut Findings) -> Entry {
    let none = || Value::word("none");
    let Some(said) = &instance.refresh else {
        return Entry::new("refresh", none());
    };
    if said.value.is_zero() {
        return said.entry("refresh", none());
    }
    let every = said.value.clamp(*REFRESH.start(), *REFRESH.end());
    if every != said.value {
        let keyword = &said.by.keyword.text;
        let message = format!(
            "{keyword} becomes {} s: 1 s to an hour is possible here",
            every.as_secs()
        );
        out.push(Finding::warning(said.by.span(), message));
    }
    said.entry("refresh", duration(every))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_what_the_version_can_say() {
        let seconds = Duration::from_secs_f64;
        for (said, second, third) in [
            (1.0, 1.0, 1.0),
            (0.4, 1.0, 0.4),
            (1.6, 2.0, 1.6),
            (0.015, 1.0, 0.01),
            (50.0, 50.0, 40.95),
        ] {
            assert_eq!(whole_seconds(seconds(said)), seconds(second), "{said}");
            assert_eq!(centiseconds(seconds(said)), seconds(third), "{said}");
        }
    }
}
