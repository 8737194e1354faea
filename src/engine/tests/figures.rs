// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is counted for those who measure the director.

use std::time::Duration;

use super::stand::{Stand, TWO_SERVERS, all, key};
use crate::engine::Event;
use crate::model::{Figures, ProbeCounts, ProbeResult, Severity};
use crate::plan::SimulatedKernel;

fn figures(stand: &mut Stand) -> Figures {
    stand.engine.snapshot(stand.now).figures
}

fn counts(stand: &mut Stand, server: &str) -> ProbeCounts {
    let snapshot = stand.engine.snapshot(stand.now);
    let view = snapshot.server(&key(), &server.parse().unwrap()).unwrap();
    view.checks[0].counts
}

/// Successes and failures of all TCP probes, and how many have a latency.
fn of_tcp(figures: &Figures) -> (u64, u64, u64) {
    let (name, tcp) = figures.probes.each().next().unwrap();
    assert_eq!(name, "tcp");
    let of = |wanted: ProbeResult| tcp.outcomes().find(|(it, _)| *it == wanted).unwrap().1;
    let (success, failure) = (of(ProbeResult::Success), of(ProbeResult::Failure));
    (success, failure, tcp.latency.count())
}

#[test]
fn probes_count_for_their_check_and_for_its_type() {
    let mut stand = Stand::start(SimulatedKernel::default(), TWO_SERVERS);
    stand.seconds(20, |server| server != "10.0.0.2:80");
    let (up, down) = (
        counts(&mut stand, "10.0.0.1:80"),
        counts(&mut stand, "10.0.0.2:80"),
    );
    assert!(up.success > 5 && up.failure == 0, "{up:?}");
    assert!(down.failure > 5 && down.success == 0, "{down:?}");
    let (success, failure, latencies) = of_tcp(&figures(&mut stand));
    assert_eq!(success, u64::from(up.success));
    assert_eq!(failure, u64::from(down.failure));
    assert_eq!(latencies, success + failure);
}

#[test]
fn a_reload_keeps_what_was_counted() {
    let mut stand = Stand::start(SimulatedKernel::default(), TWO_SERVERS);
    stand.seconds(20, all);
    let (before, of_type) = (
        counts(&mut stand, "10.0.0.1:80"),
        of_tcp(&figures(&mut stand)),
    );
    let more = "  - {address: '192.0.2.10:80', scheduler: wrr, check: {interval: 3s}, servers: [10.0.0.1, 10.0.0.3]}\n";
    assert_eq!(stand.reload(more), None);
    assert_eq!(counts(&mut stand, "10.0.0.1:80"), before);
    assert!(counts(&mut stand, "10.0.0.3:80").is_empty());
    assert_eq!(of_tcp(&figures(&mut stand)), of_type);
    let broken = "  - {address: '192.0.2.10:80', scheduler: twos, servers: [10.0.0.1]}\n";
    let twos = crate::model::Scheduler::new("twos").unwrap();
    stand.kernel.missing_schedulers.insert(twos);
    assert!(stand.reload(broken).is_some());
    let figures = figures(&mut stand);
    assert_eq!((figures.reloads, figures.refused_reloads), (1, 1));
    assert!(figures.refused_steps > 0);
}

#[test]
fn a_probe_that_gives_no_result_has_no_latency() {
    let mut stand = Stand::start(SimulatedKernel::default(), TWO_SERVERS);
    stand.seconds(5, all);
    let before = of_tcp(&figures(&mut stand));
    // The one link is gone: nobody answers, and nobody is to blame.
    stand.unplugged = true;
    stand.seconds(5, all);
    assert_eq!(of_tcp(&figures(&mut stand)), before);
    assert!(counts(&mut stand, "10.0.0.1:80").could_not_run > 0);
}

#[test]
fn what_is_due_and_comes_late_is_counted_with_its_lateness() {
    let mut stand = Stand::start(SimulatedKernel::default(), TWO_SERVERS);
    stand.seconds(5, all);
    let before = figures(&mut stand);
    assert!(
        before.longest_lag <= Duration::from_millis(50),
        "{before:?}"
    );
    stand.now = stand.now + Duration::from_secs(4);
    stand.event(Event::Deadline);
    let after = figures(&mut stand);
    assert_eq!(after.lag.count(), before.lag.count() + 1);
    assert!(after.longest_lag > Duration::from_secs(1), "{after:?}");
}

#[test]
fn steps_verdicts_and_what_is_told_are_counted() {
    let mut stand = Stand::start(SimulatedKernel::default(), TWO_SERVERS);
    stand.seconds(10, all);
    let figures = figures(&mut stand);
    // The service and its two servers.
    assert!(figures.steps >= 3, "{figures:?}");
    let delays = figures.verdict_delay.count();
    assert_eq!(delays, stand.engine.verdict_delay().batches);
    let told: u64 = figures.told().map(|(_, count)| count).sum();
    assert_eq!(told, stand.told.len() as u64);
    assert_eq!(
        Severity::ALL.map(Severity::name),
        ["info", "warning", "error"]
    );
}
