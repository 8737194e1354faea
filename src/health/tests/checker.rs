// SPDX-License-Identifier: MIT OR Apache-2.0
//! How results change one checker.

use std::sync::Arc;
use std::time::Duration;

use super::{RETRY_DELAY, SCHEDULE, check, report};
use crate::health::checker::{Checker, CheckerAction, CheckerEvent, first_spread};
use crate::health::{LOST_AFTER, Memory};
use crate::model::{
    AgentAdmin, AgentState, AmqpProbe, AskedWeight, Check, CheckSchedule, Fall, HoldDown,
    IntervalFrom, NoResult, ProbeKind, ProbeOutcome, RabbitmqProbe, Recalled, Retry, Standing,
    Timestamp, Weight,
};

fn weight(weight: u32) -> Option<AskedWeight> {
    Weight::new(weight).map(AskedWeight::Weight)
}

/// One checker, and the randomness it shares with others.
struct Alone(Checker, fastrand::Rng);

impl Alone {
    fn new() -> Self {
        Self::of(check("10.0.0.1:80"))
    }

    fn with(schedule: CheckSchedule) -> Self {
        Self::of(Check {
            schedule: Arc::new(schedule),
            ..check("10.0.0.1:80")
        })
    }

    fn of(check: Check) -> Self {
        let mut jitter = fastrand::Rng::with_seed(1);
        let check = Arc::new(check);
        Self(
            Checker::new(check, None, (Timestamp::ZERO, first_spread(1)), &mut jitter),
            jitter,
        )
    }

    fn feed(&mut self, now: Timestamp, event: CheckerEvent) -> Vec<CheckerAction> {
        let mut out = Vec::new();
        self.0.handle(now, event, &mut self.1, &mut out);
        out
    }

    /// Probes at the deadline, and takes this result.
    fn play(&mut self, outcome: ProbeOutcome) -> Vec<CheckerAction> {
        let now = self.0.deadline();
        let asked = self.feed(now, CheckerEvent::Deadline);
        let [CheckerAction::Probe(run)] = asked.as_slice() else {
            panic!("no probe: {asked:?}");
        };
        let reason = match outcome {
            ProbeOutcome::Up(_) | ProbeOutcome::Quiet | ProbeOutcome::Told(_) => "",
            ProbeOutcome::Down | ProbeOutcome::Refused | ProbeOutcome::Silent => {
                "connect timed out"
            }
            ProbeOutcome::Stalled | ProbeOutcome::CutOff => "no answer",
            ProbeOutcome::Drain => "drain",
            ProbeOutcome::Maintenance => "maintenance",
            ProbeOutcome::Abstained => "no agent",
            ProbeOutcome::Unsupported => "404 Not Found",
            ProbeOutcome::CouldNotRun => "open a socket: too many open files (EMFILE)",
        };
        self.feed(now, CheckerEvent::Reported(*run, report(outcome, reason)))
    }

    /// Probes at the deadline, and takes a success with this warning.
    fn warned(&mut self, warning: &str) -> Vec<CheckerAction> {
        let now = self.0.deadline();
        let asked = self.feed(now, CheckerEvent::Deadline);
        let [CheckerAction::Probe(run)] = asked.as_slice() else {
            panic!("no probe: {asked:?}");
        };
        let report = report(ProbeOutcome::Up(None), warning);
        self.feed(now, CheckerEvent::Reported(*run, report))
    }

    /// The standing after each result.
    fn standings(&mut self, outcomes: &[ProbeOutcome]) -> Vec<Standing> {
        let each = outcomes.iter().map(|outcome| {
            self.play(*outcome);
            self.0.standing()
        });
        each.collect()
    }
}

