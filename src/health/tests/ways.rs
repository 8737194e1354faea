// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whose failure it is when nobody answers.

use std::sync::Arc;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::configurations::{config, moment};
use super::{probe, report};
use crate::health::doubt::{Blame, Company, Doubt, Heard, Voices, blame};
use crate::health::links::Links;
use crate::health::{CheckId, Health, HealthAction, HealthEvent, ProbeRequest, RunId};
use crate::model::{
    Check, CheckSchedule, Checks, HostEvent, InterfaceAddress, Link, ProbeOutcome, ProbeReport,
    RouteKind, SeenLink, Sighting, Standing, Timestamp, Way,
};

const GRACE: Duration = Duration::from_secs(3);
const BY_ETH0: Way = Way::Out {
    link: 2,
    source: None,
};

fn link(index: u32, up: bool, running: bool) -> Link {
    Link {
        up,
        running,
        ..Link::new(index, &format!("eth{}", index - 2))
    }
}

/// `eth0` is in 10.0.0.0/8, `eth1` in 192.168.0.0/16.
fn sighting(eth0: Link, eth1: Link, carrier_changes: u32) -> Sighting {
    let address =
        |index, text: &str, prefix| InterfaceAddress::new(index, text.parse().unwrap(), prefix);
    let seen = |link| SeenLink {
        link,
        carrier_changes,
    };
    Sighting {
        links: vec![seen(eth0), seen(eth1)],
        addresses: vec![
            address(2, "10.0.0.11", 8),
            address(2, "172.16.0.1", 32),
            address(3, "192.168.0.11", 16),
        ],
        ..Sighting::default()
    }
}

fn all_pass(carrier_changes: u32) -> Sighting {
    sighting(link(2, true, true), link(3, true, true), carrier_changes)
}

/// What happened to the links after all was well, and when.
enum Before {
    Event(u64, HostEvent),
    Seen(u64, Sighting),
}

fn doubt(started: u64, latency: u64) -> Doubt {
    Doubt {
        run: RunId {
            check: CheckId(1),
            run: 1,
        },
        report: ProbeReport {
            started: moment(started),
            latency: Duration::from_secs(latency),
            ..report(ProbeOutcome::Silent, "connect timed out")
        },
    }
}

