// SPDX-License-Identifier: MIT OR Apache-2.0
//! How results change one checker.

use std::sync::Arc;

use super::{SCHEDULE, check, report};
use crate::health::LOST_AFTER;
use crate::health::checker::{Checker, CheckerAction, CheckerEvent};
use crate::model::{ProbeOutcome, Standing, Timestamp, Weight};

fn weight(weight: u32) -> Option<Weight> {
    Weight::new(weight)
}

/// One checker, and the randomness it shares with others.
struct Alone(Checker, fastrand::Rng);

impl Alone {
    fn new() -> Self {
        let mut jitter = fastrand::Rng::with_seed(1);
        let check = Arc::new(check("10.0.0.1:80"));
        Self(
            Checker::new(check, None, Timestamp::ZERO, &mut jitter),
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
            ProbeOutcome::Up(_) => "",
            ProbeOutcome::Down | ProbeOutcome::Silent => "connect timed out",
            ProbeOutcome::Stalled => "no answer",
            ProbeOutcome::Drain => "drain",
            ProbeOutcome::Maintenance => "maintenance",
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

/// How each result changes a standing, with `rise` 2 and `fall` 3. Each result and standing has a letter: `+` up, `5`
/// up with weight 5, `x` down, `s` silent, `h` stalled (hangs), `d` drain, `m` maintenance, `?` unsupported, `!` could not run; `-` is unknown.
#[test]
fn the_transition_table_of_a_checker_is_exhaustive_and_correct() {
    let results = "+5xshdm?!";
    let table = [
        // Results before, the standing then, and the standing after each result.
        ("", '-', "+5xxxdm--"),
        ("+", '+', "+5+++dm++"),
        ("+x", '+', "+5+++dm++"),
        ("+xx", '+', "+5xxxdm++"),
        ("+xx+", '+', "+5+++dm++"),
        ("+xx?", '+', "+5xxxdm++"),
        ("5", '5', "+5555dm55"),
        ("5xx", '5', "+5xxxdm55"),
        ("x", 'x', "xxxxxdmxx"),
        ("x+", 'x', "+5xxxdmxx"),
        ("x+!", 'x', "+5xxxdmxx"),
        ("x+x", 'x', "xxxxxdmxx"),
        ("d", 'd', "+5ddddmdd"),
        ("dx", 'd', "+5ddddmdd"),
        ("dxx", 'd', "+5xxxdmdd"),
        ("dxxd", 'd', "+5ddddmdd"),
        ("m", 'm', "+5mmmdmmm"),
        ("mxx", 'm', "+5xxxdmmm"),
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

fn outcome(letter: char) -> ProbeOutcome {
    match letter {
        '+' => ProbeOutcome::Up(None),
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
        SCHEDULE.retry_delay * 2,
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
        matches!(told.as_slice(), [CheckerAction::NotChecked { reason, times: 51 }] if &**reason == "404 Not Found"),
        "{told:?}"
    );
    assert_eq!(checker.play(Up(None)), [CheckerAction::CheckedAgain]);
    assert_eq!(checker.play(Up(None)), []);
}

#[test]
fn a_failure_is_looked_into_after_the_retry_delay() {
    let mut checker = Alone::new();
    checker.play(ProbeOutcome::Up(None));
    let at = checker.0.deadline();
    checker.play(ProbeOutcome::Down);
    assert_eq!(checker.0.deadline().since(at), SCHEDULE.retry_delay);
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
    assert_eq!(told, [CheckerAction::NotChecked { reason, times: 1 }]);
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
