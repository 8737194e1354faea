// SPDX-License-Identifier: MIT OR Apache-2.0
//! How probes take their turns, and that each is reported.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::LocalSet;

use super::open::OpenRun;
use super::tcp::reset_at_close;
use super::{Answer, begin_task, run, run_each};
use crate::health::{CheckId, LOST_AFTER, ProbeRequest, RunId};
use crate::model::{
    Check, CheckSchedule, Fall, Probe, ProbeKind, ProbeOutcome, ProbeReport, Timestamp,
};

/// Ends a connection by a reset.
pub(super) fn reset(stream: std::net::TcpStream) {
    reset_at_close(&stream).unwrap();
    drop(stream);
}

const TIMEOUT: Duration = Duration::from_secs(60);

fn check(target: &str) -> Arc<Check> {
    Arc::new(Check {
        probe: Probe {
            kind: ProbeKind::Tcp,
            target: target.parse().unwrap(),
            path: None,
        },
        schedule: Arc::new(CheckSchedule {
            interval: Duration::from_secs(1),
            timeout: TIMEOUT,
            rise: 1,
            fall: Fall::InARow(1),
            ..CheckSchedule::DEFAULT
        }),
    })
}

fn request(run: u64, asked: Timestamp) -> ProbeRequest {
    let check_id: CheckId = serde_json::from_str("7").unwrap();
    ProbeRequest {
        run: RunId {
            check: check_id,
            run,
        },
        check: check("127.0.0.1:9"),
        asked,
    }
}

/// The reports, in their order.
type Reports = Rc<RefCell<Vec<(u64, ProbeReport)>>>;

fn into(reports: &Reports) -> impl Fn(RunId, ProbeReport) + Clone + 'static {
    let reports = Rc::clone(reports);
    move |run, report| reports.borrow_mut().push((run.run, report))
}

/// Lets requests be answered one at a time, until all have ended.
fn answered(
    requests: Vec<ProbeRequest>,
    now: Timestamp,
    probe: impl Fn(u16) -> Answer + Copy + 'static,
) -> Vec<(u64, ProbeReport)> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (asked, inbox) = unbounded_channel();
    for request in requests {
        asked.send(request).unwrap();
    }
    drop(asked);
    let reports = Reports::default();
    let each = move |check: Arc<Check>, run: OpenRun<_, _>, turn| {
        let answer = async move {
            tokio::task::yield_now().await;
            probe(check.probe.target.port())
        };
        begin_task(answer, run, turn);
    };
    let local = LocalSet::new();
    local.block_on(
        &runtime,
        run_each(inbox, 1, move || now, into(&reports), each),
    );
    runtime.block_on(local);
    reports.take()
}

#[test]
fn every_probe_is_reported_once_and_a_panic_is_this_host_s_trouble() {
    let requests = [9_u16, 1, 9].map(|port| ProbeRequest {
        check: check(&format!("127.0.0.1:{port}")),
        ..request(port.into(), Timestamp::ZERO)
    });
    let reports = answered(requests.into(), Timestamp::ZERO, |port| {
        assert_ne!(port, 1, "a defect");
        Answer::up()
    });
    let outcomes: Vec<_> = reports
        .iter()
        .map(|(run, report)| (*run, report.outcome))
        .collect();
    // There was one turn only: it was given back.
    assert_eq!(
        outcomes,
        [
            (9, ProbeOutcome::Up(None)),
            (1, ProbeOutcome::CouldNotRun),
            (9, ProbeOutcome::Up(None)),
        ]
    );
    assert!(reports[1].1.reason.contains("defect"), "{:?}", reports[1]);
}

#[test]
fn a_request_that_waited_until_its_checker_gave_it_up_is_left_out() {
    let longest = TIMEOUT + LOST_AFTER;
    let (early, late) = (Timestamp::ZERO, Timestamp::ZERO + Duration::from_micros(1));
    let now = late + longest;
    let requests = vec![request(1, early), request(2, late)];
    let reports = answered(requests, now, |_| Answer::up());
    let runs: Vec<u64> = reports.iter().map(|(run, _)| *run).collect();
    assert_eq!(runs, [2]);
}

#[test]
fn a_probe_starts_when_it_has_its_turn() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (asked, inbox) = unbounded_channel();
    asked.send(request(1, Timestamp::ZERO)).unwrap();
    asked.send(request(2, Timestamp::ZERO)).unwrap();
    drop(asked);
    let clock = Rc::new(RefCell::new(Timestamp::ZERO));
    let reports = Reports::default();
    let (read, passing) = (Rc::clone(&clock), Rc::clone(&clock));
    let each = move |_, run: OpenRun<_, _>, turn| {
        let clock = Rc::clone(&passing);
        let answer = async move {
            let later = *clock.borrow() + Duration::from_secs(3);
            *clock.borrow_mut() = later;
            Answer::refused("connect refused")
        };
        begin_task(answer, run, turn);
    };
    let local = LocalSet::new();
    local.block_on(
        &runtime,
        run_each(inbox, 1, move || *read.borrow(), into(&reports), each),
    );
    runtime.block_on(local);
    let times: Vec<_> = reports
        .take()
        .into_iter()
        .map(|(_, report)| {
            (
                report.started.since_start().as_secs(),
                report.latency.as_secs(),
            )
        })
        .collect();
    assert_eq!(times, [(0, 3), (3, 3)]);
}

#[test]
fn probes_that_are_dropped_because_the_director_ends_report_nothing() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (asked, inbox) = unbounded_channel();
    asked.send(request(1, Timestamp::ZERO)).unwrap();
    let reports = Reports::default();
    let begun = Rc::new(tokio::sync::Notify::new());
    let begins = Rc::clone(&begun);
    let each = move |_, run: OpenRun<_, _>, turn| {
        let begins = Rc::clone(&begins);
        let answer = async move {
            begins.notify_one();
            std::future::pending().await
        };
        begin_task(answer, run, turn);
    };
    let all = run_each(inbox, 1, || Timestamp::ZERO, into(&reports), each);
    LocalSet::new().block_on(&runtime, async {
        tokio::select! {
            () = all => {}
            () = begun.notified() => {}
        }
    });
    assert_eq!(reports.take(), []);
}

#[test]
fn a_tcp_probe_reports_what_it_saw() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (asked, inbox): (UnboundedSender<ProbeRequest>, _) = unbounded_channel();
    let check = check(&at.to_string());
    asked
        .send(ProbeRequest {
            check,
            ..request(1, Timestamp::ZERO)
        })
        .unwrap();
    drop(asked);
    let reports = Reports::default();
    let local = LocalSet::new();
    local.block_on(&runtime, run(inbox, 1, || Timestamp::ZERO, into(&reports)));
    runtime.block_on(local);
    let reports = reports.take();
    assert_eq!(reports.len(), 1);
    assert_eq!(reports[0].1.outcome, ProbeOutcome::Up(None));
}
