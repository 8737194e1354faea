// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a server counts as before its first verdict.

use std::sync::Arc;
use std::time::Duration;

use super::configurations::{Checked, SECOND, VIP, config, down, moment, server, service, up};
use super::{RETRY_DELAY, SCHEDULE, check, probe};
use crate::health::{Health, HealthAction};
use crate::model::{
    Check, CheckSchedule, Checks, FirstFailure, Initial, Need, Probe, ProbeOutcome, Recalled,
    Standing,
};

const AT: &str = "10.0.0.1:80";
const OTHER: &str = "10.0.0.2:80";

fn begins(at: &str, initial: Initial) -> Check {
    Check {
        schedule: Arc::new(CheckSchedule {
            initial,
            ..SCHEDULE
        }),
        ..check(at)
    }
}

fn one(initial: Initial) -> Checks {
    Checks::one(begins(AT, initial))
}

fn assumed(checked: &Checked) -> bool {
    let health = checked.health.server(&service(VIP), &server(AT));
    health.unwrap().assumed
}

/// The words of the standings that are told.
fn told(actions: &[HealthAction]) -> Vec<String> {
    let words = actions.iter().filter_map(|action| match action {
        HealthAction::Changed { from, to, .. } => Some(format!("{from} -> {to}")),
        HealthAction::Probe(_)
        | HealthAction::Hold(_)
        | HealthAction::Release(_)
        | HealthAction::NotChecked { .. }
        | HealthAction::HeldDown { .. }
        | HealthAction::Warned { .. }
        | HealthAction::CheckedAgain { .. } => None,
    });
    words.collect()
}

#[test]
fn a_server_that_begins_up_needs_fall_failures_to_go_down() {
    let mut checked = Checked::new(&config(&[(VIP, &[(AT, one(Initial::Up))])]));
    assert_eq!(checked.standing(VIP, AT), Some(Standing::UP));
    assert!(assumed(&checked));
    checked.pass(SECOND, down);
    assert_eq!(checked.standing(VIP, AT), Some(Standing::UP));
    assert!(assumed(&checked), "a failure does not find it up");
    assert_eq!(checked.health.remembered(checked.now).all(), []);
    let (actions, _) = checked.pass(RETRY_DELAY * 2, down);
    assert_eq!(told(&actions), ["up -> down"]);
    assert!(!assumed(&checked));
}

#[test]
fn the_first_success_of_a_server_that_begins_up_is_told_once_and_remembered() {
    let mut checked = Checked::new(&config(&[(VIP, &[(AT, one(Initial::Up))])]));
    let (actions, _) = checked.pass(SECOND * 30, up);
    assert_eq!(told(&actions), ["up -> up"]);
    assert!(!assumed(&checked));
    assert_eq!(checked.health.remembered(checked.now).all().len(), 1);
}

#[test]
fn a_server_that_begins_down_needs_rise_successes_at_its_usual_interval() {
    let schedule = CheckSchedule {
        initial: Initial::Down,
        down_interval: Some(SECOND * 3600),
        ..SCHEDULE
    };
    let check = Check {
        schedule: Arc::new(schedule),
        ..check(AT)
    };
    let mut checked = Checked::new(&config(&[(VIP, &[(AT, Checks::one(check))])]));
    assert_eq!(checked.standing(VIP, AT), Some(Standing::Down));
    checked.pass(SECOND, up);
    assert_eq!(checked.standing(VIP, AT), Some(Standing::Down));
    assert!(assumed(&checked));
    let (actions, _) = checked.pass(SCHEDULE.interval, up);
    assert_eq!(told(&actions), ["down -> up"]);
    assert!(!assumed(&checked));
}

#[test]
fn a_server_that_takes_connections_does_not_begin_down() {
    let config = config(&[(VIP, &[(AT, one(Initial::Down))])]);
    let mut checked = Checked::serving(&config, |at| at == AT);
    assert_eq!(checked.standing(VIP, AT), Some(Standing::Unknown));
    checked.pass(SECOND, down);
    assert_eq!(checked.standing(VIP, AT), Some(Standing::Unknown));
    checked.pass(RETRY_DELAY * 2, down);
    assert_eq!(checked.standing(VIP, AT), Some(Standing::Down));
}

