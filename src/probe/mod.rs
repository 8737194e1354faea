// SPDX-License-Identifier: MIT OR Apache-2.0
//! Probes: one file per kind. Each returns an answer and has no opinion; `health` judges.

mod agent;
mod amqp;
mod connection;
mod conversation;
mod datagram;
mod dialer;
mod dns;
mod exec;
mod file;
mod http;
mod icmp;
mod open;
mod password;
mod path;
mod rabbitmq;
mod reading;
mod smtp;
mod talk;
mod tcp;
mod tls;
mod together;
mod tripwire;
mod udp;
mod unreachable;
mod vip;

#[cfg(test)]
mod tests;

use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{spawn_local, yield_now};

use self::dialer::{Call, Dialer};
pub use self::exec::{ScriptResult, is_unknown_user, run_script};
pub use self::http::{HttpAnswer, HttpBody, HttpContent, HttpHead};
use self::open::OpenRun;
pub use self::together::together;
pub use self::tripwire::{WireOrder, hold_wires};
use crate::health::{LOST_AFTER, ProbeRequest, RunId};
use crate::model::{Check, ProbeKind, ProbeOutcome, ProbeReport, Timestamp};

/// This many probes are begun before they have their turn.
const TOGETHER: usize = 16;

/// The result of a probe, and what it saw, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Answer {
    outcome: ProbeOutcome,
    /// Empty for a plain success.
    reason: Box<str>,
}

impl Answer {
    fn new(outcome: ProbeOutcome, reason: impl Into<Box<str>>) -> Self {
        let reason = reason.into();
        Self { outcome, reason }
    }

    /// It succeeded, and there is no reason to give.
    fn up() -> Self {
        Self::new(ProbeOutcome::Up(None), "")
    }

    /// It succeeded, and somebody may want to look at this.
    fn warns(reason: impl Into<Box<str>>) -> Self {
        Self::new(ProbeOutcome::Up(None), reason)
    }

    fn down(reason: impl Into<Box<str>>) -> Self {
        Self::new(ProbeOutcome::Down, reason)
    }

    fn refused(reason: impl Into<Box<str>>) -> Self {
        Self::new(ProbeOutcome::Refused, reason)
    }

    fn silent(reason: impl Into<Box<str>>) -> Self {
        Self::new(ProbeOutcome::Silent, reason)
    }

    fn stalled(reason: impl Into<Box<str>>) -> Self {
        Self::new(ProbeOutcome::Stalled, reason)
    }

    fn cut_off(reason: impl Into<Box<str>>) -> Self {
        Self::new(ProbeOutcome::CutOff, reason)
    }

    fn drain(reason: impl Into<Box<str>>) -> Self {
        Self::new(ProbeOutcome::Drain, reason)
    }

    fn unsupported(reason: impl Into<Box<str>>) -> Self {
        Self::new(ProbeOutcome::Unsupported, reason)
    }

    fn abstained(reason: impl Into<Box<str>>) -> Self {
        Self::new(ProbeOutcome::Abstained, reason)
    }

    fn could_not_run(reason: impl Into<Box<str>>) -> Self {
        Self::new(ProbeOutcome::CouldNotRun, reason)
    }
}

/// Makes every requested probe, at most `at_once` at a time, until all senders are gone.
///
/// Each is reported once, also when it ends by a defect. A timeout runs from the start of the probe; a request that
/// waits for its turn has not started. A request that waited so long that its checker has given it up is dropped. So
/// the queue never has more than a few requests of each checker.
pub async fn run(
    requests: UnboundedReceiver<ProbeRequest>,
    at_once: usize,
    clock: impl Fn() -> Timestamp + Clone + 'static,
    report: impl Fn(RunId, ProbeReport) + Clone + 'static,
) {
    // Without one, each TCP probe has a socket of its own.
    let dialer = Dialer::new(clock.clone()).ok().map(Rc::new);
    if let Some(dialer) = dialer.clone() {
        spawn_local(async move { dialer.serve().await });
    }
    let calls = dialer.clone();
    let begin = move |check: Arc<Check>, run: OpenRun<_, _>, turn| match (&calls, &check.probe) {
        (Some(dialer), probe) if probe.kind == ProbeKind::Tcp && probe.path.is_none() => {
            dialer.dial(Call {
                at: probe.target,
                end: run.started() + check.schedule.timeout,
                run,
                turn,
            });
        }
        _ => begin_task(probe(check), run, turn),
    };
    run_each(requests, at_once, clock, report, begin).await;
    if let Some(dialer) = dialer {
        dialer.close();
    }
}

