// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests of one checker, and of the checkers of whole configurations.

mod checker;
mod configurations;
mod initial;
mod signals;
mod sources;
mod ways;

use std::sync::Arc;
use std::time::Duration;

use crate::model::{
    Check, CheckSchedule, Fall, Probe, ProbeKind, ProbeOutcome, ProbeReport, Retry, Timestamp,
};

const SCHEDULE: CheckSchedule = CheckSchedule {
    interval: Duration::from_secs(6),
    timeout: Duration::from_secs(3),
    rise: 2,
    fall: Fall::InARow(3),
    retry: Retry::Delay(RETRY_DELAY),
    ..CheckSchedule::DEFAULT
};

/// From a failure to the next probe.
const RETRY_DELAY: Duration = Duration::from_secs(1);

fn probe(at: &str) -> Probe {
    Probe {
        kind: ProbeKind::Tcp,
        target: at.parse().unwrap(),
        path: None,
    }
}

fn check(at: &str) -> Check {
    Check {
        probe: probe(at),
        schedule: Arc::new(SCHEDULE),
    }
}

fn report(outcome: ProbeOutcome, reason: &str) -> ProbeReport {
    ProbeReport {
        outcome,
        reason: reason.into(),
        started: Timestamp::ZERO,
        latency: Duration::from_millis(2),
    }
}
