// SPDX-License-Identifier: MIT OR Apache-2.0
//! Probes: one file per checker. Each returns an outcome and has no opinion; `health` judges.

mod tcp;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::health::{CheckId, ProbeOutcome};
use crate::model::{Check, ProbeKind};

/// One probe to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeRequest {
    /// Under which name to report.
    pub id: CheckId,
    /// What to do.
    pub kind: Arc<Check>,
    /// The one deadline, from the moment it starts.
    pub timeout: Duration,
}

/// Makes every probe that is asked for, at most `at_once` at a time, until nobody can ask any more.
///
/// The queue needs no bound: a checker asks again only after it has had its answer, so that there are never more
/// requests than checkers. A request that waits for its turn has not started; its deadline runs from its start.
pub async fn run(
    mut requests: UnboundedReceiver<ProbeRequest>,
    at_once: usize,
    report: impl Fn(CheckId, ProbeOutcome) + Clone + 'static,
) {
    let turns = Arc::new(Semaphore::new(at_once));
    while let Some(request) = requests.recv().await {
        // The semaphore is never closed.
        let Ok(turn) = Arc::clone(&turns).acquire_owned().await else {
            return;
        };
        let report = report.clone();
        tokio::task::spawn_local(async move {
            let outcome = probe(&request.kind, request.timeout).await;
            drop(turn);
            report(request.id, outcome);
        });
    }
}

async fn probe(check: &Check, timeout: Duration) -> ProbeOutcome {
    match check.probe.kind {
        ProbeKind::Tcp => tcp::probe(check.probe.target, timeout).await,
    }
}