/// How each result changes a standing, with `rise` 2 and `fall` 3. Each result and standing has a letter: `+` up, `q`
/// quiet, `5` up with weight 5, `x` down, `s` silent, `h` stalled (hangs), `d` drain, `m` maintenance, `?` unsupported, `!` could not run; `-` is unknown.
#[test]
fn the_transition_table_of_a_checker_is_exhaustive_and_correct() {
    let results = "+q5xshdm?!";
    let table = [
        // Results before, the standing then, and the standing after each result.
        ("", '-', "++5xxxdm--"),
        ("+", '+', "++5+++dm++"),
        ("+x", '+', "++5+++dm++"),
        ("+xx", '+', "++5xxxdm++"),
        ("+xx+", '+', "++5+++dm++"),
        ("+xx?", '+', "++5xxxdm++"),
        ("5", '5', "++5555dm55"),
        ("5xx", '5', "++5xxxdm55"),
        ("x", 'x', "xxxxxxdmxx"),
        ("x+", 'x', "++5xxxdmxx"),
        ("x+!", 'x', "++5xxxdmxx"),
        ("x+x", 'x', "xxxxxxdmxx"),
        ("d", 'd', "++5ddddmdd"),
        ("dx", 'd', "++5ddddmdd"),
        ("dxx", 'd', "++5xxxdmdd"),
        ("dxxd", 'd', "++5ddddmdd"),
        ("m", 'm', "++5mmmdmmm"),
        ("mxx", 'm', "++5xxxdmmm"),
    ];
    for (before, standing, expected) in table {
        for (result, expected) in results.chars().zip(expected.chars()) {
            let mut checker = Alone::new();
            for result in before.chars() {
                checker.play(outcome(result));
            }
            assert_eq!(letter(checker.0.standing()), standing, "after {before:?}");
            checker.play(outcome(result));
            let reached = letter(checker.0.standing());
            assert_eq!(reached, expected, "after {before:?} by {result:?}");
        }
    }
}

/// The same when three failures of the last five results take it down.
#[test]
fn the_transition_table_of_failures_among_the_last_results() {
    let table = [
        // Results, and the standing after each of them.
        ("+x+x+x+", "+++++xx"),
        ("+x++x++x", "++++++++"),
        ("+xxx", "+++x"),
        ("+x?!x?x", "++++++x"),
        ("+x5x5x", "++555x"),
        ("+xdxmx", "++ddmx"),
        ("+xxx++xx+x", "+++xx++++x"),
        ("+xxx++x+", "+++xx+++"),
        ("x+x++", "xxxx+"),
    ];
    for (results, standings) in table {
        let mut checker = Alone::with(CheckSchedule {
            fall: Fall::OfTheLast { failures: 3, of: 5 },
            ..SCHEDULE
        });
        for (at, (result, standing)) in results.chars().zip(standings.chars()).enumerate() {
            checker.play(outcome(result));
            let reached = letter(checker.0.standing());
            assert_eq!(reached, standing, "{results} at {at}");
        }
    }
}

/// Seconds from the first of the successes in a row to the verdict of up, after each fall.
#[test]
fn a_server_that_goes_down_again_and_again_is_held_down_longer_each_time() {
    use ProbeOutcome::{CouldNotRun, Down, Drain, Up};
    let mut checker = Alone::with(CheckSchedule {
        interval: Duration::from_secs(1),
        fall: Fall::InARow(2),
        retry: Retry::FastInterval(Duration::from_millis(100)),
        hold_down: Some(HoldDown {
            first: Duration::from_secs(4),
            ceiling: Duration::from_secs(10),
        }),
        ..SCHEDULE
    });
    checker.standings(&[Up(None)]);
    let mut back = |before: &[ProbeOutcome]| {
        checker.standings(before);
        assert_eq!(checker.0.standing(), Standing::Down);
        let first = checker.0.deadline();
        while checker.0.standing() == Standing::Down {
            checker.play(Up(None));
        }
        checker.0.since().since(first)
    };
    assert!(back(&[Down, Down]) <= Duration::from_millis(100));
    assert_eq!(back(&[Down, Down]), Duration::from_secs(4));
    assert_eq!(back(&[Down, Down, CouldNotRun]), Duration::from_secs(8));
    // A failure in between begins it anew.
    let twice = [Down, Down, Up(None), Up(None), Down];
    assert_eq!(back(&twice), Duration::from_secs(10));
    assert_eq!(back(&[Down, Down]), Duration::from_secs(10));
    // After 10 s in which it is not down there is no hold-down.
    let long = [[Up(None); 12].as_slice(), &[Down, Down]].concat();
    assert!(back(&long) <= Duration::from_millis(100));
    // What the server asks for counts at once.
    checker.standings(&[Down, Down, Up(None)]);
    assert_eq!(checker.standings(&[Drain]), [Standing::Drain]);
}

