// SPDX-License-Identifier: MIT OR Apache-2.0
//! The director's engine and probes in two threads, as in `director run`, with a table in memory in place of the
//! kernel's: most machines have no IPVS. There is no log, state file or control socket either.

#![allow(
    clippy::disallowed_methods,
    reason = "the shell of an engine reads the clock"
)]

use std::collections::VecDeque;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use lvs_director::config;
use lvs_director::engine::{Action, Engine, Event, STEP, Start};
use lvs_director::health::ProbeRequest;
use lvs_director::model::{Config, Timestamp};
use lvs_director::plan::{SimulatedKernel, Target as _};
use lvs_director::probe;
use lvs_director::system::keep_memory_small;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::LocalSet;

use super::DESCRIPTORS;

/// This program's argument for being this. The configuration's file follows.
pub(crate) const ARGUMENT: &str = "check-servers";
/// So many reports are handled together, as in the director.
const MOST_REPORTS: usize = 1024;

/// Checks the servers of a configuration until the process is ended.
pub(crate) fn check(file: &Path) -> Result<()> {
    keep_memory_small();
    let text = fs::read(file).with_context(|| format!("read {}", file.display()))?;
    let config = config::parse("checks.yaml", &text).map_err(|wrong| anyhow!("{wrong}"))?;
    let began = Instant::now();
    let clock = move || Timestamp::after_start(began.elapsed());
    let (events, inbox) = channel();
    let (probes, requests) = unbounded_channel();
    thread::Builder::new()
        .name("engine".to_owned())
        .spawn(move || run(config.into(), clock, probes, &inbox))?;
    let report = probe::together(move |reports| {
        let _ = events.send(Event::Probed(reports));
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, probe::run(requests, DESCRIPTORS, clock, report));
    Ok(())
}

/// The engine's thread.
fn run(
    config: Arc<Config>,
    clock: impl Fn() -> Timestamp,
    probes: UnboundedSender<ProbeRequest>,
    inbox: &Receiver<Event>,
) {
    let mut shell = Shell {
        engine: Engine::new(1),
        kernel: SimulatedKernel::default(),
        clock,
        probes,
    };
    let start = Start {
        config,
        owned: [].into(),
        recalled: Vec::new(),
        orders: Vec::new(),
        drains: Vec::new(),
        slow_starts: Vec::new(),
        masters: std::collections::BTreeSet::new(),
        ledger: Vec::new(),
        origin: 0,
    };
    shell.handle(Event::Start(Box::new(start)));
    loop {
        let event = match inbox.try_recv() {
            Ok(event) => gather(event, inbox),
            Err(_) if shell.engine.has_time_to_fill() => Event::Deadline,
            Err(_) => match inbox.recv_timeout(shell.patience()) {
                Ok(event) => gather(event, inbox),
                Err(RecvTimeoutError::Timeout) => Event::Deadline,
                Err(RecvTimeoutError::Disconnected) => return,
            },
        };
        shell.handle(event);
        if shell.patience().is_zero() {
            shell.handle(Event::Deadline);
        }
    }
}

/// Takes all waiting reports together: nothing else comes.
fn gather(event: Event, inbox: &Receiver<Event>) -> Event {
    let Event::Probed(mut reports) = event else {
        return event;
    };
    while reports.len() < MOST_REPORTS
        && let Ok(Event::Probed(more)) = inbox.try_recv()
    {
        reports.extend(more);
    }
    Event::Probed(reports)
}

struct Shell<C: Fn() -> Timestamp> {
    engine: Engine,
    kernel: SimulatedKernel,
    clock: C,
    probes: UnboundedSender<ProbeRequest>,
}

impl<C: Fn() -> Timestamp> Shell<C> {
    fn patience(&self) -> Duration {
        let deadline = self.engine.deadline();
        deadline.map_or(Duration::ZERO, |at| {
            at.rounded_up(STEP).since((self.clock)())
        })
    }

    fn handle(&mut self, event: Event) {
        let (mut actions, mut out) = (VecDeque::new(), Vec::new());
        self.engine.handle((self.clock)(), event, &mut out);
        actions.extend(out.drain(..));
        while let Some(action) = actions.pop_front() {
            if let Some(answer) = self.carry_out(action) {
                self.engine.handle((self.clock)(), answer, &mut out);
                actions.extend(out.drain(..));
            }
        }
    }

    /// The answer of a kernel that does as it is told.
    fn carry_out(&mut self, action: Action) -> Option<Event> {
        Some(match action {
            Action::Probe(request) => {
                let _ = self.probes.send(request);
                return None;
            }
            Action::Hold(_)
            | Action::Release(_)
            | Action::ToPeer(_)
            | Action::Tell(_)
            | Action::End(_) => return None,
            Action::Look(_) => Event::Seen(Err("there is no link to look at".into())),
            Action::ReadTable => Event::TableRead(Ok(self.kernel.table.clone())),
            Action::ReadService(key) => {
                let found = self.kernel.table.services.get(&key).cloned();
                Event::ServiceRead(key, Ok(found))
            }
            Action::Count(_) => Event::Counted(Vec::new()),
            Action::Apply(steps) => match self.kernel.apply(&steps) {
                Ok(refused) => Event::Applied(Ok(refused)),
                Err(never) => match never {},
            },
            Action::ReadHost(_) => Event::HostRead(Box::default(), Vec::new()),
            Action::ApplyHost(_) => Event::HostApplied(Vec::new()),
            Action::WriteOwned(_) => Event::OwnedWritten(Ok(())),
        })
    }
}
