// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is true for every report at every time.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::checker::{Checker, CheckerAction, CheckerEvent, first_spread};
use super::passive::Unanswered;
use crate::model::{
    AgentAdmin, AgentHealth, AgentState, AskedWeight, Check, CheckSchedule, Counts, Fall,
    FirstFailure, HoldDown, Initial, IntervalFrom, Percent, Probe, ProbeKind, ProbeOutcome,
    ProbeReport, Standing, Timestamp, Weight,
};

fn outcome() -> impl Strategy<Value = ProbeOutcome> {
    prop_oneof![
        4 => Just(ProbeOutcome::Up(None)),
        3 => Just(ProbeOutcome::Down),
        1 => Just(ProbeOutcome::Quiet),
        1 => Just(ProbeOutcome::Refused),
        1 => Just(ProbeOutcome::Silent),
        1 => Just(ProbeOutcome::Stalled),
        1 => Just(ProbeOutcome::CutOff),
        1 => (0_u32..3).prop_map(|weight| ProbeOutcome::Up(Weight::new(weight).map(AskedWeight::Weight))),
        1 => Just(ProbeOutcome::Drain),
        1 => Just(ProbeOutcome::Maintenance),
        2 => told().prop_map(ProbeOutcome::Told),
        1 => Just(ProbeOutcome::Abstained),
        1 => Just(ProbeOutcome::Unsupported),
        1 => Just(ProbeOutcome::CouldNotRun),
    ]
}

fn told() -> impl Strategy<Value = AgentState> {
    let health = select(vec![AgentHealth::Up, AgentHealth::Down]);
    let admin = select(vec![
        AgentAdmin::Ready,
        AgentAdmin::Drain,
        AgentAdmin::Maintenance,
    ]);
    let weight = (0_u32..3).prop_map(|percent| AskedWeight::Percent(Percent(percent)));
    (option::of(health), option::of(admin), option::of(weight)).prop_map(
        |(health, admin, weight)| AgentState {
            health,
            admin,
            weight,
        },
    )
}

/// What a report says by itself, when `state` is what the agent has told before.
fn alone(state: &mut AgentState, outcome: ProbeOutcome) -> ProbeOutcome {
    let ProbeOutcome::Told(told) = outcome else {
        return outcome;
    };
    state.add(told);
    match state.standing() {
        Standing::Up(weight) => ProbeOutcome::Up(weight),
        Standing::Down => ProbeOutcome::Down,
        Standing::Drain => ProbeOutcome::Drain,
        Standing::Maintenance => ProbeOutcome::Maintenance,
        Standing::Unknown => unreachable!("something was told"),
    }
}

/// One thing that happens to a checker.
#[derive(Debug, Clone)]
enum Happening {
    /// Time passes, and the deadline comes.
    Deadline(Duration),
    /// A run reports: this many before the last one.
    Report(u64, ProbeOutcome),
    /// Its tripwire raises an alarm that decides nothing.
    Alarm,
    /// Clients get no answer, while the way is known to be open, or not.
    Unanswered(bool),
}

fn happening() -> impl Strategy<Value = Happening> {
    let passes = (0_u64..8_000).prop_map(|ms| Happening::Deadline(Duration::from_millis(ms)));
    let hangs = (0_u64..60_000).prop_map(|ms| Happening::Deadline(Duration::from_millis(ms)));
    let report = (prop_oneof![9 => Just(0_u64), 1 => 0_u64..3], outcome());
    prop_oneof![
        4 => passes,
        1 => hangs,
        1 => Just(Happening::Alarm),
        1 => any::<bool>().prop_map(Happening::Unanswered),
        5 => report.prop_map(|(before, outcome)| Happening::Report(before, outcome)),
    ]
}

fn checker(
    rise: u32,
    fall: Fall,
    hold_down: Option<HoldDown>,
    (initial, serving): (Initial, bool),
    (interval_from, first_failure): (IntervalFrom, FirstFailure),
    jitter: &mut fastrand::Rng,
) -> Checker {
    let check = Check {
        probe: Probe {
            kind: ProbeKind::Tcp,
            target: "10.0.0.1:80".parse().unwrap(),
            path: None,
        },
        schedule: Arc::new(CheckSchedule {
            interval: Duration::from_secs(2),
            interval_from,
            first_failure,
            timeout: Duration::from_secs(1),
            rise,
            fall,
            hold_down,
            initial,
            passive: Some(Counts::Failure),
            ..CheckSchedule::DEFAULT
        }),
    };
    let mut checker = Checker::new(
        Arc::new(check),
        None,
        (Timestamp::ZERO, first_spread(1)),
        jitter,
    );
    if serving {
        checker.begin_serving();
    }
    checker
}

fn initial() -> impl Strategy<Value = Initial> {
    select(Initial::ALL.map(|(_, initial)| initial).to_vec())
}

/// The usual timing of checks.
const USUAL: (IntervalFrom, FirstFailure) = (IntervalFrom::Start, FirstFailure::Counts);

