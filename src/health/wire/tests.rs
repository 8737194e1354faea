// SPDX-License-Identifier: MIT OR Apache-2.0
//! One wire, and the checker beside it.

use std::sync::Arc;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::{FIRST_WAIT, LIVED, MOST_SHORT, Phase, Wire, WireAction, WireEvent};
use crate::health::checker::{Checker, CheckerAction, CheckerEvent, first_spread};
use crate::model::{
    Check, CheckSchedule, Counts, Fall, Probe, ProbeKind, ProbeOutcome, ProbeReport, Retry,
    Standing, Timestamp, WireEnd, WireNews,
};

fn at(seconds: u64) -> Timestamp {
    Timestamp::after_start(Duration::from_secs(seconds))
}

/// The phase of a wire after an event at 100 s, and what it asks for. The wire counts as a failure, and its last
/// connection has the number 1.
fn after(phase: Phase, event: WireEvent) -> (Phase, Vec<WireAction>) {
    let mut wire = Wire {
        phase,
        number: 1,
        ..Wire::new(Counts::Failure, false, at(0), Duration::ZERO)
    };
    let mut out = Vec::new();
    wire.handle(at(100), event, &mut out);
    (wire.phase, out)
}

fn idle(seconds: u64) -> Phase {
    Phase::Idle(at(seconds))
}

fn waiting(seconds: u64) -> Phase {
    Phase::Waiting(at(seconds))
}

fn held(seconds: u64) -> Phase {
    Phase::Held(at(seconds))
}

fn passed(seconds: u64) -> WireEvent {
    WireEvent::Passed(at(seconds), true)
}

fn ended(end: WireEnd) -> WireEvent {
    WireEvent::Told(1, WireNews::Ended(end))
}

#[test]
fn without_a_connection_only_a_deadline_opens_one_and_only_a_success_leads_to_it() {
    use Phase::Off;
    use WireEvent::{Deadline, Failed, Passed};
    let closed = || ended(WireEnd::Closed);
    for (before, event, then) in [
        (idle(50), Deadline, idle(50)),
        (idle(50), passed(49), idle(50)),
        (idle(50), passed(50), waiting(100)),
        (idle(50), Passed(at(50), false), idle(50)),
        (idle(50), Failed, idle(0)),
        (idle(50), closed(), idle(50)),
        (waiting(101), Deadline, waiting(101)),
        (waiting(101), passed(99), waiting(101)),
        (waiting(101), Failed, idle(0)),
        (waiting(101), closed(), waiting(101)),
        (Off, Deadline, Off),
        (Off, passed(99), Off),
        (Off, Failed, idle(0)),
        (Off, closed(), Off),
    ] {
        let row = format!("{before:?} {event:?}");
        assert_eq!(after(before, event), (then, vec![]), "{row}");
    }
    let opened = (held(100), vec![WireAction::Hold(2)]);
    assert_eq!(after(waiting(100), WireEvent::Deadline), opened);
}

#[test]
fn a_held_connection_ends_with_an_alarm_unless_the_end_says_nothing_about_the_server() {
    use WireEnd::{Closed, CouldNotHold, Ended, Flooded, NoHeartbeat, NotTaken, Reset, Silent};
    let why = || Box::from("why");
    for (since, event, then) in [
        (50, WireEvent::Deadline, held(50)),
        (50, passed(99), held(50)),
        (50, WireEvent::Told(0, WireNews::Ended(Closed)), held(50)),
        (50, ended(Flooded), Phase::Off),
        (50, ended(CouldNotHold(why())), waiting(100)),
        (99, ended(CouldNotHold(why())), waiting(102)),
    ] {
        let row = format!("{since} {event:?}");
        assert_eq!(after(held(since), event), (then, vec![]), "{row}");
    }
    for (end, decisive) in [
        (Closed, true),
        (Reset, true),
        (Silent, false),
        (NotTaken(why()), false),
        (Ended(why()), false),
        (NoHeartbeat(20), false),
    ] {
        let asked = vec![WireAction::Alarm {
            end: end.clone(),
            decisive,
        }];
        assert_eq!(after(held(50), ended(end)), (idle(100), asked));
    }
    let released = (idle(0), vec![WireAction::Release(1)]);
    assert_eq!(after(held(50), WireEvent::Failed), released);
}