fn outcome(letter: char) -> ProbeOutcome {
    match letter {
        '+' => ProbeOutcome::Up(None),
        'q' => ProbeOutcome::Quiet,
        '5' => ProbeOutcome::Up(weight(5)),
        'x' => ProbeOutcome::Down,
        's' => ProbeOutcome::Silent,
        'h' => ProbeOutcome::Stalled,
        'd' => ProbeOutcome::Drain,
        'm' => ProbeOutcome::Maintenance,
        '?' => ProbeOutcome::Unsupported,
        '!' => ProbeOutcome::CouldNotRun,
        other => panic!("{other}"),
    }
}

fn letter(standing: Standing) -> char {
    match standing {
        Standing::Unknown => '-',
        Standing::Up(None) => '+',
        Standing::Up(Some(_)) => '5',
        Standing::Down => 'x',
        Standing::Drain => 'd',
        Standing::Maintenance => 'm',
    }
}

#[test]
fn a_probe_without_a_result_neither_adds_to_the_failures_nor_ends_their_row() {
    use ProbeOutcome::{CouldNotRun, Down, Unsupported, Up};
    let results = [Up(None), Down, CouldNotRun, Down, Unsupported, Down];
    let standings = Alone::new().standings(&results);
    assert_eq!(standings[4], Standing::UP);
    assert_eq!(standings[5], Standing::Down);
}

#[test]
fn a_server_that_served_when_its_checker_began_goes_down_after_fall_failures_only() {
    use ProbeOutcome::{Down, Up};
    let mut checker = Alone::new();
    checker.0.note_serving();
    let asked = checker.0.deadline();
    assert_eq!(checker.standings(&[Down, Down]), [Standing::Unknown; 2]);
    assert_eq!(
        checker.0.deadline().since(asked),
        RETRY_DELAY * 2,
        "in doubt it is probed again soon"
    );
    assert_eq!(checker.standings(&[Down]), [Standing::Down]);

    let mut checker = Alone::new();
    checker.0.note_serving();
    assert_eq!(
        checker.standings(&[Down, Up(None)]),
        [Standing::Unknown, Standing::UP]
    );
}

#[test]
fn a_change_says_what_was_seen_and_how_often() {
    use ProbeOutcome::{Down, Drain, Up};
    let mut checker = Alone::new();
    let mut said = |outcome| match checker.play(outcome).as_slice() {
        [] => "nothing".to_owned(),
        [CheckerAction::Changed { because }] => because.to_string(),
        other => panic!("{other:?}"),
    };
    assert_eq!(said(Up(None)), "check passed, 1/1");
    assert_eq!(said(Down), "nothing");
    assert_eq!(said(Down), "nothing");
    assert_eq!(said(Down), "connect timed out, 3/3");
    assert_eq!(said(Up(None)), "nothing");
    assert_eq!(said(Up(None)), "check passed, 2/2");
    assert_eq!(said(Up(weight(5))), "the server asks for weight 5");
    assert_eq!(said(Drain), "drain");

    let mut checker = Alone::with(CheckSchedule {
        fall: Fall::OfTheLast {
            failures: 2,
            of: 10,
        },
        ..SCHEDULE
    });
    checker.standings(&[Up(None), Down, Up(None)]);
    let because = "connect timed out, 2 of the last 10".into();
    assert_eq!(checker.play(Down), [CheckerAction::Changed { because }]);
}

#[test]
fn probes_without_a_result_move_no_verdict_however_many_and_their_end_is_told() {
    use ProbeOutcome::{CouldNotRun, Unsupported, Up};
    let mut checker = Alone::new();
    checker.play(Up(None));
    let standings = checker.standings(&[CouldNotRun; 50]);
    assert!(standings.iter().all(|standing| standing.is_up()));
    let told = checker.play(Unsupported);
    assert!(
        matches!(told.as_slice(), [CheckerAction::NotChecked { of: NoResult::NotSupported, reason, times: 51 }] if &**reason == "404 Not Found"),
        "{told:?}"
    );
    assert_eq!(checker.play(Up(None)), [CheckerAction::CheckedAgain]);
    assert_eq!(checker.play(Up(None)), []);
}

