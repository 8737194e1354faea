// SPDX-License-Identifier: MIT OR Apache-2.0
//! What all probes that talk over a TCP connection have in common: one deadline, and whose failure its end is.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::Instant;

use super::{Answer, tcp};
use crate::model::ProbePath;

/// A probe that ends so long after its deadline, or by a quarter of its timeout, tells that this host had no time for it:
/// it hung, or was suspended.
const LATE: Duration = Duration::from_millis(100);

/// The time that a probe has, from its first packet to the last answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Time {
    deadline: Instant,
    timeout: Duration,
}

impl Time {
    /// This long, from now on.
    pub(super) fn from_now(timeout: Duration) -> Self {
        let deadline = Instant::now() + timeout;
        Self { deadline, timeout }
    }
}

/// Connects and talks within the time. `met` tells that the server has answered this probe before.
///
/// A reset closes the connection then: no side keeps it in `TIME_WAIT`.
pub(super) async fn hold(
    at: SocketAddr,
    path: Option<&ProbePath>,
    time: Time,
    met: bool,
    talk: impl AsyncFnOnce(TcpStream) -> Answer,
) -> Answer {
    let Time { deadline, timeout } = time;
    let mut connected = met;
    let asking = async {
        let stream = match tcp::open(at, path).await {
            Ok(stream) => stream,
            Err(answer) => return answer,
        };
        connected = true;
        talk(stream).await
    };
    let ended = tokio::time::timeout_at(deadline, asking).await;
    let late = deadline.elapsed();
    match ended {
        Ok(answer) => answer,
        // The request may have left only at the end.
        Err(_) if connected && late > LATE.max(timeout / 4) => {
            let late = late.as_millis();
            Answer::could_not_run(format!(
                "this host was busy: the probe ended {late} ms late"
            ))
        }
        Err(_) if connected => Answer::stalled("connected, but no answer came in time"),
        Err(_) => Answer::silent("connect timed out"),
    }
}

/// What an error says while the connection is open.
pub(super) fn failed(operation: &str, error: &io::Error) -> Answer {
    match error.kind() {
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            Answer::down("the server reset the connection without an answer")
        }
        _ => tcp::failed(operation, error),
    }
}