/// The probe started at 100 s. After a link has come back nothing counts for 3 s.
#[test]
fn a_failure_is_the_servers_when_the_way_was_open_all_the_time() {
    use Before::{Event, Seen};
    let changed = |up, running| HostEvent::LinkChanged(link(2, up, running));
    let flap = |down: u64, up: u64| {
        vec![
            Event(down, changed(false, false)),
            Event(up, changed(true, true)),
        ]
    };
    let host = |why: &str| Blame::Host(why.into());
    let eth1_down = || {
        vec![Seen(
            101,
            sighting(link(2, true, true), link(3, false, false), 1),
        )]
    };
    let (near, far, home) = ("10.0.0.5:80", "203.0.113.5:80", "192.168.0.5:80");
    #[rustfmt::skip]
    let table: Vec<(&str, Vec<Before>, Way, Company, Blame)> = vec![
        (near, vec![], BY_ETH0, Company::Alone, Blame::Server),
        (near, vec![], BY_ETH0, Company::Answered, Blame::Server),
        (near, vec![], BY_ETH0, Company::Unasked, Blame::Open),
        (near, vec![], BY_ETH0, Company::Silent(2), host("none of 2 servers answers on eth0")),
        (far, vec![], BY_ETH0, Company::Silent(9), host("none of 9 servers answers beyond eth0")),
        // The kernel's own word.
        (near, vec![], Way::NoRoute, Company::Answered, host("there is no route to it (ENETUNREACH)")),
        (near, vec![], Way::Unknown, Company::Unasked, Blame::Server),
        (near, vec![], Way::Closed(RouteKind::Blackhole), Company::Unasked, Blame::Closed("the route to it is a blackhole")),
        (near, vec![], Way::Closed(RouteKind::Prohibit), Company::Unasked, Blame::Closed("the route to it prohibits all traffic")),
        (near, vec![], Way::Closed(RouteKind::Unreachable), Company::Unasked, Blame::Closed("the route to it is unreachable")),
        // The link is closed, or was so a moment ago.
        (near, vec![Event(101, changed(false, false))], BY_ETH0, Company::Answered, host("eth0 is down")),
        (near, vec![Event(101, changed(true, false))], BY_ETH0, Company::Answered, host("eth0 has no carrier")),
        (near, flap(90, 96), BY_ETH0, Company::Answered, Blame::Server),
        (near, flap(90, 97), BY_ETH0, Company::Answered, Blame::Server),
        (near, flap(90, 98), BY_ETH0, Company::Answered, host("eth0 was down a moment ago")),
        (near, flap(101, 102), BY_ETH0, Company::Answered, host("eth0 was down a moment ago")),
        (near, vec![Seen(102, all_pass(3))], BY_ETH0, Company::Answered, host("eth0 was down a moment ago")),
        (near, vec![Seen(102, all_pass(1))], BY_ETH0, Company::Answered, Blame::Server),
        (near, vec![Event(102, HostEvent::Lost)], BY_ETH0, Company::Answered, host("eth0 was down a moment ago")),
        (near, vec![Event(102, changed(true, true))], BY_ETH0, Company::Answered, Blame::Server),
        // Another link is closed: this matters to the targets on it.
        (near, eth1_down(), BY_ETH0, Company::Answered, Blame::Server),
        (home, eth1_down(), BY_ETH0, Company::Answered, host("eth1 is down")),
        (home, vec![], BY_ETH0, Company::Answered, Blame::Server),
    ];
    for (number, (target, before, way, company, expected)) in table.into_iter().enumerate() {
        let mut links = Links::default();
        links.seen(moment(1), &all_pass(1));
        for it in before {
            match it {
                Event(at, event) => links.happened(moment(at), &event),
                Seen(at, sighting) => links.seen(moment(at), &sighting),
            }
        }
        let found = blame(
            &doubt(100, 2),
            &probe(target),
            way,
            GRACE,
            &links,
            |_, _| company,
        );
        assert_eq!(found, expected, "row {number}");
    }
}

