// SPDX-License-Identifier: MIT OR Apache-2.0
//! The laws of the planner (docs/architecture.md), against random tables on both sides.
//!
//! Both tables use the same few services and servers. So the two sides overlap in every way.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where something is wrong"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use lvs_director::model::{
    AddressFamily, ForwardingMethod, Fwmark, IpvsTable, RealServer, Scheduler, SchedulerFlags,
    Seconds, ServerKey, ServiceKey, ServiceSettings, Thresholds, Tunnel, VirtualService, Weight,
};
use lvs_director::plan::{
    Change, Outcome, Plan, Rule, SimulatedKernel, Step, Target as _, carry_out, diff, execute,
};
use proptest::collection::{btree_map, btree_set};
use proptest::prelude::*;

fn service_key() -> impl Strategy<Value = ServiceKey> {
    prop_oneof![
        (0..4_u16).prop_map(|n| ServiceKey::tcp((Ipv4Addr::new(192, 0, 2, 10), 5670 + n).into())),
        Just(ServiceKey::udp((Ipv4Addr::new(192, 0, 2, 10), 53).into())),
        Just(ServiceKey::Fwmark {
            mark: Fwmark::new(7).unwrap(),
            family: AddressFamily::Ipv4
        }),
    ]
}

fn settings() -> impl Strategy<Value = ServiceSettings> {
    let persistence = proptest::option::of((1..3_u32).prop_map(|n| Seconds(n * 50)));
    let scheduler = prop_oneof![Just("rr"), Just("wrr"), Just("sh"), Just("mh")];
    (scheduler, 0..2_u8, persistence).prop_map(|(name, flags, persistence)| ServiceSettings {
        scheduler_flags: SchedulerFlags::from_bits(flags),
        persistence,
        ..ServiceSettings::new(Scheduler::new(name).unwrap())
    })
}

fn server_key() -> impl Strategy<Value = ServerKey> {
    (2..8_u8).prop_map(|n| ServerKey::new(IpAddr::from([10, 0, 0, n]), 5672))
}

fn real_server() -> impl Strategy<Value = RealServer> {
    let forwarding = prop_oneof![
        Just(ForwardingMethod::DirectRouting),
        Just(ForwardingMethod::Masquerading),
        Just(ForwardingMethod::Tunneling(Tunnel::IPIP)),
    ];
    (forwarding, 0..3_u32, 0..2_u32).prop_map(|(forwarding, weight, upper)| RealServer {
        forwarding,
        weight: Weight::new(weight).unwrap(),
        thresholds: Thresholds {
            upper: upper * 100,
            lower: 0,
        },
    })
}

fn table() -> impl Strategy<Value = IpvsTable> {
    let service = (settings(), btree_map(server_key(), real_server(), 0..6))
        .prop_map(|(settings, servers)| VirtualService { settings, servers });
    btree_map(service_key(), service, 0..6).prop_map(|services| IpvsTable { services })
}

/// Our part of a table: desired, or listed as ours.
fn ours_of(
    table: &IpvsTable,
    desired: &IpvsTable,
    ours: &BTreeSet<ServiceKey>,
) -> BTreeMap<ServiceKey, VirtualService> {
    let mine = |key: &ServiceKey| desired.services.contains_key(key) || ours.contains(key);
    table
        .services
        .iter()
        .filter(|(key, _)| mine(key))
        .map(|(k, v)| (*k, v.clone()))
        .collect()
}

