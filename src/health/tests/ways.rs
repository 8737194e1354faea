// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whose failure it is when nobody answers.

use std::sync::Arc;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::configurations::{config, moment};
use super::{probe, report};
use crate::health::doubt::{Blame, Company, Doubt, Heard, Voices, blame};
use crate::health::links::{Links, Side};
use crate::health::{CheckId, Health, HealthAction, HealthEvent, ProbeRequest, RunId};
use crate::model::{
    Check, CheckSchedule, Checks, Fall, HostEvent, InterfaceAddress, Link, ProbeOutcome,
    ProbeReport, RouteKind, SeenLink, Sighting, Standing, Timestamp, Way,
};

const GRACE: Duration = Duration::from_secs(3);
const BY_ETH0: Way = Way::Out {
    link: 2,
    source: None,
};

pub(super) fn link(index: u32, up: bool, running: bool) -> Link {
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

pub(super) fn all_pass(carrier_changes: u32) -> Sighting {
    sighting(link(2, true, true), link(3, true, true), carrier_changes)
}

/// What happened to the links after all was well, and when.
enum Before {
    Event(u64, HostEvent),
    Seen(u64, Sighting),
    Answer(u64, &'static str),
    Silence(Side),
}

trait And {
    fn and(self, next: Before) -> Self;
}

impl And for Vec<Before> {
    fn and(mut self, next: Before) -> Self {
        self.push(next);
        self
    }
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
        sifted: false,
    }
}

fn changed(up: bool, running: bool) -> HostEvent {
    HostEvent::LinkChanged(link(2, up, running))
}

/// `eth0` goes down, and comes up.
fn flap(down: u64, up: u64) -> Vec<Before> {
    vec![
        Before::Event(down, changed(false, false)),
        Before::Event(up, changed(true, true)),
    ]
}

/// All links, after this.
fn links(before: Vec<Before>) -> Links {
    let mut links = Links::default();
    links.seen(moment(1), &all_pass(1));
    for it in before {
        match it {
            Before::Event(at, event) => links.happened(moment(at), &event),
            Before::Seen(at, sighting) => links.seen(moment(at), &sighting),
            Before::Answer(at, from) => links.answered(moment(at), from.parse().unwrap()),
            Before::Silence(side) => links.nobody_answers(side),
        }
    }
    links
}

/// Whose failure it is, after this, that a probe was not answered.
fn blamed(target: &str, before: Vec<Before>, way: Way, company: Company) -> Blame {
    let (links, doubt, probe) = (links(before), doubt(100, 2), probe(target));
    blame(&doubt, &probe, way, GRACE, &links, |_, _| company)
}

/// The probe started at 100 s. After a link has come back nothing counts for 3 s.
#[test]
fn a_failure_is_the_servers_when_the_way_was_open_all_the_time() {
    use Before::{Answer, Event, Seen};
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
        (near, flap(90, 96).and(Answer(96, "10.0.0.9")), BY_ETH0, Company::Answered, Blame::Server),
        (near, flap(90, 97).and(Answer(100, "10.0.0.9")), BY_ETH0, Company::Answered, Blame::Server),
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
        let found = blamed(target, before, way, company);
        assert_eq!(found, expected, "row {number}");
    }
}

/// Clients came from 100 s on.
#[test]
fn clients_say_nothing_of_a_server_when_the_way_was_perhaps_shut_meanwhile() {
    use Before::{Answer, Event, Silence};
    let (near, far) = ("10.0.0.5", "203.0.113.5");
    #[rustfmt::skip]
    let table: Vec<(&str, Vec<Before>, bool)> = vec![
        (near, vec![], true),
        (far, vec![], true),
        (near, vec![Event(101, changed(false, false))], false),
        (near, vec![Event(101, changed(true, false))], false),
        (far, vec![Event(101, changed(true, false))], false),
        (near, flap(90, 91), false),
        (near, flap(90, 91).and(Answer(99, "10.0.0.9")), true),
        (near, flap(90, 91).and(Answer(99, "203.0.113.9")), false),
        (far, flap(90, 91).and(Answer(99, "203.0.113.9")), true),
        (near, flap(90, 91).and(Answer(101, "10.0.0.9")), false),
        (near, flap(101, 102).and(Answer(103, "10.0.0.9")), false),
        (near, vec![Event(101, HostEvent::Lost)], false),
        (near, vec![Silence(Side::On(2))], false),
        (near, vec![Silence(Side::On(3))], true),
    ];
    for (number, (target, before, expected)) in table.into_iter().enumerate() {
        let found = links(before).open_since(target.parse().unwrap(), moment(100));
        assert_eq!(found, expected, "row {number}");
    }
}

