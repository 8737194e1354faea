// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a recording of the director says about its probes and batches.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use lvs_director::engine::{Action, Engine, Event};
use lvs_director::health::RunId;
use lvs_director::model::Timestamp;
use lvs_director::plan::Step;
use serde::Deserialize;

/// The first line.
#[derive(Deserialize)]
struct Header {
    seed: u64,
}

/// Every other line.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Entry {
    Event {
        at: Timestamp,
        event: Event,
        actions: Vec<Action>,
    },
    Lost(u64),
}

/// One probe that came back.
pub(crate) struct Run {
    pub(crate) started: Timestamp,
    pub(crate) ended: Timestamp,
    /// From the moment it was due until it started, or a little more: the first of all things that were due then
    /// counts for each probe that was asked for together with it.
    pub(crate) late: Duration,
}

/// One batch of steps.
pub(crate) struct Batch {
    pub(crate) at: Timestamp,
    /// How many servers it takes out of the table.
    pub(crate) removed: usize,
}

/// All of a recording that matters here.
#[derive(Default)]
pub(crate) struct Recording {
    pub(crate) runs: Vec<Run>,
    pub(crate) batches: Vec<Batch>,
    /// When each probe that is out was due.
    due: BTreeMap<RunId, Timestamp>,
}

impl Recording {
    /// Plays it again: the engine knows when each probe was due.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let mut lines = BufReader::new(File::open(path)?).lines();
        let first = lines.next().context("an empty recording")??;
        let mut engine = Engine::new(serde_json::from_str::<Header>(&first)?.seed);
        let (mut recording, mut out) = (Self::default(), Vec::new());
        for line in lines {
            match serde_json::from_str(&line?)? {
                Entry::Event { at, event, actions } => {
                    let due = engine.deadline().map_or(at, |due| due.min(at));
                    recording.note(at, due, &event, &actions);
                    engine.handle(at, event, &mut out);
                    out.clear();
                }
                Entry::Lost(number) => bail!("the recording lost {number} events"),
            }
        }
        Ok(recording)
    }

    fn note(&mut self, at: Timestamp, due: Timestamp, event: &Event, actions: &[Action]) {
        if let Event::Probed(reports) = event {
            for probed in reports {
                let report = &probed.report;
                if let Some(due) = self.due.remove(&probed.run) {
                    self.runs.push(Run {
                        started: report.started,
                        ended: report.started + report.latency,
                        late: report.started.since(due),
                    });
                }
            }
        }
        for action in actions {
            if let Action::Probe(request) = action {
                self.due.insert(request.run, due);
            } else if let Action::Apply(steps) = action {
                let deletes = |step: &&Step| matches!(step, Step::DeleteServer(..));
                let removed = steps.iter().filter(deletes).count();
                self.batches.push(Batch { at, removed });
            }
        }
    }

    /// Keeps the runs that started in this time.
    pub(crate) fn between(&mut self, begin: Timestamp, end: Timestamp) {
        let within = |run: &Run| run.started >= begin && run.started < end;
        self.runs.retain(within);
    }

    /// How many probes were out at a time, at most.
    pub(crate) fn most_in_flight(&self) -> i64 {
        let begins = self.runs.iter().map(|run| (run.started, 1));
        let ends = self.runs.iter().map(|run| (run.ended, -1));
        let mut changes: Vec<(Timestamp, i64)> = begins.chain(ends).collect();
        changes.sort_unstable();
        let mut out = 0;
        let counts = changes.into_iter().map(|(_, change)| {
            out += change;
            out
        });
        counts.max().unwrap_or_default()
    }

    /// How many probes started in each slice of time of this length.
    pub(crate) fn starts(&self, begin: Timestamp, end: Timestamp, slice: Duration) -> Vec<usize> {
        let slices = end.since(begin).as_micros() / slice.as_micros();
        let mut counts = vec![0; usize::try_from(slices).unwrap_or_default()];
        for run in &self.runs {
            let place = run.started.since(begin).as_micros() / slice.as_micros();
            if let Some(count) = usize::try_from(place)
                .ok()
                .and_then(|it| counts.get_mut(it))
            {
                *count += 1;
            }
        }
        counts
    }
}