#[test]
fn what_an_agent_told_lasts_over_probes_and_restarts() {
    use ProbeOutcome::{Abstained, Told};
    let admin = |admin| {
        Told(AgentState {
            admin: Some(admin),
            ..AgentState::NOTHING
        })
    };
    let five = Told(AgentState {
        weight: weight(5),
        ..AgentState::NOTHING
    });
    let outcomes = [five, admin(AgentAdmin::Drain), five, Abstained];
    let mut checker = Alone::new();
    assert_eq!(
        checker.standings(&outcomes),
        [
            Standing::Up(weight(5)),
            Standing::Drain,
            Standing::Drain,
            Standing::Drain,
        ]
    );
    let (standing, since) = checker.0.belief().unwrap();
    assert_eq!(standing, Standing::Drain);
    let recalled = Recalled {
        service: "FWM 7".parse().unwrap(),
        server: "10.0.0.1:80".parse().unwrap(),
        probe: checker.0.check().probe.clone(),
        standing,
        age: Timestamp::ZERO.since(since),
        unconfirmed: Duration::ZERO,
        only_held_down: false,
    };
    let recalled = Some(Memory::of(&recalled, Timestamp::ZERO));

    for (said, standing) in [
        (five, Standing::Drain),
        (Abstained, Standing::Drain),
        (admin(AgentAdmin::Ready), Standing::UP),
    ] {
        let mut jitter = fastrand::Rng::with_seed(1);
        let check = Arc::clone(checker.0.check());
        let restarted = Checker::new(
            check,
            recalled,
            (Timestamp::ZERO, first_spread(1)),
            &mut jitter,
        );
        let mut restarted = Alone(restarted, jitter);
        assert_eq!(restarted.standings(&[said]), [standing], "{said:?}");
    }
}

#[test]
fn a_checker_that_never_found_anything_abstains_and_asks_at_its_interval() {
    use ProbeOutcome::{Abstained, CouldNotRun, Up};
    let mut checker = Alone::new();
    let first = checker.0.deadline();
    let told = checker.play(Abstained);
    assert!(
        matches!(
            told.as_slice(),
            [
                CheckerAction::Abstains,
                CheckerAction::NotChecked { times: 1, .. }
            ]
        ),
        "{told:?}"
    );
    assert!(checker.0.deadline().since(first) > RETRY_DELAY);
    checker.play(CouldNotRun);
    assert!(checker.0.abstains());
    checker.play(Up(None));
    checker.play(Abstained);
    assert!(!checker.0.abstains());
    assert_eq!(checker.0.standing(), Standing::UP);
}

#[test]
fn a_failure_is_looked_into_after_the_retry_delay() {
    let mut checker = Alone::new();
    checker.play(ProbeOutcome::Up(None));
    let at = checker.0.deadline();
    checker.play(ProbeOutcome::Down);
    assert_eq!(checker.0.deadline().since(at), RETRY_DELAY);
}

/// The time after each result to the next probe, with an interval of 6 s. The interval is shortened by up to a tenth.
#[test]
fn the_interval_is_that_of_the_standing_and_of_the_last_result() {
    let fast = Retry::FastInterval(Duration::from_secs(2));
    let slow = Some(Duration::from_secs(40));
    let table = [
        // Settings, results before, and the seconds after the last of them.
        (SCHEDULE.retry, None, "+", 6),
        (SCHEDULE.retry, None, "+x", 1),
        (SCHEDULE.retry, None, "+xx+", 6),
        (SCHEDULE.retry, None, "!", 1),
        (SCHEDULE.retry, None, "x", 6),
        (SCHEDULE.retry, None, "x+", 6),
        (SCHEDULE.retry, None, "d", 6),
        (SCHEDULE.retry, slow, "+", 6),
        (SCHEDULE.retry, slow, "x", 40),
        (SCHEDULE.retry, slow, "x+", 6),
        (SCHEDULE.retry, slow, "x+x", 40),
        (SCHEDULE.retry, slow, "x++", 6),
        (SCHEDULE.retry, slow, "d", 40),
        (SCHEDULE.retry, slow, "dx", 1),
        (SCHEDULE.retry, slow, "m", 6),
        (fast, None, "+", 6),
        (fast, None, "+x", 2),
        (fast, None, "+x!", 2),
        (fast, None, "+x+", 6),
        (fast, None, "!", 2),
        (fast, None, "x", 6),
        (fast, None, "x+", 2),
        (fast, slow, "x", 40),
        (fast, slow, "x+", 2),
        (fast, slow, "dx", 2),
    ];
    for (retry, down_interval, results, seconds) in table {
        let mut checker = Alone::with(CheckSchedule {
            retry,
            down_interval,
            ..SCHEDULE
        });
        let mut before = Timestamp::ZERO;
        for result in results.chars() {
            before = checker.0.deadline();
            checker.play(outcome(result));
        }
        let waited = checker.0.deadline().since(before);
        let longest = Duration::from_secs(seconds);
        assert!(
            waited <= longest && waited >= longest * 9 / 10,
            "{waited:?} after {results:?} with {retry:?}, {down_interval:?}"
        );
    }
}