#[test]
fn what_a_broker_says_is_a_warning_until_it_takes_that_back_or_a_probe_succeeds_without_the_connection()
 {
    let mut wire = Wire::new(Counts::Probe, true, at(1), Duration::ZERO);
    let mut tell = |seconds, event| {
        let mut out = Vec::new();
        wire.handle(at(seconds), event, &mut out);
        let warning = wire.warning().map(ToString::to_string);
        let told = out.iter().any(|it| matches!(it, WireAction::Warned(_)));
        (warning, told)
    };
    let blocked = || WireEvent::Told(1, WireNews::Blocked("low on memory".into()));
    let says = Some("the server takes no messages from publishers: low on memory".to_owned());
    tell(1, WireEvent::Deadline);
    assert_eq!(
        tell(2, WireEvent::Told(0, WireNews::Blocked("old".into()))),
        (None, false)
    );
    assert_eq!(tell(2, blocked()), (says.clone(), true));
    assert_eq!(tell(3, blocked()), (says.clone(), false));
    assert_eq!(tell(4, passed(4)), (says, false));
    assert_eq!(
        tell(5, WireEvent::Told(1, WireNews::Unblocked)),
        (None, true)
    );
    let leave = WireEnd::AskedToLeave("320 CONNECTION_FORCED".into());
    let says = Some("the server asks its clients to leave: 320 CONNECTION_FORCED".to_owned());
    assert_eq!(tell(6, ended(leave)), (says.clone(), true));
    assert_eq!(tell(7, passed(5)), (says.clone(), false));
    assert_eq!(tell(8, WireEvent::Failed), (says, false));
    assert_eq!(tell(9, passed(9)), (None, true));
}

#[test]
fn a_signal_of_the_kernel_counts_once_in_an_interval_and_changes_nothing_else() {
    let interval = Duration::from_secs(10);
    for phase in [idle(50), waiting(101), held(50), Phase::Off] {
        let mut wire = Wire {
            phase,
            ..Wire::new(Counts::Failure, false, at(0), Duration::ZERO)
        };
        let mut counts = |seconds| {
            let mut out = Vec::new();
            wire.handle(at(seconds), WireEvent::Signal(interval), &mut out);
            assert_eq!(wire.phase, phase);
            out == [WireAction::Hasten]
        };
        let counted = [100, 100, 109, 110, 111, 500].map(&mut counts);
        assert_eq!(counted, [true, false, false, true, false, true]);
    }
}

/// Holds a connection that the server closes after so long, and answers the probe that follows. Returns the wait before
/// it, and whether the end was decisive.
fn close(wire: &mut Wire, now: &mut Timestamp, lived: Duration) -> Option<(Duration, bool)> {
    let due = wire.deadline()?;
    let waited = due.since(*now);
    *now = due;
    let mut out = Vec::new();
    wire.handle(*now, WireEvent::Deadline, &mut out);
    let number = wire.held().unwrap();
    *now = *now + lived;
    wire.handle(
        *now,
        WireEvent::Told(number, WireNews::Ended(WireEnd::Closed)),
        &mut out,
    );
    wire.handle(*now, WireEvent::Passed(*now, true), &mut out);
    let decisive = WireAction::Alarm {
        end: WireEnd::Closed,
        decisive: true,
    };
    Some((waited, out.contains(&decisive)))
}

#[test]
fn a_server_that_closes_at_once_is_left_alone_ever_longer_and_in_the_end_for_good() {
    let mut now = at(100);
    let mut wire = Wire::new(Counts::Probe, true, now, Duration::ZERO);
    let waits: Vec<u64> = std::iter::from_fn(|| close(&mut wire, &mut now, Duration::ZERO))
        .map(|(waited, _)| waited.as_secs())
        .collect();
    assert_eq!(waits, [0, 2, 4, 8, 16, 32, 64, 128]);
    assert!(wire.is_off());
    // It died after all, and came back.
    wire.handle(now, WireEvent::Failed, &mut Vec::new());
    wire.handle(now, WireEvent::Passed(now, true), &mut Vec::new());
    assert_eq!(wire.deadline(), Some(now));
}