/// The probe started at 100 s.
#[test]
fn an_answer_shows_that_a_probe_could_pass_when_somebody_answered_before_it_too() {
    use Before::{Answer, Event, Silence};
    let just_come =
        |place| Blame::Host(format!("the first answer {place} has only just come").into());
    let (near, far) = ("10.0.0.5:80", "203.0.113.5:80");
    #[rustfmt::skip]
    let table: Vec<(&str, Vec<Before>, Company, Blame)> = vec![
        // A switch that passes packets long after its carrier came: nobody had been reached when the probe left.
        (near, flap(90, 91), Company::Answered, just_come("on eth0")),
        (near, flap(90, 91).and(Answer(89, "10.0.0.9")).and(Answer(101, "10.0.0.9")), Company::Answered, Blame::Server),
        (near, flap(90, 91).and(Answer(101, "10.0.0.9")).and(Answer(102, "10.0.0.9")), Company::Answered, just_come("on eth0")),
        (near, flap(90, 91).and(Answer(99, "192.168.0.9")), Company::Answered, just_come("on eth0")),
        (near, flap(90, 91), Company::Alone, Blame::Server),
        (far, flap(90, 91).and(Answer(99, "10.0.0.9")), Company::Answered, just_come("beyond eth0")),
        (far, flap(90, 91).and(Answer(99, "198.51.100.9")), Company::Answered, Blame::Server),
        (near, vec![Event(60, HostEvent::Lost)], Company::Answered, just_come("on eth0")),
        // A switch that was silent while its carrier stayed.
        (near, vec![Silence(Side::On(2))], Company::Answered, just_come("on eth0")),
        (near, vec![Silence(Side::On(3))], Company::Answered, Blame::Server),
        (near, vec![Silence(Side::On(2)), Answer(70, "10.0.0.9")], Company::Answered, Blame::Server),
        (far, vec![Silence(Side::Beyond)], Company::Answered, just_come("beyond eth0")),
    ];
    for (number, (target, before, company, expected)) in table.into_iter().enumerate() {
        let found = blamed(target, before, BY_ETH0, company);
        assert_eq!(found, expected, "row {number}");
    }
}

/// The server took the connection and then hung. The others say nothing of that; only the link does.
#[test]
fn a_server_that_hangs_is_down_unless_the_link_was_cut_meanwhile() {
    let found = |before: Vec<HostEvent>| {
        let mut links = Links::default();
        links.seen(moment(1), &all_pass(1));
        for event in before {
            links.happened(moment(101), &event);
        }
        let mut doubt = doubt(100, 2);
        doubt.report.outcome = ProbeOutcome::Stalled;
        let company = |_, _| panic!("nobody else is asked");
        blame(
            &doubt,
            &probe("10.0.0.5:80"),
            BY_ETH0,
            GRACE,
            &links,
            company,
        )
    };
    assert_eq!(found(vec![]), Blame::Server);
    let cut = vec![changed(true, false), changed(true, true)];
    assert_eq!(found(cut), Blame::Host("eth0 was down a moment ago".into()));
}

/// The probe started at 100 s. Whether the way was cut while it waited, the others say.
#[test]
fn a_server_that_took_the_connection_and_then_was_cut_off_is_asked_about_like_one_that_is_silent() {
    let found = |before: Vec<Before>, company| {
        let mut doubt = doubt(100, 2);
        doubt.report.outcome = ProbeOutcome::CutOff;
        let (links, probe) = (links(before), probe("10.0.0.5:80"));
        blame(&doubt, &probe, BY_ETH0, GRACE, &links, |_, _| company)
    };
    let nobody = Blame::Host("none of 3 servers answers on eth0".into());
    let no_carrier = Blame::Host("eth0 has no carrier".into());
    for (company, expected) in [
        (Company::Alone, Blame::Server),
        (Company::Answered, Blame::Server),
        (Company::Unasked, Blame::Open),
        (Company::Silent(3), nobody),
    ] {
        assert_eq!(found(vec![], company), expected, "{company:?}");
        let pulled = vec![Before::Event(101, changed(true, false))];
        assert_eq!(found(pulled, company), no_carrier, "{company:?}");
    }
}