#[test]
fn what_is_remembered_speaks_against_up_and_nothing_speaks_against_down() {
    use Standing::{Down, Drain, Maintenance, Unknown, Up};
    let seven = crate::model::Weight::new(7).map(crate::model::AskedWeight::Weight);
    let table = [
        (Initial::Up, Up(seven), Up(seven)),
        (Initial::Up, Down, Unknown),
        (Initial::Up, Drain, Unknown),
        (Initial::Up, Maintenance, Unknown),
        (Initial::Down, Up(None), Down),
        (Initial::Down, Drain, Down),
        (Initial::Remembered, Up(None), Unknown),
    ];
    for (initial, standing, expected) in table {
        let recalled = Recalled {
            service: service(VIP),
            server: server(AT),
            probe: probe(AT),
            standing,
            age: SECOND * 9,
            unconfirmed: SECOND * 60,
            only_held_down: false,
        };
        let mut health = Health::new(1);
        health.recall(vec![recalled.clone()], moment(100));
        let config = config(&[(VIP, &[(AT, one(initial))])]);
        health.configure(&config, |_, _| false, moment(100));
        let checked = Checked {
            health,
            now: moment(100),
        };
        assert_eq!(
            checked.standing(VIP, AT),
            Some(expected),
            "{initial:?} {standing:?}"
        );
        assert_eq!(checked.health.remembered(checked.now).all(), [recalled]);
    }
}

#[test]
fn a_server_that_a_reload_adds_begins_as_the_file_says_and_the_others_stay_as_they_are() {
    let before = config(&[(VIP, &[(AT, Checks::one(check(AT)))])]);
    let mut checked = Checked::new(&before);
    checked.pass(SECOND, down);
    let added = Checks::one(begins(OTHER, Initial::Up));
    checked.configure(&config(&[(VIP, &[(AT, one(Initial::Up)), (OTHER, added)])]));
    assert_eq!(checked.standing(VIP, AT), Some(Standing::Down));
    assert_eq!(checked.standing(VIP, OTHER), Some(Standing::UP));
}

#[test]
fn a_server_that_no_probe_could_check_begins_anew_with_another_initial() {
    let could_not = |_: &Probe| ProbeOutcome::CouldNotRun;
    let mut checked = Checked::new(&config(&[(VIP, &[(AT, Checks::one(check(AT)))])]));
    checked.pass(SECOND, could_not);
    checked.configure(&config(&[(VIP, &[(AT, one(Initial::Up))])]));
    assert_eq!(checked.standing(VIP, AT), Some(Standing::UP));
    assert!(assumed(&checked));
    checked.configure(&config(&[(VIP, &[(AT, one(Initial::Down))])]));
    assert_eq!(
        checked.standing(VIP, AT),
        Some(Standing::UP),
        "it serves by now"
    );
}

#[test]
fn of_several_checks_only_those_that_found_something_make_a_verdict() {
    let slow = |initial| Check {
        schedule: Arc::new(CheckSchedule {
            initial,
            ..SCHEDULE
        }),
        ..check("10.0.0.1:81")
    };
    let several = |need| Checks {
        need,
        each: vec![
            Arc::new(begins(AT, Initial::Up)),
            Arc::new(slow(Initial::Up)),
        ]
        .into(),
    };
    let first = |probe: &Probe| {
        if probe.target.to_string() == AT {
            ProbeOutcome::Up(None)
        } else {
            ProbeOutcome::CouldNotRun
        }
    };
    for (need, still, words) in [
        (Need::All, true, &[][..]),
        (Need::Any, false, &["up -> up"][..]),
        (Need::AtLeast(2), true, &[][..]),
    ] {
        let mut checked = Checked::new(&config(&[(VIP, &[(AT, several(need))])]));
        let (actions, _) = checked.pass(SECOND, first);
        assert_eq!(told(&actions), words, "{need:?}");
        assert_eq!(assumed(&checked), still, "{need:?}");
        assert_eq!(checked.standing(VIP, AT), Some(Standing::UP));
    }
}

#[test]
fn a_check_without_an_opinion_does_not_count_as_its_initial_says() {
    let silent_agent = |probe: &Probe| {
        if probe.target.to_string() == AT {
            ProbeOutcome::Up(None)
        } else {
            ProbeOutcome::Abstained
        }
    };
    let agent = begins("10.0.0.1:81", Initial::Down);
    let checks = Checks {
        need: Need::All,
        each: vec![Arc::new(check(AT)), Arc::new(agent)].into(),
    };
    let mut checked = Checked::new(&config(&[(VIP, &[(AT, checks)])]));
    assert_eq!(checked.standing(VIP, AT), Some(Standing::Down));
    checked.pass(SECOND, silent_agent);
    assert_eq!(checked.standing(VIP, AT), Some(Standing::UP));
}