fn run(kernel: &mut SimulatedKernel, plan: &Plan) -> Outcome {
    execute(kernel, plan).unwrap_or_else(|never| match never {})
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn carrying_a_plan_out_gives_the_desired_table_and_planning_again_nothing(
        desired in table(), observed in table(), ours in btree_set(service_key(), 0..4),
    ) {
        let mut kernel = SimulatedKernel::holding(observed.clone());
        let plan = diff(&desired, &observed, &ours);
        let outcome = run(&mut kernel, &plan);
        prop_assert!(outcome.is_complete(), "{:?}", outcome.failures);
        prop_assert_eq!(outcome.done, plan.len());
        prop_assert_eq!(&ours_of(&kernel.table, &desired, &ours), &desired.services);
        prop_assert!(diff(&desired, &kernel.table, &ours).is_empty());
    }

    #[test]
    fn no_prefix_leaves_a_service_without_a_server_it_had_and_will_have(
        desired in table(), observed in table(), ours in btree_set(service_key(), 0..4),
    ) {
        let plan = diff(&desired, &observed, &ours);
        let serves = |table: &IpvsTable, key: &ServiceKey| {
            table.services.get(key).is_some_and(VirtualService::can_serve)
        };
        let lasting: Vec<_> = observed.services.keys().copied()
            .filter(|key| serves(&observed, key) && serves(&desired, key)).collect();
        let mut kernel = SimulatedKernel::holding(observed);
        for step in plan.steps() {
            kernel.step(step).unwrap();
            for key in &lasting {
                prop_assert!(serves(&kernel.table, key), "{key} cannot serve after {step}");
            }
        }
    }

    #[test]
    fn services_of_others_are_never_touched(
        desired in table(), observed in table(), ours in btree_set(service_key(), 0..4),
    ) {
        let plan = diff(&desired, &observed, &ours);
        for step in plan.steps() {
            let key = step.service();
            prop_assert!(desired.services.contains_key(key) || ours.contains(key), "{step}");
        }
        let mut kernel = SimulatedKernel::holding(observed.clone());
        run(&mut kernel, &plan);
        for (key, service) in &observed.services {
            if !desired.services.contains_key(key) && !ours.contains(key) {
                prop_assert_eq!(kernel.table.services.get(key), Some(service));
            }
        }
    }

    #[test]
    fn every_object_costs_at_most_one_message_but_a_new_maglev_service(
        desired in table(), observed in table(), ours in btree_set(service_key(), 0..4),
    ) {
        let plan = diff(&desired, &observed, &ours);
        let mut seen: BTreeMap<(ServiceKey, Option<ServerKey>), usize> = BTreeMap::new();
        for step in plan.steps() {
            let server = match step {
                Step::AddServer(_, server, _) | Step::EditServer(_, server, _) | Step::DeleteServer(_, server) => Some(*server),
                Step::AddService(..) | Step::EditService(..) | Step::DeleteService(_) => None,
            };
            *seen.entry((*step.service(), server)).or_default() += 1;
        }
        for ((key, server), times) in seen {
            let new_maglev = server.is_none() && !observed.services.contains_key(&key)
                && desired.services.get(&key).is_some_and(|it| it.settings.scheduler == Scheduler::MH);
            prop_assert!(times <= if new_maglev { 2 } else { 1 }, "{key} {server:?}: {times}");
            // Objects that are equal on both sides have no step at all.
            if let (Some(wanted), Some(present)) = (desired.services.get(&key), observed.services.get(&key)) {
                match server {
                    None => prop_assert_ne!(&wanted.settings, &present.settings),
                    Some(server) => prop_assert_ne!(wanted.servers.get(&server), present.servers.get(&server)),
                }
            }
        }
    }

    #[test]
    fn a_change_that_is_refused_as_a_whole_leaves_what_was_there_foreign_services_included(
        desired in table(), observed in table(), ours in btree_set(service_key(), 0..4),
    ) {
        let mut kernel = SimulatedKernel::holding(observed.clone());
        kernel.missing_schedulers.insert(Scheduler::new("mh").unwrap());
        let plan = diff(&desired, &observed, &ours);
        let rule = Rule::AllOrNothing { excused: BTreeSet::new() };
        let outcome = carry_out(&mut kernel, Change::new(plan, rule, &observed)).unwrap();
        if outcome.undone {
            prop_assert!(!outcome.is_complete());
            prop_assert_eq!(outcome.done, 0);
            prop_assert_eq!(&kernel.table, &observed);
        } else {
            prop_assert!(outcome.is_complete(), "{:?}", outcome.failures);
            prop_assert_eq!(&ours_of(&kernel.table, &desired, &ours), &desired.services);
        }
    }

    #[test]
    fn nothing_is_taken_away_before_all_that_adds_has_been_accepted(
        desired in table(), observed in table(), ours in btree_set(service_key(), 0..4),
    ) {
        let mut kernel = SimulatedKernel::holding(observed.clone());
        kernel.missing_schedulers.insert(Scheduler::new("mh").unwrap());
        let plan = diff(&desired, &observed, &ours);
        let rule = Rule::AllOrNothing { excused: BTreeSet::new() };
        let mut change = Change::new(plan, rule, &observed);
        let mut refused = false;
        while let Some(steps) = change.next() {
            for step in steps.iter() {
                let takes_away = matches!(step, Step::DeleteService(_) | Step::DeleteServer(..));
                let (key, server) = (step.service(), match step {
                    Step::DeleteServer(_, server) => Some(server),
                    _ => None,
                });
                let was_there = observed.services.get(key).is_some_and(|service| {
                    server.is_none_or(|server| service.servers.contains_key(server))
                });
                prop_assert!(!(refused && takes_away && was_there), "{step} after a refusal");
            }
            let failures = kernel.apply(&steps).unwrap();
            refused |= !failures.is_empty();
            change.applied(failures);
        }
    }

    #[test]
    fn an_excused_service_is_no_reason_to_refuse_a_change(
        desired in table(), observed in table(), ours in btree_set(service_key(), 0..4),
    ) {
        let mut kernel = SimulatedKernel::holding(observed.clone());
        kernel.missing_schedulers.insert(Scheduler::new("mh").unwrap());
        let plan = diff(&desired, &observed, &ours);
        let excused: BTreeSet<_> = plan.steps().map(|step| *step.service()).collect();
        let rule = Rule::AllOrNothing { excused };
        let outcome = carry_out(&mut kernel, Change::new(plan.clone(), rule, &observed)).unwrap();
        let mut other = SimulatedKernel::holding(observed);
        other.missing_schedulers.insert(Scheduler::new("mh").unwrap());
        let each = execute(&mut other, &plan).unwrap();
        prop_assert_eq!(outcome, each);
        prop_assert_eq!(kernel.table, other.table);
    }

    #[test]
    fn a_service_whose_growing_is_refused_keeps_what_it_had_and_the_others_are_finished(
        desired in table(), observed in table(), ours in btree_set(service_key(), 0..4),
    ) {
        let missing = Scheduler::new("mh").unwrap();
        let mut kernel = SimulatedKernel::holding(observed.clone());
        kernel.missing_schedulers.insert(missing.clone());
        let plan = diff(&desired, &observed, &ours);
        let outcome = run(&mut kernel, &plan);
        for (key, wanted) in &desired.services {
            let refused = outcome.failures.iter().any(|failure| failure.step.service() == key);
            let present = kernel.table.services.get(key);
            match (refused, observed.services.get(key)) {
                (false, _) => prop_assert_eq!(present, Some(wanted)),
                // Nothing is left of a service that could not be made completely.
                (true, None) => prop_assert_eq!(present, None),
                (true, Some(before)) => for (server, real) in &before.servers {
                    let now = present.and_then(|service| service.servers.get(server));
                    prop_assert!(now.is_some(), "{key} lost {server}");
                    prop_assert!(now.is_some_and(|now| real.weight.is_zero() || !now.weight.is_zero()));
                },
            }
        }
    }
}