/// The probe of 10.0.0.1 ran from 100 s to 102 s. Its answer may have been ready at the end only.
#[test]
fn only_an_answer_after_its_end_shows_that_a_probe_was_not_cut_off_by_the_way() {
    use Heard::{Answer, CutOff, Silence};
    let cut_off = |answered, silent| CutOff {
        answered: moment(answered),
        silent: moment(silent),
    };
    let mut doubt = doubt(100, 2);
    doubt.report.outcome = ProbeOutcome::CutOff;
    for (heard, expected) in [
        (Answer(moment(101)), Company::Unasked),
        (Answer(moment(102)), Company::Answered),
        (Silence(moment(99)), Company::Unasked),
        (Silence(moment(103)), Company::Silent(2)),
        (cut_off(99, 101), Company::Silent(2)),
        (cut_off(97, 99), Company::Unasked),
        // It took a connection later, and was cut off then.
        (cut_off(103, 105), Company::Answered),
    ] {
        let mut side = Voices::default();
        side.add("10.0.0.2".parse().unwrap(), heard, false);
        let company = side.company("10.0.0.1".parse().unwrap(), &doubt);
        assert_eq!(company, expected, "{heard:?}");
    }
}

/// Such a probe is content when nothing comes. Nothing comes either when the cable is cut.
#[test]
fn a_server_that_owes_no_answer_is_up_only_when_the_link_is_open() {
    for open in [true, false] {
        let mut servers = Servers::new(1);
        servers.pass(Duration::from_secs(1));
        let request = servers.due().remove(0);
        servers.sighting = sighting(link(2, true, open), link(3, true, true), 1);
        let actions = servers.report(&request, ProbeOutcome::Quiet);
        assert_eq!(not_checked(&actions), usize::from(!open), "{actions:?}");
        let up = actions.iter().any(|it| {
            matches!(
                it,
                HealthAction::Changed {
                    to: Standing::Up(None),
                    ..
                }
            )
        });
        assert_eq!(up, open, "{actions:?}");
    }
}

/// Otherwise it would be the one that answers on a link where nobody does.
#[test]
fn a_server_that_owes_no_answer_is_no_witness_against_others() {
    let mut servers = Servers::new(4);
    servers.all_up();
    let quiet = servers.next();
    let mut asked = servers.due();
    asked.push(servers.next());
    let mut actions = Vec::new();
    servers.pass(RASH.timeout);
    servers.report(&quiet, ProbeOutcome::Quiet);
    for _ in 0..3 {
        for request in std::mem::take(&mut asked) {
            actions.extend(servers.report(&request, ProbeOutcome::Silent));
        }
        asked = servers.due();
        servers.pass(RASH.timeout);
    }
    assert!(!went_down(&actions), "{actions:?}");
    assert_eq!(not_checked(&actions), 3, "{actions:?}");
}