#[test]
fn what_nobody_confirms_gets_older_from_one_director_to_the_next() {
    let config = config(&[(VIP, &[(AT, Checks::one(check(AT)))])]);
    let could_not = |_: &Probe| ProbeOutcome::CouldNotRun;
    let restart = |recalled, now| {
        let mut health = Health::new(1);
        health.recall(recalled, now);
        health.configure(&config, |_, _| false, now);
        Checked { health, now }
    };
    let mut first = Checked::new(&config);
    first.pass(SECOND, up);
    let known = first.health.remembered(first.now).all();
    assert_eq!(known[0].unconfirmed, Duration::ZERO);

    // Ten minutes lie between them.
    let mut between = known;
    between[0].unconfirmed = SECOND * 600;
    let mut second = restart(between, moment(1000));
    second.pass(SECOND * 30, could_not);
    let shown = second.health.server(&service(VIP), &server(AT)).unwrap();
    let memory = shown.checks().next().unwrap().memory.copied().unwrap();
    assert_eq!(memory.standing, Standing::UP);
    assert_eq!(memory.unconfirmed(second.now), SECOND * 630);
    let known = second.health.remembered(second.now).all();
    assert_eq!(known[0].unconfirmed, SECOND * 630);

    let mut third = restart(known, moment(2000));
    third.pass(SECOND * 2, up);
    let shown = third.health.server(&service(VIP), &server(AT)).unwrap();
    assert_eq!(shown.checks().next().unwrap().memory, None);
    assert_eq!(
        third.health.remembered(third.now).all()[0].unconfirmed,
        Duration::ZERO
    );
}

#[test]
fn what_a_check_without_an_opinion_takes_from_memory_is_not_confirmed_by_that() {
    let config = config(&[(VIP, &[(AT, Checks::one(check(AT)))])]);
    let mut health = Health::new(1);
    let recalled = Recalled {
        service: service(VIP),
        server: server(AT),
        probe: probe(AT),
        standing: Standing::Drain,
        age: SECOND * 90,
        unconfirmed: SECOND * 60,
        only_held_down: false,
    };
    health.recall(vec![recalled], moment(100));
    health.configure(&config, |_, _| false, moment(100));
    let mut checked = Checked {
        health,
        now: moment(100),
    };
    checked.pass(SECOND * 40, |_| ProbeOutcome::Abstained);
    assert_eq!(checked.standing(VIP, AT), Some(Standing::Drain));
    let known = checked.health.remembered(checked.now).all();
    assert_eq!(known[0].unconfirmed, SECOND * 100);
    checked.pass(SECOND * 40, |_| ProbeOutcome::Drain);
    let known = checked.health.remembered(checked.now).all();
    assert_eq!(known[0].unconfirmed, Duration::ZERO);
}

/// A check that takes its server down at the first failure.
fn decides(initial: Initial) -> Check {
    let mut check = begins(AT, initial);
    Arc::make_mut(&mut check.schedule).first_failure = FirstFailure::Decides;
    check
}

#[test]
fn a_first_failure_that_decides_takes_a_server_down_whatever_speaks_for_it() {
    for initial in Initial::ALL.map(|(_, initial)| initial) {
        for serves in [false, true] {
            let config = config(&[(VIP, &[(AT, Checks::one(decides(initial)))])]);
            let mut checked = Checked::serving(&config, |_| serves);
            checked.pass(SECOND, down);
            let standing = checked.standing(VIP, AT);
            assert_eq!(standing, Some(Standing::Down), "{initial:?} {serves}");
        }
    }
}

#[test]
fn after_the_first_result_a_server_needs_fall_failures_again() {
    let mut checked = Checked::new(&config(&[(
        VIP,
        &[(AT, Checks::one(decides(Initial::Up)))],
    )]));
    checked.pass(SECOND, up);
    checked.pass(SCHEDULE.interval, down);
    assert_eq!(checked.standing(VIP, AT), Some(Standing::UP));
    let (actions, _) = checked.pass(RETRY_DELAY * 2, down);
    assert_eq!(told(&actions), ["up -> down"]);
}

#[test]
fn a_probe_that_could_not_run_is_no_first_failure() {
    let could_not = |_: &Probe| ProbeOutcome::CouldNotRun;
    let mut checked = Checked::new(&config(&[(
        VIP,
        &[(AT, Checks::one(decides(Initial::Up)))],
    )]));
    checked.pass(SECOND, could_not);
    assert_eq!(checked.standing(VIP, AT), Some(Standing::UP));
    let (actions, _) = checked.pass(SCHEDULE.interval, down);
    assert_eq!(told(&actions), ["up -> down"]);
}

#[test]
fn a_reload_that_lets_the_first_failure_decide_changes_nothing_for_a_check_that_had_a_result() {
    let mut checked = Checked::new(&config(&[(VIP, &[(AT, one(Initial::Up))])]));
    checked.pass(SECOND, up);
    checked.configure(&config(&[(
        VIP,
        &[(AT, Checks::one(decides(Initial::Up)))],
    )]));
    checked.pass(SCHEDULE.interval, down);
    assert_eq!(checked.standing(VIP, AT), Some(Standing::UP));
}