#[test]
fn a_fast_interval_runs_from_the_start_of_a_probe_that_takes_long() {
    let fast = Duration::from_secs(2);
    for (took, wait) in [(500, 1_500), (1_999, 1), (3_000, 0)] {
        let mut checker = Alone::with(CheckSchedule {
            retry: Retry::FastInterval(fast),
            ..SCHEDULE
        });
        checker.play(ProbeOutcome::Up(None));
        let asked = checker.0.deadline();
        checker.feed(asked, CheckerEvent::Deadline);
        let ended = asked + Duration::from_millis(took);
        let failed = report(ProbeOutcome::Down, "connect timed out");
        checker.feed(ended, CheckerEvent::Reported(2, failed));
        let waits = checker.0.deadline().since(ended);
        assert!(waits <= Duration::from_millis(wait), "{waits:?}");
        assert!(
            waits + fast / 10 >= Duration::from_millis(wait),
            "{waits:?}"
        );
    }
}

#[test]
fn intervals_from_the_end_are_as_long_as_they_say_however_long_a_probe_takes() {
    let (interval, fast) = (SCHEDULE.interval, Duration::from_secs(2));
    let slow = Duration::from_secs(40);
    // The last two results, and the interval after them.
    let table = [
        ("++", interval),
        ("+x", fast),
        ("xx", slow),
        ("x+", fast),
        ("++!", interval),
    ];
    for (results, expected) in table {
        for took in [0, 500, 2_999, 9_000].map(Duration::from_millis) {
            let mut checker = Alone::with(CheckSchedule {
                interval_from: IntervalFrom::End,
                retry: Retry::FastInterval(fast),
                down_interval: Some(slow),
                ..SCHEDULE
            });
            for (run, result) in (1..).zip(results.chars()) {
                let asked = checker.0.deadline();
                checker.feed(asked, CheckerEvent::Deadline);
                let ended = asked + took;
                let found = report(outcome(result), "");
                checker.feed(ended, CheckerEvent::Reported(run, found));
                if run == results.len() as u64 {
                    let waits = checker.0.deadline().since(ended);
                    assert_eq!(waits, expected, "after {results:?}, which took {took:?}");
                }
            }
        }
    }
}

#[test]
fn a_probe_that_never_reports_is_followed_by_a_whole_interval_from_the_end() {
    let mut checker = Alone::with(CheckSchedule {
        interval_from: IntervalFrom::End,
        ..SCHEDULE
    });
    checker.play(ProbeOutcome::Up(None));
    checker.feed(checker.0.deadline(), CheckerEvent::Deadline);
    let lost = checker.0.deadline();
    checker.feed(lost, CheckerEvent::Deadline);
    assert_eq!(checker.0.deadline().since(lost), SCHEDULE.interval);
}

#[test]
fn a_rabbitmq_node_that_asks_for_a_drain_is_asked_more_slowly() {
    let rabbitmq = ProbeKind::Rabbitmq(Arc::new(RabbitmqProbe {
        login: None,
        listener: 5672,
        tls: None,
    }));
    let amqp = ProbeKind::Amqp(Arc::new(AmqpProbe {
        login: None,
        tls: None,
    }));
    let seconds = |kind: &ProbeKind, interval, down_interval| {
        let mut check = check("10.0.0.1:80");
        check.probe.kind = kind.clone();
        check.schedule = Arc::new(CheckSchedule {
            interval: Duration::from_secs(interval),
            down_interval: Option::map(down_interval, Duration::from_secs),
            ..SCHEDULE
        });
        check.interval(Standing::Drain).as_secs()
    };
    assert_eq!(seconds(&rabbitmq, 2, None), 15);
    assert_eq!(seconds(&rabbitmq, 20, None), 20);
    assert_eq!(seconds(&rabbitmq, 2, Some(3)), 3);
    assert_eq!(seconds(&amqp, 2, None), 2);
    assert_eq!(seconds(&amqp, 2, Some(30)), 30);
}