#[test]
fn a_server_that_closes_idle_connections_after_a_minute_keeps_its_wire_and_is_taken_for_dead_once()
{
    let mut now = at(100);
    let mut wire = Wire::new(Counts::Failure, true, now, Duration::ZERO);
    for turn in 0..100 {
        let closed = close(&mut wire, &mut now, Duration::from_mins(1));
        assert_eq!(closed, Some((Duration::ZERO, turn == 0)), "{turn}");
    }
    assert_eq!(wire.ended(), 100);
}

fn checker(fall: u32) -> (Checker, fastrand::Rng) {
    let check = Check {
        probe: Probe {
            kind: ProbeKind::Tcp,
            target: "10.0.0.1:80".parse().unwrap(),
            path: None,
        },
        schedule: Arc::new(CheckSchedule {
            interval: Duration::from_hours(1),
            timeout: Duration::from_secs(1),
            rise: 2,
            fall: Fall::InARow(fall),
            retry: Retry::Delay(Duration::from_mins(1)),
            tripwire: Some(Counts::Probe),
            ..CheckSchedule::DEFAULT
        }),
    };
    let mut jitter = fastrand::Rng::with_seed(1);
    let checker = Checker::new(
        Arc::new(check),
        None,
        (Timestamp::ZERO, first_spread(1)),
        &mut jitter,
    );
    (checker, jitter)
}

/// Probes at the deadline, and takes this result in the same moment, which it returns.
fn probe(checker: &mut Checker, jitter: &mut fastrand::Rng, outcome: ProbeOutcome) -> Timestamp {
    let (now, mut out) = (checker.deadline(), Vec::new());
    checker.handle(now, CheckerEvent::Deadline, jitter, &mut out);
    let [CheckerAction::Probe(run)] = out.as_slice() else {
        panic!("no probe: {out:?}");
    };
    let report = ProbeReport {
        outcome,
        reason: "".into(),
        started: now,
        latency: Duration::ZERO,
    };
    let event = CheckerEvent::Reported(*run, report);
    checker.handle(now, event, jitter, &mut Vec::new());
    now
}

fn alarm(decisive: bool) -> CheckerEvent {
    let reason = WireEnd::Reset.to_string().into();
    CheckerEvent::Alarm { reason, decisive }
}

#[test]
fn after_an_alarm_the_probes_come_at_once_until_the_verdict_is_clear() {
    let (mut checker, mut jitter) = checker(3);
    let up = probe(&mut checker, &mut jitter, ProbeOutcome::Up(None));
    let now = up + Duration::from_secs(5);
    checker.handle(now, alarm(false), &mut jitter, &mut Vec::new());
    assert!(checker.standing().is_up());
    for _ in 0..3 {
        assert_eq!(probe(&mut checker, &mut jitter, ProbeOutcome::Down), now);
    }
    assert_eq!(checker.standing(), Standing::Down);
    assert!(checker.deadline() > now + Duration::from_mins(1));
}

#[test]
fn a_false_alarm_costs_one_probe_and_a_probe_that_could_not_run_is_repeated_after_the_retry_delay()
{
    let (mut checker, mut jitter) = checker(3);
    let up = probe(&mut checker, &mut jitter, ProbeOutcome::Up(None));
    let now = up + Duration::from_secs(5);
    checker.handle(now, alarm(false), &mut jitter, &mut Vec::new());
    assert_eq!(
        probe(&mut checker, &mut jitter, ProbeOutcome::CouldNotRun),
        now
    );
    let next = now + Duration::from_mins(1);
    assert_eq!(
        probe(&mut checker, &mut jitter, ProbeOutcome::Up(None)),
        next
    );
    assert!(checker.standing().is_up());
    assert!(checker.deadline() > next + Duration::from_mins(1));
}

#[test]
fn a_probe_that_was_out_already_does_not_answer_an_alarm() {
    let (mut checker, mut jitter) = checker(3);
    probe(&mut checker, &mut jitter, ProbeOutcome::Up(None));
    let (started, mut out) = (checker.deadline(), Vec::new());
    checker.handle(started, CheckerEvent::Deadline, &mut jitter, &mut out);
    let now = started + Duration::from_millis(1);
    checker.handle(now, alarm(false), &mut jitter, &mut out);
    let report = ProbeReport {
        outcome: ProbeOutcome::Up(None),
        reason: "".into(),
        started,
        latency: Duration::ZERO,
    };
    let event = CheckerEvent::Reported(2, report);
    checker.handle(now, event, &mut jitter, &mut out);
    assert_eq!(checker.deadline(), now);
}

