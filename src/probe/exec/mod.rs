// SPDX-License-Identifier: MIT OR Apache-2.0
//! The checker that runs a program and looks at its exit status.
//!
//! A program and its children end at the deadline at the latest, and when the director ends. Few run at a time.

mod program;
mod watch;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{Instant, timeout, timeout_at};

use self::program::Program;
pub use self::program::is_unknown_user;
use self::watch::{End, listen, watch};
use super::Answer;
use super::conversation::missed;
use crate::codec::shown;
use crate::model::{AskedWeight, ExecProbe, ProbeOutcome, Weight};

/// The most programs that run at a time.
const AT_ONCE: usize = 16;
/// The longest wait for a turn.
const LONGEST_WAIT: Duration = Duration::from_secs(20);
/// The longest line that is shown, in characters.
const LONGEST_SHOWN: usize = 200;

thread_local! {
    static TURNS: Arc<Semaphore> = Arc::new(Semaphore::new(AT_ONCE));
}

/// What a program has found that is about no server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScriptResult {
    /// Its exit status was 0.
    Succeeded,
    /// Another one, or it took too long: in words.
    Failed(Box<str>),
    /// This host could not run it: in words.
    CouldNotRun(Box<str>),
}

/// Runs a program that is about no server, for `limit` from its start. Needs a `LocalSet`.
pub async fn run_script(program: &Arc<ExecProbe>, limit: Duration) -> ScriptResult {
    let Answer { outcome, reason } = ask(program, None, limit).await;
    match outcome {
        ProbeOutcome::Up(_) => ScriptResult::Succeeded,
        ProbeOutcome::Down => ScriptResult::Failed(reason),
        ProbeOutcome::Quiet
        | ProbeOutcome::Refused
        | ProbeOutcome::Silent
        | ProbeOutcome::Stalled
        | ProbeOutcome::CutOff
        | ProbeOutcome::Drain
        | ProbeOutcome::Maintenance
        | ProbeOutcome::Unsupported
        | ProbeOutcome::Told(_)
        | ProbeOutcome::Abstained
        | ProbeOutcome::CouldNotRun => ScriptResult::CouldNotRun(reason),
    }
}

/// Runs the program, for `limit` from its start.
pub(super) async fn probe(exec: &Arc<ExecProbe>, server: SocketAddr, limit: Duration) -> Answer {
    ask(exec, Some(server), limit).await
}

async fn ask(exec: &Arc<ExecProbe>, server: Option<SocketAddr>, limit: Duration) -> Answer {
    let turns = TURNS.with(Arc::clone);
    // The semaphore is never closed.
    let Ok(Ok(turn)) = timeout(LONGEST_WAIT, turns.acquire_owned()).await else {
        let why = format!("other checks run {AT_ONCE} programs, and none has ended in time");
        return Answer::could_not_run(why);
    };
    let exec_of_run = Arc::clone(exec);
    let (tell, answer) = oneshot::channel();
    // It lives as long as the program, which may take its time to die: so long it has its turn.
    tokio::task::spawn_local(async move {
        let _turn = turn;
        run(&exec_of_run, server, limit, tell).await;
    });
    let defect = || Answer::could_not_run("the run of the program ended by a defect");
    answer.await.unwrap_or_else(|_| defect())
}

/// Starts the program, tells the answer, and returns when the program is gone.
async fn run(
    exec: &Arc<ExecProbe>,
    server: Option<SocketAddr>,
    limit: Duration,
    tell: oneshot::Sender<Answer>,
) {
    let asked = Arc::clone(exec);
    // Before the start: no end is missed.
    let ends = listen();
    // A fork, a disk, or a directory of users must not delay other probes.
    let mut starting = tokio::task::spawn_blocking(move || Program::start(&asked, server));
    let by = Instant::now() + limit;
    let Ok(started) = timeout_at(by, &mut starting).await else {
        let slow = format!("run {}: not started in time", name(exec));
        let _ = tell.send(Answer::could_not_run(slow));
        if let Ok(Ok(program)) = starting.await {
            watch(program, ends, Duration::ZERO, |_, _| {}).await;
        }
        return;
    };
    let why = match started {
        Ok(Ok(program)) => {
            let tell = |end, output: &[u8]| drop(tell.send(judge(exec, end, output, limit)));
            watch(program, ends, limit, tell).await;
            return;
        }
        Ok(Err(why)) => why,
        Err(error) => format!("run {}: {error}", name(exec)),
    };
    let _ = tell.send(Answer::could_not_run(why));
}

fn name(exec: &ExecProbe) -> &str {
    exec.command.first().map_or("", |path| path)
}

/// What the end of a program says. `output` is the beginning of what it wrote.
fn judge(exec: &ExecProbe, end: End, output: &[u8], limit: Duration) -> Answer {
    let said = first_line(output);
    let with = |end: String| match said.as_str() {
        "" => end,
        said => format!("{end}: {said}"),
    };
    let status = match end {
        End::Late(late) => {
            let why = format!("the program did not end within {} ms", limit.as_millis());
            return missed(late, limit).unwrap_or_else(|| Answer::down(with(why)));
        }
        End::Unknown(errno) => {
            let why = format!("wait for {}: {}", name(exec), errno.desc());
            return Answer::could_not_run(why);
        }
        End::Ended(status) => status,
    };
    match status {
        WaitStatus::Exited(_, 0) => Answer::up(),
        WaitStatus::Exited(_, code) => match weight(exec, code) {
            Some(weight) => Answer::new(ProbeOutcome::Up(Some(AskedWeight::Weight(weight))), ""),
            None => Answer::down(with(format!("exit status {code}"))),
        },
        // Not its own doing: somebody, or a kernel without memory, ended it.
        WaitStatus::Signaled(_, signal @ (Signal::SIGKILL | Signal::SIGTERM), _) => {
            Answer::could_not_run(with(format!("somebody ended the program by {signal}")))
        }
        WaitStatus::Signaled(_, signal, _) => {
            Answer::down(with(format!("the program was ended by {signal}")))
        }
        other => Answer::could_not_run(format!("{}: {other:?}", name(exec))),
    }
}

/// The weight that an exit status asks for.
fn weight(exec: &ExecProbe, code: i32) -> Option<Weight> {
    let number = u32::try_from(code).ok()?.checked_sub(2)?;
    exec.dynamic.then_some(number).and_then(Weight::new)
}

/// The first line that is not empty, printable.
fn first_line(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    let lines = text.lines().map(|line| shown(line, LONGEST_SHOWN));
    let mut lines = lines.filter(|line| !line.is_empty());
    lines.next().unwrap_or_default()
}

#[cfg(test)]
mod tests;
