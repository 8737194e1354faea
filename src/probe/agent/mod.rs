// SPDX-License-Identifier: MIT OR Apache-2.0
//! The checker of HAProxy's agent-check protocol: an agent on the server tells its state and its weight.
//!
//! An agent that cannot be reached says nothing about the server.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;

use super::Answer;
use super::connection::Connection;
use super::conversation::{self, failed};
use super::tcp::First;
use crate::codec::agent::{AgentLine, MOST_BYTES};
use crate::codec::shown_bytes;
use crate::model::{AgentProbe, AgentState, ProbeOutcome, ProbePath};

/// The longest line that is shown, in characters.
const LONGEST_SHOWN: usize = 200;

/// Asks, within `timeout` from the connection's first packet to the end of the line.
pub(super) async fn probe(
    agent: &AgentProbe,
    at: SocketAddr,
    path: Option<&ProbePath>,
    timeout: Duration,
) -> Answer {
    let talk = async |stream: &mut Connection| {
        let line = ask(stream, agent.send.as_deref()).await;
        line.map_or_else(|answer| answer, |line| understand(&line))
    };
    let first = match agent.send {
        Some(_) => First::We,
        None => First::They,
    };
    let answer = conversation::once(at, path, None, first, timeout, talk).await;
    match answer.outcome {
        ProbeOutcome::Down
        | ProbeOutcome::Refused
        | ProbeOutcome::Silent
        | ProbeOutcome::Stalled
        | ProbeOutcome::CutOff => Answer::abstained(format!("no agent: {}", answer.reason)),
        ProbeOutcome::Up(_)
        | ProbeOutcome::Quiet
        | ProbeOutcome::Drain
        | ProbeOutcome::Maintenance
        | ProbeOutcome::Unsupported
        | ProbeOutcome::Told(_)
        | ProbeOutcome::Abstained
        | ProbeOutcome::CouldNotRun => answer,
    }
}

/// The agent's line, without its end. A line may also end with the connection.
async fn ask(stream: &mut Connection, send: Option<&str>) -> Result<Vec<u8>, Answer> {
    if let Some(send) = send {
        let line = format!("{send}\n");
        let written = stream.send(line.as_bytes()).await;
        written.map_err(|error| failed("send the line", &error))?;
    }
    let mut came = Vec::new();
    loop {
        let end = came.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        if let Some(end) = end {
            came.truncate(end);
            return Ok(came);
        }
        let room = MOST_BYTES.saturating_sub(came.len());
        if room == 0 {
            let why = format!("the agent sent a line of more than {MOST_BYTES} bytes");
            return Err(Answer::abstained(why));
        }
        let room = u64::try_from(room).unwrap_or_default();
        match stream.take(room).read_buf(&mut came).await {
            Ok(0) => return Ok(came),
            Ok(_) => {}
            Err(error) => return Err(failed("read the line", &error)),
        }
    }
}

fn understand(line: &[u8]) -> Answer {
    let AgentLine { state, unknown } = AgentLine::read(line);
    let said = shown_bytes(line, LONGEST_SHOWN);
    if state != AgentState::NOTHING {
        return Answer::new(ProbeOutcome::Told(state), format!("the agent says: {said}"));
    }
    match unknown {
        Some(word) => {
            let word = shown_bytes(word, LONGEST_SHOWN);
            Answer::abstained(format!(
                "the agent says: {word}: that is no word of its protocol"
            ))
        }
        None if said.is_empty() => Answer::abstained("the agent says nothing"),
        None => Answer::abstained(format!("the agent says nothing of its server: {said}")),
    }
}

#[cfg(test)]
mod tests;