#[test]
fn a_decisive_alarm_takes_an_up_server_down_and_probes_it_at_once() {
    let (mut checker, mut jitter) = checker(3);
    let mut out = Vec::new();
    let now = probe(&mut checker, &mut jitter, ProbeOutcome::Up(None)) + Duration::from_secs(5);
    checker.handle(now, alarm(true), &mut jitter, &mut out);
    let because = "the held connection was reset".into();
    assert_eq!(out, [CheckerAction::Changed { because }]);
    assert_eq!(
        (checker.standing(), checker.deadline()),
        (Standing::Down, now)
    );
}

fn end() -> impl Strategy<Value = WireEnd> {
    prop_oneof![
        Just(WireEnd::Closed),
        Just(WireEnd::Reset),
        Just(WireEnd::Silent),
        Just(WireEnd::NotTaken("refused".into())),
        Just(WireEnd::CouldNotHold("EMFILE".into())),
        Just(WireEnd::Flooded),
        Just(WireEnd::AskedToLeave("320 CONNECTION_FORCED".into())),
        Just(WireEnd::Ended("541 INTERNAL_ERROR".into())),
        Just(WireEnd::NoHeartbeat(20)),
    ]
}

fn event() -> impl Strategy<Value = (u64, Option<WireEnd>, bool, bool)> {
    (
        0_u64..100,
        prop::option::of(end()),
        any::<bool>(),
        any::<bool>(),
    )
}

proptest! {
    /// At most one connection is held; a server that is up loses no more than its short ones; only a wire that counts as
    /// a failure decides anything, and never twice in a row against a server that lives.
    #[test]
    fn a_wire_holds_one_connection_and_opens_few_that_do_not_live(
        failure: bool,
        events in vec(event(), 0..200),
    ) {
        let counts = if failure { Counts::Failure } else { Counts::Probe };
        let mut now = at(1);
        let mut wire = Wire::new(counts, true, now, Duration::ZERO);
        let (mut held, mut short, mut decided, mut opened) = (None, 0, false, now);
        for (seconds, ended, up, failed) in events {
            now = now + Duration::from_secs(seconds);
            let mut out = Vec::new();
            wire.handle(now, WireEvent::Deadline, &mut out);
            let number = wire.held();
            if let (Some(end), Some(number)) = (ended, number) {
                let host = matches!(end, WireEnd::CouldNotHold(_));
                wire.handle(now, WireEvent::Told(number, WireNews::Ended(end)), &mut out);
                let since = if out.contains(&WireAction::Hold(number)) { now } else { opened };
                short = if now.since(since) >= LIVED { 0 } else { short + u32::from(!host) };
            }
            for action in &out {
                match action {
                    WireAction::Hold(number) => {
                        prop_assert_eq!(held.replace(*number), None);
                        opened = now;
                    }
                    WireAction::Release(number) => prop_assert_eq!(held.take(), Some(*number)),
                    WireAction::Alarm { decisive, .. } => {
                        prop_assert!(!decisive || (failure && !decided));
                        decided |= *decisive;
                    }
                    WireAction::Hasten => prop_assert!(false, "nobody gave a signal"),
                    WireAction::Warned(of) => prop_assert_eq!(wire.warning(), of.as_ref()),
                }
            }
            if number.is_some() && wire.held().is_none() {
                held = None;
            }
            prop_assert!(short <= MOST_SHORT);
            let mut out = Vec::new();
            if failed {
                wire.handle(now, WireEvent::Failed, &mut out);
                (held, short, decided) = (None, 0, false);
            } else {
                wire.handle(now, WireEvent::Passed(now, up), &mut out);
            }
            let ends = |it: &_| matches!(it, WireAction::Release(_) | WireAction::Warned(None));
            prop_assert!(out.iter().all(ends));
            let wait = wire.deadline().map_or(Duration::ZERO, |at| at.since(now));
            prop_assert!(wait <= FIRST_WAIT * 2_u32.pow(MOST_SHORT));
        }
    }
}
