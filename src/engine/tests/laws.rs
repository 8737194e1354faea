// SPDX-License-Identifier: MIT OR Apache-2.0
//! The engine is total: any event in any state, and the same events give the same actions.

use std::time::Duration;

use proptest::prelude::*;

use super::stand::{Stand, TWO_SERVERS, all, all_up, parse};
use crate::engine::{Action, Engine, Event, ReloadId, Start};
use crate::model::{IpvsTable, Timestamp};
use crate::plan::SimulatedKernel;

fn any_event() -> impl Strategy<Value = Event> {
    let table = all_up(&parse(TWO_SERVERS));
    let service = table.services.values().next().cloned();
    let key = super::stand::key();
    let config = || {
        prop::sample::select(vec![1_u32, 5, 9]).prop_map(|weight| {
            parse(&TWO_SERVERS.replace("weight: 5", &format!("weight: {weight}")))
        })
    };
    let start = config().prop_map(|config| {
        let start = Start {
            config,
            owned: std::collections::BTreeSet::new(),
            recalled: Vec::new(),
            orders: Vec::new(),
            drains: Vec::new(),
            slow_starts: Vec::new(),
            masters: std::collections::BTreeSet::new(),
        };
        Event::Start(Box::new(start))
    });
    prop_oneof![
        2 => start,
        8 => Just(Event::Deadline),
        1 => Just(Event::Probed(Vec::new())),
        2 => prop::sample::select(vec![Ok(table), Ok(IpvsTable::new()), Err("lost".into())])
            .prop_map(Event::TableRead),
        4 => prop::sample::select(vec![Ok(service), Ok(None), Err("lost".into())])
            .prop_map(move |found| Event::ServiceRead(key, found)),
        6 => prop::sample::select(vec![Ok(Vec::new()), Err("lost".into())]).prop_map(Event::Applied),
        1 => Just(Event::HostRead(Box::default(), vec!["lost".into()])),
        1 => Just(Event::HostApplied(vec![(7, "lost".into())])),
        1 => prop::sample::select(vec![Ok(()), Err("full".into())]).prop_map(Event::OwnedWritten),
        2 => (0..9_u64, config()).prop_map(|(id, config)| Event::Next(ReloadId(id), config)),
        1 => (0..9_u64).prop_map(|id| Event::NextRefused(ReloadId(id), "bad".into())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Answers come unasked, twice, or out of order: the engine never panics, and afterwards it still makes the kernel
    /// right.
    #[test]
    fn whatever_comes_the_engine_goes_on(events in prop::collection::vec(any_event(), 0..60)) {
        let mut stand = Stand::start(SimulatedKernel::default(), TWO_SERVERS);
        for event in events {
            stand.now = stand.now + Duration::from_millis(300);
            stand.event(event);
            stand.engine.snapshot(stand.now);
        }
        prop_assert_eq!(stand.ended, None);
        stand.seconds(60, all);
        prop_assert_eq!(stand.weights().len(), 2);
    }

    /// A recording is enough: events that went through JSON give the same actions again.
    #[test]
    fn the_same_events_give_the_same_actions(events in prop::collection::vec(any_event(), 0..40)) {
        let (mut one, mut two) = (Engine::new(3), Engine::new(3));
        for (index, event) in events.into_iter().enumerate() {
            let now = Timestamp::after_start(Duration::from_millis(250 * index as u64));
            let (mut first, mut second) = (Vec::new(), Vec::new());
            let text = serde_json::to_string(&event).unwrap();
            one.handle(now, event, &mut first);
            two.handle(now, serde_json::from_str(&text).unwrap(), &mut second);
            prop_assert_eq!(&first, &second);
            let actions = serde_json::to_string(&first).unwrap();
            prop_assert_eq!(serde_json::from_str::<Vec<Action>>(&actions).unwrap(), first);
        }
    }
}
