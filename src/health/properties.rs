// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is true for every report at every time.

use std::sync::Arc;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::checker::{Checker, CheckerAction, CheckerEvent};
use crate::model::{
    Check, CheckSchedule, Probe, ProbeKind, ProbeOutcome, ProbeReport, Standing, Timestamp, Weight,
};

fn outcome() -> impl Strategy<Value = ProbeOutcome> {
    prop_oneof![
        4 => Just(ProbeOutcome::Up(None)),
        3 => Just(ProbeOutcome::Down),
        1 => Just(ProbeOutcome::Quiet),
        1 => Just(ProbeOutcome::Silent),
        1 => Just(ProbeOutcome::Stalled),
        1 => (0_u32..3).prop_map(|weight| ProbeOutcome::Up(Weight::new(weight))),
        1 => Just(ProbeOutcome::Drain),
        1 => Just(ProbeOutcome::Maintenance),
        1 => Just(ProbeOutcome::Unsupported),
        1 => Just(ProbeOutcome::CouldNotRun),
    ]
}

/// One thing that happens to a checker.
#[derive(Debug, Clone)]
enum Happening {
    /// Time passes, and the deadline comes.
    Deadline(Duration),
    /// A run reports: this many before the last one.
    Report(u64, ProbeOutcome),
}

fn happening() -> impl Strategy<Value = Happening> {
    let passes = (0_u64..8_000).prop_map(|ms| Happening::Deadline(Duration::from_millis(ms)));
    let hangs = (0_u64..60_000).prop_map(|ms| Happening::Deadline(Duration::from_millis(ms)));
    let report = (prop_oneof![9 => Just(0_u64), 1 => 0_u64..3], outcome());
    prop_oneof![
        4 => passes,
        1 => hangs,
        5 => report.prop_map(|(before, outcome)| Happening::Report(before, outcome)),
    ]
}

fn checker(rise: u32, fall: u32, serving: bool, jitter: &mut fastrand::Rng) -> Checker {
    let check = Check {
        probe: Probe {
            kind: ProbeKind::Tcp,
            target: "10.0.0.1:80".parse().unwrap(),
            path: None,
        },
        schedule: Arc::new(CheckSchedule {
            interval: Duration::from_secs(2),
            timeout: Duration::from_secs(1),
            rise,
            fall,
            ..CheckSchedule::DEFAULT
        }),
    };
    let mut checker = Checker::new(Arc::new(check), None, Timestamp::ZERO, jitter);
    if serving {
        checker.note_serving();
    }
    checker
}

/// How many of the last results match; results that say nothing about the server do not count.
fn in_a_row(results: &[ProbeOutcome], is: impl Fn(ProbeOutcome) -> bool) -> usize {
    let results = results.iter().rev();
    let told =
        results.filter(|it| !matches!(it, ProbeOutcome::Unsupported | ProbeOutcome::CouldNotRun));
    told.take_while(|it| is(**it)).count()
}

proptest! {
    /// Going down takes `fall` failures in a row, coming up from there `rise` successes in a row; no probe is asked for
    /// while another is out, none is more than an interval away, and a checker always wants to be called again.
    #[test]
    fn no_verdict_flips_faster_than_rise_and_fall_allow(
        rise in 1_u32..5,
        fall in 1_u32..5,
        serving: bool,
        seed: u64,
        happenings in vec(happening(), 0..120),
    ) {
        let mut jitter = fastrand::Rng::with_seed(seed);
        let mut checker = checker(rise, fall, serving, &mut jitter);
        let (mut now, mut last, mut out) = (Timestamp::ZERO, 0, None);
        let mut results = Vec::new();
        for happening in happenings {
            let from = checker.standing();
            let mut actions = Vec::new();
            match happening {
                Happening::Deadline(later) => {
                    now = now + later;
                    checker.handle(now, CheckerEvent::Deadline, &mut jitter, &mut actions);
                    if actions.iter().any(|it| matches!(it, CheckerAction::NotChecked { .. })) {
                        prop_assert!(out.take().is_some(), "nothing was out that could be lost");
                    }
                }
                Happening::Report(before, outcome) => {
                    let run = last - before.min(last);
                    if out == Some(run) {
                        results.push(outcome);
                        out = None;
                    }
                    let report = ProbeReport {
                        outcome,
                        reason: "".into(),
                        started: now,
                        latency: Duration::ZERO,
                    };
                    let event = CheckerEvent::Reported(run, report);
                    checker.handle(now, event, &mut jitter, &mut actions);
                }
            }
            for action in &actions {
                if let CheckerAction::Probe(run) = action {
                    prop_assert_eq!(out.replace(*run), None, "two probes at once");
                    prop_assert!(*run > last);
                    last = *run;
                }
            }
            let to = checker.standing();
            let told = actions.iter().any(|it| matches!(it, CheckerAction::Changed { .. }));
            prop_assert_eq!(told, from != to);
            let failed = |it| matches!(it, ProbeOutcome::Down | ProbeOutcome::Silent | ProbeOutcome::Stalled);
            let failures = in_a_row(&results, failed);
            let successes = in_a_row(&results, |it| matches!(it, ProbeOutcome::Up(_) | ProbeOutcome::Quiet));
            if to == Standing::Down && from != to && (from != Standing::Unknown || serving) {
                prop_assert!(failures >= fall as usize, "{:?} -> down by {:?}", from, results);
            }
            if to.is_up() && from == Standing::Down {
                prop_assert!(successes >= rise as usize, "down -> up by {:?}", results);
            }
            let wait = checker.deadline().since(now);
            let longest = if out.is_some() { super::LOST_AFTER + Duration::from_secs(1) } else { Duration::from_secs(2) };
            prop_assert!(wait <= longest, "{:?}", wait);
        }
    }
}
