// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is true for every report at every time.

use std::sync::Arc;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::checker::{Checker, CheckerAction, CheckerEvent};
use crate::model::{
    Check, CheckSchedule, Fall, Probe, ProbeKind, ProbeOutcome, ProbeReport, Standing, Timestamp,
    Weight,
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

fn checker(rise: u32, fall: Fall, serving: bool, jitter: &mut fastrand::Rng) -> Checker {
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

fn fall() -> impl Strategy<Value = Fall> {
    prop_oneof![
        (1_u32..5).prop_map(Fall::InARow),
        (1_u32..5, 1_u32..5).prop_map(|(failures, more)| Fall::OfTheLast {
            failures,
            of: failures + more,
        }),
    ]
}

/// Whether a result says something about the server.
fn says_something(outcome: ProbeOutcome) -> bool {
    !matches!(
        outcome,
        ProbeOutcome::Unsupported | ProbeOutcome::CouldNotRun
    )
}

fn failed(outcome: ProbeOutcome) -> bool {
    matches!(
        outcome,
        ProbeOutcome::Down | ProbeOutcome::Silent | ProbeOutcome::Stalled
    )
}

fn passed(outcome: ProbeOutcome) -> bool {
    matches!(outcome, ProbeOutcome::Up(_) | ProbeOutcome::Quiet)
}

/// How many of the last results match.
fn in_a_row(results: &[ProbeOutcome], is: impl Fn(ProbeOutcome) -> bool) -> usize {
    results.iter().rev().take_while(|it| is(**it)).count()
}

/// Whether these results take an up server down.
fn takes_down(results: &[ProbeOutcome], fall: Fall) -> bool {
    match fall {
        Fall::InARow(failures) => in_a_row(results, failed) >= failures as usize,
        Fall::OfTheLast { failures, of } => {
            let last = results.iter().rev().take(of as usize);
            last.filter(|it| failed(**it)).count() >= failures as usize
        }
    }
}

proptest! {
    /// Going down takes `fall` failures, coming up from there `rise` successes in a row, and no more; no probe is asked
    /// for while another is out, none is more than an interval away, and a checker always wants to be called again.
    #[test]
    fn no_verdict_flips_faster_than_rise_and_fall_allow(
        rise in 1_u32..5,
        fall in fall(),
        serving: bool,
        seed: u64,
        happenings in vec(happening(), 0..120),
    ) {
        let mut jitter = fastrand::Rng::with_seed(seed);
        let mut checker = checker(rise, fall, serving, &mut jitter);
        let (mut now, mut last, mut out) = (Timestamp::ZERO, 0, None);
        // Since the server was down, or came up, last.
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
                        results.extend(says_something(outcome).then_some(outcome));
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
            let falls = takes_down(&results, fall);
            let rises = in_a_row(&results, passed) >= rise as usize;
            if from != Standing::Down && (from != Standing::Unknown || serving) {
                prop_assert_eq!(to == Standing::Down, falls, "{:?} -> {:?} by {:?}", from, to, results);
            }
            if from == Standing::Down {
                prop_assert_eq!(to.is_up(), rises, "down -> {:?} by {:?}", to, results);
            }
            if from != to && (from == Standing::Down || to == Standing::Down) {
                results.clear();
            }
            let wait = checker.deadline().since(now);
            let longest = if out.is_some() { super::LOST_AFTER + Duration::from_secs(1) } else { Duration::from_secs(2) };
            prop_assert!(wait <= longest, "{:?}", wait);
        }
    }

    /// A server that fails every second probe goes down, though it never fails twice in a row.
    #[test]
    fn a_server_that_flaps_goes_down_by_the_failures_among_its_last_results(
        failures in 2_u32..30,
        more in 0_u32..30,
        seed: u64,
    ) {
        let of = failures * 2 - 1 + more;
        let mut jitter = fastrand::Rng::with_seed(seed);
        let mut checker = checker(2, Fall::OfTheLast { failures, of }, false, &mut jitter);
        let mut out = Vec::new();
        for time in 0..failures * 2 {
            prop_assert_ne!(checker.standing(), Standing::Down);
            let now = checker.deadline();
            let outcome = if time % 2 == 0 { ProbeOutcome::Up(None) } else { ProbeOutcome::Down };
            let report = ProbeReport { outcome, reason: "".into(), started: now, latency: Duration::ZERO };
            checker.handle(now, CheckerEvent::Deadline, &mut jitter, &mut out);
            let run = u64::from(time) + 1;
            checker.handle(now, CheckerEvent::Reported(run, report), &mut jitter, &mut out);
        }
        prop_assert_eq!(checker.standing(), Standing::Down);
    }
}