/// The host, what was heard and when, and whether it is down.
type Voice = (&'static str, fn(Timestamp) -> Heard, u64, bool);

/// The probe of 10.0.0.1 ran from 100 s to 102 s.
#[test]
fn the_others_on_the_link_say_whether_the_way_was_open() {
    use Heard::{Answer, Silence};
    let me = "10.0.0.1".parse().unwrap();
    let table: &[(&[Voice], Company)] = &[
        (&[], Company::Alone),
        (&[("10.0.0.1", Silence, 102, false)], Company::Alone),
        (&[("10.0.0.2", Answer, 101, false)], Company::Answered),
        (&[("10.0.0.2", Answer, 101, true)], Company::Answered),
        // An answer to another check of the same host.
        (&[("10.0.0.1", Answer, 102, false)], Company::Answered),
        // The way may have been open only then.
        (&[("10.0.0.2", Answer, 100, false)], Company::Unasked),
        (&[("10.0.0.2", Answer, 60, false)], Company::Unasked),
        (&[("10.0.0.2", Silence, 99, false)], Company::Unasked),
        (&[("10.0.0.2", Silence, 101, false)], Company::Silent(2)),
        // It has been down before, and says nothing about the link.
        (&[("10.0.0.2", Silence, 101, true)], Company::Alone),
        (&[("10.0.0.2", Answer, 60, true)], Company::Alone),
        (
            &[
                ("10.0.0.2", Silence, 101, false),
                ("10.0.0.3", Silence, 103, false),
            ],
            Company::Silent(3),
        ),
        (
            &[
                ("10.0.0.2", Silence, 101, false),
                ("10.0.0.3", Answer, 60, false),
            ],
            Company::Unasked,
        ),
        (
            &[
                ("10.0.0.2", Silence, 101, false),
                ("10.0.0.3", Answer, 103, false),
            ],
            Company::Answered,
        ),
    ];
    for (voices, expected) in table {
        let mut side = Voices::default();
        for (host, heard, at, is_down) in *voices {
            side.add(host.parse().unwrap(), heard(moment(*at)), *is_down);
        }
        assert_eq!(side.company(me, &doubt(100, 2)), *expected, "{voices:?}");
    }
}

const RASH: CheckSchedule = CheckSchedule {
    interval: Duration::from_secs(60),
    timeout: Duration::from_secs(2),
    rise: 1,
    fall: 1,
    retry_delay: Duration::from_secs(1),
};

/// Servers on one link, each probed once a minute; one failure is a verdict.
struct Servers {
    health: Health,
    now: Timestamp,
    sighting: Sighting,
}

impl Servers {
    fn new(number: u8) -> Self {
        let servers: Vec<(String, Checks)> = (1..=number)
            .map(|last| {
                let at = format!("10.0.0.{last}:80");
                let check = Check {
                    probe: probe(&at),
                    schedule: Arc::new(RASH),
                };
                (at, Checks::one(check))
            })
            .collect();
        let servers: Vec<(&str, Checks)> = servers
            .iter()
            .map(|(at, checks)| (at.as_str(), checks.clone()))
            .collect();
        let mut all = Self {
            health: Health::new(7),
            now: moment(10),
            sighting: all_pass(1),
        };
        all.see();
        let config = config(&[("192.0.2.10:80", &servers)]);
        all.health.configure(&config, |_, _| false, all.now);
        all
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
    }

    fn due(&mut self) -> Vec<ProbeRequest> {
        let mut out = Vec::new();
        self.health
            .handle(self.now, HealthEvent::Deadline, &mut out);
        let probes = out.into_iter().filter_map(|action| match action {
            HealthAction::Probe(request) => Some(request),
            HealthAction::Changed { .. }
            | HealthAction::NotChecked { .. }
            | HealthAction::CheckedAgain { .. } => None,
        });
        probes.collect()
    }

    /// A report, and the look at the links that follows.
    fn report(&mut self, request: &ProbeRequest, outcome: ProbeOutcome) -> Vec<HealthAction> {
        let report = ProbeReport {
            started: request.asked,
            latency: self.now.since(request.asked),
            ..report(outcome, "")
        };
        let mut out = Vec::new();
        let event = HealthEvent::Reported(request.run, report);
        self.health.handle(self.now, event, &mut out);
        out.extend(self.see());
        out
    }

    fn see(&mut self) -> Vec<HealthAction> {
        let questions = self.health.questions().into_iter();
        let seen = Sighting {
            ways: questions.map(|probe| (probe, BY_ETH0)).collect(),
            ..self.sighting.clone()
        };
        let mut out = Vec::new();
        let event = HealthEvent::Seen(Box::new(seen));
        self.health.handle(self.now, event, &mut out);
        out
    }

    /// All are up, and will be probed in a minute.
    fn all_up(&mut self) {
        self.pass(Duration::from_secs(1));
        for request in self.due() {
            self.report(&request, ProbeOutcome::Up(None));
        }
        self.pass(Duration::from_secs(50));
    }

    /// The first probe that comes.
    fn next(&mut self) -> ProbeRequest {
        self.now = self.health.deadline().unwrap();
        self.due().remove(0)
    }
}

fn went_down(actions: &[HealthAction]) -> bool {
    let down = |it: &HealthAction| {
        matches!(
            it,
            HealthAction::Changed {
                to: Standing::Down,
                ..
            }
        )
    };
    actions.iter().any(down)
}

fn not_checked(actions: &[HealthAction]) -> usize {
    let not = |it: &&HealthAction| matches!(it, HealthAction::NotChecked { .. });
    actions.iter().filter(not).count()
}

#[test]
fn before_a_verdict_somebody_else_on_the_link_is_asked_at_once() {
    let mut servers = Servers::new(3);
    servers.all_up();
    let request = servers.next();
    servers.pass(RASH.timeout);
    assert_eq!(servers.report(&request, ProbeOutcome::Silent), []);
    let asked = servers.due();
    assert!(!asked.is_empty(), "nobody was asked");
    let actions = servers.report(&asked[0], ProbeOutcome::Up(None));
    assert!(went_down(&actions), "{actions:?}");
}

#[test]
fn when_none_of_the_servers_on_a_link_answers_no_verdict_moves() {
    let mut servers = Servers::new(3);
    servers.all_up();
    let mut asked = vec![servers.next()];
    let mut actions = Vec::new();
    for _ in 0..3 {
        servers.pass(RASH.timeout);
        for request in std::mem::take(&mut asked) {
            actions.extend(servers.report(&request, ProbeOutcome::Silent));
        }
        asked = servers.due();
    }
    assert!(!went_down(&actions), "{actions:?}");
    assert_eq!(not_checked(&actions), 3, "{actions:?}");
}

#[test]
fn the_last_server_of_a_link_goes_down_though_nobody_else_answers() {
    let mut servers = Servers::new(2);
    servers.all_up();
    let first = servers.next();
    servers.pass(RASH.timeout);
    servers.report(&first, ProbeOutcome::Silent);
    let other = servers.due().remove(0);
    assert!(went_down(&servers.report(&other, ProbeOutcome::Up(None))));
    let actions = loop {
        let request = servers.next();
        servers.pass(RASH.timeout);
        let actions = servers.report(&request, ProbeOutcome::Silent);
        if request.run.check == other.run.check {
            break actions;
        }
    };
    assert!(went_down(&actions), "{actions:?}");
}

/// What happens to three servers behind one link.
#[derive(Debug, Clone)]
enum Happening {
    Pass(Duration),
    /// The oldest probe that is out comes back; with an answer, where the link lets it.
    Report(bool),
    /// The kernel reports that the link passes packets, or does not.
    Link(bool),
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => (1_u64..4_000).prop_map(|ms| Happening::Pass(Duration::from_millis(ms))),
        5 => any::<bool>().prop_map(Happening::Report),
        1 => any::<bool>().prop_map(Happening::Link),
    ]
}

