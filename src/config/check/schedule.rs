// SPDX-License-Identifier: MIT OR Apache-2.0
//! When a check runs, and how many results make a verdict.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::CheckedServer;
use super::counts::counts;
use super::kind::Kind;
use super::verdict::{COUNT, fall, hold_down, initial};
use crate::config::section::CHECK_PASSIVE;
use crate::config::setting::{Setting, Subject, innermost, innermost_or};
use crate::config::tree::Entry;
use crate::config::value::{choice, duration, integer};
use crate::diagnostic::{Finding, Findings, Wrong};
use crate::model::{
    CheckSchedule, Counts, Fall, FirstFailure, HoldDown, Initial, IntervalFrom, Protocol, Retry,
};

pub(super) const INTERVAL: RangeInclusive<Duration> =
    Duration::from_millis(10)..=Duration::from_hours(1);
const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_mins(1);

/// What depends on the type of a check when nothing is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Usual {
    timeout: Duration,
    rise: u32,
    fall: Fall,
}

impl Usual {
    /// A server that is asked may fail by chance.
    pub(super) const ASKED: Self = Self {
        timeout: CheckSchedule::DEFAULT.timeout,
        rise: CheckSchedule::DEFAULT.rise,
        fall: CheckSchedule::DEFAULT.fall,
    };
    /// The management API of a busy broker is slower than the broker itself.
    pub(super) const SLOW: Self = Self {
        timeout: Duration::from_secs(2),
        ..Self::ASKED
    };
    /// A program has to be started first, and asks somebody in its turn.
    pub(super) const PROGRAM: Self = Self {
        timeout: Duration::from_secs(5),
        ..Self::ASKED
    };
    /// What somebody has told on purpose counts at once.
    pub(super) const TOLD: Self = Self {
        rise: 1,
        fall: Fall::InARow(1),
        ..Self::ASKED
    };
}

/// The schedule settings of one layer.
#[derive(Debug, Clone, Default)]
pub(super) struct ScheduleLayer {
    interval: Setting<Duration>,
    interval_from: Setting<IntervalFrom>,
    timeout: Setting<Duration>,
    rise: Setting<u32>,
    fall: Setting<Fall>,
    first_failure: Setting<FirstFailure>,
    retry: Setting<Retry>,
    down_interval: Setting<Duration>,
    hold_down: Setting<Option<HoldDown>>,
    initial: Setting<Initial>,
    passive: Setting<Option<Counts>>,
}

impl ScheduleLayer {
    /// Reads a key if it is a setting of the schedule, and returns whether it is.
    pub(super) fn take(&mut self, entry: &Entry<'_>, out: &mut Findings) -> bool {
        let (name, node) = (&*entry.key, &entry.value);
        match name {
            "interval" => self.interval = Setting::read(node, duration(name, node, INTERVAL, out)),
            "interval_from" => {
                let from = choice(name, node, &IntervalFrom::ALL, &[], out);
                self.interval_from = Setting::read(node, from);
            }
            "timeout" => self.timeout = Setting::read(node, duration(name, node, TIMEOUT, out)),
            "rise" => self.rise = Setting::read(node, integer(name, node, COUNT, None, out)),
            "fall" => self.fall = Setting::read(node, fall(name, node, out)),
            "first_failure" => {
                let first = choice(name, node, &FirstFailure::ALL, &[], out);
                self.first_failure = Setting::read(node, first);
            }
            "retry_delay" => {
                let retry = duration(name, node, INTERVAL, out).map(Retry::Delay);
                self.set_retry(retry, entry, out);
            }
            "fast_interval" => {
                let retry = duration(name, node, INTERVAL, out).map(Retry::FastInterval);
                self.set_retry(retry, entry, out);
            }
            "down_interval" => {
                self.down_interval = Setting::read(node, duration(name, node, INTERVAL, out));
            }
            "initial" => self.initial = Setting::read(node, initial(name, node, out)),
            "hold_down" => self.hold_down = Setting::read(node, hold_down(name, node, out)),
            "passive" => {
                self.passive = Setting::read(node, counts(&CHECK_PASSIVE, name, node, out));
            }
            _ => return false,
        }
        true
    }