fn timing() -> impl Strategy<Value = (IntervalFrom, FirstFailure)> {
    (
        select(IntervalFrom::ALL.map(|(_, from)| from).to_vec()),
        select(FirstFailure::ALL.map(|(_, first)| first).to_vec()),
    )
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

fn hold_down() -> impl Strategy<Value = Option<HoldDown>> {
    let hold_down = (1_u64..20, 20_u64..60).prop_map(|(first, ceiling)| HoldDown {
        first: Duration::from_secs(first),
        ceiling: Duration::from_secs(ceiling),
    });
    proptest::option::of(hold_down)
}

/// The falls of a server, counted from what is seen of it.
#[derive(Debug, Default)]
struct Falls {
    /// Those one soon after the other.
    soon: u32,
    back: Option<Timestamp>,
    /// When the first of the present successes in a row was asked for.
    passing: Option<Timestamp>,
}

impl Falls {
    fn turned(&mut self, now: Timestamp, from: Standing, to: Standing, rule: HoldDown) {
        if from == Standing::Down {
            self.back = Some(now);
        }
        if to == Standing::Down {
            let soon = self.back.is_some_and(|back| now.since(back) < rule.ceiling);
            self.soon = if soon { self.soon + 1 } else { 1 };
            self.passing = None;
        }
    }

    fn passed(&mut self, asked: Timestamp, passed: bool) {
        self.passing = passed.then(|| self.passing.unwrap_or(asked));
    }

    /// Whether the hold-down of a server that is down is over for a probe that was asked for at this time.
    fn is_over(&self, asked: Timestamp, rule: HoldDown) -> bool {
        let mut time = if self.soon < 2 {
            Duration::ZERO
        } else {
            rule.first
        };
        (2..self.soon).for_each(|_| time = (time * 2).min(rule.ceiling));
        self.passing
            .is_some_and(|passing| asked.since(passing) >= time)
    }
}

/// Whether a result says something about the server.
fn says_something(outcome: ProbeOutcome) -> bool {
    !matches!(
        outcome,
        ProbeOutcome::Abstained | ProbeOutcome::Unsupported | ProbeOutcome::CouldNotRun
    )
}

fn failed(outcome: ProbeOutcome) -> bool {
    matches!(
        outcome,
        ProbeOutcome::Down
            | ProbeOutcome::Refused
            | ProbeOutcome::Silent
            | ProbeOutcome::Stalled
            | ProbeOutcome::CutOff
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
    /// Going down takes `fall` failures, or the first one where that decides, coming up from there `rise` successes in a row over the time of a hold-down, and
    /// no more; no probe is asked for while another is out, none is more than an interval away, and a checker always
    /// wants to be called again.
    #[test]
    fn no_verdict_flips_faster_than_rise_and_fall_allow(
        rise in 1_u32..5,
        fall in fall(),
        hold_down in hold_down(),
        begin in (initial(), any::<bool>()),
        timing in timing(),
        seed: u64,
        happenings in vec(happening(), 0..120),
    ) {
        let mut jitter = fastrand::Rng::with_seed(seed);
        let mut checker = checker(rise, fall, hold_down, begin, timing, &mut jitter);
        let ((_, serving), (interval_from, first_failure)) = (begin, timing);
        let decides = first_failure == FirstFailure::Decides;
        let mut judged = false;
        let (mut now, mut last, mut out) = (Timestamp::ZERO, 0, None);
        // Since the server was down, or came up, last.
        let (mut results, mut state) = (Vec::new(), AgentState::NOTHING);
        let (mut falls, mut asked) = (Falls::default(), Timestamp::ZERO);
        // What clients told counts with the next result, and at most once in an interval.
        let (mut unlucky, mut told_last): (bool, Option<Timestamp>) = (false, None);
        for happening in happenings {
            let from = checker.standing();
            let mut actions = Vec::new();
            let mut told_something = false;
            let first_decides = decides && !judged;
            let mut reported = false;
            match happening {
                Happening::Deadline(later) => {
                    now = now + later;
                    checker.handle(now, CheckerEvent::Deadline, &mut jitter, &mut actions);
                    if actions.iter().any(|it| matches!(it, CheckerAction::NotChecked { .. })) {
                        prop_assert!(out.take().is_some(), "nothing was out that could be lost");
                        unlucky = false;
                    }
                }
                Happening::Report(before, outcome) => {
                    let run = last - before.min(last);
                    if out == Some(run) {
                        reported = true;
                        told_something = says_something(outcome);
                        let counts = mem::take(&mut unlucky) && from.is_up() && !first_decides && outcome != ProbeOutcome::Quiet;
                        if told_something {
                            let outcome = alone(&mut state, outcome);
                            if counts {
                                results.push(ProbeOutcome::Down);
                            }
                            if !counts || !takes_down(&results, fall) {
                                results.push(outcome);
                            }
                            falls.passed(asked, passed(outcome));
                            judged = true;
                        }
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
                Happening::Alarm => {
                    let alarm = CheckerEvent::Alarm { reason: "".into(), decisive: false };
                    checker.handle(now, alarm, &mut jitter, &mut actions);
                    prop_assert_eq!((&actions, checker.standing()), (&vec![], from));
                    prop_assert!(out.is_some() || checker.deadline() <= now);
                }
                Happening::Unanswered(_) => {}
            }
            if let Happening::Unanswered(may_count) = happening {
                let clients = Unanswered { connections: 1, since: now, sees_replies: true };
                let event = CheckerEvent::Unanswered { clients, may_count };
                let before = checker.deadline();
                checker.handle(now, event, &mut jitter, &mut actions);
                prop_assert_eq!((&actions, checker.standing()), (&vec![], from));
                let soon = told_last.is_some_and(|at| now.since(at) < Duration::from_secs(2));
                if soon || out.is_some() || from == Standing::Down {
                    prop_assert_eq!(checker.deadline(), before);
                } else {
                    prop_assert!(checker.deadline() <= now);
                    (unlucky, told_last) = (may_count, Some(now));
                }
            }
            for action in &actions {
                if let CheckerAction::Probe(run) = action {
                    prop_assert_eq!(out.replace(*run), None, "two probes at once");
                    prop_assert!(*run > last);
                    last = *run;
                    asked = now;
                }
            }
            let to = checker.standing();
            let told = actions.iter().any(|it| match it {
                CheckerAction::Changed { .. } => true,
                CheckerAction::Abstains => from != Standing::Unknown,
                CheckerAction::Probe(_)
                | CheckerAction::Confirmed
                | CheckerAction::HeldDown
                | CheckerAction::NotChecked { .. }
                | CheckerAction::CheckedAgain
                | CheckerAction::Warned { .. } => false,
            });
            prop_assert_eq!(told, from != to);
            let fall = if first_decides { Fall::InARow(1) } else { fall };
            let fails = takes_down(&results, fall);
            let rises = in_a_row(&results, passed) >= rise as usize;
            if from != Standing::Down && (from != Standing::Unknown || serving) {
                prop_assert_eq!(to == Standing::Down, fails, "{:?} -> {:?} by {:?}", from, to, results);
            }
            if from == Standing::Down {
                let held = hold_down.is_some_and(|rule| !falls.is_over(asked, rule));
                prop_assert_eq!(to.is_up(), told_something && rises && !held, "down -> {:?} by {:?} {:?}", to, results, falls);
            }
            if let Some(rule) = hold_down && from != to {
                falls.turned(now, from, to, rule);
            }
            if from != to && (from == Standing::Down || to == Standing::Down) {
                results.clear();
            }
            if checker.is_assumed() {
                prop_assert_eq!(checker.belief(), None, "what only the configuration says is not remembered");
                prop_assert!(results.iter().all(|it| passed(*it) != to.is_up()), "{:?} by {:?}", to, results);
            }
            let wait = checker.deadline().since(now);
            // With the usual interval an earlier start may have passed already, and a random part is left out.
            let calm = from.is_up() && to.is_up() && results.last().copied().is_some_and(passed);
            if reported && told_something && calm && interval_from == IntervalFrom::End {
                prop_assert_eq!(wait, Duration::from_secs(2));
            }
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
        let mut checker = checker(2, Fall::OfTheLast { failures, of }, None, (Initial::Remembered, false), USUAL, &mut jitter);
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

    /// A server that passes all its checks from now on is up after `rise` successes, or one interval after the hold-down
    /// at the latest, however often it went down before.
    #[test]
    fn a_hold_down_always_ends(
        falls in 0_u32..12,
        first in 1_u64..20,
        ceiling in 20_u64..60,
        rise in 1_u32..5,
        seed: u64,
    ) {
        let mut jitter = fastrand::Rng::with_seed(seed);
        let ceiling = Duration::from_secs(ceiling);
        let hold_down = HoldDown { first: Duration::from_secs(first), ceiling };
        let mut checker = checker(rise, Fall::InARow(1), Some(hold_down), (Initial::Remembered, false), USUAL, &mut jitter);
        let mut run = 0;
        let mut play = |checker: &mut Checker, outcome| {
            run += 1;
            let now = checker.deadline();
            let report = ProbeReport { outcome, reason: "".into(), started: now, latency: Duration::ZERO };
            checker.handle(now, CheckerEvent::Deadline, &mut jitter, &mut Vec::new());
            checker.handle(now, CheckerEvent::Reported(run, report), &mut jitter, &mut Vec::new());
            now
        };
        for _ in 0..=falls {
            let down = play(&mut checker, ProbeOutcome::Down);
            prop_assert_eq!(checker.standing(), Standing::Down);
            let mut up = down;
            while checker.standing() == Standing::Down {
                up = play(&mut checker, ProbeOutcome::Up(None));
                let interval = Duration::from_secs(2);
                prop_assert!(up.since(down) <= ceiling + interval * (rise + 1));
            }
            prop_assert!(up > down);
        }
    }
}
