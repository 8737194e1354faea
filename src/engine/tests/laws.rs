// SPDX-License-Identifier: MIT OR Apache-2.0
//! The engine is total: any event in any state, and the same events give the same actions.

use std::time::Duration;

use proptest::prelude::*;

use super::stand::{Stand, TWO_SERVERS, all, all_up, parse, parse_with};
use crate::engine::{Action, Engine, Event, PeerNews, ReloadId, Start};
use crate::model::{IpvsTable, Order, Standing, Timestamp, Weight};
use crate::pair::{Message, OrderNews, OrderVersion, TableNews, Verdict, of_checks};
use crate::plan::SimulatedKernel;

const PEER: &str = "peer: {address: 192.0.2.2, key_file: /k}\n";

fn any_news() -> impl Strategy<Value = PeerNews> {
    let config = parse_with(PEER, TWO_SERVERS);
    let service = super::stand::key();
    let whose = prop::sample::select(vec!["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"]);
    let whose = whose.prop_map(|it| it.parse().unwrap());
    let verdict = (whose.clone(), 0..3_usize).prop_map(move |(server, standing)| {
        let configured = config.services[&service].servers.get(&server);
        let standing = [None, Some(Standing::Down), Some(Standing::UP)][standing];
        Message::Verdicts(vec![Verdict {
            service,
            server,
            checks: configured.map_or(crate::pair::Digest(0), |it| of_checks(&it.checks)),
            own: standing,
            counts: standing,
            age: Duration::from_secs(9),
            only_held_down: false,
        }])
    });
    let order = (whose.clone(), any::<bool>(), 0..9_u64).prop_map(move |(server, ended, at)| {
        Message::Orders(vec![OrderNews {
            service,
            server,
            order: Some(Order::Weight(Weight::new(7).unwrap())),
            terms: crate::model::DrainTerms::default(),
            age: Duration::ZERO,
            ended,
            force: false,
            by: "user 0".into(),
            at_sender: true,
            version: OrderVersion { at, origin: 2 },
        }])
    });
    let drained = whose.prop_map(move |server| Message::Drained(vec![(service, server)]));
    let said = prop_oneof![
        4 => verdict,
        2 => order,
        1 => drained,
        2 => any::<bool>().prop_map(Message::Leads),
        1 => Just(Message::Again {}),
        1 => Just(Message::Table(TableNews::Wanted)),
        1 => any::<bool>().prop_map(|first| Message::Services { first, of: Vec::new() }),
    ];
    prop_oneof![
        1 => Just(PeerNews::Came("director 0.1.0".into())),
        1 => Just(PeerNews::Gone("a cut".into())),
        6 => said.prop_map(|it| PeerNews::Said(Box::new(it))),
    ]
}

fn any_event() -> impl Strategy<Value = Event> {
    let table = all_up(&parse(TWO_SERVERS));
    let service = table.services.values().next().cloned();
    let key = super::stand::key();
    let config = || {
        prop::sample::select(vec![1_u32, 5, 9]).prop_map(|weight| {
            let services = TWO_SERVERS.replace("weight: 5", &format!("weight: {weight}"));
            parse_with(PEER, &services)
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
            ledger: Vec::new(),
            origin: 0,
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
        4 => any_news().prop_map(Event::Peer),
        1 => prop::sample::select(vec![vec![], vec!["r".into()]])
            .prop_map(|masters| Event::MasterOf(masters.into_iter().collect())),
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
        stand.event(Event::Peer(PeerNews::Gone("a cut".into())));
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