proptest! {
    /// A server goes down only by a probe during which the link was open all the time.
    #[test]
    fn no_server_goes_down_by_a_probe_that_met_a_closed_link(
        happenings in vec(happening(), 0..200),
    ) {
        let mut servers = Servers::new(3);
        let (mut out, mut open) = (Vec::new(), true);
        let mut shut = None::<Timestamp>;
        for happening in happenings {
            match happening {
                Happening::Pass(time) => {
                    servers.pass(time);
                    if !open {
                        shut = Some(servers.now);
                    }
                    out.extend(servers.due());
                }
                Happening::Link(passes) => {
                    if !open || !passes {
                        shut = Some(servers.now);
                    }
                    open = passes;
                    let event = HostEvent::LinkChanged(link(2, true, passes));
                    servers.sighting.links[0].link = link(2, true, passes);
                    servers.health.handle(
                        servers.now,
                        HealthEvent::Happened(event),
                        &mut Vec::new(),
                    );
                }
                Happening::Report(answers) if !out.is_empty() => {
                    let request: ProbeRequest = out.remove(0);
                    let met_it = !open || shut.is_some_and(|shut| request.asked <= shut);
                    let outcome = if answers && open {
                        ProbeOutcome::Up(None)
                    } else {
                        ProbeOutcome::Silent
                    };
                    let actions = servers.report(&request, outcome);
                    let down = actions.iter().any(|it| matches!(
                        it,
                        HealthAction::Changed { to: Standing::Down, server, .. }
                            if server.to_string() == request.check.probe.target.to_string()
                    ));
                    prop_assert!(!(down && met_it), "{:?}", actions);
                }
                Happening::Report(_) => {}
            }
        }
    }
}