/// A probe that is a task of its own.
fn begin_task<C: Fn() -> Timestamp + 'static, R: Fn(RunId, ProbeReport) + 'static>(
    answer: impl Future<Output = Answer> + 'static,
    run: OpenRun<C, R>,
    turn: OwnedSemaphorePermit,
) {
    spawn_local(async move {
        // Both are dropped also when the probe panics: the turn is given back, and the run reported.
        let (run, turn) = (run, turn);
        let answer = answer.await;
        drop(turn);
        run.end(answer);
    });
}

/// [`run`], with the beginning of one probe as an argument.
async fn run_each<C, R>(
    mut requests: UnboundedReceiver<ProbeRequest>,
    at_once: usize,
    clock: C,
    report: R,
    begin: impl Fn(Arc<Check>, OpenRun<C, R>, OwnedSemaphorePermit),
) where
    C: Fn() -> Timestamp + Clone + 'static,
    R: Fn(RunId, ProbeReport) + Clone + 'static,
{
    // Probes that are dropped after this has ended report nothing: the director ends.
    let running = Rc::new(());
    let turns = Arc::new(Semaphore::new(at_once));
    let mut count = 0_usize;
    let mut looked = Looked::default();
    loop {
        let request = if let Ok(request) = requests.try_recv() {
            request
        } else {
            looked.is_old();
            let Some(request) = requests.recv().await else {
                return;
            };
            request
        };
        let turn = if let Ok(turn) = Arc::clone(&turns).try_acquire_owned() {
            turn
        } else {
            looked.is_old();
            // The semaphore is never closed.
            let Ok(turn) = Arc::clone(&turns).acquire_owned().await else {
                return;
            };
            turn
        };
        let started = looked.at(&clock);
        if is_given_up(&request, started) {
            continue;
        }
        let (clock, report) = (clock.clone(), report.clone());
        let run = OpenRun::new(request.run, started, clock, report, &running);
        begin(request.check, run, turn);
        count += 1;
        if count.is_multiple_of(TOGETHER) {
            // Those go on now. Thousands that wait for that would only fill the memory.
            yield_now().await;
            looked.is_old();
        }
    }
}

/// The last look at the clock. One is enough for a few probes that begin together: on some machines a look takes as long
/// as a probe.
#[derive(Default)]
struct Looked {
    at: Timestamp,
    /// It is good for so many more.
    left: u8,
}

impl Looked {
    const GOOD_FOR: u8 = 4;

    /// Time has gone by.
    const fn is_old(&mut self) {
        self.left = 0;
    }

    fn at(&mut self, clock: impl Fn() -> Timestamp) -> Timestamp {
        if self.left == 0 {
            *self = Self {
                at: clock(),
                left: Self::GOOD_FOR,
            };
        }
        self.left -= 1;
        self.at
    }
}

/// Whether its checker waits for the report no longer.
fn is_given_up(request: &ProbeRequest, now: Timestamp) -> bool {
    now.since(request.asked) > request.check.schedule.timeout + LOST_AFTER
}

async fn probe(check: Arc<Check>) -> Answer {
    let (probe, timeout) = (&check.probe, check.schedule.timeout);
    let (target, path) = (probe.target, probe.path.as_deref());
    match &probe.kind {
        ProbeKind::Tcp => tcp::probe(target, path, timeout).await,
        ProbeKind::TcpTalk(talk) => talk::probe(talk, target, path, timeout).await,
        ProbeKind::Udp(udp) => udp::probe(udp, target, path, timeout).await,
        ProbeKind::Dns(dns) => dns::probe(dns, target, path, timeout).await,
        ProbeKind::Smtp(smtp) => smtp::probe(smtp, target, path, timeout).await,
        ProbeKind::Icmp => icmp::probe(target, path, timeout).await,
        ProbeKind::Tls(tls) => tls::probe(tls, target, path, timeout).await,
        ProbeKind::Amqp(amqp) => amqp::probe(amqp, target, path, timeout).await,
        ProbeKind::Rabbitmq(rabbitmq) => rabbitmq::probe(rabbitmq, target, path, timeout).await,
        ProbeKind::Http(http) => http::probe(http, target, path, timeout).await,
        ProbeKind::Agent(agent) => agent::probe(agent, target, path, timeout).await,
        ProbeKind::Vip(vip) => vip::probe(vip, target, path, timeout).await,
        ProbeKind::Exec(exec) => exec::probe(exec, target, timeout).await,
        ProbeKind::File(file) => file::probe(file, &check.schedule).await,
    }
}