/// The probe started at 100 s and waited for 300 ms. The kernel asks for a neighbour again after a second.
#[test]
fn a_short_timeout_leaves_the_kernel_time_to_find_the_neighbours_again() {
    let host = |why: &str| Blame::Host(why.into());
    let ms = |number| Timestamp::after_start(Duration::from_millis(number));
    let found = |back: u64, answered: u64, company| {
        let mut links = Links::default();
        links.seen(moment(1), &all_pass(1));
        links.seen(ms(back), &all_pass(3));
        links.answered(ms(answered), "10.0.0.9".parse().unwrap());
        let (doubt, probe) = (doubt(100, 0), probe("10.0.0.5:80"));
        let timeout = Duration::from_millis(300);
        blame(&doubt, &probe, BY_ETH0, timeout, &links, |_, _| company)
    };
    let moment_ago = host("eth0 was down a moment ago");
    let just_come = host("the first answer on eth0 has only just come");
    for (back, answered, company, expected) in [
        (99_000, 99_050, Company::Answered, moment_ago.clone()),
        (99_000, 99_050, Company::Alone, moment_ago),
        (98_800, 98_850, Company::Answered, Blame::Server),
        (98_800, 98_850, Company::Alone, Blame::Server),
        (90_000, 99_300, Company::Answered, just_come.clone()),
        (90_000, 99_200, Company::Answered, Blame::Server),
        (90_000, 99_900, Company::Answered, just_come),
        (90_000, 99_900, Company::Alone, Blame::Server),
    ] {
        assert_eq!(
            found(back, answered, company),
            expected,
            "{back} {answered}"
        );
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
    fall: Fall::InARow(1),
    ..CheckSchedule::DEFAULT
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
            HealthAction::Hold(_)
            | HealthAction::Release(_)
            | HealthAction::Changed { .. }
            | HealthAction::HeldDown { .. }
            | HealthAction::NotChecked { .. }
            | HealthAction::Warned { .. }
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

/// Each has the outcome that is given, one soon after the other.
fn all_end_with(outcome: ProbeOutcome) -> (usize, usize) {
    let mut servers = Servers::new(3);
    servers.all_up();
    servers.now = servers.now + RASH.interval;
    let asked = servers.due();
    assert_eq!(asked.len(), 3);
    servers.pass(RASH.timeout);
    let mut actions = Vec::new();
    for request in asked {
        actions.extend(servers.report(&request, outcome));
        servers.pass(Duration::from_millis(10));
    }
    let down = actions.iter().filter(|it| went_down(&[(*it).clone()]));
    (down.count(), not_checked(&actions))
}

#[test]
fn a_cable_that_is_cut_while_all_servers_have_a_question_takes_none_down() {
    assert_eq!(all_end_with(ProbeOutcome::CutOff), (0, 3));
}

/// Their hosts answer, and their programs do not: the database behind them has hung.
#[test]
fn servers_that_all_hang_at_once_all_go_down_at_once() {
    assert_eq!(all_end_with(ProbeOutcome::Stalled), (3, 0));
}

#[test]
fn a_server_that_dies_with_a_question_goes_down_when_another_answers() {
    let mut servers = Servers::new(3);
    servers.all_up();
    let request = servers.next();
    servers.pass(RASH.timeout);
    assert_eq!(servers.report(&request, ProbeOutcome::CutOff), []);
    let asked = servers.due();
    let actions = servers.report(&asked[0], ProbeOutcome::Up(None));
    assert!(went_down(&actions), "{actions:?}");
}

/// One of three servers has this outcome, and this host's firewall denies its probe or not. Whether it goes down, and how
/// many are not checked.
fn sifted(outcome: ProbeOutcome, denied: bool) -> (bool, usize) {
    let mut servers = Servers::new(3);
    servers.all_up();
    let request = servers.next();
    servers.pass(RASH.timeout);
    let report = ProbeReport {
        started: request.asked,
        ..report(outcome, "")
    };
    let mut actions = Vec::new();
    let event = HealthEvent::Reported(request.run, report);
    servers.health.handle(servers.now, event, &mut actions);
    let suspects = servers.health.suspects();
    if denied {
        servers.sighting.denied = suspects;
    }
    actions.extend(servers.see());
    assert_eq!(servers.health.suspects(), [], "each is asked about once");
    (went_down(&actions), not_checked(&actions))
}

#[test]
fn what_this_hosts_own_firewall_denies_takes_no_server_down() {
    use ProbeOutcome::{CutOff, Down, Refused, Silent, Stalled};
    for (outcome, denied, expected) in [
        (Refused, true, (false, 1)),
        (Silent, true, (false, 1)),
        (CutOff, true, (false, 1)),
        (Refused, false, (true, 0)),
        // Others are asked first.
        (Silent, false, (false, 0)),
        (CutOff, false, (false, 0)),
        // The server itself has said something: nobody suspects the firewall.
        (Stalled, true, (true, 0)),
        (Down, true, (true, 0)),
    ] {
        assert_eq!(sifted(outcome, denied), expected, "{outcome:?} {denied}");
    }
}

#[test]
fn a_refusal_is_the_servers_though_nobody_can_look_at_the_links() {
    let mut servers = Servers::new(2);
    servers.all_up();
    let request = servers.next();
    let report = ProbeReport {
        started: request.asked,
        ..report(ProbeOutcome::Refused, "connect refused")
    };
    let mut actions = Vec::new();
    let reported = HealthEvent::Reported(request.run, report);
    for event in [reported, HealthEvent::NotSeen] {
        servers.health.handle(servers.now, event, &mut actions);
    }
    assert!(went_down(&actions), "{actions:?}");
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

proptest! {
    /// All servers are well, and at some moment a switch stops to pass packets, without a word.
    #[test]
    fn a_cut_that_nobody_tells_of_takes_no_server_down(
        before in vec((1_u64..4_000, 0_usize..3), 0..60),
        after in vec((1_u64..4_000, 0_usize..3), 0..60),
    ) {
        let mut servers = Servers::new(3);
        servers.all_up();
        let (mut out, cut) = (Vec::<ProbeRequest>::new(), before.len());
        let mut cut_at = None;
        for (number, (ms, which)) in before.into_iter().chain(after).enumerate() {
            if number == cut {
                cut_at = Some(servers.now);
            }
            servers.pass(Duration::from_millis(ms));
            out.extend(servers.due());
            let now = servers.now;
            // An answer comes at any time, silence ends with the timeout.
            let (ended, waiting) = out.into_iter().enumerate().partition::<Vec<_>, _>(|(at, it)| {
                now.since(it.asked) >= RASH.timeout || *at == which && cut_at.is_none()
            });
            out = waiting.into_iter().map(|(_, it)| it).collect();
            for (_, request) in ended {
                let outcome = match cut_at {
                    None => ProbeOutcome::Up(None),
                    Some(cut) if request.asked <= cut => ProbeOutcome::CutOff,
                    Some(_) => ProbeOutcome::Silent,
                };
                let actions = servers.report(&request, outcome);
                prop_assert!(!went_down(&actions), "{:?}", actions);
            }
        }
    }
}

/// The carrier is there, and the switch passes nothing for some seconds more.
#[test]
fn a_switch_that_passes_packets_late_costs_no_server() {
    let mut servers = Servers::new(3);
    servers.all_up();
    servers.sighting = all_pass(3);
    servers.see();
    servers.pass(RASH.timeout * 3);
    let request = servers.next();
    servers.pass(RASH.timeout);
    assert_eq!(servers.report(&request, ProbeOutcome::Silent), []);
    let asked = servers.due();
    let mut actions = Vec::new();
    for request in &asked {
        actions.extend(servers.report(request, ProbeOutcome::Up(None)));
    }
    assert!(!went_down(&actions), "{actions:?}");
    assert_eq!(not_checked(&actions), 1);

    // The way is known to be open now.
    let again = loop {
        servers.now = servers.health.deadline().unwrap();
        let mut due = servers.due();
        due.retain(|it| {
            let is_it = it.run.check == request.run.check;
            if !is_it {
                servers.report(it, ProbeOutcome::Up(None));
            }
            is_it
        });
        if let Some(again) = due.pop() {
            break again;
        }
    };
    servers.pass(RASH.timeout);
    assert_eq!(servers.report(&again, ProbeOutcome::Silent), []);
    let asked = servers.due();
    let actions = servers.report(&asked[0], ProbeOutcome::Up(None));
    assert!(went_down(&actions), "{actions:?}");
}

#[test]
fn who_cannot_look_at_the_links_believes_silence_after_some_tries() {
    let mut servers = Servers::new(2);
    servers.all_up();
    for round in 1..=4 {
        let request = servers.next();
        servers.pass(RASH.timeout);
        let report = ProbeReport {
            started: request.asked,
            latency: RASH.timeout,
            ..report(ProbeOutcome::Silent, "connect timed out")
        };
        let mut actions = Vec::new();
        let reported = HealthEvent::Reported(request.run, report);
        for event in [reported, HealthEvent::NotSeen] {
            servers.health.handle(servers.now, event, &mut actions);
        }
        assert_eq!(
            went_down(&actions),
            round == 4,
            "round {round}: {actions:?}"
        );
    }
}