#[test]
fn another_schedule_shortens_a_wait_to_the_interval_of_the_standing() {
    let slow = CheckSchedule {
        down_interval: Some(Duration::from_secs(40)),
        ..SCHEDULE
    };
    let mut checker = Alone::with(slow);
    checker.play(ProbeOutcome::Down);
    let now = checker.0.deadline();
    checker.play(ProbeOutcome::Down);
    for (down_interval, longest) in [(None, 6), (Some(20), 20), (Some(50), 40)] {
        let other = Check {
            schedule: Arc::new(CheckSchedule {
                down_interval: down_interval.map(Duration::from_secs),
                ..SCHEDULE
            }),
            ..check("10.0.0.1:80")
        };
        let again = checker.0.rescheduled(&Arc::new(other), now);
        let waits = again.deadline().since(now);
        let longest = Duration::from_secs(longest);
        assert!(waits <= longest && waits >= longest * 9 / 10, "{waits:?}");
    }
}

#[test]
fn intervals_run_from_start_to_start_and_are_at_most_a_tenth_short() {
    let mut checker = Alone::new();
    let mut before = checker.0.deadline();
    for _ in 0..100 {
        checker.play(ProbeOutcome::Up(None));
        let at = checker.0.deadline();
        let gap = at.since(before);
        assert!(
            gap <= SCHEDULE.interval && gap >= SCHEDULE.interval * 9 / 10,
            "{gap:?}"
        );
        before = at;
    }
}

#[test]
fn a_probe_that_never_reports_is_given_up_and_its_late_report_means_nothing() {
    let mut checker = Alone::new();
    checker.play(ProbeOutcome::Up(None));
    let asked = checker.0.deadline();
    assert_eq!(
        checker.feed(asked, CheckerEvent::Deadline),
        [CheckerAction::Probe(2)]
    );
    let lost = checker.0.deadline();
    assert_eq!(lost, asked + SCHEDULE.timeout + LOST_AFTER);
    let told = checker.feed(lost, CheckerEvent::Deadline);
    let reason = "no report after 33 s".into();
    assert_eq!(
        told,
        [CheckerAction::NotChecked {
            of: NoResult::CouldNotRun,
            reason,
            times: 1
        }]
    );
    let late = || CheckerEvent::Reported(2, report(ProbeOutcome::Drain, ""));
    assert_eq!(checker.feed(lost, late()), []);
    assert_eq!(checker.0.deadline(), lost, "the next probe is overdue");
    assert_eq!(
        checker.feed(lost, CheckerEvent::Deadline),
        [CheckerAction::Probe(3)]
    );
    assert_eq!(checker.feed(lost, late()), []);
    assert_eq!(checker.0.standing(), Standing::UP);
}

#[test]
fn a_warning_is_told_when_it_changes_and_takes_nobody_down() {
    let warned = |of: Option<&str>| {
        let of = of.map(Into::into);
        vec![CheckerAction::Warned { of }]
    };
    let mut checker = Alone::new();
    let first = checker.warned("it ends soon");
    assert_eq!(first[..1], warned(Some("it ends soon")));
    assert!(
        matches!(&first[1..], [CheckerAction::Changed { because }] if &**because == "check passed, 1/1"),
        "{first:?}"
    );
    assert_eq!(checker.warned("it ends soon"), []);
    // What is no success says nothing of it.
    checker.play(ProbeOutcome::Down);
    checker.play(ProbeOutcome::CouldNotRun);
    assert_eq!(
        checker.warned("it ends soon"),
        [CheckerAction::CheckedAgain]
    );
    assert_eq!(checker.0.warning().map(|it| &**it), Some("it ends soon"));
    assert_eq!(checker.warned("it ended"), warned(Some("it ended")));
    assert_eq!(checker.0.standing(), Standing::UP);
    assert_eq!(checker.play(ProbeOutcome::Up(None)), warned(None));
    assert_eq!(checker.0.warning(), None);
}
