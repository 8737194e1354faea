// SPDX-License-Identifier: MIT OR Apache-2.0
//! Scripts that are tracked: a thread for each runs it again and again.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep_until};
use tracing::warn;

use super::VrrpOrders;
use crate::model::{TrackedObject, TrackedScript};
use crate::probe::{ScriptResult, run_script};
use crate::vrrp::Reading;

/// The thread of one script. When this is dropped the script is ended, with all that it has started.
#[derive(Debug)]
pub(super) struct ScriptThread {
    /// Dropping it ends the thread.
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl ScriptThread {
    /// Runs the script from now on.
    pub(super) fn start(script: Arc<TrackedScript>, orders: VrrpOrders) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (end, ended) = oneshot::channel();
        let thread = thread::Builder::new().name("script".to_owned());
        let thread = thread.spawn(move || run_until(ended, runtime, &script, &orders))?;
        Ok(Self {
            end: Some(end),
            thread: Some(thread),
        })
    }
}

impl Drop for ScriptThread {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // It ends now, or has ended by a defect.
            let _ = thread.join();
        }
    }
}

fn run_until(
    ended: oneshot::Receiver<()>,
    runtime: Runtime,
    script: &Arc<TrackedScript>,
    orders: &VrrpOrders,
) {
    let tasks = LocalSet::new();
    tasks.block_on(&runtime, async {
        tokio::select! {
            _ = ended => {}
            () = run_again_and_again(script, orders) => {}
        }
    });
    // What still runs ends here.
    drop(tasks);
    // A start that hangs on a disk keeps nobody.
    runtime.shutdown_background();
}

async fn run_again_and_again(script: &Arc<TrackedScript>, orders: &VrrpOrders) {
    let program = Arc::new(script.program.clone());
    let object = TrackedObject::Script(Arc::clone(script));
    let (mut verdict, mut complaint) = (Verdict::default(), None);
    loop {
        let next = Instant::now() + script.interval;
        let result = run_script(&program, script.timeout).await;
        if let Some(reading) = verdict.judge(script, &result) {
            if let ScriptResult::Failed(why) = &result {
                warn!("{object} is tracked, and failed: {why}");
            }
            orders.read(object.clone(), reading);
        }
        // This host's trouble: what was known last still counts.
        let trouble = match result {
            ScriptResult::CouldNotRun(why) => Some(why),
            ScriptResult::Succeeded | ScriptResult::Failed(_) => None,
        };
        if let (Some(why), true) = (&trouble, trouble != complaint) {
            warn!("{object} is tracked, and could not run: {why}");
        }
        complaint = trouble;
        sleep_until(next).await;
    }
}

/// What the results of a script make of it.
#[derive(Debug, Default)]
struct Verdict {
    /// `None` before the first result.
    known: Option<Reading>,
    /// So many results in a row speak against it.
    against: u32,
}

impl Verdict {
    /// Takes a result in. Gives what the script says from now on, if that is new. The first result decides at once.
    fn judge(&mut self, script: &TrackedScript, result: &ScriptResult) -> Option<Reading> {
        let (seen, needed) = match result {
            ScriptResult::Succeeded => (Reading::Good, script.rise),
            ScriptResult::Failed(_) => (Reading::Bad, script.fall),
            ScriptResult::CouldNotRun(_) => return None,
        };
        if self.known == Some(seen) {
            self.against = 0;
            return None;
        }
        self.against += 1;
        if self.known.is_some() && self.against < needed {
            return None;
        }
        self.against = 0;
        self.known = Some(seen);
        self.known
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::ExecProbe;

    fn script(fall: u32, rise: u32) -> TrackedScript {
        TrackedScript {
            program: ExecProbe {
                command: ["/bin/true".into()].into(),
                user: None,
                dynamic: false,
            },
            interval: Duration::from_secs(5),
            timeout: Duration::from_secs(3),
            fall,
            rise,
        }
    }

    fn failed() -> ScriptResult {
        ScriptResult::Failed("exit status 1".into())
    }

    #[test]
    fn the_first_result_decides_and_later_ones_count_in_a_row() {
        let script = script(3, 2);
        let (good, bad) = (ScriptResult::Succeeded, failed());
        let other = ScriptResult::CouldNotRun("no memory".into());
        let mut verdict = Verdict::default();
        let steps = [
            (&other, None),
            (&bad, Some(Reading::Bad)),
            (&bad, None),
            (&good, None),
            (&bad, None),
            (&good, None),
            // What could not run speaks for nothing.
            (&other, None),
            (&good, Some(Reading::Good)),
            (&bad, None),
            (&bad, None),
            (&good, None),
            (&bad, None),
            (&bad, None),
            (&bad, Some(Reading::Bad)),
        ];
        for (step, (result, expected)) in steps.into_iter().enumerate() {
            assert_eq!(verdict.judge(&script, result), expected, "{step}");
        }
    }
}
