// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is true for every sequence of events.

use std::sync::Arc;
use std::time::Duration;

use lvs_director::model::{
    Centiseconds, ChecksumForm, Preempt, Priority, Timestamp, VirtualRouter, Vrid, VrrpVersion,
};
use lvs_director::vrrp::{
    Action, Effective, Event, Group, GroupOrder, Heard, Instance, State, master_down_interval,
    skew_time,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::node::{address, router};

fn version() -> impl Strategy<Value = VrrpVersion> {
    prop_oneof![Just(VrrpVersion::V2), Just(VrrpVersion::V3)]
}

fn priority() -> impl Strategy<Value = Priority> {
    prop_oneof![Just(0_u8), Just(255), any::<u8>()].prop_map(Priority)
}

fn virtual_router() -> impl Strategy<Value = VirtualRouter> {
    let preempt = prop_oneof![
        Just(Preempt::Never),
        Just(Preempt::Always),
        Just(Preempt::AfterSync),
        (0_u64..100).prop_map(|seconds| Preempt::After(Duration::from_secs(seconds))),
    ];
    let refresh = proptest::option::of((0_u64..100).prop_map(Duration::from_secs));
    (
        version(),
        1_u8..=255,
        0_u16..500,
        preempt,
        0_u64..40,
        refresh,
        any::<bool>(),
    )
        .prop_map(
            |(version, priority, interval, preempt, hold, refresh, unicast)| VirtualRouter {
                version,
                priority: Priority(priority),
                interval: Centiseconds(interval),
                preempt,
                hold: Duration::from_secs(hold),
                refresh,
                peers: unicast.then(|| address(10)).into_iter().collect(),
                ..router(priority)
            },
        )
}

fn heard() -> impl Strategy<Value = Heard> {
    (
        (10_u8..31, any::<bool>(), version(), 50_u8..53),
        (
            priority(),
            0_u16..5000,
            99_u8..102,
            prop::sample::select(&ChecksumForm::ALL[..]),
        ),
    )
        .prop_map(
            |((from, multicast, version, vrid), (priority, interval, owned, form))| Heard {
                source: address(from),
                multicast,
                version,
                vrid: Vrid::new(vrid).unwrap(),
                priority,
                interval: Centiseconds(interval),
                addresses: vec![address(owned)],
                form,
            },
        )
}

fn event() -> impl Strategy<Value = Event> {
    let member = || Box::<str>::from("other");
    prop_oneof![
        3 => Just(Event::Start),
        1 => Just(Event::Stop),
        1 => Just(Event::HandOver),
        1 => Just(Event::Suspend),
        2 => (0_u64..20_000).prop_map(|ms| Event::Resume(Duration::from_millis(ms))),
        8 => Just(Event::Deadline),
        8 => heard().prop_map(Event::Heard),
        2 => priority().prop_map(|it| Event::Tracked(Effective::Priority(it))),
        1 => Just(Event::Tracked(Effective::Fault("bad".into()))),
        2 => Just(Event::LinkUp),
        1 => Just(Event::LinkDown),
        1 => Just(Event::LinkPasses),
        1 => Just(Event::Synced),
        1 => (0_u64..u64::MAX).prop_map(|us| Event::Stalled(Duration::from_micros(us))),
        1 => Just(Event::Group(GroupOrder::Master(member()))),
        1 => Just(Event::Group(GroupOrder::Backup(member()))),
        1 => Just(Event::Group(GroupOrder::Fault(member()))),
        1 => Just(Event::Group(GroupOrder::Cured)),
    ]
}

/// How the time of an event is chosen.
#[derive(Debug, Clone)]
enum When {
    Later(Duration),
    AtTheDeadline,
}

fn when() -> impl Strategy<Value = When> {
    prop_oneof![
        4 => (0_u64..5000).prop_map(|ms| When::Later(Duration::from_millis(ms))),
        1 => (0_u64..u64::MAX / 64).prop_map(|us| When::Later(Duration::from_micros(us))),
        4 => Just(When::AtTheDeadline),
    ]
}

fn moment(now: Timestamp, deadline: Option<Timestamp>, when: &When) -> Timestamp {
    match (when, deadline) {
        (When::Later(time), _) => now + *time,
        (When::AtTheDeadline, Some(at)) => at.max(now),
        (When::AtTheDeadline, None) => now,
    }
}

/// The addresses are ours exactly while we are master; only a master advertises, and who leaves says 0.
fn check_actions(has: &mut bool, was: State, actions: &[Action], is: State) {
    for action in actions {
        match action {
            Action::TakeAddresses => assert!(!std::mem::replace(has, true), "taken twice"),
            Action::ReleaseAddresses => assert!(std::mem::replace(has, false), "released twice"),
            Action::Announce(_) => assert!(*has, "announced, and not ours"),
            Action::Advertise { priority, .. } if *priority == Priority::LEAVES => {
                assert!(was == State::Master && is != State::Master, "{was} {is}");
            }
            Action::Advertise { .. } => assert!(is == State::Master, "advertised as {is}"),
            Action::Tell { .. } | Action::Notice { .. } => {}
        }
    }
    assert_eq!(*has, is == State::Master);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn only_a_master_has_the_addresses_and_advertises(
        router in virtual_router(),
        events in vec((when(), event()), 1..80),
    ) {
        let mut instance = Instance::new(Arc::new(router));
        let mut now = Timestamp::ZERO;
        let mut has = false;
        for (when, event) in events {
            now = moment(now, instance.deadline(), &when);
            let was = instance.state();
            let mut actions = Vec::new();
            instance.handle(now, event, &mut actions);
            check_actions(&mut has, was, &actions, instance.state());
        }
    }

    #[test]
    fn a_deadline_that_was_handled_is_in_the_future(
        router in virtual_router(),
        events in vec((when(), event()), 1..80),
    ) {
        let mut instance = Instance::new(Arc::new(router));
        let mut now = Timestamp::ZERO;
        for (when, event) in events {
            now = moment(now, instance.deadline(), &when);
            instance.handle(now, event, &mut Vec::new());
            // A deadline that has passed is handled, as a shell does.
            if instance.deadline().is_some_and(|at| at <= now) {
                instance.handle(now, Event::Deadline, &mut Vec::new());
            }
            let end = Timestamp::after_start(Duration::MAX);
            prop_assert!(now >= end || instance.deadline().is_none_or(|at| at > now));
        }
    }

    #[test]
    fn members_of_a_group_are_master_together(
        one in virtual_router(),
        two in virtual_router(),
        events in vec((when(), event(), any::<bool>()), 1..80),
    ) {
        let member = |router: VirtualRouter| Instance::new(Arc::new(router));
        let mut group = Group::new(vec![member(one), member(two)]);
        let mut now = Timestamp::ZERO;
        for (when, event, first) in events {
            now = moment(now, group.deadline(), &when);
            match event {
                Event::Start
                | Event::Stop
                | Event::HandOver
                | Event::Suspend
                | Event::Resume(_)
                | Event::Deadline
                | Event::Synced
                | Event::Stalled(_) => {
                    group.handle_all(now, &event, &mut Vec::new());
                }
                Event::Heard(_) | Event::Tracked(_) | Event::LinkUp | Event::LinkDown | Event::LinkPasses => {
                    group.handle(now, usize::from(first), event, &mut Vec::new());
                }
                // The group gives these.
                Event::Group(_) => {}
            }
            let states: Vec<_> = group.members().iter().map(Instance::state).collect();
            prop_assert_eq!(states[0] == State::Fault, states[1] == State::Fault, "{:?}", &states);
            prop_assert_eq!(states[0] == State::Master, states[1] == State::Master, "{:?}", &states);
        }
    }

    /// (256 - priority) * interval / 256, rounded up to a microsecond; never the same for two priorities.
    #[test]
    fn timers_are_exact_and_keep_the_order_of_priorities(
        version in version(),
        interval in 1_u16..=4095,
        priority in 1_u8..=254,
    ) {
        let interval = Centiseconds(interval);
        let skew = skew_time(version, interval, Priority(priority));
        let whole = match version {
            VrrpVersion::V2 => 1_000_000,
            VrrpVersion::V3 => u128::from(interval.0) * 10_000,
        };
        let exact = (256 - u128::from(priority)) * whole;
        prop_assert!(skew.as_micros() * 256 >= exact && skew.as_micros() * 256 < exact + 256);
        prop_assert!(skew_time(version, interval, Priority(priority + 1)) < skew);
        let down = master_down_interval(version, interval, Priority(priority));
        prop_assert_eq!(down, interval.duration() * 3 + skew);
    }
}