    /// Both keys are about the same time: a layer has one of them.
    fn set_retry(&mut self, read: Result<Retry, Wrong>, entry: &Entry<'_>, out: &mut Findings) {
        self.retry = match (read, &self.retry) {
            (Ok(retry), Setting::Unset) => Setting::Set(retry, entry.span),
            (Ok(_), Setting::Set(_, first)) => {
                let message = "a check has a fast_interval or a retry_delay, not both";
                let finding = Finding::new(entry.span, message).first(*first);
                out.push(finding.help(
                    "fast_interval counts from the start of a probe, retry_delay from its end: remove one of them",
                ));
                Setting::Wrong
            }
            (Ok(_), Setting::Wrong) | (Err(Wrong), _) => Setting::Wrong,
        };
    }

    /// The schedule, from all layers, the innermost first. `blind` tells why no connection of a client can count.
    pub(super) fn resolve(
        layers: &[&Self],
        usual: Usual,
        blind: Option<Blind>,
        subject: &Subject,
        out: &mut Findings,
    ) -> Result<CheckSchedule, Wrong> {
        const DEFAULT: CheckSchedule = CheckSchedule::DEFAULT;
        Ok(CheckSchedule {
            interval: innermost_or(layers, |layer| &layer.interval, DEFAULT.interval)?,
            interval_from: innermost_or(
                layers,
                |layer| &layer.interval_from,
                DEFAULT.interval_from,
            )?,
            timeout: innermost_or(layers, |layer| &layer.timeout, usual.timeout)?,
            rise: innermost_or(layers, |layer| &layer.rise, usual.rise)?,
            fall: innermost_or(layers, |layer| &layer.fall, usual.fall)?,
            first_failure: innermost_or(
                layers,
                |layer| &layer.first_failure,
                DEFAULT.first_failure,
            )?,
            retry: innermost_or(layers, |layer| &layer.retry, DEFAULT.retry)?,
            down_interval: innermost(layers, |layer| &layer.down_interval)?.map(|it| *it.value),
            hold_down: innermost_or(layers, |layer| &layer.hold_down, DEFAULT.hold_down)?,
            tripwire: DEFAULT.tripwire,
            initial: innermost_or(layers, |layer| &layer.initial, DEFAULT.initial)?,
            passive: passive(layers, blind, subject, out)?,
        })
    }
}

/// Why a connection of a client without an answer brings the next probe forward only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blind {
    /// The director does not see the replies.
    Replies,
    /// The check does not ask over the network.
    Local,
    /// The check asks another address.
    Elsewhere,
}

impl Blind {
    /// What keeps connections to this server from counting.
    pub(super) fn of(kind: Kind, target: SocketAddr, server: &CheckedServer) -> Option<Self> {
        match server.forwarding {
            _ if kind.is_local() => Some(Self::Local),
            _ if target.ip() != server.key.address => Some(Self::Elsewhere),
            Ok(method) if !method.shows_replies() => Some(Self::Replies),
            Ok(_) | Err(Wrong) => None,
        }
    }

    const fn why(self) -> &'static str {
        match self {
            Self::Replies => {
                "replies do not come through the director; only forwarding: nat shows them"
            }
            Self::Local => "this check does not ask over the network",
            Self::Elsewhere => "this check asks another address",
        }
    }
}

/// Only TCP has connections that are answered in any case.
fn passive(
    layers: &[&ScheduleLayer],
    blind: Option<Blind>,
    subject: &Subject,
    out: &mut Findings,
) -> Result<Option<Counts>, Wrong> {
    let Some(found) = innermost(layers, |layer| &layer.passive)? else {
        return Ok(CheckSchedule::DEFAULT.passive);
    };
    if found.value.is_some() && subject.key.protocol() != Some(Protocol::Tcp) {
        let message = "passive does nothing here: it is for TCP services";
        let finding = subject.warning(found.span, message);
        out.push(finding.help("write passive: false here"));
        return Ok(None);
    }
    if let (Some(Counts::Failure), Some(blind)) = (*found.value, blind) {
        let message = format!("counts: failure counts nothing here: {}", blind.why());
        let finding = subject.warning(found.span, message);
        out.push(finding.help("write passive: true here, which brings the next probe forward"));
    }
    Ok(*found.value)
}
