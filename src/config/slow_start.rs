// SPDX-License-Identifier: MIT OR Apache-2.0
//! `slow_start`: for how long the weight of a real server grows after it has come back.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::setting::{Found, Setting, Subject};
use super::tree::{Node, Value};
use super::value::{duration, kind};
use crate::diagnostic::{Finding, Findings, Wrong};
use crate::model::{ServiceSettings, Weight};

/// From a second to a day.
const TIME: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(24);
/// The layer of `defaults`: what it says may be meant for services of another scheduler.
const DEFAULTS: usize = 2;

/// The setting in one layer; `None` for none.
pub(super) type SlowStartSetting = Setting<Option<Duration>>;

/// `none`, or a duration.
pub(super) fn read(name: &str, node: &Node<'_>, out: &mut Findings) -> SlowStartSetting {
    match &node.value {
        Value::Scalar { text, .. } if &**text == "none" => Setting::Set(None, node.span),
        Value::Scalar { .. } if !node.is_null() => {
            Setting::read(node, duration(name, node, TIME, out).map(Some))
        }
        Value::Scalar { .. } | Value::List(_) | Value::Map(_) => {
            let message = format!("{name} must be none or a duration, got {}", kind(node));
            out.push(Finding::new(node.span, message).help("write 60s"));
            Setting::Wrong
        }
    }
}

/// The time for a server of this weight, under this scheduler.
pub(super) fn resolve(
    found: Option<Found<&Option<Duration>>>,
    settings: &ServiceSettings,
    weight: Weight,
    subject: &Subject,
    out: &mut Findings,
) -> Result<Option<Duration>, Wrong> {
    let Some((time, span, layer)) = found.and_then(|it| Some(((*it.value)?, it.span, it.layer)))
    else {
        return Ok(None);
    };
    let scheduler = &settings.scheduler;
    if !settings.shares_by_weight() {
        if layer >= DEFAULTS {
            return Ok(None);
        }
        let why = if settings.hashes_clients() {
            "moves clients of the other servers at every other weight"
        } else {
            "does not share connections by weight"
        };
        let finding = subject.finding(
            span,
            format!("slow_start is not for {scheduler}, which {why}"),
        );
        out.push(finding.help("choose wlc, wrr, sed or twos, or write slow_start: none"));
        return Err(Wrong);
    }
    if weight <= Weight::ONE {
        let message = "slow_start of a real server with weight 1 does nothing: there is no smaller weight to begin with";
        let help = "give all real servers of the service a larger weight: 100";
        out.push(subject.warning(span, message).help(help));
    }
    Ok(Some(time))
}