#[test]
fn a_changed_weight_among_ten_thousand_servers_is_one_message() {
    let service = |port| {
        let key = ServiceKey::tcp((Ipv4Addr::new(192, 0, 2, 10), port).into());
        let mut service = VirtualService::new(ServiceSettings::new(Scheduler::new("wrr").unwrap()));
        for host in 1..=10 {
            let real = RealServer::new(ForwardingMethod::DirectRouting, Weight::ONE);
            service
                .servers
                .insert(ServerKey::new(IpAddr::from([10, 0, 0, host]), port), real);
        }
        (key, service)
    };
    let observed = IpvsTable {
        services: (1..=1000).map(service).collect(),
    };
    let mut desired = observed.clone();
    let changed = desired.services.values_mut().nth(500).unwrap();
    changed.servers.values_mut().next().unwrap().weight = Weight::new(7).unwrap();

    let plan = diff(&desired, &observed, &BTreeSet::new());
    assert_eq!(plan.len(), 1);
    assert!(matches!(plan.grow.as_slice(), [Step::EditServer(..)]));
}

#[test]
fn a_new_maglev_service_gets_its_scheduler_last() {
    let key = ServiceKey::tcp((Ipv4Addr::new(192, 0, 2, 10), 80).into());
    let mut service = VirtualService::new(ServiceSettings::new(Scheduler::MH));
    for host in 1..=3 {
        let real = RealServer::new(ForwardingMethod::DirectRouting, Weight::ONE);
        service
            .servers
            .insert(ServerKey::new(IpAddr::from([10, 0, 0, host]), 80), real);
    }
    let desired = IpvsTable {
        services: BTreeMap::from([(key, service)]),
    };
    let lines: Vec<_> = diff(&desired, &IpvsTable::new(), &BTreeSet::new())
        .steps()
        .map(Step::to_string)
        .collect();
    assert_eq!(
        lines,
        [
            "-A -t 192.0.2.10:80 -s none",
            "-a -t 192.0.2.10:80 -r 10.0.0.1:80 -g -w 1",
            "-a -t 192.0.2.10:80 -r 10.0.0.2:80 -g -w 1",
            "-a -t 192.0.2.10:80 -r 10.0.0.3:80 -g -w 1",
            "-E -t 192.0.2.10:80 -s mh",
        ]
    );
}
